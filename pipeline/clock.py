"""Time, passed by hand: a live loop and a virtual one run the same code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

NAP_S = 1.0
"""How late a wait may end after the machine slept."""


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
        await asyncio.sleep(max(0.0, wait_s))  # noqa: TID251 - where waiting happens


class WakefulClock:
    """The time of a machine that may sleep. The event loop's own time stands still meanwhile, so a read made
    before a laptop was closed would look fresh after it was opened, and a lease or a sign-in alive.

    ``steady_s`` counts seconds from anywhere, those asleep among them, whatever the wall clock is set to.
    """

    def __init__(self, epoch_s: float, steady_s: Callable[[], float]) -> None:
        self._epoch_s = epoch_s
        self._steady_s = steady_s
        self._start_s = steady_s()

    def now(self) -> float:
        return self._epoch_s + self._steady_s() - self._start_s

    async def sleep(self, wait_s: float) -> None:
        until_s = self.now() + wait_s
        await asyncio.sleep(0)  # noqa: TID251 - where waiting happens
        while (left_s := until_s - self.now()) > 0:  # noqa: ASYNC110 - of time nothing tells
            await asyncio.sleep(min(left_s, NAP_S))  # noqa: TID251 - where waiting happens
