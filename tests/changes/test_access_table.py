"""The table of SEMANTICS section 3, a case a row; and people as of section 2."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from pipeline.changes.diff import diff
from pipeline.changes.model import Action, ChangeSet, HoldReason, added
from pipeline.changes.snapshot import LookupStatus, OktaGrant
from pipeline.plan.model import Assignments, GrantOptions, Plan
from tests.builders import (
    OBSERVED_AT_S,
    app_user,
    cohort,
    entitlement,
    found,
    not_found,
    okta_app,
    okta_entitlement,
    okta_grant,
    okta_user,
    plan,
    snapshot,
    user_id,
)

ALICE = "alice@acme.example.com"
BOB = "bob@acme.example.com"
ROLE = okta_entitlement("Role", "Admin", "Auditor", "Editor")
TEAM = okta_entitlement("Team", "Blue", "Red", multi_value=False)
FUTURE = "2027-01-01T00:00:00Z"
PAST = "2025-01-01T00:00:00Z"


def wants(*values: str, expires: str | None = None, **options: object) -> Plan:
    return plan(access=[cohort({"Role": values}, ALICE, expires=expires)], **options)  # type: ignore[arg-type]


def compare(wanted: Plan, *grants: OktaGrant, **tenant: object) -> ChangeSet:
    """The diff for a tenant where Alice is assigned and the app has Role and Team."""
    options = {"people": [ALICE], "assigned": [ALICE], "entitlements": [ROLE, TEAM], **tenant}
    return diff(wanted, "d", snapshot(grants=grants, **options))  # type: ignore[arg-type]


def outcome(change_set: ChangeSet) -> list[str]:
    """All that is said about people, as short text."""
    changes = [each.action.value for each in change_set.changes if each.person]
    holds = [f"hold {each.reason}" for each in change_set.holds if each.principals]
    keeps = [f"keep {each.via}".strip() for each in change_set.keeps if each.principals]
    return changes + holds + keeps


@dataclass(frozen=True)
class Row:
    situation: str
    grants: tuple[OktaGrant, ...]
    expected: str
    wanted: tuple[str, ...] = ("Admin",)
    expires: str | None = None
    options: GrantOptions = field(default_factory=GrantOptions)


def custom(*values: str, **options: object) -> OktaGrant:
    return okta_grant(ALICE, {"Role": values}, **options)  # type: ignore[arg-type]


def of_type(type_: str, *values: str, **options: object) -> OktaGrant:
    return custom(*values, type=type_, **options)


BUNDLE = "ENTITLEMENT-BUNDLE"
ROWS = [
    Row("no base grant", (), "grant"),
    Row("no base grant, an end to come", (), "grant", expires=FUTURE),
    Row("no base grant, an end that is past", (), "hold expired", expires=PAST),
    Row("CUSTOM lacks a value", (custom("Auditor"),), "extend"),
    Row("CUSTOM holds nothing", (custom(),), "extend"),
    Row("CUSTOM holds all and more", (custom("Admin", "Auditor"),), "keep"),
    Row("POLICY holds all", (of_type("POLICY", "Admin"),), "keep POLICY"),
    Row("POLICY lacks a value", (of_type("POLICY", "Auditor"),), "hold policy_grant"),
    Row(
        "POLICY lacks a value, convert is wanted, nobody read what it gives",
        (of_type("POLICY"),),
        "hold incomplete_read",
        options=GrantOptions(policy_users="convert"),
    ),
    Row("held through a bundle", (of_type(BUNDLE, "Admin"),), f"keep {BUNDLE}"),
    Row("held through an ENTITLEMENT grant", (of_type("ENTITLEMENT", "Admin"),), "keep ENTITLEMENT"),
    Row(
        "held partly by CUSTOM, partly through a bundle",
        (custom("Admin"), of_type(BUNDLE, "Auditor")),
        f"keep {BUNDLE}",
        wanted=("Admin", "Auditor"),
    ),
    Row("bundle beside a needed CUSTOM write", (of_type(BUNDLE, "Auditor"),), "hold additive_present"),
    Row(
        "ENTITLEMENT grant beside a needed extend",
        (custom("Editor"), of_type("ENTITLEMENT", "Auditor")),
        "hold additive_present",
    ),
    Row(
        "additive beside a needed write, canary is wanted",
        (of_type(BUNDLE, "Auditor"),),
        "grant",
        options=GrantOptions(with_additive="canary"),
    ),
    Row("DENY grant", (custom(action="DENY"),), "hold denied"),
    Row(
        "DENY beside a grant of an unknown type",
        (custom("Admin", type="NEW"), custom(action="DENY")),
        "hold denied",
    ),
    Row("unknown grant type", (of_type("NEW", "Admin"),), "hold unknown_grant_type"),
    Row("grant that is not ACTIVE", (custom("Admin", status="SCHEDULED"),), "hold unknown_grant_type"),
    Row("two base grants", (custom("Admin"), of_type("POLICY", "Admin")), "hold several_base_grants"),
    Row("lacks a value, ends otherwise", (custom("Auditor", expires=FUTURE),), "hold expiry_differs"),
    Row("holds all, ends otherwise", (custom("Admin", expires=FUTURE),), "hold expiry_differs"),
    Row("holds all, is to end", (custom("Admin"),), "hold expiry_differs", expires=FUTURE),
    Row(
        "holds all until the same instant, written otherwise",
        (custom("Admin", expires="2027-01-01T01:00:00.000+01:00"),),
        "keep",
        expires=FUTURE,
    ),
    Row("lacks a value, same end", (custom("Auditor", expires=FUTURE),), "extend", expires=FUTURE),
    Row("an end nobody can read", (custom("Admin", expires="soon"),), "hold expiry_differs"),
    Row(
        "held twice, once as wanted",
        (custom("Admin"), of_type(BUNDLE, "Admin", expires=FUTURE)),
        "keep",
    ),
    Row("additive grants wanted", (), "grant", options=GrantOptions(type="additive")),
    Row("additive wanted, all held", (custom("Admin"),), "keep", options=GrantOptions(type="additive")),
    Row(
        "additive wanted for a POLICY person",
        (of_type("POLICY"),),
        "grant",
        options=GrantOptions(type="additive"),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.situation)
def test_each_row_of_the_table_has_its_one_outcome(row: Row) -> None:
    change_set = compare(wants(*row.wanted, expires=row.expires, grants=row.options), *row.grants)
    assert outcome(change_set) == [row.expected]


def test_an_extend_keeps_all_values_and_names_the_grant_it_rewrites() -> None:
    grant = okta_grant(ALICE, {"Role": ["Auditor", "Editor"], "Team": ["Red"]})
    (change,) = compare(wants("Admin"), grant).changes
    assert change.before == (("Role", ("Auditor", "Editor")), ("Team", ("Red",)))
    assert change.after == (("Role", ("Admin", "Auditor", "Editor")), ("Team", ("Red",)))
    assert change.person is not None
    assert change.person.grant_id == grant.id
    assert change.message == f"extend {ALICE} + Role: Admin (keeps 3 values)"


def test_a_grant_says_what_it_gives_and_until_when() -> None:
    wanted = plan(access=[cohort({"Role": ["Admin", "Auditor"], "Team": ["Red"]}, ALICE, expires=FUTURE)])
    (change,) = compare(wanted).changes
    assert change.message == f"grant {ALICE} Role: Admin, Auditor; Team: Red until {FUTURE}"
    assert change.before == ()
    assert change.person is not None
    assert change.person.expires == FUTURE


def test_values_held_through_a_bundle_are_not_written_into_the_custom_grant() -> None:
    wanted = wants("Admin", "Auditor")
    bundled = compare(wanted, custom("Admin"), of_type(BUNDLE, "Auditor"))
    assert bundled.changes == ()


def test_a_grant_holding_values_that_the_listing_lacks_is_never_rewritten() -> None:
    torn = replace(custom("Auditor"), values=frozenset({("esp", "ent")}))
    assert outcome(compare(wants("Admin"), torn)) == ["hold incomplete_read"]


def test_a_grant_holding_unlisted_values_beside_all_wanted_ones_is_kept() -> None:
    known = custom("Admin")
    assert outcome(compare(wants("Admin"), replace(known, values=known.values | {("esp", "ent")}))) == [
        "keep"
    ]


@pytest.mark.parametrize("type_", ["ENTITLEMENT", BUNDLE])
def test_unlisted_values_of_an_additive_grant_hide_nothing_it_is_known_to_hold(type_: str) -> None:
    known = of_type(type_, "Admin")
    change_set = compare(wants("Admin"), replace(known, values=known.values | {("esp", "ent")}))
    assert outcome(change_set) == [f"keep {type_}"]


def test_a_single_value_entitlement_is_never_given_a_second_value() -> None:
    wanted = plan(access=[cohort({"Team": ["Blue"]}, ALICE)])
    assert outcome(compare(wanted, okta_grant(ALICE, {"Team": ["Red"]}))) == ["hold single_value"]


def test_the_tenants_multi_value_wins_over_the_plans() -> None:
    wanted = plan(
        access=[cohort({"Team": ["Blue", "Red"]}, ALICE), cohort({"Team": ["Blue"]}, BOB)],
        entitlements=[entitlement("Team", "Blue", "Red", multi_value=True)],
    )
    change_set = compare(wanted, people=[ALICE, BOB], assigned=[ALICE, BOB])
    assert outcome(change_set) == ["grant", "hold single_value"]
    assert change_set.changes[0].principal == BOB


def test_a_single_valued_entitlement_that_is_not_touched_holds_nothing() -> None:
    odd = okta_grant(ALICE, {"Team": ["Red", "Blue"]})
    assert outcome(compare(wants("Admin"), odd)) == ["extend"]


def test_more_values_than_a_grant_can_hold_are_held() -> None:
    many = [f"v{number}" for number in range(1001)]
    wanted = plan(access=[cohort({"Role": many[500:]}, ALICE)])
    change_set = compare(wanted, custom(*many[:500]), entitlements=[okta_entitlement("Role", *many)])
    assert outcome(change_set) == ["hold not_supported"]
    assert "1001" in change_set.holds[0].detail


# app assignments


def test_an_unassigned_person_is_assigned_before_the_grant() -> None:
    assign, grant = compare(wants("Admin"), assigned=[]).changes
    assert (assign.action, grant.action) == (Action.ASSIGN, Action.GRANT)
    assert grant.depends_on == (assign.address,)
    assert assign.message == f"assign {ALICE} to ERP"


def test_a_group_row_is_never_posted_again() -> None:
    assert outcome(compare(wants("Admin"), assigned=[app_user(ALICE, scope="GROUP")])) == ["grant"]


@pytest.mark.parametrize("status", ["DEPROVISIONED", "UNASSIGNED", "REVOKED"])
def test_a_row_of_a_former_assignment_is_none(status: str) -> None:
    rows = [app_user(ALICE, status=status)]
    assert outcome(compare(wants("Admin"), assigned=rows)) == ["assign", "grant"]


def test_an_app_that_everybody_may_use_needs_no_assignment() -> None:
    implicit = okta_app(implicit_assignment=True)
    assert outcome(compare(wants("Admin"), assigned=[], okta_app=implicit)) == ["grant"]


def test_where_the_plan_does_not_assign_the_grant_is_held_too() -> None:
    wanted = wants("Admin", assignments=Assignments(missing="hold"))
    change_set = compare(wanted, assigned=[])
    assert outcome(change_set) == ["hold not_assigned", "hold not_assigned"]
    assert {str(each.address) for each in change_set.holds} == {f"assignment/{ALICE}", f"grant/{ALICE}"}


def test_who_holds_everything_but_is_not_assigned_is_assigned() -> None:
    assert outcome(compare(wants("Admin"), custom("Admin"), assigned=[])) == ["assign", "keep"]


def test_who_cannot_be_granted_is_not_assigned_either() -> None:
    assert outcome(compare(wants("Admin"), of_type("POLICY"), assigned=[])) == ["hold policy_grant"]


def test_an_assignment_without_a_grant_is_sent_alone() -> None:
    wanted = plan(assignments=Assignments(users=(ALICE, BOB)))
    change_set = compare(wanted, people=[ALICE, BOB], assigned=[ALICE])
    assert outcome(change_set) == ["assign", "keep"]
    assert change_set.changes[0].principal == BOB


def test_nobody_is_assigned_against_a_deny() -> None:
    wanted = plan(assignments=Assignments(users=(ALICE,)))
    assert outcome(compare(wanted, custom(action="DENY"), assigned=[])) == ["hold denied"]


def test_nobody_is_assigned_where_a_deny_may_not_have_been_listed() -> None:
    wanted = plan(assignments=Assignments(users=(ALICE,)))
    assert outcome(compare(wanted, assigned=[], incomplete=["grants"])) == ["hold incomplete_read"]
    assert outcome(compare(wanted, assigned=[ALICE], incomplete=["grants"])) == ["keep"]


# incomplete listings


def test_a_torn_listing_of_grants_holds_every_grant() -> None:
    assert outcome(compare(wants("Admin"), incomplete=["grants"])) == ["hold incomplete_read"]


def test_a_torn_listing_of_app_users_holds_who_was_not_seen_in_it() -> None:
    wanted = plan(access=[cohort({"Role": ["Admin"]}, ALICE, BOB)])
    change_set = compare(wanted, people=[ALICE, BOB], assigned=[ALICE], incomplete=["app_users"])
    assert outcome(change_set) == ["grant", "hold incomplete_read", "hold incomplete_read"]
    assert {hold.principals for hold in change_set.holds} == {(BOB,)}


@pytest.mark.parametrize("listing", ["entitlements", "values"])
def test_a_torn_listing_of_entitlements_holds_structure_and_grants(listing: str) -> None:
    change_set = compare(wants("Admin", "New"), incomplete=[listing])
    assert change_set.changes == ()
    assert {hold.reason for hold in change_set.holds} == {HoldReason.INCOMPLETE_READ}
    assert {str(hold.address) for hold in change_set.holds} == {"entitlement/Role", f"grant/{ALICE}"}


# people


@pytest.mark.parametrize(
    "status",
    [LookupStatus.NOT_FOUND, LookupStatus.AMBIGUOUS, LookupStatus.DEPROVISIONED, LookupStatus.FAILED],
)
def test_each_way_not_to_find_a_person_is_a_hold_of_its_own(status: LookupStatus) -> None:
    change_set = compare(wants("Admin"), people=[not_found(ALICE, status, "why")])
    (hold,) = change_set.holds
    assert (hold.reason.value, hold.detail, hold.principals) == (status.value, "why", (ALICE,))
    assert hold.adds == (("Role", ("Admin",)),)
    assert change_set.changes == ()


def test_a_person_nobody_looked_up_is_held() -> None:
    assert outcome(compare(wants("Admin"), people=[])) == ["hold user_lookup_failed"]


def test_a_deactivated_user_is_no_find() -> None:
    gone = found(ALICE, okta_user(ALICE, status="DEPROVISIONED"))
    assert outcome(compare(wants("Admin"), people=[gone])) == ["hold user_deprovisioned"]


@pytest.mark.parametrize("status", ["SUSPENDED", "STAGED", "LOCKED_OUT", "PROVISIONED"])
def test_who_cannot_sign_in_proceeds_with_a_warning(status: str) -> None:
    change_set = compare(wants("Admin"), people=[found(ALICE, okta_user(ALICE, status=status))])
    assert outcome(change_set) == ["grant"]
    assert [finding.code.value for finding in change_set.findings] == ["user_status"]


def test_two_names_of_one_user_become_one_change_with_all_values() -> None:
    alias = "a.jones@acme.example.com"
    wanted = plan(access=[cohort({"Role": ["Admin"]}, ALICE), cohort({"Role": ["Editor"]}, alias)])
    change_set = compare(wanted, people=[ALICE, found(alias, okta_user(ALICE))])
    (change,) = change_set.changes
    assert change.after == (("Role", ("Admin", "Editor")),)
    assert change.person is not None
    assert change.person.principals == (alias, ALICE)
    assert change.person.user_id == user_id(ALICE)
    assert str(change.address) == f"grant/{alias}"


def test_two_names_of_one_user_with_different_ends_are_both_held() -> None:
    alias = "a.jones@acme.example.com"
    wanted = plan(
        access=[cohort({"Role": ["Admin"]}, ALICE), cohort({"Role": ["Editor"]}, alias, expires=FUTURE)]
    )
    change_set = compare(wanted, people=[ALICE, found(alias, okta_user(ALICE))])
    assert outcome(change_set) == ["hold same_person", "hold same_person"]


def test_several_ends_for_one_person_are_held() -> None:
    wanted = plan(
        access=[cohort({"Role": ["Admin"]}, ALICE), cohort({"Role": ["Editor"]}, ALICE, expires=FUTURE)]
    )
    assert outcome(compare(wanted)) == ["hold mixed_expiry"]


def test_one_end_written_in_two_ways_is_one_end() -> None:
    other = "2027-01-01T00:00:00+00:00"
    wanted = plan(
        access=[
            cohort({"Role": ["Admin"]}, ALICE, expires=other),
            cohort({"Role": ["Editor"]}, ALICE, expires=FUTURE),
        ]
    )
    assert outcome(compare(wanted)) == ["grant"]


def test_whether_an_end_is_past_is_judged_at_the_given_time() -> None:
    wanted = wants("Admin", expires="2026-01-01T00:10:00Z")
    tenant = snapshot(people=[ALICE], assigned=[ALICE], entitlements=[ROLE])
    assert outcome(diff(wanted, "d", tenant, now_s=OBSERVED_AT_S + 599)) == ["grant"]
    assert outcome(diff(wanted, "d", tenant, now_s=OBSERVED_AT_S + 600)) == ["hold expired"]


def test_what_is_not_available_is_one_hold_and_the_rest_goes_on() -> None:
    wanted = wants("Admin", "auditor", "editor")
    change_set = compare(wanted, custom("Editor"))
    (hold,) = [each for each in change_set.holds if each.principals]
    assert hold.reason is HoldReason.DEPENDS_ON_HELD
    assert hold.adds == (("Role", ("auditor", "editor")),)
    (change,) = change_set.changes
    assert added(change) == (("Role", ("Admin",)),)
    assert change.before == (("Role", ("Editor",)),)


def test_who_wants_only_what_is_not_available_is_neither_granted_nor_assigned() -> None:
    assert outcome(compare(wants("auditor"), assigned=[])) == ["hold depends_on_held"]


def test_an_app_with_provisioning_is_a_finding() -> None:
    change_set = compare(wants("Admin"), okta_app=okta_app(has_provisioning=True))
    assert [finding.code.value for finding in change_set.findings] == ["provisioning_pushes"]
