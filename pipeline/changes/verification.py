"""Does the tenant hold what the plan says? Compared by listing; extras are listed, not differences."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from pipeline.changes.diff import diff
from pipeline.changes.holdings import ValueNames
from pipeline.changes.model import Action, ChangeSet, Hold, Holding
from pipeline.changes.removals import Near, removable
from pipeline.changes.snapshot import OktaGrant, Snapshot
from pipeline.changes.structure import Blocked, Meant, Pair, compare_structure
from pipeline.changes.wanted import Person, resolve, wishes
from pipeline.errors import ErrorCode, TenantError
from pipeline.plan.model import Plan

PUTTING_RIGHT = frozenset({Action.RETIME, Action.RENAME, Action.DESCRIBE})
"""Actions after which people hold the same values as before."""


@dataclass(frozen=True, slots=True, order=True)
class PersonValue:
    """``why``: what of the tenant explains it. ``addresses``: of the changes that would act on it."""

    principal: str
    entitlement: str
    value: str
    why: str = field(default="", compare=False)
    addresses: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Verification:
    """Planned pairs by what was found.

    ``missing``, ``not_assigned``, ``still_held`` (what was to be removed) and ``otherwise`` are differences:
    another apply would send them. ``pairs_removed`` counts what the plan removes and is gone. What stands
    under one of ``holds`` (people who could not be resolved among them) is apart: it carries its reason.
    ``extras`` are values that people of the plan hold and the plan does not name.
    """

    pairs_planned: int
    pairs_held: int
    missing: tuple[PersonValue, ...]
    not_assigned: tuple[str, ...]
    still_held: tuple[PersonValue, ...]
    pairs_removed: int
    otherwise: tuple[str, ...]
    """What is there but not as the plan wants it: what another apply would send to put it right."""
    extras: tuple[PersonValue, ...]
    holds: tuple[Hold, ...]

    @property
    def is_good(self) -> bool:
        return not (self.missing or self.not_assigned or self.still_held or self.otherwise or self.holds)


def verify(plan: Plan, snapshot: Snapshot) -> Verification:
    """Whether every planned pair is held through any ALLOW grant of its person, and everybody is assigned.

    What is held is read from the grants themselves, not from a diff. Raises TenantError (INCOMPLETE_READ)
    where a listing is not proven complete: then nothing can be said to be missing.
    """
    _refuse_torn(snapshot)
    structure = compare_structure(plan, snapshot)
    meant = structure.meant
    again = diff(plan, "", snapshot)
    excused = {
        (hold.address.key, pair) for hold in again.holds for pair in _pairs(hold.adds) + _pairs(hold.removes)
    }
    to_remove = removable(plan, structure.snapshot)
    may_be_unassigned = _people_held_back(again)
    names, values = ValueNames(structure.snapshot), _values(structure.snapshot)
    missing: list[PersonValue] = []
    extras: list[PersonValue] = []
    not_assigned: list[str] = []
    still_held: list[PersonValue] = []
    held_count = removed_count = 0
    for person in resolve(plan, snapshot).people:
        name, key = person.principals[0], person.grant_address.key
        grants = snapshot.grants.get(person.user.id, ())
        held = _held(names, grants)
        named = {pair: _in_tenant(meant[pair]) for pair in person.pairs}
        lacking = [pair for pair, tenant_pair in named.items() if tenant_pair not in held]
        held_count += len(named) - len(lacking)
        missing += [
            PersonValue(name, *pair, _why_missing(named[pair], values, grants), _addresses(person))
            for pair in lacking
            if not {(key, pair), (key, named[pair])} & excused
        ]
        unwanted = {each for pair in person.removals if isinstance(each := to_remove.get(pair), tuple)}
        removed_count += sum(
            _is_gone(to_remove.get(pair, pair), held, excused, key) for pair in person.removals
        )
        still_held += [
            PersonValue(name, *pair, _why_held(pair, names, grants), _addresses(person))
            for pair in unwanted & held
            if (key, pair) not in excused
        ]
        extras += [PersonValue(name, *pair) for pair in held.difference(named.values(), unwanted)]
        if person.wants_access and not _is_assigned(snapshot, person) and key not in may_be_unassigned:
            not_assigned.append(name)
    return Verification(
        pairs_planned=_planned(plan, snapshot),
        pairs_held=held_count,
        missing=tuple(sorted(missing)),
        not_assigned=tuple(sorted(not_assigned)),
        still_held=tuple(sorted(still_held)),
        pairs_removed=removed_count,
        otherwise=tuple(each.message for each in again.changes if each.action in PUTTING_RIGHT),
        extras=tuple(sorted(extras)),
        holds=again.holds,
    )


def _refuse_torn(snapshot: Snapshot) -> None:
    torn = [
        name for name in ("entitlements", "values", "app_users", "grants") if not snapshot.is_complete(name)
    ]
    if torn:
        raise TenantError(
            ErrorCode.INCOMPLETE_READ,
            "A listing could not be read to its end",
            f"Not proven complete: {', '.join(torn)}. What is not in them may still be there.",
            next_step="Try again; nothing was changed.",
        )


def _people_held_back(change_set: ChangeSet) -> set[str]:
    """Keys of people who have a hold, and whom another apply would not assign."""
    assigned = {change.address.key for change in change_set.changes if change.action is Action.ASSIGN}
    return {hold.address.key for hold in change_set.holds if hold.principals} - assigned


def _pairs(held: Holding) -> list[Pair]:
    return [(entitlement, value) for entitlement, values in held for value in values]


def _planned(plan: Plan, snapshot: Snapshot) -> int:
    """Pairs of all people, each Okta user counted once, and of principals that are no one person."""
    people = resolve(plan, snapshot).people
    resolved = {principal for person in people for principal in person.principals}
    others = sum(len(wish.pairs) for wish in wishes(plan) if wish.principal not in resolved)
    return sum(len(person.pairs) for person in people) + others


def _held(names: ValueNames, grants: tuple[OktaGrant, ...]) -> frozenset[Pair]:
    """Nothing where a DENY grant stands: it takes everything away (okta-api.md 5.2)."""
    if any(grant.action != "ALLOW" for grant in grants):
        return frozenset()
    return frozenset[Pair]().union(*(names.of(grant).pairs for grant in grants if grant.status == "ACTIVE"))


def _is_gone(
    meaning: Pair | Blocked | Near, held: frozenset[Pair], excused: Container[tuple[str, Pair]], key: str
) -> bool:
    if isinstance(meaning, Near):
        return not meaning.pairs & held
    return not isinstance(meaning, Blocked) and meaning not in held and (key, meaning) not in excused


def _values(snapshot: Snapshot) -> frozenset[Pair]:
    """All values of the app, by externalValue."""
    return frozenset(
        (entitlement.external_value, value.external_value)
        for entitlement in snapshot.entitlements
        for value in entitlement.values
    )


def _why_missing(wanted: Pair | None, values: frozenset[Pair], grants: tuple[OktaGrant, ...]) -> str:
    if wanted not in values:
        return "The app has no such value yet."
    if not grants:
        return "This person has no ACTIVE grant on the app; one that ended or expired is not listed."
    kinds = ", ".join(sorted({grant.type for grant in grants}))
    return f"This person's grants ({kinds}) do not hold it; a grant that ended or expired is not listed."


def _why_held(pair: Pair, names: ValueNames, grants: tuple[OktaGrant, ...]) -> str:
    kinds = sorted({grant.type for grant in grants if pair in names.of(grant).pairs})
    return f"Held through {' and '.join(kinds)}."


def _addresses(person: Person) -> tuple[str, ...]:
    return str(person.grant_address), str(person.removal_address)


def _in_tenant(meaning: Meant | Blocked) -> Pair | None:
    return meaning.pair if isinstance(meaning, Meant) else None


def _is_assigned(snapshot: Snapshot, person: Person) -> bool:
    row = snapshot.app_users.get(person.user.id)
    return snapshot.okta_app.implicit_assignment or (row is not None and row.is_assigned)
