"""What holds for every plan against every tenant."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.address import Address, principal_key
from pipeline.changes.codec import changes_digest, from_json, to_json
from pipeline.changes.diff import diff
from pipeline.changes.model import Action, Change, Holding, added, removed
from pipeline.changes.snapshot import BaseAccess, Lookup, LookupStatus, OktaEntitlement, OktaGrant, Snapshot
from pipeline.changes.structure import Meant, compare_structure
from pipeline.changes.targets import strangers
from pipeline.changes.verification import verify
from pipeline.changes.waves import waves
from pipeline.plan.model import Assignments, Cohort, Entitlement, GrantOptions, Move, Plan
from tests.builders import (
    app_user,
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
    value,
)
from tests.changes.applying import applied
from tests.effort import examples

LOGINS = [f"{name}@acme.example.com" for name in ("ann", "bob", "cid", "dee")]
ALIASES = ["ann.alias@acme.example.com", "Bob.Alias@acme.example.com"]
NAMES = ["Role", "role", "Team"]
VALUES = ["A", "a", "B", "C", "C "]
texts = st.sampled_from([None, None, "One text", "Another"])
ENDS = [None, None, None, "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]
TYPES = ["CUSTOM", "CUSTOM", "CUSTOM", "POLICY", "ENTITLEMENT", "ENTITLEMENT-BUNDLE", "NEW"]

some_values = st.lists(st.sampled_from(VALUES), min_size=1, max_size=4, unique=True)
T = TypeVar("T")

several = settings(max_examples=examples(100), deadline=None)


@st.composite
def moves(draw: st.DrawFn, declared: list[Entitlement]) -> list[Move]:
    """At most one of an entitlement, as a valid plan has them: from a name that is no value of the plan."""
    found = []
    for each in draw(st.lists(st.sampled_from(declared), max_size=2, unique_by=lambda each: each.name)):
        values = [value.external_value for value in each.values]
        free = [name for name in [*VALUES, *(f"y{name}" for name in VALUES)] if name not in values]
        old, new = draw(st.sampled_from(free)), draw(st.sampled_from(values))
        found.append(Move(entitlement=each.external_value, from_=old, to=new))
    return found


@st.composite
def planned_entitlements(draw: st.DrawFn) -> list[Entitlement]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    return [
        entitlement(
            name,
            *(
                value(each, external_value=draw(st.sampled_from([each, f"x{each}"])), description=draw(texts))
                for each in draw(some_values)
            ),
            multi_value=draw(st.booleans()),
        )
        for name in names
    ]


@st.composite
def cohorts(draw: st.DrawFn, declared: list[Entitlement]) -> list[Cohort]:
    found = []
    for _ in range(draw(st.integers(0, 4))):
        chosen = draw(st.lists(st.sampled_from(declared), min_size=1, unique_by=lambda each: each.name))
        values = {
            each.external_value: draw(
                st.lists(st.sampled_from([v.external_value for v in each.values]), min_size=1, unique=True)
            )
            for each in chosen
        }
        users = draw(st.lists(st.sampled_from(LOGINS + ALIASES), min_size=1, unique=True))
        found.append(cohort(values, *users, expires=draw(st.sampled_from(ENDS))))
    return found


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    declared = draw(planned_entitlements())
    return plan(
        entitlements=declared,
        moved=draw(moves(declared)),
        access=draw(cohorts(declared)),
        assignments=Assignments(
            missing=draw(st.sampled_from(["assign", "assign", "hold"])),
            users=tuple(draw(st.lists(st.sampled_from(LOGINS), max_size=2, unique=True))),
        ),
        grants=GrantOptions(
            type=draw(st.sampled_from(["custom", "custom", "custom", "additive"])),
            policy_users=draw(st.sampled_from(["hold", "convert"])),
            with_additive=draw(st.sampled_from(["hold", "canary"])),
        ),
    )


@st.composite
def tenant_entitlements(draw: st.DrawFn) -> list[OktaEntitlement]:
    names = draw(st.lists(st.sampled_from([*NAMES, "Other"]), max_size=3, unique=True))
    return [
        okta_entitlement(
            name,
            *(
                okta_value(name, each, external_value=draw(st.sampled_from([each, f"y{each}"])))
                for each in draw(some_values)
            ),
            multi_value=draw(st.booleans()),
        )
        for name in names
    ]


@st.composite
def tenant_grants(draw: st.DrawFn, login: str, existing: list[OktaEntitlement]) -> list[OktaGrant]:
    grants = []
    for number in range(draw(st.integers(0, 2))):
        values = {
            each.external_value: draw(
                st.lists(st.sampled_from([v.external_value for v in each.values]), unique=True)
            )
            for each in existing
        }
        grants.append(
            okta_grant(
                login,
                values,
                id=f"gra{number}{login}",
                type=draw(st.sampled_from(TYPES)),
                action=draw(st.sampled_from(["ALLOW"] * 8 + ["DENY"])),
                status=draw(st.sampled_from(["ACTIVE"] * 8 + ["SCHEDULED"])),
                expires=draw(st.sampled_from(ENDS)),
            )
        )
    return grants


@st.composite
def lookups(draw: st.DrawFn) -> list[Lookup]:
    found_or_not = []
    for principal, login in zip(LOGINS + ALIASES, LOGINS + LOGINS, strict=False):
        status = draw(st.sampled_from([LookupStatus.FOUND] * 8 + list(LookupStatus)))
        is_found = status is LookupStatus.FOUND
        found_or_not.append(found(principal, okta_user(login)) if is_found else not_found(principal, status))
    return found_or_not


@st.composite
def tenants(draw: st.DrawFn, *, whole: bool = False) -> Snapshot:
    existing = draw(tenant_entitlements())
    torn = [] if whole else draw(st.sampled_from([[], [], [], ["grants"], ["app_users"], ["values"]]))
    grants = [grant for login in LOGINS for grant in draw(tenant_grants(login, existing))]
    tenant = snapshot(
        people=draw(lookups()),
        assigned=[
            app_user(login, status=draw(st.sampled_from(["ACTIVE", "UNASSIGNED"])))
            for login in draw(st.lists(st.sampled_from(LOGINS), unique=True))
        ],
        grants=grants,
        entitlements=existing,
        incomplete=torn,
    )
    return replace(tenant, bases=draw(policy_bases(grants)))


@st.composite
def policy_bases(draw: st.DrawFn, grants: list[OktaGrant]) -> dict[str, BaseAccess]:
    """What principal-access tells: mostly as the listing does, sometimes less, sometimes nothing."""
    policies = [
        each for each in grants if each.type == "POLICY" and draw(st.sampled_from([True, True, False]))
    ]
    return {
        each.user_id: BaseAccess(each.id, each.type, each.values if draw(st.booleans()) else frozenset())
        for each in policies
    }


def pairs(held: Holding) -> set[tuple[str, str]]:
    return {(name, each) for name, values in held for each in values}


def people_changes(changes: tuple[Change, ...]) -> list[Change]:
    return [each for each in changes if each.person and each.address.kind == "grant"]


def names_of(tenant: Snapshot, grant: OktaGrant) -> set[tuple[str, str]]:
    known = {
        (e.id, v.id): (e.external_value, v.external_value) for e in tenant.entitlements for v in e.values
    }
    return {known[pair] for pair in grant.values}


@several
@given(plans(), tenants())
def test_no_change_takes_anything_away(wanted: Plan, tenant: Snapshot) -> None:
    for change in diff(wanted, "d", tenant).changes:
        assert change.action is Action.RENAME or removed(change) == ()


@several
@given(plans(), tenants())
def test_a_grant_is_written_only_over_the_one_base_grant_with_all_that_it_holds(
    wanted: Plan, tenant: Snapshot
) -> None:
    for change in people_changes(diff(wanted, "d", tenant).changes):
        assert change.person is not None
        person, grants = change.person, tenant.grants.get(change.person.user_id, ())
        assert all((each.action, each.status) == ("ALLOW", "ACTIVE") for each in grants)
        base = [each for each in grants if each.type in {"CUSTOM", "POLICY"}]
        if person.grant_type == "ENTITLEMENT":
            assert (wanted.grants.type, change.action, change.before) == ("additive", Action.GRANT, ())
            assert not any(pairs(change.after) & names_of(tenant, each) for each in grants)
            continue
        assert [each.id for each in base] == [each for each in [person.grant_id] if each]
        assert all(pairs(change.before) == names_of(tenant, each) for each in base)
        if change.action is Action.RETIME:
            assert change.before == change.after
            continue
        assert (change.action is Action.CONVERT) == any(each.type == "POLICY" for each in base)
        assert set(person.beside) == {each.type for each in grants if each not in base}
        assert not person.beside or wanted.grants.with_additive == "canary"
        assert added(change)


@several
@given(plans(), tenants())
def test_one_okta_user_has_at_most_one_grant_change(wanted: Plan, tenant: Snapshot) -> None:
    users = [each.person.user_id for each in people_changes(diff(wanted, "d", tenant).changes) if each.person]
    assert len(users) == len(set(users))


@several
@given(plans(), tenants())
def test_who_is_held_as_a_whole_has_no_change(wanted: Plan, tenant: Snapshot) -> None:
    """Only values that are not there to be granted are held apart from the rest of a person."""
    change_set = diff(wanted, "d", tenant)
    structural = {"entitlement", "values"}
    whole = {
        principal
        for hold in change_set.holds
        for principal in hold.principals
        if hold.address.kind not in structural and hold.reason != "depends_on_held"
    }
    changed = {name for change in change_set.changes if change.person for name in change.person.principals}
    assert not whole & changed


@several
@given(plans(), tenants())
def test_every_wanted_value_is_held_already_or_sent_or_held_with_a_reason(
    wanted: Plan, tenant: Snapshot
) -> None:
    change_set = diff(wanted, "d", tenant)
    meant = compare_structure(wanted, tenant).meant
    renamed = {
        pair for each in change_set.changes if each.action is Action.RENAME for pair in pairs(added(each))
    }
    old_names = {(move.entitlement, move.to): (move.entitlement, move.from_) for move in wanted.moved}
    for each in wanted.access:
        for user in each.users:
            told = {
                pair for hold in change_set.holds if user in hold.principals for pair in pairs(hold.adds)
            } | {
                pair
                for change in change_set.changes
                if change.person and user in change.person.principals
                for pair in pairs(change.after)
            }
            lookup = tenant.people[principal_key(user)]
            grants = tenant.grants.get(lookup.user.id, ()) if lookup.user else ()
            held = {pair for grant in grants for pair in names_of(tenant, grant)}
            for pair in {(name, key) for name, keys in each.values.items() for key in keys}:
                meaning = meant[pair]
                in_tenant = meaning.pair if isinstance(meaning, Meant) else pair
                held_as = old_names[pair] if in_tenant in renamed else in_tenant
                assert {pair, in_tenant} & told or held_as in held


@several
@given(plans(), tenants(whole=True))
def test_after_an_apply_there_is_nothing_to_send_and_nothing_missing(wanted: Plan, tenant: Snapshot) -> None:
    before = diff(wanted, "d", tenant)
    after = applied(before, tenant)
    again = diff(wanted, "d", after)
    assert again.changes == ()
    assert {hold.address for hold in again.holds} <= {hold.address for hold in before.holds}
    verification = verify(wanted, after)
    assert verification.missing == ()
    assert verification.not_assigned == ()
    assert verification.otherwise == ()
    held = sum(len(pairs(hold.adds)) for hold in again.holds if hold.address.kind == "grant")
    assert verification.pairs_held + held >= verification.pairs_planned


@several
@given(plans(), tenants(whole=True))
def test_before_an_apply_what_is_missing_is_what_would_be_sent(wanted: Plan, tenant: Snapshot) -> None:
    verification = verify(wanted, tenant)
    changes = diff(wanted, "d", tenant).changes
    sent = sum(len(pairs(added(change))) for change in people_changes(changes))
    assert len(verification.missing) == sent
    assigned = [change.principal for change in changes if change.action == "assign"]
    assert sorted(verification.not_assigned) == sorted(each for each in assigned if each)


@several
@given(plans(), tenants(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_compared_changes_nothing(
    wanted: Plan, tenant: Snapshot, chance: random.Random
) -> None:
    assert diff(shuffled_plan(wanted, chance), "d", shuffled_tenant(tenant, chance)) == diff(
        wanted, "d", tenant
    )


def mixed(items: tuple[T, ...], chance: random.Random) -> tuple[T, ...]:
    return tuple(chance.sample(items, len(items)))


def shuffled_plan(wanted: Plan, chance: random.Random) -> Plan:
    return wanted.model_copy(
        update={
            "entitlements": mixed(
                tuple(
                    each.model_copy(update={"values": mixed(each.values, chance)})
                    for each in wanted.entitlements
                ),
                chance,
            ),
            "access": mixed(
                tuple(each.model_copy(update={"users": mixed(each.users, chance)}) for each in wanted.access),
                chance,
            ),
        }
    )


def shuffled_tenant(tenant: Snapshot, chance: random.Random) -> Snapshot:
    return replace(
        tenant,
        entitlements=mixed(
            tuple(replace(each, values=mixed(each.values, chance)) for each in tenant.entitlements), chance
        ),
        people=dict(mixed(tuple(tenant.people.items()), chance)),
        grants={user_id: mixed(grants, chance) for user_id, grants in tenant.grants.items()},
    )


@several
@given(plans(), tenants())
def test_what_a_change_depends_on_is_sent_before_it(wanted: Plan, tenant: Snapshot) -> None:
    seen: set[Address] = set()
    for change in diff(wanted, "d", tenant).changes:
        assert set(change.depends_on) <= seen
        assert change.address not in seen, "one change an address"
        seen.add(change.address)


@several
@given(plans(), tenants())
def test_waves_send_every_change_once_and_none_before_what_it_needs(wanted: Plan, tenant: Snapshot) -> None:
    change_set = diff(wanted, "d", tenant)
    sent = [change for wave in waves(change_set) for chain in wave.chains for change in chain]
    assert sorted(change.address for change in sent) == sorted(
        change.address for change in change_set.changes
    )
    place = {change.address: number for number, change in enumerate(sent)}
    assert all(place[need] < place[change.address] for change in sent for need in change.depends_on)


@several
@given(plans(), tenants())
def test_a_change_set_survives_being_stored_with_its_digest(wanted: Plan, tenant: Snapshot) -> None:
    change_set = diff(wanted, "d", tenant)
    again = from_json(json.loads(json.dumps(to_json(change_set))), "changes.json")
    assert again == change_set
    assert changes_digest(again) == changes_digest(change_set)


@several
@given(plans(), tenants())
def test_what_was_compared_goes_to_those_whom_its_addresses_name(wanted: Plan, tenant: Snapshot) -> None:
    changes = diff(wanted, "d", tenant).changes
    assert list(strangers(wanted, tenant, changes)) == []
    astray = [
        replace(each, person=replace(each.person, user_id="00uother000000000000"))
        for each in changes
        if each.person is not None
    ]
    assert list(strangers(wanted, tenant, astray)) == astray
