"""Removals: a value leaves CUSTOM and ENTITLEMENT grants, or stays for a reason that is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from pipeline.changes.diff import diff
from pipeline.changes.guards import refuse_guarded
from pipeline.changes.model import Action, Change, ChangeSet, Holding, added, holding, removed
from pipeline.changes.refusing import Case
from pipeline.changes.snapshot import LookupStatus, OktaGrant, Snapshot
from pipeline.changes.verification import verify
from pipeline.errors import ErrorCode, RefusedError
from pipeline.plan.model import GrantOptions, Limits, Plan
from tests.builders import (
    cohort,
    entitlement,
    found,
    not_found,
    okta_entitlement,
    okta_grant,
    okta_user,
    okta_value,
    plan,
    snapshot,
)

ALICE, BOB, ALIAS = "alice@acme.example.com", "bob@acme.example.com", "a.jones@acme.example.com"
ROLE = okta_entitlement("Role", "Admin", "Auditor", "Editor")
TEAM = okta_entitlement("Team", "Blue", "Red", multi_value=False)
BUNDLE = "ENTITLEMENT-BUNDLE"
END = "2030-01-01T00:00:00Z"
DECLARED = (
    entitlement("Role", "Admin", "Auditor", "Editor"),
    entitlement("Team", "Blue", "Red", multi_value=False),
)


def takes(*values: str, gives: tuple[str, ...] = (), expires: str | None = None, **options: object) -> Plan:
    access = [cohort({"Role": gives}, ALICE, expires=expires)] if gives else []
    removals = [cohort({"Role": values}, ALICE)]
    role = entitlement("Role", *sorted({"Admin", "Auditor", "Editor", *values}))
    return plan(access=access, removals=removals, entitlements=[role], **options)  # type: ignore[arg-type]


def tenant(*grants: OktaGrant, **options: object) -> Snapshot:
    known = {"people": [ALICE, BOB], "assigned": [ALICE, BOB], "entitlements": [ROLE, TEAM], **options}
    return snapshot(grants=grants, **known)  # type: ignore[arg-type]


def held(*values: str, type_: str = "CUSTOM", **options: object) -> OktaGrant:
    return okta_grant(ALICE, {"Role": values} if values else {}, type=type_, **options)  # type: ignore[arg-type]


def outcome(change_set: ChangeSet) -> list[str]:
    changes = [each.action.value for each in change_set.changes if each.person]
    holds = [f"hold {each.reason}" for each in change_set.holds if each.principals]
    return changes + holds + ["keep" for each in change_set.keeps if each.principals]


def the_change(wanted: Plan, here: Snapshot) -> Change:
    """The only change of a person."""
    (change,) = [each for each in diff(wanted, "d", here).changes if each.person]
    return change


def roles(*values: str) -> Holding:
    return holding({"Role": values})


@dataclass(frozen=True)
class Row:
    situation: str
    grants: tuple[OktaGrant, ...]
    expected: list[str]
    takes: tuple[str, ...] = ("Admin",)
    gives: tuple[str, ...] = ()
    options: dict[str, object] = field(default_factory=dict)


ROWS = [
    Row("nothing is held", (), ["keep"]),
    Row("other values are held", (held("Auditor"),), ["keep"]),
    Row("CUSTOM holds it and more", (held("Admin", "Auditor"),), ["revoke"]),
    Row("CUSTOM holds it alone", (held("Admin"),), ["revoke"]),
    Row("ENTITLEMENT holds it", (held("Admin", type_="ENTITLEMENT"),), ["revoke"]),
    Row("POLICY holds it", (held("Admin", type_="POLICY"),), ["hold still_held_via"]),
    Row("a bundle holds it", (held("Admin", type_=BUNDLE),), ["hold still_held_via"]),
    Row(
        "CUSTOM and a bundle hold it",
        (held("Admin", "Auditor"), held("Admin", type_=BUNDLE)),
        ["hold still_held_via"],
    ),
    Row(
        "one value can go, one is given by policy",
        (held("Admin", type_="POLICY"), held("Auditor", type_="ENTITLEMENT")),
        ["revoke", "hold still_held_via"],
        takes=("Admin", "Auditor"),
    ),
    Row("a DENY grant stands", (held(action="DENY"),), ["hold denied"]),
    Row("a grant of an unknown type", (held("Admin", type_="NEW"),), ["hold unknown_grant_type"]),
    Row(
        "several base grants",
        (held("Admin"), held("Admin", type_="POLICY")),
        ["hold several_base_grants"],
    ),
    Row("the value is not in the tenant", (held("Admin"),), ["keep"], takes=("Unknown",)),
    Row(
        "it may be a value that is not listed",
        (held("Legacy"),),
        ["hold incomplete_read"],
        takes=("Unknown",),
    ),
    Row(
        "it may be what a bundle gives and is not listed",
        (held("Admin"), held("Legacy", type_=BUNDLE)),
        ["hold incomplete_read"],
        takes=("Unknown",),
    ),
    Row("a value is held that only looks alike", (held("Admin"),), ["hold near_miss"], takes=("admin",)),
    Row("a value only looks alike and is not held", (held("Auditor"),), ["keep"], takes=("admin",)),
    Row("grants are torn", (held("Admin"),), ["hold incomplete_read"], options={"incomplete": ["grants"]}),
    Row("values are torn", (held("Admin"),), ["hold incomplete_read"], options={"incomplete": ["values"]}),
    Row("the grant ends some day", (held("Admin", "Auditor", expires=END),), ["revoke"]),
    Row("nobody is assigned", (held("Admin", "Auditor"),), ["revoke"], options={"assigned": []}),
    Row("one write gives and takes", (held("Admin"),), ["revoke"], gives=("Editor",)),
    Row(
        "what is given is held, what is taken goes",
        (held("Admin", "Auditor", expires=END),),
        ["revoke", "hold expiry_differs"],
        gives=("Editor",),
    ),
    Row("what is given is there already", (held("Admin", "Editor"),), ["revoke"], gives=("Editor",)),
    Row("nothing to take, something to give", (held("Auditor"),), ["extend", "keep"], gives=("Editor",)),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.situation)
def test_table(row: Row) -> None:
    found = outcome(diff(takes(*row.takes, gives=row.gives), "d", tenant(*row.grants, **row.options)))
    assert [each for each in found if row.gives == () or each != "keep" or "keep" in row.expected] == (
        row.expected
    )


def test_the_smaller_set_is_written_over_the_grant_that_holds_it() -> None:
    grant = held("Admin", "Auditor", "Editor", expires=END)
    change = the_change(takes("Admin"), tenant(grant))
    assert (str(change.address), change.action) == (f"removal/{ALICE}", Action.REVOKE)
    assert (change.before, change.after) == (roles("Admin", "Auditor", "Editor"), roles("Auditor", "Editor"))
    assert change.message == f"revoke {ALICE} Role: Admin (keeps 2 values)"
    assert change.person is not None
    assert (change.person.grant_id, change.person.expires) == (grant.id, END)


@pytest.mark.parametrize(
    "grants",
    [
        (held("Admin"),),
        (held("Admin", type_="ENTITLEMENT"),),
        (held("Admin", "Editor"), held("Admin", type_="ENTITLEMENT")),
        (held("Admin", "Editor"), held("Auditor", type_=BUNDLE)),
    ],
    ids=["nothing would remain", "ENTITLEMENT", "both", "CUSTOM beside a bundle"],
)
def test_by_name_where_nothing_would_remain_or_something_stands_beside(grants: tuple[OktaGrant, ...]) -> None:
    change = the_change(takes("Admin"), tenant(*grants))
    assert change.person is not None
    assert change.person.grant_id is None
    assert removed(change) == roles("Admin")


def test_by_name_where_the_same_run_puts_an_additive_grant_beside() -> None:
    wanted = takes("Admin", gives=("Editor",), grants=GrantOptions(type="additive"))
    here = tenant(held("Admin", "Auditor", expires=END))
    given, taken = [each for each in diff(wanted, "d", here).changes if each.person]
    assert (given.action, taken.action) == (Action.GRANT, Action.REVOKE)
    assert given.person is not None
    assert given.person.grant_type == "ENTITLEMENT"
    assert taken.person is not None
    assert (taken.person.grant_id, taken.person.expires) == (None, None)


def test_the_smaller_set_is_written_over_a_grant_that_ends_later_by_then() -> None:
    later = "2031-01-01T00:00:00Z"
    wanted = takes("Auditor", gives=("Admin",), expires=later)
    grant = held("Admin", "Auditor", expires=END)
    here = tenant(grant)
    retime, taken = [each for each in diff(wanted, "d", here).changes if each.person]
    assert (retime.action, taken.action) == (Action.RETIME, Action.REVOKE)
    assert taken.person is not None
    assert (taken.person.grant_id, taken.person.expires) == (grant.id, later)


def test_one_change_gives_and_takes_with_one_write_and_says_so() -> None:
    change = the_change(takes("Admin", gives=("Editor",)), tenant(held("Admin", "Auditor")))
    assert (added(change), removed(change)) == (roles("Editor"), roles("Admin"))
    assert change.after == roles("Auditor", "Editor")
    assert change.message == f"revoke {ALICE} Role: Admin, and extend + Role: Editor (keeps 1 value)"


def test_a_single_value_is_exchanged() -> None:
    wanted = plan(
        access=[cohort({"Team": ["Red"]}, ALICE)],
        removals=[cohort({"Team": ["Blue"]}, ALICE)],
        entitlements=DECLARED,
    )
    (change,) = [
        each
        for each in diff(wanted, "d", tenant(okta_grant(ALICE, {"Team": ["Blue"]}))).changes
        if each.person
    ]
    assert change.after == holding({"Team": ("Red",)})


@pytest.mark.parametrize("name", [ALICE, "second@mail.example.com", ALIAS])
def test_from_protected_people_nothing_is_taken(name: str) -> None:
    user = okta_user(ALICE, email="second@mail.example.com")
    here = tenant(held("Admin"), people=[found(ALIAS, user)])
    wanted = plan(removals=[cohort({"Role": ["Admin"]}, ALIAS)], entitlements=DECLARED)
    protecting = replace(here, protected=frozenset({name}))
    assert outcome(diff(wanted, "d", protecting)) == ["hold protected"]
    assert outcome(diff(wanted, "d", replace(here, protected=frozenset({user.id})))) == ["hold protected"]
    assert outcome(diff(wanted, "d", replace(here, protected=frozenset({BOB})))) == ["revoke"]


def test_who_is_not_found_is_held_for_what_is_given_and_for_what_is_taken() -> None:
    nobody = tenant(people=[not_found(ALICE, LookupStatus.NOT_FOUND)])
    change_set = diff(takes("Admin", gives=("Editor",)), "d", nobody)
    assert [str(each.address) for each in change_set.holds] == [f"grant/{ALICE}", f"removal/{ALICE}"]
    assert [each.removes for each in change_set.holds] == [(), roles("Admin")]
    assert outcome(diff(takes("Admin"), "d", nobody)) == ["hold user_not_found"]


def test_two_names_of_one_user_who_shall_get_and_lose_the_same_are_held() -> None:
    wanted = plan(
        access=[cohort({"Role": ["Admin"]}, ALICE)],
        removals=[cohort({"Role": ["Admin", "Editor"]}, ALIAS)],
        entitlements=DECLARED,
    )
    here = tenant(held("Admin", "Editor"), people=[ALICE, found(ALIAS, okta_user(ALICE))])
    change_set = diff(wanted, "d", here)
    assert outcome(change_set) == ["revoke", "hold same_person", "keep"]
    assert removed(change_set.changes[0]) == roles("Editor")


def test_what_one_user_shall_get_and_lose_under_two_names_is_told_before_it_is_held() -> None:
    wanted = plan(
        access=[cohort({"Role": ["Admin"]}, ALICE)],
        removals=[cohort({"Role": ["Admin"]}, ALIAS)],
        entitlements=DECLARED,
    )
    people = [ALICE, found(ALIAS, okta_user(ALICE))]
    assert "hold same_person" in outcome(diff(wanted, "d", tenant(people=people)))
    assert "hold same_person" in outcome(diff(wanted, "d", tenant(people=people, entitlements=[])))


def test_two_values_of_the_plan_that_are_one_in_the_tenant_are_not_both_given_and_taken() -> None:
    wanted = plan(
        access=[cohort({"Role": ["adm"]}, ALICE)],
        removals=[cohort({"Role": ["Admin"]}, ALICE)],
        entitlements=[entitlement("Role", "adm", "Admin")],
    )
    role = okta_entitlement("Role", okta_value("Role", "Admin", external_value="adm"))
    here = tenant(okta_grant(ALICE, {"Role": ["adm"]}), entitlements=[role])
    change_set = diff(wanted, "d", here)
    assert [each for each in change_set.changes if each.person] == []
    assert "hold ambiguous_name" in outcome(change_set)


@pytest.mark.parametrize("there", ["role", " Role", "Rôle"])
def test_values_of_an_entitlement_that_only_looks_alike_are_not_told_as_gone(there: str) -> None:
    here = tenant(okta_grant(ALICE, {there: ["Admin"]}), entitlements=[okta_entitlement(there, "Admin")])
    looks_alike = there != "Rôle"
    assert outcome(diff(takes("Admin"), "d", here)) == ["hold near_miss" if looks_alike else "keep"]


def test_what_only_removals_name_is_not_created() -> None:
    wanted = plan(removals=[cohort({"New": ["A"]}, ALICE)], entitlements=[entitlement("New", "A")])
    assert diff(wanted, "d", tenant()).changes == ()


def test_verification_tells_what_is_still_held_and_what_is_gone() -> None:
    before = verify(takes("Admin", "Auditor"), tenant(held("Admin", "Editor")))
    assert [(each.principal, each.value) for each in before.still_held] == [(ALICE, "Admin")]
    assert (before.pairs_removed, len(before.extras), before.is_good) == (1, 1, False)
    after = verify(takes("Admin"), tenant(held("Editor"), assigned=[]))
    assert (after.still_held, after.pairs_removed, after.is_good) == ((), 1, True)
    policy = verify(takes("Admin"), tenant(held("Admin", type_="POLICY")))
    assert (policy.still_held, policy.pairs_removed, len(policy.holds)) == ((), 0, 1)
    short = verify(takes("Unknown"), tenant(held("Legacy")))
    assert (short.still_held, short.pairs_removed, len(short.holds)) == ((), 0, 1)
    unlisted = verify(takes("Unknown"), tenant(held("Editor")))
    assert (unlisted.pairs_removed, unlisted.is_good) == (1, True)


PEOPLE = [f"p{number}@acme.example.com" for number in range(4)]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (
            {"revoked_max": 2, "revoked_percent_max": 100},
            "3 values of people would be revoked; limits.revoked_max",
        ),
        ({"revoked_max": 3, "revoked_percent_max": 37}, "3 / 8 = 37.50 %"),
        ({"revoked_max": 3, "revoked_percent_max": 37.5}, None),
    ],
)
def test_limits_of_removals_refuse_with_their_arithmetic(limits: dict[str, float], said: str | None) -> None:
    here = snapshot(
        people=PEOPLE,
        assigned=PEOPLE,
        entitlements=[ROLE],
        grants=[okta_grant(each, {"Role": ["Admin", "Editor"]}) for each in PEOPLE],
    )
    wanted = plan(
        removals=[cohort({"Role": ["Admin"]}, *PEOPLE[:3])],
        entitlements=DECLARED[:1],
        limits=Limits.model_validate(limits),
    )
    case = Case(plan=wanted, change_set=diff(wanted, "d", here), snapshot=here, now_s=here.observed_at_s)
    if said is None:
        refuse_guarded(case)
        return
    with pytest.raises(RefusedError) as refused:
        refuse_guarded(case)
    assert refused.value.code is ErrorCode.LIMIT_EXCEEDED
    assert said in refused.value.detail
