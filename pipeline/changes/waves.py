"""Which changes may be sent side by side, and which one after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.changes.model import Action, Change, ChangeSet
from pipeline.changes.risks import risk_kind

Chain = tuple[Change, ...]
"""Changes that must be sent one after another: all those of one person, or one of an entitlement."""


@dataclass(frozen=True, slots=True)
class Wave:
    """Chains that may run side by side; the next wave starts when all of them ended.

    A ``canary`` wave is one person alone, the first of a risk kind, to be read back before the next wave.
    """

    name: str
    chains: tuple[Chain, ...]
    canary: bool = False


def waves(change_set: ChangeSet) -> tuple[Wave, ...]:
    """Entitlements and values first, since grants need their ids and names; then the first person of each
    risk kind, alone; then everybody else. Every change is in exactly one chain. What rewrites values comes
    before and after what adds some, so that no two writes of one entitlement are under way at a time.
    """
    people: dict[str, list[Change]] = {}
    for change in change_set.changes:
        if change.person is not None:
            people.setdefault(change.person.user_id, []).append(change)
    chains = [tuple(chain) for chain in people.values()]
    canaries = _canaries(chains)
    first = {chain[0].address for _, chain in canaries}
    rest = tuple(chain for chain in chains if chain[0].address not in first)
    found = (
        Wave("renames", _structure(change_set, Action.RENAME)),
        Wave("entitlements and values", _structure(change_set, Action.CREATE, Action.ADD)),
        Wave("descriptions", _structure(change_set, Action.DESCRIBE)),
        *(Wave(f"canary: first {kinds}", (chain,), canary=True) for kinds, chain in canaries),
        Wave("people", rest),
    )
    return tuple(wave for wave in found if wave.chains)


def _structure(change_set: ChangeSet, *actions: Action) -> tuple[Chain, ...]:
    return tuple(
        (change,) for change in change_set.changes if change.entitlement and change.action in actions
    )


def _canaries(chains: Iterable[Chain]) -> list[tuple[str, Chain]]:
    """The first chain of each risk kind with what it is the first of."""
    seen: set[str] = set()
    found: list[tuple[str, Chain]] = []
    for chain in chains:
        new = [kind for each in chain if (kind := risk_kind(each)) is not None and kind not in seen]
        if new:
            seen.update(new)
            found.append((" and ".join(new), chain))
    return found
