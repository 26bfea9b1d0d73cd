"""Values that the plan calls otherwise than the tenant does: renamed there, so that grants of them stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.address import Address, Kind
from pipeline.changes.model import (
    Action,
    Change,
    EntitlementTarget,
    Hold,
    HoldReason,
    Rewording,
    holding,
)
from pipeline.changes.naming import match_all
from pipeline.changes.snapshot import OktaEntitlement, OktaValue
from pipeline.plan.model import Entitlement, Move, Value


@dataclass(frozen=True, slots=True)
class Moves:
    """What becomes of one entitlement's moves. ``existing`` is the tenant's entitlement with its new names;
    ``blocked`` says of new externalValues why their move is held.
    """

    existing: OktaEntitlement
    change: Change | None
    holds: tuple[Hold, ...]
    moved: frozenset[str]
    """New externalValues."""
    blocked: dict[str, str]

    @property
    def address(self) -> Address:
        return move_address(self.existing.external_value)


def move_address(entitlement: str) -> Address:
    return Address(Kind.MOVE, entitlement)


def compare_moves(wanted: Entitlement, existing: OktaEntitlement, moves: Iterable[Move]) -> Moves:
    """Which of the entitlement's ``moves`` are to be sent. One whose old value is gone is over. A valid plan
    moves each name once, and has no old name among its values.
    """
    values = {each.external_value: each for each in existing.values}
    planned = {each.external_value: each for each in wanted.values}
    pending = [each for each in _of(moves, wanted) if each.from_ in values and each.to in planned]
    blocked: dict[str, str] = {}
    found: list[tuple[OktaValue, OktaValue]] = []
    for move in pending:
        old, new = values[move.from_], planned[move.to]
        why = _why_not(old, new, existing)
        if why is None:
            found.append((old, _renamed(old, new)))
        else:
            blocked[move.to] = why
    renamed = {old.id: new for old, new in found}
    return Moves(
        existing=replace(existing, values=tuple(renamed.get(each.id, each) for each in existing.values)),
        change=_change(existing, found) if found else None,
        holds=tuple(_hold(wanted, move, blocked[move.to]) for move in pending if move.to in blocked),
        moved=frozenset(new.external_value for _, new in found),
        blocked=blocked,
    )


def held_moves(wanted: Entitlement, moves: Iterable[Move], reason: HoldReason, why: str) -> list[Hold]:
    """The entitlement's ``moves``, all held: nothing is known of it."""
    return [_hold(wanted, move, why, reason) for move in _of(moves, wanted)]


def _of(moves: Iterable[Move], wanted: Entitlement) -> list[Move]:
    ours = {(each.to, each.from_): each for each in moves if each.entitlement == wanted.external_value}
    return [ours[key] for key in sorted(ours)]


def _why_not(old: OktaValue, new: Value, existing: OktaEntitlement) -> str | None:
    others = [each for each in existing.values if each.id != old.id]
    [(_, match)] = match_all([new], others)
    if match.is_absent:
        return None
    there = match.found or match.taken or (*match.same_name, *match.near)[0]
    return (
        f'The tenant has "{old.external_value}" and also "{there.external_value}": one of them must go '
        "first, or the move must leave the plan."
    )


def _renamed(old: OktaValue, new: Value) -> OktaValue:
    """The name follows where it was no other than the externalValue."""
    name = new.name if old.name == old.external_value else old.name
    return replace(old, name=name, external_value=new.external_value)


def _change(existing: OktaEntitlement, found: list[tuple[OktaValue, OktaValue]]) -> Change:
    shown = ", ".join(f'"{old.external_value}" to "{new.external_value}"' for old, new in found)
    return Change(
        address=move_address(existing.external_value),
        action=Action.RENAME,
        message=f"rename in {existing.name}: {shown} (grants of them stay)",
        before=holding({existing.external_value: {old.external_value for old, _ in found}}),
        after=holding({existing.external_value: {new.external_value for _, new in found}}),
        entitlement=EntitlementTarget(
            id=existing.id,
            name=existing.name,
            external_value=existing.external_value,
            description=existing.description,
            multi_value=existing.multi_value,
            new_values=(),
            rewordings=tuple(
                Rewording(value=old.external_value, external_value=new.external_value, name=new.name)
                for old, new in found
            ),
        ),
    )


def _hold(wanted: Entitlement, move: Move, why: str, reason: HoldReason = HoldReason.MOVE_BLOCKED) -> Hold:
    return Hold(
        address=move_address(wanted.external_value),
        action=Action.RENAME,
        reason=reason,
        detail=f'Not moved: "{move.from_}" to "{move.to}". {why}',
        adds=holding({wanted.external_value: {move.to}}),
    )
