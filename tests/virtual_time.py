"""The virtual time of tests: the package's loop, and a clock that starts at a fixed instant."""

from __future__ import annotations

from pipeline.clock import LoopClock
from pipeline.virtual_time import SimulationDeadlock, run

__all__ = ["EPOCH_S", "SimulationDeadlock", "clock", "run"]

EPOCH_S = 1_790_000_000.0


def clock() -> LoopClock:
    """A clock that starts at EPOCH_S on whichever loop it is first read."""
    return LoopClock(EPOCH_S)


class SleepyClock(LoopClock):
    """The same of a machine that can fall asleep: the loop's own time stands still meanwhile."""

    def __init__(self, epoch_s: float = EPOCH_S) -> None:
        super().__init__(epoch_s)
        self._asleep_s = 0.0

    def now(self) -> float:
        return super().now() + self._asleep_s

    def fall_asleep(self, for_s: float) -> None:
        self._asleep_s += for_s
