"""A later end of a grant is the only change of an end that is sent."""

from __future__ import annotations

import pytest

from pipeline.changes.codec import changes_digest, reviewer_of
from pipeline.changes.instants import in_utc
from pipeline.changes.model import Action, added, removed
from pipeline.changes.snapshot import OktaGrant
from pipeline.changes.verification import verify
from pipeline.plan.model import GrantOptions
from tests.builders import okta_grant, snapshot
from tests.changes.applying import applied
from tests.changes.test_access_table import (
    ALICE,
    FUTURE,
    ROLE,
    TEAM,
    compare,
    custom,
    of_type,
    outcome,
    wants,
)

SOONER = "2026-06-01T00:00:00Z"
LATER = "2028-01-01T00:00:00+01:00"


@pytest.mark.parametrize(
    ("situation", "grants", "wanted", "expires", "expected"),
    [
        ("a later end", [custom("Admin", expires=FUTURE)], ["Admin"], LATER, "retime"),
        ("a later end, more values", [custom("Admin", "Editor", expires=FUTURE)], ["Admin"], LATER, "retime"),
        ("an earlier end", [custom("Admin", expires=FUTURE)], ["Admin"], SOONER, "hold expiry_differs"),
        ("an end that is past", [custom("Admin", expires="2025-01-01")], ["Admin"], "2025-06-01T00:00:00Z",
         "hold expiry_differs"),
        ("no end any more", [custom("Admin", expires=FUTURE)], ["Admin"], None, "hold expiry_differs"),
        ("an end for what has none", [custom("Admin")], ["Admin"], LATER, "hold expiry_differs"),
        ("a value is missing too", [custom("Admin", expires=FUTURE)], ["Admin", "Editor"], LATER,
         "hold expiry_differs"),
        ("held by a policy", [of_type("POLICY", "Admin", expires=FUTURE)], ["Admin"], LATER,
         "hold expiry_differs"),
        ("held beside it", [of_type("ENTITLEMENT", "Admin", expires=FUTURE)], ["Admin"], LATER,
         "hold expiry_differs"),
        ("held beside it as long as wanted",
         [custom("Admin", expires=FUTURE), of_type("ENTITLEMENT", "Admin", expires=LATER)], ["Admin"], LATER,
         "keep"),
        ("the end is no instant", [custom("Admin", expires="soon")], ["Admin"], LATER, "hold expiry_differs"),
    ],
)  # fmt: skip
def test_only_a_later_end_of_a_custom_grant_that_has_it_all_is_sent(
    situation: str, grants: list[OktaGrant], wanted: list[str], expires: str | None, expected: str
) -> None:
    assert outcome(compare(wants(*wanted, expires=expires), *grants)) == [expected], situation


def test_a_later_end_says_what_else_lasts_longer_and_changes_no_value() -> None:
    [change] = compare(wants("Admin", expires=LATER), custom("Admin", "Editor", expires=FUTURE)).changes
    assert change.message == (
        f"lengthen the grant of {ALICE} (and of 1 more value in the same grant) from {FUTURE} to {LATER}"
    )
    assert (added(change), removed(change)) == ((), ())
    assert change.person is not None
    assert (change.person.expires_before, change.person.expires) == (FUTURE, LATER)


def test_additive_plans_leave_base_grants_as_long_as_they_are() -> None:
    wanted = wants("Admin", expires=LATER, grants=GrantOptions(type="additive"))
    assert outcome(compare(wanted, custom("Admin", expires=FUTURE))) == ["hold expiry_differs"]


def test_an_end_nobody_reviewed_is_not_reviewed_and_counts_in_the_digest() -> None:
    grant = custom("Admin", expires=FUTURE)
    one = compare(wants("Admin", expires=LATER), grant)
    other = compare(wants("Admin", expires="2029-01-01T00:00:00Z"), grant)
    assert changes_digest(one) != changes_digest(other)
    assert reviewer_of(one)(one.changes[0])
    assert not reviewer_of(one)(other.changes[0])


def test_until_it_is_sent_the_end_is_a_difference_and_then_none() -> None:
    plan = wants("Admin", expires=LATER)
    tenant = snapshot(
        people=[ALICE],
        assigned=[ALICE],
        entitlements=[ROLE, TEAM],
        grants=[okta_grant(ALICE, {"Role": ["Admin"]}, expires=FUTURE)],
    )
    before = compare(plan, custom("Admin", expires=FUTURE))
    assert [each.action for each in before.changes] == [Action.RETIME]
    assert verify(plan, tenant).otherwise == (before.changes[0].message,)
    assert not verify(plan, tenant).is_good
    after = applied(before, tenant)
    assert verify(plan, after).is_good


def test_ends_are_sent_in_utc_to_the_second() -> None:
    assert in_utc(LATER) == "2027-12-31T23:00:00Z"
    assert in_utc("2027-01-01") == "2027-01-01T00:00:00Z"
