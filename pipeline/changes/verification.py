"""Does the tenant hold what the plan says? Compared by listing; extras are listed, not differences."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.address import principal_key
from pipeline.changes.access import Ids
from pipeline.changes.snapshot import Snapshot
from pipeline.changes.structure import Blocked, Meant, compare_structure
from pipeline.changes.wanted import Pair, resolve, wishes
from pipeline.plan.model import Plan


@dataclass(frozen=True, slots=True, order=True)
class PersonValue:
    principal: str
    entitlement: str
    value: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Planned pairs by what was found. ``unknown`` are principals for whom nothing could be said."""

    pairs_planned: int
    pairs_held: int
    missing: tuple[PersonValue, ...]
    not_assigned: tuple[str, ...]
    extras: tuple[PersonValue, ...]
    unknown: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return not (self.missing or self.not_assigned or self.unknown)


def verify(plan: Plan, snapshot: Snapshot) -> Verification:
    """Whether every planned pair is held through any ALLOW grant of its person, and everybody is assigned.

    Extras are values of the app that people of the plan hold and the plan does not name.
    """
    meant = compare_structure(plan, snapshot).meant
    people, _ = resolve(plan, snapshot)
    ids = Ids.of(snapshot)
    missing: list[PersonValue] = []
    extras: list[PersonValue] = []
    not_assigned: list[str] = []
    known: set[str] = set()
    held_count = 0
    for person in people:
        known |= {principal_key(principal) for principal in person.principals}
        name = person.principals[0]
        held = _held(snapshot, ids, person.user.id)
        lacking = {pair for pair in person.pairs if not _is_held(meant[pair], held)}
        held_count += len(person.pairs) - len(lacking)
        missing += [PersonValue(name, *pair) for pair in lacking]
        planned = {(m.entitlement, m.value) for m in map(meant.get, person.pairs) if isinstance(m, Meant)}
        extras += [PersonValue(name, *pair) for pair in held - planned]
        row = snapshot.app_users.get(person.user.id)
        if not (snapshot.okta_app.implicit_assignment or (row is not None and row.is_assigned)):
            not_assigned.append(name)
    unknown = [wish for wish in wishes(plan) if principal_key(wish.principal) not in known]
    return Verification(
        pairs_planned=sum(len(person.pairs) for person in people) + sum(len(wish.pairs) for wish in unknown),
        pairs_held=held_count,
        missing=tuple(sorted(missing)),
        not_assigned=tuple(sorted(not_assigned)),
        extras=tuple(sorted(extras)),
        unknown=tuple(wish.principal for wish in unknown),
    )


def _held(snapshot: Snapshot, ids: Ids, user_id: str) -> set[Pair]:
    grants = snapshot.grants.get(user_id, ())
    pairs = {pair for grant in grants if grant.action == "ALLOW" for pair in grant.values}
    return {ids.pairs[pair] for pair in pairs if pair in ids.pairs}


def _is_held(meaning: Meant | Blocked, held: set[Pair]) -> bool:
    return isinstance(meaning, Meant) and (meaning.entitlement, meaning.value) in held
