"""Each guard at its edge (one below, at, one above; with nothing there), and each override."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.changes.diff import diff
from pipeline.changes.guards import refusals, refuse_guarded
from pipeline.changes.permissions import NOTHING_ALLOWED, Guard, Override, Permissions
from pipeline.changes.refusals import refuse_unless_ready
from pipeline.changes.refusing import Case
from pipeline.errors import ErrorCode, Exit, RefusedError
from pipeline.freeze import parse_freeze
from pipeline.plan.model import Limits
from tests.builders import (
    OBSERVED_AT_S,
    cohort,
    entitlement,
    okta_app,
    okta_entitlement,
    okta_grant,
    okta_value,
    plan,
    snapshot,
)

PEOPLE = [f"p{number:02}@acme.example.com" for number in range(40)]
HOUR_S = 3600.0


def revoking(count: int, *, held: int = 40, **limits: float) -> Case:
    """``count`` of the ``held`` people who hold the one value lose it."""
    here = snapshot(
        people=PEOPLE,
        assigned=PEOPLE,
        entitlements=[okta_entitlement("Role", "Admin")],
        grants=[okta_grant(each, {"Role": ["Admin"]}) for each in PEOPLE[:held]],
    )
    wanted = plan(
        removals=[cohort({"Role": ["Admin"]}, *PEOPLE[:count])] if count else [],
        entitlements=[entitlement("Role", "Admin")],
        limits=Limits.model_validate({"revoked_percent_max": 100, "revoked_max": 1000} | limits),
    )
    return Case(plan=wanted, change_set=diff(wanted, "d", here), snapshot=here, now_s=OBSERVED_AT_S)


def giving(count: int, *, present: int = 40, provisioning: bool = False, **limits: object) -> Case:
    """``count`` people gain the one value, while ``present`` have the app and hold nothing."""
    here = snapshot(
        people=PEOPLE,
        assigned=PEOPLE[:present],
        entitlements=[okta_entitlement("Role", "Admin", "User")],
        okta_app=okta_app(has_provisioning=provisioning),
    )
    wanted = plan(
        access=[cohort({"Role": ["Admin"]}, *PEOPLE[:count])] if count else [],
        entitlements=[entitlement("Role", "Admin", "User")],
        limits=Limits.model_validate(limits),
    )
    return Case(plan=wanted, change_set=diff(wanted, "d", here), snapshot=here, now_s=OBSERVED_AT_S)


def reviewed(hours: float) -> Case:
    return replace(giving(1), reviewed_at_s=OBSERVED_AT_S - hours * HOUR_S)


def frozen(second: float) -> Case:
    """So many seconds after an hour's freeze began."""
    window = parse_freeze("2026-01-01T00:00Z/2026-01-01T01:00Z")
    return replace(giving(1), freeze=window, now_s=OBSERVED_AT_S + second)


def raised(guard: str, limit: float) -> Permissions:
    return Permissions(overrides={guard: Override(limit, "the team was dissolved")})


REVOKED = Guard.REVOKED_MAX
EDGES: list[tuple[str, Callable[[], Case], Permissions, str | None]] = [
    ("revoked_max: one below", lambda: revoking(24, revoked_max=25), NOTHING_ALLOWED, None),
    ("revoked_max: at it", lambda: revoking(25, revoked_max=25), NOTHING_ALLOWED, None),
    (
        "revoked_max: one above",
        lambda: revoking(26, revoked_max=25),
        NOTHING_ALLOWED,
        "26 values of people would be revoked; limits.revoked_max allows 25.",
    ),
    ("revoked_max: nothing held", lambda: revoking(26, held=0, revoked_max=0), NOTHING_ALLOWED, None),
    ("revoked_max: override at it", lambda: revoking(26, revoked_max=25), raised(REVOKED, 26), None),
    (
        "revoked_max: override one below",
        lambda: revoking(27, revoked_max=25),
        raised(REVOKED, 26),
        "27 values of people would be revoked; --allow revoked_max allows 26.",
    ),
    ("revoked_max: an override never lowers", lambda: revoking(25, revoked_max=25), raised(REVOKED, 1), None),
    ("revoked_percent: below", lambda: revoking(3, revoked_percent_max=10), NOTHING_ALLOWED, None),
    ("revoked_percent: at it", lambda: revoking(4, revoked_percent_max=10), NOTHING_ALLOWED, None),
    (
        "revoked_percent: above",
        lambda: revoking(5, revoked_percent_max=10),
        NOTHING_ALLOWED,
        "5 / 40 = 12.50 %. limits.revoked_percent_max is 10.",
    ),
    ("revoked_percent: none held", lambda: revoking(5, held=0, revoked_percent_max=0), NOTHING_ALLOWED, None),
    (
        "revoked_percent: override",
        lambda: revoking(5, revoked_percent_max=10),
        raised(Guard.REVOKED_PERCENT_MAX, 12.5),
        None,
    ),
    (
        "revoked_percent: override of the other guard",
        lambda: revoking(5, revoked_percent_max=10),
        raised(REVOKED, 100),
        "5 / 40 = 12.50 %",
    ),
    ("changed_percent: below", lambda: giving(1, present=4, changed_percent_max=50), NOTHING_ALLOWED, None),
    ("changed_percent: at it", lambda: giving(2, present=4, changed_percent_max=50), NOTHING_ALLOWED, None),
    (
        "changed_percent: above",
        lambda: giving(3, present=4, changed_percent_max=50),
        NOTHING_ALLOWED,
        "3 people would change, 4 have access now: 3 / 4 = 75.00 %. limits.changed_percent_max is 50.",
    ),
    ("changed_percent: nobody", lambda: giving(3, present=0, changed_percent_max=0), NOTHING_ALLOWED, None),
    ("changed_percent: off", lambda: giving(40, present=1), NOTHING_ALLOWED, None),
    (
        "changed_percent: override",
        lambda: giving(3, present=4, changed_percent_max=50),
        raised(Guard.CHANGED_PERCENT_MAX, 75),
        None,
    ),
    ("value_max: below", lambda: giving(2, value_max={"Role/Admin": 3}), NOTHING_ALLOWED, None),
    ("value_max: at it", lambda: giving(3, value_max={"Role/Admin": 3}), NOTHING_ALLOWED, None),
    (
        "value_max: above",
        lambda: giving(4, value_max={"Role/Admin": 3}),
        NOTHING_ALLOWED,
        "4 people would gain Role/Admin; limits.value_max allows 3.",
    ),
    ("value_max: zero gain nothing", lambda: giving(4, value_max={"Role/User": 0}), NOTHING_ALLOWED, None),
    (
        "value_max: override",
        lambda: giving(4, value_max={"Role/Admin": 3}),
        raised("value_max/Role/Admin", 4),
        None,
    ),
    (
        "value_max: override of another value",
        lambda: giving(4, value_max={"Role/Admin": 3}),
        raised("value_max/Role/User", 4),
        "4 people would gain Role/Admin",
    ),
    ("privileged: nobody gains it", lambda: giving(0, privileged=["Role/Admin"]), NOTHING_ALLOWED, None),
    (
        "privileged: one gains it",
        lambda: giving(1, privileged=["Role/Admin"]),
        NOTHING_ALLOWED,
        '1 person would gain Role/Admin, privileged by "Role/Admin" in limits.privileged',
    ),
    ("privileged: by its bare name", lambda: giving(1, privileged=["admin"]), NOTHING_ALLOWED, "Role/Admin"),
    ("privileged: by a pattern", lambda: giving(2, privileged=["role/A*"]), NOTHING_ALLOWED, "2 people"),
    ("privileged: another value", lambda: giving(1, privileged=["Role/User"]), NOTHING_ALLOWED, None),
    ("privileged: a pattern is no part", lambda: giving(1, privileged=["Role/Adm"]), NOTHING_ALLOWED, None),
    ("privileged: only * is special", lambda: giving(1, privileged=["Role/[A]dmin"]), NOTHING_ALLOWED, None),
    (
        "privileged: named",
        lambda: giving(1, privileged=["Role/*"]),
        Permissions(privileged=frozenset({"role/admin"})),
        None,
    ),
    (
        "privileged: another one named",
        lambda: giving(1, privileged=["Role/*"]),
        Permissions(privileged=frozenset({"Role/User"})),
        "none of the 1 values named is it.",
    ),
    (
        "privileged: a pattern allows nothing",
        lambda: giving(1, privileged=["Role/*"]),
        Permissions(privileged=frozenset({"Role/*"})),
        "Role/Admin",
    ),
    ("age: not reviewed before", lambda: giving(1), NOTHING_ALLOWED, None),
    ("age: below", lambda: reviewed(23.99), NOTHING_ALLOWED, None),
    ("age: at it", lambda: reviewed(24), NOTHING_ALLOWED, None),
    (
        "age: above",
        lambda: reviewed(24.5),
        NOTHING_ALLOWED,
        (
            "The tenant was read at 2025-12-30T23:30:00Z, it is 2026-01-01T00:00:00Z now: 24.50 h later. "
            "OKTA_PLAN_CHANGES_AGE_H allows 24 h."
        ),
    ),
    ("age: override", lambda: reviewed(24.5), raised(Guard.AGE_H, 24.5), None),
    ("age: setting of 0", lambda: replace(reviewed(0.01), age_h_max=0), NOTHING_ALLOWED, "allows 0 h"),
    ("freeze: a second before", lambda: frozen(-1), NOTHING_ALLOWED, None),
    (
        "freeze: as it begins",
        lambda: frozen(0),
        NOTHING_ALLOWED,
        (
            "It is 2026-01-01T00:00:00Z; 2026-01-01T00:00Z/2026-01-01T01:00Z of OKTA_PLAN_FREEZE lasts from "
            "2026-01-01T00:00:00Z to 2026-01-01T01:00:00Z."
        ),
    ),
    ("freeze: its last second", lambda: frozen(3599), NOTHING_ALLOWED, "OKTA_PLAN_FREEZE"),
    ("freeze: as it ends", lambda: frozen(3600), NOTHING_ALLOWED, None),
    ("freeze: allowed", lambda: frozen(59), raised(Guard.FREEZE, OBSERVED_AT_S + 60), None),
    (
        "freeze: allowed no longer",
        lambda: frozen(60),
        raised(Guard.FREEZE, OBSERVED_AT_S + 60),
        "--allow freeze allowed it until 2026-01-01T00:01:00Z.",
    ),
    (
        "provisioning: no approval is asked for",
        lambda: giving(1, provisioning=True),
        NOTHING_ALLOWED,
        None,
    ),
    (
        "provisioning: not named",
        lambda: replace(giving(1, provisioning=True), approval_required=True),
        NOTHING_ALLOWED,
        "ERP pushes grants to its target system",
    ),
    (
        "provisioning: named",
        lambda: replace(giving(1, provisioning=True), approval_required=True),
        Permissions(provisioning=True),
        None,
    ),
    (
        "provisioning: the app has none",
        lambda: replace(giving(1), approval_required=True),
        NOTHING_ALLOWED,
        None,
    ),
]


@pytest.mark.parametrize(
    ("build", "permissions", "said"), [each[1:] for each in EDGES], ids=[each[0] for each in EDGES]
)
def test_at_the_edge(build: Callable[[], Case], permissions: Permissions, said: str | None) -> None:
    case = replace(build(), permissions=permissions)
    if said is None:
        refuse_guarded(case)
        return
    with pytest.raises(RefusedError) as refused:
        refuse_guarded(case)
    assert refused.value.exit_code is Exit.REFUSED
    assert said in refused.value.detail
    assert "--allow" in (refused.value.next_step or "")


def test_all_guards_that_refuse_say_so_together() -> None:
    case = replace(
        giving(3, present=4, changed_percent_max=50, value_max={"Role/Admin": 1}, privileged=["Role/Admin"]),
        reviewed_at_s=OBSERVED_AT_S - 30 * HOUR_S,
    )
    with pytest.raises(RefusedError) as refused:
        refuse_guarded(case)
    assert refused.value.code is ErrorCode.CHANGES_TOO_OLD
    assert refused.value.summary == "4 guards refuse this change set"
    assert len(refused.value.detail.splitlines()) == 4
    assert str(refused.value.next_step).count("--allow") == 4


def test_the_override_that_a_refusal_names_lets_it_pass() -> None:
    for case in (
        revoking(26, revoked_max=25),
        revoking(7, revoked_percent_max=17.4),
        giving(1, present=3, changed_percent_max=33.3),
        giving(4, value_max={"Role/Admin": 3}),
        reviewed(25.5),
    ):
        (refusal,) = refusals(case)
        guard, _, limit = refusal.override.removeprefix("--allow ").rpartition("=")
        assert refusals(replace(case, permissions=raised(guard, float(limit)))) == ()


def test_a_value_is_privileged_under_the_plans_and_the_tenants_name() -> None:
    admin = okta_value("role_x", "Admin", external_value="adm")
    here = snapshot(
        people=PEOPLE,
        assigned=PEOPLE,
        entitlements=[okta_entitlement("Role", admin, external_value="role_x")],
    )
    for name in ("Role/Admin", "role_x/adm", "Role/adm", "Admin", "adm"):
        wanted = plan(
            access=[cohort({"Role": ["Admin"]}, PEOPLE[0])],
            limits=Limits(privileged=(name,)),
        )
        case = Case(plan=wanted, change_set=diff(wanted, "d", here), snapshot=here, now_s=OBSERVED_AT_S)
        assert [each.guard for each in refusals(case)] == ["privileged"], name
        named = Permissions(privileged=frozenset({"Role/Admin"}))
        assert refusals(replace(case, permissions=named)) == (), name


def test_who_holds_a_privileged_value_already_needs_no_permission() -> None:
    here = snapshot(
        people=PEOPLE,
        assigned=PEOPLE,
        entitlements=[okta_entitlement("Role", "Admin", "User")],
        grants=[okta_grant(PEOPLE[0], {"Role": ["Admin"]})],
    )
    wanted = plan(
        access=[cohort({"Role": ["Admin", "User"]}, PEOPLE[0])], limits=Limits(privileged=("Role/Admin",))
    )
    changes = diff(wanted, "d", here)
    assert [change.action.value for change in changes.changes] == ["extend"]
    assert refusals(Case(plan=wanted, change_set=changes, snapshot=here, now_s=OBSERVED_AT_S)) == ()


@pytest.mark.parametrize(("tenants", "passes"), [((), False), (("acme.okta.com",), True), (("b.x",), False)])
def test_the_tenant_pin_yields_to_the_org_that_is_named(tenants: tuple[str, ...], passes: bool) -> None:
    pinned, permissions = plan(tenant="other.okta.com"), Permissions(tenants=frozenset(tenants))
    if passes:
        refuse_unless_ready(pinned, snapshot(), permissions)
        return
    with pytest.raises(RefusedError) as refused:
        refuse_unless_ready(pinned, snapshot(), permissions)
    assert refused.value.code is ErrorCode.OTHER_ORG


def test_what_two_allow_together_is_the_most_of_either() -> None:
    one = Permissions(privileged=frozenset({"A/a"}), overrides={"revoked_max": Override(3, "x")})
    other = Permissions(conflicts=frozenset({"r"}), overrides={"revoked_max": Override(5, "y")})
    both = one | other
    assert both == replace(other | one, record=both.record)
    assert (both.privileged, both.conflicts) == (frozenset({"A/a"}), frozenset({"r"}))
    assert both.limit("revoked_max", 4) == 5
    assert [str(each) for each in both.on_record] == ["revoked_max=5: y"]
