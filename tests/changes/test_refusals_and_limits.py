"""Reasons to refuse a whole plan, and its limits with their arithmetic."""

from __future__ import annotations

import pytest

from pipeline.changes.diff import diff
from pipeline.changes.guards import refuse_guarded
from pipeline.changes.refusals import refuse_unless_ready
from pipeline.changes.refusing import Case
from pipeline.changes.snapshot import EntitlementManagement, Snapshot
from pipeline.errors import ErrorCode, Exit, RefusedError
from pipeline.plan.model import Limits, Plan
from tests.builders import (
    cohort,
    entitlement,
    okta_app,
    okta_entitlement,
    okta_grant,
    okta_value,
    plan,
    snapshot,
)

PEOPLE = [f"p{number}@acme.example.com" for number in range(4)]


def refusal(wanted: Plan, tenant: Snapshot) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        refuse_unless_ready(wanted, tenant)
    assert caught.value.exit_code is Exit.REFUSED
    return caught.value


def test_an_app_that_is_ready_is_not_refused() -> None:
    refuse_unless_ready(plan(tenant="ACME.okta.com"), snapshot())


@pytest.mark.parametrize(
    "state", [each for each in EntitlementManagement if each.value not in {"ENABLED", "ENABLING"}]
)
def test_without_entitlement_management_it_is_said_how_to_turn_it_on(state: EntitlementManagement) -> None:
    error = refusal(plan(), snapshot(okta_app=okta_app(entitlement_management=state)))
    assert error.code is ErrorCode.ENTITLEMENT_MANAGEMENT_OFF
    assert error.next_step is not None
    assert "Identity Governance" in error.next_step


def test_while_entitlement_management_is_being_turned_on_one_waits() -> None:
    turning_on = okta_app(entitlement_management=EntitlementManagement.ENABLING)
    error = refusal(plan(), snapshot(okta_app=turning_on))
    assert error.code is ErrorCode.ENTITLEMENT_MANAGEMENT_OFF
    assert error.next_step is not None
    assert "wait" in error.next_step


def test_a_plan_pinned_to_another_org_is_refused() -> None:
    error = refusal(plan(tenant="other.okta.com"), snapshot())
    assert error.code is ErrorCode.OTHER_ORG
    assert "other.okta.com" in error.detail
    assert "acme.okta.com" in error.detail


def test_an_inactive_app_is_refused() -> None:
    assert refusal(plan(), snapshot(okta_app=okta_app(status="INACTIVE"))).code is ErrorCode.APP_INACTIVE


def check_limits(wanted: Plan, tenant: Snapshot) -> None:
    changes = diff(wanted, "d", tenant)
    refuse_guarded(Case(plan=wanted, change_set=changes, snapshot=tenant, now_s=tenant.observed_at_s))


def tenant_of(*assigned: str) -> Snapshot:
    return snapshot(people=PEOPLE, assigned=assigned, entitlements=[okta_entitlement("Role", "Admin")])


def wants_for(people: list[str], **limits: object) -> Plan:
    return plan(
        access=[cohort({"Role": ["Admin"]}, *people)],
        limits=Limits(**limits),
    )


def test_too_many_changed_people_are_refused_with_the_arithmetic() -> None:
    with pytest.raises(RefusedError) as caught:
        check_limits(wants_for(PEOPLE[:3], changed_percent_max=50), tenant_of(*PEOPLE))
    assert caught.value.code is ErrorCode.LIMIT_EXCEEDED
    assert "3 / 4 = 75.00 %" in caught.value.detail


def test_a_percentage_exactly_at_its_limit_passes() -> None:
    check_limits(wants_for(PEOPLE[:2], changed_percent_max=50), tenant_of(*PEOPLE))


def test_with_nobody_on_the_app_the_percentage_is_zero() -> None:
    check_limits(wants_for(PEOPLE, changed_percent_max=0), tenant_of())


def test_newcomers_count_as_changed_people() -> None:
    with pytest.raises(RefusedError, match="limit"):
        check_limits(wants_for(PEOPLE, changed_percent_max=100), tenant_of(PEOPLE[0]))


def test_without_limits_everything_passes() -> None:
    check_limits(wants_for(PEOPLE), tenant_of(PEOPLE[0]))


def test_too_many_people_gaining_one_value_are_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        check_limits(wants_for(PEOPLE, value_max={"Role/Admin": 3}), tenant_of(*PEOPLE))
    assert "4 people would gain Role/Admin; limits.value_max allows 3" in caught.value.detail


def test_who_holds_the_value_already_does_not_gain_it() -> None:
    tenant = snapshot(
        people=PEOPLE,
        assigned=PEOPLE,
        entitlements=[okta_entitlement("Role", "Admin")],
        grants=[okta_grant(PEOPLE[0], {"Role": ["Admin"]})],
    )
    check_limits(wants_for(PEOPLE, value_max={"Role/Admin": 3}), tenant)


def test_a_value_the_tenant_names_otherwise_is_counted_all_the_same() -> None:
    admin = okta_value("role_x", "Admin", external_value="adm")
    tenant = snapshot(
        people=PEOPLE,
        assigned=PEOPLE,
        entitlements=[okta_entitlement("Role", admin, external_value="role_x")],
    )
    with pytest.raises(RefusedError) as caught:
        check_limits(wants_for(PEOPLE, value_max={"Role/Admin": 3}), tenant)
    assert "4 people" in caught.value.detail


def test_a_limit_on_a_value_nobody_gains_passes() -> None:
    wanted = plan(
        access=[cohort({"Role": ["Admin"]}, *PEOPLE)],
        entitlements=[entitlement("Role", "Admin", "Owner")],
        limits=Limits(value_max={"Role/Owner": 0}),
    )
    check_limits(wanted, tenant_of(*PEOPLE))
