"""Lets calls leave in the order they came, as soon as the budget has room; nothing here asks in a circle."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pipeline.clock import Clock
from pipeline.okta.budget import Budget, Header

DURATIONS_KEPT = 16


class Pace:
    """The budget's waiting room. Only the first in the line of each bucket watches the budget; it is woken
    by a call that ended, or by the end of a window. ``clock`` must tell the event loop's time.
    """

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self.budget = budget
        self._clock = clock
        self._lines: dict[object, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._changed = asyncio.Event()
        self._turns: Counter[str] = Counter()
        self._turns_open = 0
        self._durations: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=DURATIONS_KEPT))

    async def enter(
        self,
        bucket: str,
        *,
        not_after_s: float | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        """Wait until a call of ``bucket`` may leave and count it as in flight until ``leave``; False where
        that is not before ``not_after_s``. ``prepare`` comes last before the call is counted.
        """
        if not_after_s is None:
            return await self._first_in_line(bucket, math.inf, prepare)
        left_s = not_after_s - self._clock.now()
        if left_s < 0:
            return False
        try:
            async with asyncio.timeout(left_s):
                return await self._first_in_line(bucket, not_after_s, prepare)
        except TimeoutError:
            return False

    def leave(
        self,
        bucket: str,
        sent_at_s: float,
        *,
        status: int | None,
        header: Header | None,
        retry_after_s: float | None = None,
    ) -> None:
        """The call ended; ``status`` None means no answer came. The rest is as for ``Budget.release``."""
        now_s = self._clock.now()
        took_s = now_s - sent_at_s
        self._durations[bucket].append(took_s)
        self.budget.release(bucket, now_s, status, header, took_s=took_s, retry_after_s=retry_after_s)
        self._wake()

    @asynccontextmanager
    async def turn(self, read: str | None, write: str, *more: str) -> AsyncIterator[None]:
        """Room for one write and for the read (and ``more``) directly before it, beside the turns under way:
        so a read is not made in vain, and its write finds a place when it comes. Before a window opens, the
        read leaves as long ahead as it takes.
        """
        needs = Counter([write, *more]) + Counter([read] if read else [])
        async with self._lines["turn", read, write]:
            while (wait_s := self._turn_wait_s(read, needs)) > 0:
                await self._wait(wait_s)
            self._turns += needs
            self._turns_open += 1
        try:
            yield
        finally:
            self._turns -= needs
            self._turns_open -= 1
            self._wake()

    def typical_s(self) -> float:
        """The median time of the calls so far; 0.0 before the first."""
        durations = sorted(each for kept in self._durations.values() for each in kept)
        return durations[len(durations) // 2] if durations else 0.0

    def _turn_wait_s(self, read: str | None, needs: Counter[str]) -> float:
        if self._turns_open >= self.budget.parallel:
            return math.inf
        now_s = self._clock.now()
        waits = []
        for bucket, count in needs.items():
            ahead_s = 0.0 if bucket == read or read is None else self._quickest_s(read)
            waits.append(self.budget.room_s(bucket, self._turns[bucket] + count, now_s + ahead_s))
        return max(waits)

    def _quickest_s(self, bucket: str) -> float:
        return min(self._durations[bucket], default=0.0)

    async def _first_in_line(
        self, bucket: str, not_after_s: float, prepare: Callable[[], Awaitable[None]] | None
    ) -> bool:
        async with self._lines[bucket]:
            while True:
                if prepare is not None:
                    await prepare()
                now_s = self._clock.now()
                if now_s > not_after_s:  # the timer stood still while the machine slept
                    return False
                wait_s = self.budget.reserve(bucket, now_s)
                if wait_s == 0.0:
                    return True
                if not math.isinf(wait_s) and now_s + wait_s > not_after_s:
                    return False
                await self._wait(wait_s)

    async def _wait(self, wait_s: float) -> None:
        """Until something changed, at most so long."""
        try:
            async with asyncio.timeout(None if math.isinf(wait_s) else wait_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
