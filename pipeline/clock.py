"""Time, passed by hand: a live loop and a virtual one run the same code."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, wait_s: float) -> None:
        """Wait that many seconds of this clock."""
        ...


class LoopClock:
    """A fixed epoch plus the running event loop's own time; a virtual-time loop makes it virtual."""

    def __init__(self, epoch_s: float) -> None:
        self._epoch_s = epoch_s
        self._loop_start_s: float | None = None

    def now(self) -> float:
        loop_s = asyncio.get_running_loop().time()
        if self._loop_start_s is None:
            self._loop_start_s = loop_s
        return self._epoch_s + loop_s - self._loop_start_s

    async def sleep(self, wait_s: float) -> None:
        await asyncio.sleep(max(0.0, wait_s))  # noqa: TID251 - the one place where waiting happens
