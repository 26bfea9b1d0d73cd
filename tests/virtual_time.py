"""The virtual time of tests: the package's loop, and a clock that starts at a fixed instant."""

from __future__ import annotations

from pipeline.clock import LoopClock
from pipeline.virtual_time import SimulationDeadlock, run

__all__ = ["EPOCH_S", "SimulationDeadlock", "clock", "run"]

EPOCH_S = 1_790_000_000.0


def clock() -> LoopClock:
    """A clock that starts at EPOCH_S on whichever loop it is first read."""
    return LoopClock(EPOCH_S)
