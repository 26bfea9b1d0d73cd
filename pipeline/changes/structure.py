"""The entitlements and values of the plan against the tenant's: what to create, add, hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.address import Address, Kind
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
from pipeline.changes.naming import Index, Match, Named
from pipeline.changes.snapshot import OktaEntitlement, OktaValue, Snapshot
from pipeline.plan.model import Entitlement, Plan, Value


@dataclass(frozen=True, slots=True)
class Meant:
    """What a value of the plan means in the tenant, both by externalValue, and what must be written first."""

    entitlement: str
    value: str
    multi_value: bool
    after: Address | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a value cannot be granted."""

    reason: HoldReason
    detail: str


@dataclass(slots=True)
class Structure:
    """The differences, and what each (entitlement, value) of the plan means."""

    changes: list[Change] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    keeps: list[Keep] = field(default_factory=list)
    meant: dict[tuple[str, str], Meant | Blocked] = field(default_factory=dict)


def compare_structure(plan: Plan, snapshot: Snapshot) -> Structure:
    """Compare every entitlement of the plan with the app's; incomplete listings hold everything."""
    structure = Structure()
    complete = snapshot.is_complete("entitlements") and snapshot.is_complete("values")
    index = Index(snapshot.entitlements)
    for wanted in sorted(plan.entitlements, key=lambda each: each.external_value):
        if not complete:
            _block_all(
                structure,
                wanted,
                Action.CREATE,
                Blocked(
                    HoldReason.INCOMPLETE_READ,
                    "The app's entitlements could not be read to the end, so nothing can be said about them.",
                ),
            )
            continue
        _compare(structure, wanted, index.match(wanted))
    structure.changes.sort(key=lambda change: (change.action is not Action.CREATE, change.address))
    return structure


def _compare(structure: Structure, wanted: Entitlement, match: Match[OktaEntitlement]) -> None:
    if match.found is not None:
        _compare_values(structure, wanted, match.found)
    elif match.is_absent:
        _create(structure, wanted)
    else:
        _block_all(structure, wanted, Action.CREATE, _not_sure("entitlement", wanted, match))


def _create(structure: Structure, wanted: Entitlement) -> None:
    address = Address(Kind.ENTITLEMENT, wanted.external_value)
    values = tuple(_new(value) for value in wanted.values)
    structure.changes.append(
        Change(
            address=address,
            action=Action.CREATE,
            message=f"create entitlement {wanted.name} with {_count(len(values))}",
            before=(),
            after=holding({wanted.external_value: {value.external_value for value in values}}),
            entitlement=EntitlementTarget(
                id=None,
                name=wanted.name,
                external_value=wanted.external_value,
                description=wanted.description,
                multi_value=wanted.multi_value,
                new_values=values,
            ),
        )
    )
    for value in wanted.values:
        structure.meant[wanted.external_value, value.external_value] = Meant(
            wanted.external_value, value.external_value, wanted.multi_value, after=address
        )


def _compare_values(structure: Structure, wanted: Entitlement, existing: OktaEntitlement) -> None:
    address = Address(Kind.VALUES, existing.external_value)
    index = Index(existing.values)
    new: list[Value] = []
    for value in wanted.values:
        key = (wanted.external_value, value.external_value)
        match: Match[OktaValue] = index.match(value)
        if match.found is not None:
            structure.meant[key] = Meant(
                existing.external_value, match.found.external_value, existing.multi_value
            )
        elif match.is_absent:
            new.append(value)
            structure.meant[key] = Meant(
                existing.external_value, value.external_value, existing.multi_value, after=address
            )
        else:
            _block_value(structure, wanted, value, _not_sure("value", value, match))
    if new:
        structure.changes.append(_addition(address, existing, new))
    else:
        structure.keeps.append(Keep(address=Address(Kind.ENTITLEMENT, existing.external_value)))


def _addition(address: Address, existing: OktaEntitlement, new: list[Value]) -> Change:
    before = {value.external_value for value in existing.values}
    names = ", ".join(value.name for value in new[:5]) + (" ..." if len(new) > 5 else "")  # noqa: PLR2004
    return Change(
        address=address,
        action=Action.ADD,
        message=f"add {_count(len(new))} to {existing.name}: {names}",
        before=holding({existing.external_value: before}),
        after=holding({existing.external_value: before | {value.external_value for value in new}}),
        entitlement=EntitlementTarget(
            id=existing.id,
            name=existing.name,
            external_value=existing.external_value,
            description=existing.description,
            multi_value=existing.multi_value,
            new_values=tuple(_new(value) for value in new),
        ),
    )


def _block_all(structure: Structure, wanted: Entitlement, action: Action, why: Blocked) -> None:
    structure.holds.append(
        Hold(
            address=Address(Kind.ENTITLEMENT, wanted.external_value),
            action=action,
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
    if match.same_name:
        found = _quoted(match.same_name, lambda each: each.external_value)
        return Blocked(
            HoldReason.AMBIGUOUS_NAME,
            f'The tenant has several of the name "{wanted.name}" (externalValues {found}). '
            f"Name the {what}'s external_value in the plan.",
        )
    found = _quoted(match.near, lambda each: each.external_value)
    return Blocked(
        HoldReason.NEAR_MISS,
        f'"{wanted.external_value}" differs from the tenant\'s {found} only in case, blanks or Unicode form. '
        f"Write the {what} in the plan as the tenant has it, or rename it there.",
    )


def _quoted(listed: tuple[Named, ...], text_of: Callable[[Named], str]) -> str:
    return ", ".join(f'"{text_of(each)}"' for each in listed)


def _new(value: Value) -> NewValue:
    return NewValue(name=value.name, external_value=value.external_value, description=value.description)


def _count(values: int) -> str:
    return "1 value" if values == 1 else f"{values} values"
