"""The rules of approvals that need neither file nor tenant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ErrorCode, RefusedError
from pipeline.plan.approval import (
    Allowance,
    Approval,
    Channel,
    approval_digest,
    expiry,
    in_words,
    is_own,
    says,
    why_not_by,
)
from pipeline.plan.approval_text import dump_approval, read_approval
from tests.effort import examples

NOW_S = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
COUNTS = {"revoke": 1, "grant": 12}


def approval(**fields: Any) -> Approval:
    given: dict[str, Any] = {
        "plan": "erp",
        "org_id": "00o1",
        "org_host": "acme.okta.com",
        "plan_digest": "a" * 64,
        "changes_digest": "b" * 64,
        "scope": "all",
        "counts": COUNTS,
        "approver": "bert@x.com",
        "approved_at": "2026-11-26T12:00:00Z",
        "expires_at": "2026-12-03T12:00:00Z",
        "channel": "terminal",
    }
    return Approval.model_validate(given | fields)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        (None, "2026-12-03T12:00:00Z"),
        ("3d", "2026-11-29T12:00:00Z"),
        ("30d", "2026-12-26T12:00:00Z"),
        ("2026-12-01", "2026-12-02T00:00:00Z"),
        ("2026-12-01T18:00:00+02:00", "2026-12-01T16:00:00Z"),
    ],
)
def test_an_approval_ends_when_it_was_said(text: str | None, ends: str) -> None:
    assert expiry(text, NOW_S) == datetime.fromisoformat(ends)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0d", "past"),
        ("2026-11-25", "past"),
        ("32d", "30 days"),
        ("2027-12-01", "30 days"),
        ("soon", "give it as"),
        ("-3d", "give it as"),
    ],
)
def test_other_ends_are_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        expiry(text, NOW_S)


@pytest.mark.parametrize(
    ("typed", "agrees"),
    [
        ("1 revoke, 12 grant", True),
        (" 12 Grant ,1 REVOKE ", True),
        ("12 grant", False),
        ("1 revoke, 12 grant, 12 grant", False),
        ("1 revoke 12 grant", False),
        ("1 revoke, 13 grant", False),
        ("yes", False),
        ("", False),
    ],
)
def test_only_the_exact_counts_are_an_answer(typed: str, agrees: bool) -> None:
    assert says(typed, COUNTS) is agrees
    assert says(in_words(COUNTS), COUNTS)


def test_a_form_approves_little_and_only_where_it_is_turned_on() -> None:
    def why(channel: Channel = Channel.FORM, **fields: Any) -> str | None:
        asked: dict[str, Any] = {"actions": ["grant"], "form_approval": True, "needs_signature": False}
        return why_not_by(channel, **asked | fields)

    assert why() is None
    for refused in (
        {"form_approval": False},
        {"needs_signature": True},
        {"actions": ["grant", "revoke"]},
        {"actions": ["convert"]},
        {"privileged": ["Role/Admin"]},
        {"conflicts": ["pay-and-approve"]},
        {"allow": [Allowance(guard="revoked_max", limit=30, reason="leavers")]},
    ):
        assert why(**refused)
        assert why(Channel.TERMINAL, **refused) is None


@pytest.mark.parametrize(
    ("author", "approver", "principals", "own"),
    [
        (None, "alice@x.com", (), False),
        ("alice@x.com", "bert@x.com", (), False),
        ("alice@x.com", " ALICE@X.com ", (), True),
        ("alice@x.com", "bert@x.com", ("bert@x.com", "Alice@x.com"), True),
        ("alice@x.com", "bert@x.com", ("*@x.com",), True),
        ("alice@y.com", "bert@x.com", ("*@x.com",), False),
    ],
)
def test_the_author_is_known_by_name_and_by_key(
    author: str | None, approver: str, principals: tuple[str, ...], own: bool
) -> None:
    assert is_own(author, approver, principals) is own


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(approver=texts, reason=texts, privileged=st.lists(texts, max_size=3), limit=st.floats(0, 1e6))
@settings(max_examples=examples(60), deadline=None)
def test_what_is_written_reads_back_and_counts_as_the_same(
    approver: str, reason: str, privileged: list[str], limit: float
) -> None:
    given = approval(
        approver=approver,
        reason=reason,
        privileged=tuple(privileged),
        allow=(Allowance(guard="revoked_max", limit=limit, reason=reason),),
        signature="-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
    )
    back = read_approval(dump_approval(given), "plans/erp.approval.yaml")
    assert (back, approval_digest(back)) == (given, approval_digest(given))


def test_the_signature_is_no_part_of_what_is_signed() -> None:
    assert approval_digest(approval(signature="x")) == approval_digest(approval())
    assert approval_digest(approval(counts={"grant": 13})) != approval_digest(approval())


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("channel: terminal", "channel: phone"), "channel"),
        (("scope: all", "scope: all\nscope: grants"), "scope"),
        (("grant: 12", "grant: 0"), "grant"),
        (("schema: okta-plan/approval/v1", "schema: okta-plan/approval/v2"), "schema"),
        (("schema: okta-plan/approval/v1\n", ""), "schema"),
        (('expires_at: "2026-12-03T12:00:00Z"', 'expires_at: "2026-12-03T12:00:00"'), "zone"),
    ],
)
def test_what_is_no_approval_is_refused_with_its_place(edit: tuple[str, str], said: str) -> None:
    text = dump_approval(approval())
    assert edit[0] in text
    with pytest.raises(RefusedError) as refused:
        read_approval(text.replace(*edit), "plans/erp.approval.yaml")
    assert refused.value.code is ErrorCode.APPROVAL_INVALID
    assert said in refused.value.detail
    assert "plans/erp.approval.yaml" in str(refused.value.location)
