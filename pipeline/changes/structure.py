"""The entitlements and values of the plan against the tenant's: what to create, add, hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from pipeline.address import Address, Kind
from pipeline.changes.descriptions import describe
from pipeline.changes.model import (
    Action,
    Change,
    EntitlementTarget,
    Hold,
    HoldReason,
    Keep,
    NewValue,
    holding,
)
from pipeline.changes.moves import Moves, compare_moves, held_moves
from pipeline.changes.naming import Match, Named, match_all
from pipeline.changes.snapshot import OktaEntitlement, OktaValue, Snapshot
from pipeline.plan.model import Cohort, Entitlement, Plan, Value

NAMES_SHOWN = 5
_ORDER = (Action.RENAME, Action.CREATE, Action.ADD, Action.DESCRIBE)

Pair = tuple[str, str]
"""(entitlement externalValue, value externalValue)."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What a value of the plan means in the tenant, both by externalValue, and what must be written first."""

    entitlement: str
    value: str
    multi_value: bool
    after: Address | None = None

    @property
    def pair(self) -> Pair:
        return self.entitlement, self.value


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a value cannot be granted."""

    reason: HoldReason
    detail: str


INCOMPLETE = Blocked(
    HoldReason.INCOMPLETE_READ,
    "The app's entitlements and values could not be read to the end, so nothing can be said about them.",
)


@dataclass(slots=True)
class Structure:
    """The differences, and what each (entitlement, value) of the plan means. ``snapshot`` is the tenant as it
    is once the moves are sent: people's grants are compared by the new names.
    """

    snapshot: Snapshot
    changes: list[Change] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    keeps: list[Keep] = field(default_factory=list)
    meant: dict[Pair, Meant | Blocked] = field(default_factory=dict)


def compare_structure(plan: Plan, snapshot: Snapshot) -> Structure:
    """Compare every entitlement of the plan with the app's; incomplete listings hold everything.

    Changes are in the order rename, create, add, describe, each by address.
    """
    structure = Structure(snapshot)
    wanted = sorted(_without_only_removed(plan), key=lambda each: each.external_value)
    if not (snapshot.is_complete("entitlements") and snapshot.is_complete("values")):
        for each in wanted:
            _block_all(structure, each, INCOMPLETE)
            structure.holds += held_moves(each, plan.moved, INCOMPLETE.reason, INCOMPLETE.detail)
        return structure
    renamed: dict[str, OktaEntitlement] = {}
    for each, match in match_all(wanted, snapshot.entitlements):
        if match.found is not None:
            moves = compare_moves(each, match.found, plan.moved)
            renamed[match.found.id] = moves.existing
            _compare_values(structure, each, moves)
        elif match.is_absent:
            _create(structure, each)
        else:
            _block_all(structure, each, _not_sure("entitlement", each, match))
    structure.changes.sort(key=lambda change: (_ORDER.index(change.action), change.address))
    entitlements = tuple(renamed.get(each.id, each) for each in snapshot.entitlements)
    structure.snapshot = replace(snapshot, entitlements=entitlements)
    return structure


def _without_only_removed(plan: Plan) -> Iterator[Entitlement]:
    """What only removals name need not be there: it is not created to be taken away."""
    moved = {(move.entitlement, move.to) for move in plan.moved}
    removed = _named(plan.removals) - _named(plan.access) - moved
    for each in plan.entitlements:
        values = tuple(v for v in each.values if (each.external_value, v.external_value) not in removed)
        if values or not each.values:
            yield each if len(values) == len(each.values) else each.model_copy(update={"values": values})


def _named(cohorts: Iterable[Cohort]) -> set[Pair]:
    return {(name, value) for cohort in cohorts for name, held in cohort.values.items() for value in held}


def _create(structure: Structure, wanted: Entitlement) -> None:
    address = Address(Kind.ENTITLEMENT, wanted.external_value)
    structure.changes.append(
        Change(
            address=address,
            action=Action.CREATE,
            message=f"create entitlement {wanted.name} with {_count(len(wanted.values))}",
            before=(),
            after=holding({wanted.external_value: {value.external_value for value in wanted.values}}),
            entitlement=EntitlementTarget(
                id=None,
                name=wanted.name,
                external_value=wanted.external_value,
                description=wanted.description,
                multi_value=wanted.multi_value,
                new_values=_new(wanted.values),
            ),
        )
    )
    for value in wanted.values:
        structure.meant[wanted.external_value, value.external_value] = Meant(
            wanted.external_value, value.external_value, wanted.multi_value, after=address
        )


def _compare_values(structure: Structure, wanted: Entitlement, moves: Moves) -> None:
    existing = moves.existing
    address = Address(Kind.VALUES, wanted.external_value)
    new: list[Value] = []
    found: list[tuple[Value, OktaValue]] = []
    structure.holds += moves.holds
    held_before = len(structure.holds) - len(moves.holds)
    values = sorted(wanted.values, key=lambda value: value.external_value)
    for value, match in match_all(values, existing.values):
        why = _why_not(value, match, moves)
        if why is not None:
            _block_value(structure, wanted, value, why)
            continue
        if match.found is None:
            new.append(value)
        else:
            found.append((value, match.found))
        target = match.found or value
        moved = moves.address if target.external_value in moves.moved else None
        structure.meant[wanted.external_value, value.external_value] = Meant(
            existing.external_value,
            target.external_value,
            existing.multi_value,
            after=address if match.found is None else moved,
        )
    addition = [_addition(address, existing, new)] if new else []
    description = describe(wanted, existing, found)
    changes = [each for each in (moves.change, *addition, description) if each is not None]
    structure.changes += changes
    if not changes and len(structure.holds) == held_before:
        structure.keeps.append(Keep(address=Address(Kind.ENTITLEMENT, wanted.external_value)))


def _why_not(value: Value, match: Match[OktaValue], moves: Moves) -> Blocked | None:
    if match.found is not None:
        return None
    blocked = moves.blocked.get(value.external_value)
    if blocked is not None:
        return Blocked(HoldReason.MOVE_BLOCKED, f"It is to come from a move that is held. {blocked}")
    return None if match.is_absent else _not_sure("value", value, match)


def _addition(address: Address, existing: OktaEntitlement, new: list[Value]) -> Change:
    before = {value.external_value for value in existing.values}
    names = ", ".join(value.name for value in new[:NAMES_SHOWN])
    more = f" and {len(new) - NAMES_SHOWN} more" if len(new) > NAMES_SHOWN else ""
    return Change(
        address=address,
        action=Action.ADD,
        message=f"add {_count(len(new))} to {existing.name}: {names}{more}",
        before=holding({existing.external_value: before}),
        after=holding({existing.external_value: before | {value.external_value for value in new}}),
        entitlement=EntitlementTarget(
            id=existing.id,
            name=existing.name,
            external_value=existing.external_value,
            description=existing.description,
            multi_value=existing.multi_value,
            new_values=_new(new),
        ),
    )


def _block_all(structure: Structure, wanted: Entitlement, why: Blocked) -> None:
    structure.holds.append(
        Hold(
            address=Address(Kind.ENTITLEMENT, wanted.external_value),
            action=Action.CREATE,
            reason=why.reason,
            detail=why.detail,
            adds=holding({wanted.external_value: {value.external_value for value in wanted.values}}),
        )
    )
    for value in wanted.values:
        structure.meant[wanted.external_value, value.external_value] = why


def _block_value(structure: Structure, wanted: Entitlement, value: Value, why: Blocked) -> None:
    structure.holds.append(
        Hold(
            address=Address(Kind.VALUES, wanted.external_value),
            action=Action.ADD,
            reason=why.reason,
            detail=why.detail,
            adds=holding({wanted.external_value: {value.external_value}}),
        )
    )
    structure.meant[wanted.external_value, value.external_value] = why


def _not_sure(what: str, wanted: Named, match: Match[OktaEntitlement] | Match[OktaValue]) -> Blocked:
    """Why a match that is neither found nor absent decides nothing, and what to do about it."""
    remedy = f"Name the {what}'s external_value in the plan."
    if match.taken is not None:
        return Blocked(
            HoldReason.AMBIGUOUS_NAME,
            f"By its name {_label(wanted)} would be the tenant's {_label(match.taken)}, which another {what} "
            f"of the plan is too. {remedy}",
        )
    if match.same_name:
        found = ", ".join(_label(each) for each in match.same_name)
        return Blocked(
            HoldReason.AMBIGUOUS_NAME,
            f'The tenant has several of the name "{wanted.name}": {found}. {remedy}',
        )
    found = ", ".join(_label(each) for each in match.near)
    return Blocked(
        HoldReason.NEAR_MISS,
        f"{_label(wanted)} differs from the tenant's {found} only in case, blanks, invisible characters or "
        f"Unicode form. Write the {what} in the plan as the tenant has it, or rename it there.",
    )


def _label(named: Named) -> str:
    if named.name == named.external_value:
        return f'"{named.name}"'
    return f'"{named.name}" (externalValue "{named.external_value}")'


def _new(values: Iterable[Value]) -> tuple[NewValue, ...]:
    return tuple(
        NewValue(name=each.name, external_value=each.external_value, description=each.description)
        for each in sorted(values, key=lambda each: each.external_value)
    )


def _count(values: int) -> str:
    return "1 value" if values == 1 else f"{values} values"
