"""Does the tenant hold what the plan says?"""

from __future__ import annotations

import pytest

from pipeline.changes.model import HoldReason
from pipeline.changes.snapshot import OktaGrant
from pipeline.changes.verification import PersonValue, Verification, verify
from pipeline.errors import ErrorCode, TenantError
from pipeline.plan.model import Assignments, Plan
from tests.builders import (
    LISTINGS,
    cohort,
    found,
    not_found,
    okta_app,
    okta_entitlement,
    okta_grant,
    okta_user,
    plan,
    snapshot,
)

ALICE = "alice@acme.example.com"
BOB = "bob@acme.example.com"
ROLE = okta_entitlement("Role", "Admin", "Auditor", "Editor")


def wants(*values: str) -> Plan:
    return plan(access=[cohort({"Role": values}, ALICE)])


def check(wanted: Plan, *grants: OktaGrant, **tenant: object) -> Verification:
    options = {"people": [ALICE], "assigned": [ALICE], "entitlements": [ROLE], **tenant}
    return verify(wanted, snapshot(grants=grants, **options))  # type: ignore[arg-type]


def reasons(found: Verification) -> list[HoldReason]:
    return [hold.reason for hold in found.holds]


def test_what_is_held_is_good() -> None:
    found = check(wants("Admin", "Editor"), okta_grant(ALICE, {"Role": ["Admin", "Editor"]}))
    assert found.is_good
    assert (found.pairs_planned, found.pairs_held) == (2, 2)


@pytest.mark.parametrize("type_", ["POLICY", "ENTITLEMENT", "ENTITLEMENT-BUNDLE"])
def test_any_allowing_grant_counts(type_: str) -> None:
    assert check(wants("Admin"), okta_grant(ALICE, {"Role": ["Admin"]}, type=type_)).is_good


def test_a_missing_value_is_a_difference() -> None:
    found = check(wants("Admin", "Editor"), okta_grant(ALICE, {"Role": ["Admin"]}))
    assert found.missing == (PersonValue(ALICE, "Role", "Editor"),)
    assert (found.pairs_planned, found.pairs_held) == (2, 1)
    assert not found.is_good


def test_extras_are_listed_and_no_difference() -> None:
    found = check(wants("Admin"), okta_grant(ALICE, {"Role": ["Admin", "Auditor"]}))
    assert found.extras == (PersonValue(ALICE, "Role", "Auditor"),)
    assert found.is_good


def test_a_missing_assignment_is_a_difference() -> None:
    grant = okta_grant(ALICE, {"Role": ["Admin"]})
    assert check(wants("Admin"), grant, assigned=[]).not_assigned == (ALICE,)
    assert check(wants("Admin"), grant, assigned=[], okta_app=okta_app(implicit_assignment=True)).is_good


def test_who_is_only_to_be_assigned_is_checked_too() -> None:
    wanted = plan(assignments=Assignments(users=(ALICE, BOB)))
    assert check(wanted, people=[ALICE, BOB]).not_assigned == (BOB,)


def test_who_cannot_be_resolved_stands_apart_with_the_reason() -> None:
    found = check(wants("Admin", "Editor"), people=[not_found(ALICE)])
    assert found.missing == ()
    assert reasons(found) == [HoldReason.USER_NOT_FOUND]
    assert (found.pairs_planned, found.pairs_held) == (2, 0)
    assert not found.is_good


def test_what_is_held_back_stands_apart_and_the_rest_is_missing() -> None:
    found = check(wants("Admin", "editor"))
    assert found.missing == (PersonValue(ALICE, "Role", "Admin"),)
    assert reasons(found) == [HoldReason.DEPENDS_ON_HELD, HoldReason.NEAR_MISS]


def test_a_policy_that_lacks_a_value_is_a_hold_and_not_missing() -> None:
    found = check(wants("Admin", "Editor"), okta_grant(ALICE, {"Role": ["Admin"]}, type="POLICY"))
    assert found.missing == ()
    assert reasons(found) == [HoldReason.POLICY_GRANT]
    assert found.pairs_held == 1


def test_where_the_plan_does_not_assign_nobody_is_missing() -> None:
    wanted = plan(access=[cohort({"Role": ["Admin"]}, ALICE)], assignments=Assignments(missing="hold"))
    found = check(wanted, assigned=[])
    assert (found.missing, found.not_assigned) == ((), ())
    assert set(reasons(found)) == {HoldReason.NOT_ASSIGNED}


def test_beside_a_deny_nothing_is_held() -> None:
    deny = okta_grant(ALICE, {}, action="DENY", id="gra2")
    found = check(wants("Admin"), okta_grant(ALICE, {"Role": ["Admin"]}), deny)
    assert (found.pairs_held, reasons(found)) == (0, [HoldReason.DENIED])


def test_two_names_of_one_user_count_once() -> None:
    alias = "a.jones@acme.example.com"
    wanted = plan(access=[cohort({"Role": ["Admin"]}, ALICE, alias)])
    people = [ALICE, found(alias, okta_user(ALICE))]
    result = check(wanted, okta_grant(ALICE, {"Role": ["Admin"]}), people=people)
    assert result.is_good
    assert (result.pairs_planned, result.pairs_held) == (1, 1)


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_torn_listing_allows_no_conclusion(listing: str) -> None:
    with pytest.raises(TenantError) as caught:
        check(wants("Admin"), incomplete=[listing])
    assert caught.value.code is ErrorCode.INCOMPLETE_READ
    assert listing in caught.value.detail
