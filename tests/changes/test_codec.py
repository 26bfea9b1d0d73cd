"""The stored form of a change set, its digest, and what counts as reviewed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline.changes.codec import SCHEMA, changes_digest, from_json, json_schema, reviewer_of, to_json
from pipeline.changes.model import Change, ChangeSet, Hold, HoldReason, Keep
from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Finding, FindingCode, Location, Severity
from tests.builders import assign_change, change_set, grant_change, person

ALICE = "alice@acme.example.com"


def full_set() -> ChangeSet:
    grant = grant_change(
        ALICE, {"Role": ["Admin", "Café"]}, before={"Role": ["Admin"]}, expires="2027-01-01T00:00:00Z"
    )
    return change_set(
        assign_change(ALICE),
        grant,
        holds=[Hold(address=grant.address, action=grant.action, reason=HoldReason.NEAR_MISS, detail="why")],
        keeps=[Keep(address=grant.address, via="POLICY")],
        findings=[
            Finding(
                FindingCode.USER_STATUS, Severity.WARNING, "s", "d", Location(path="f", line=3), rows=(1, 2)
            )
        ],
    )


def test_a_change_set_survives_being_stored() -> None:
    stored = json.loads(json.dumps(to_json(full_set())))
    assert stored["schema"] == SCHEMA
    assert from_json(stored, "changes.json") == full_set()


def test_a_change_set_edited_after_review_is_refused() -> None:
    stored = json.loads(json.dumps(to_json(full_set())))
    stored["changes"][1]["after"][0][1].append("Owner")
    with pytest.raises(InputError) as caught:
        from_json(stored, "changes.json")
    assert caught.value.code is ErrorCode.CHANGES_INVALID
    assert "changes_digest" in caught.value.detail


@pytest.mark.parametrize("document", [None, [], {}, {"schema": "okta-plan/v1"}, {"schema": SCHEMA}])
def test_what_is_no_change_set_is_one_clear_error(document: object) -> None:
    with pytest.raises(InputError) as caught:
        from_json(document, "changes.json")
    assert caught.value.code is ErrorCode.CHANGES_INVALID
    assert "changes.json" in caught.value.detail


def test_the_digest_is_that_of_earlier_versions() -> None:
    assert changes_digest(change_set(grant_change(ALICE))) == (
        "91e11ae93e2b89d273350cc0a0a79b77fe0f39c90bb95250536558cbac5ba04c"
    )


def test_what_is_not_sent_does_not_count_in_the_digest() -> None:
    full = full_set()
    stranger = person("other@acme.example.com", grant_id="gra2")
    same = replace(
        full,
        observed_at_s=0.0,
        holds=(),
        keeps=(),
        findings=(),
        changes=tuple(replace(each, message="other", person=stranger) for each in reversed(full.changes)),
    )
    assert changes_digest(same) == changes_digest(full)


def other_sets() -> list[ChangeSet]:
    full = full_set()
    assign, grant = full.changes
    return [
        replace(full, org_id="00o2"),
        replace(full, okta_app_id="0oa2"),
        replace(full, plan_digest="b" * 64),
        replace(full, changes=(assign,)),
        replace(full, changes=(assign, replace(grant, address=assign.address))),
        replace(full, changes=(assign, replace(grant, action=assign.action))),
        replace(full, changes=(assign, replace(grant, before=()))),
        replace(full, changes=(assign, replace(grant, after=grant.before))),
    ]


def test_everything_that_is_sent_counts_in_the_digest() -> None:
    digests = {changes_digest(each) for each in [full_set(), *other_sets()]}
    assert len(digests) == 1 + len(other_sets())


def is_reviewed(change: Change, *reviewed: Change) -> bool:
    return reviewer_of(change_set(*reviewed))(change)


def test_a_change_is_reviewed_when_its_values_are_among_those_reviewed() -> None:
    reviewed = grant_change(ALICE, {"Role": ["Admin", "Auditor"]})
    assert is_reviewed(reviewed, reviewed)
    assert is_reviewed(grant_change(ALICE, {"Role": ["Auditor"]}), reviewed)
    assert not is_reviewed(grant_change(ALICE, {"Role": ["Auditor", "Owner"]}), reviewed)
    assert not is_reviewed(grant_change(ALICE, {"Team": ["Auditor"]}), reviewed)


def test_values_held_by_now_do_not_need_review() -> None:
    """An admin did a part of it: the rest is still reviewed."""
    reviewed = grant_change(ALICE, {"Role": ["A", "B", "C"]}, before={"Role": ["A"]})
    live = grant_change(ALICE, {"Role": ["A", "B", "C", "X"]}, before={"Role": ["A", "B", "X"]})
    assert is_reviewed(live, reviewed)


def test_another_address_or_action_is_not_reviewed() -> None:
    reviewed = grant_change(ALICE, {"Role": ["A", "B"]}, before={"Role": ["A"]})
    assert not is_reviewed(grant_change("bob@acme.example.com", {"Role": ["B"]}), reviewed)
    assert not is_reviewed(grant_change(ALICE, {"Role": ["B"]}), reviewed), "a grant is no extend"
    assert not is_reviewed(assign_change(ALICE), reviewed)


def test_a_value_the_live_change_would_take_away_is_not_reviewed() -> None:
    reviewed = grant_change(ALICE, {"Role": ["A", "B"]}, before={"Role": ["A"]})
    assert not is_reviewed(replace(reviewed, after=(("Role", ("B",)),)), reviewed)


def test_the_schema_names_what_the_stored_form_has() -> None:
    assert set(to_json(full_set())) <= set(json_schema()["properties"])
