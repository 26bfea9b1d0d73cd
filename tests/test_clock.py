"""The clock of a real process: what a machine sleeps through has passed, and waits end soon after it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from pipeline.clock import NAP_S, LoopClock, WakefulClock
from pipeline.use_cases.live import steady_s
from tests.virtual_time import EPOCH_S, run


@dataclass
class Machine:
    asleep_s: float = 0.0

    def steady_s(self) -> float:
        return asyncio.get_running_loop().time() + self.asleep_s


@pytest.mark.parametrize("asleep_s", [0.0, 3.0, 7200.0])
def test_time_goes_on_while_the_machine_sleeps(asleep_s: float) -> None:
    async def told() -> tuple[float, float]:
        machine = Machine()
        clock = WakefulClock(EPOCH_S, machine.steady_s)
        waiting = asyncio.create_task(clock.sleep(600))
        await LoopClock(0.0).sleep(10)
        machine.asleep_s += asleep_s
        at_once = clock.now()
        await waiting
        return at_once, asyncio.get_running_loop().time()

    at_once_s, waited_s = run(told())
    assert at_once_s == EPOCH_S + 10 + asleep_s
    assert waited_s == pytest.approx(max(10.0, 600 - asleep_s), abs=NAP_S)


def test_no_wait_lets_others_go_on_all_the_same() -> None:
    async def both() -> list[str]:
        clock = WakefulClock(EPOCH_S, Machine().steady_s)
        order: list[str] = []

        async def other() -> None:
            order.append("other")

        task = asyncio.create_task(other())
        for wait_s in (0.0, -1.0):
            await clock.sleep(wait_s)
            order.append("we")
        await task
        return order

    assert run(both()) == ["other", "we", "we"]


def test_the_clock_of_this_machine_goes_on() -> None:
    before_s = steady_s()
    assert steady_s() >= before_s > 0
