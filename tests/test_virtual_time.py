from __future__ import annotations

import asyncio

import pytest

from tests import virtual_time


def test_a_long_wait_takes_no_time_and_is_seen_on_the_clock() -> None:
    async def wait_an_hour() -> float:
        clock = virtual_time.clock()
        before_s = clock.now()
        await clock.sleep(3600)
        return clock.now() - before_s

    assert virtual_time.run(wait_an_hour()) == pytest.approx(3600)


def test_a_wait_that_cannot_end_is_reported() -> None:
    async def wait_for_nobody() -> None:
        await asyncio.Event().wait()

    with pytest.raises(virtual_time.SimulationDeadlock):
        virtual_time.run(wait_for_nobody())
