"""Which changes may be sent side by side, and which one after another."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.changes.model import Change, ChangeSet

Chain = tuple[Change, ...]
"""Changes that must be sent one after another: all those of one person, or one entitlement's."""


@dataclass(frozen=True, slots=True)
class Wave:
    """Chains that may run side by side; the next wave starts when all of them ended."""

    name: str
    chains: tuple[Chain, ...]


def waves(change_set: ChangeSet) -> tuple[Wave, ...]:
    """Entitlements and values first, since grants need their ids; then the people."""
    structure = tuple((change,) for change in change_set.changes if change.entitlement is not None)
    people: dict[str, list[Change]] = {}
    for change in change_set.changes:
        if change.person is not None:
            people.setdefault(change.person.user_id, []).append(change)
    chains = tuple(tuple(chain) for chain in people.values())
    named = (("entitlements and values", structure), ("people", chains))
    return tuple(Wave(name, chains) for name, chains in named if chains)
