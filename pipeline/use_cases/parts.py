"""The parts of a change set that can be sent alone (``apply --only``)."""

from __future__ import annotations

from dataclasses import replace

from pipeline.changes.model import Change, ChangeSet
from pipeline.changes.waves import Wave, waves

PARTS = ("structure", "grants")


def part_of(change: Change) -> str:
    """Which of PARTS ``change`` belongs to."""
    return PARTS[0] if change.entitlement is not None else PARTS[1]


def waves_of(changes: ChangeSet, only: str | None) -> tuple[Wave, ...]:
    """The waves of the part that was asked for (None: of all); the executor accounts for the rest."""
    part = {change.address for change in changes.changes if only in (None, part_of(change))}
    kept = (
        replace(wave, chains=tuple(chain for chain in wave.chains if chain[0].address in part))
        for wave in waves(changes)
    )
    return tuple(wave for wave in kept if wave.chains)
