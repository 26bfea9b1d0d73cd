"""The pace, against a server of fixed windows whose phase and neighbours the budget does not know."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.okta.budget import WAIT_MAX_S, Budget, Header, read_header
from pipeline.okta.pace import Pace
from tests import virtual_time

WINDOW_S = 60


@dataclass
class Server:
    """Okta's windows (okta-api.md 8.1): they start with their first request and end on a whole second."""

    limit: int
    reset_s: int = 0
    used: int = 0
    served: list[float] = field(default_factory=list)
    refused: int = 0

    def take(self, now_s: float) -> bool:
        if now_s >= self.reset_s:
            self.reset_s, self.used = int(now_s) + WINDOW_S, 0
        self.used += 1
        return self.used <= self.limit

    def call(self, now_s: float) -> tuple[int, Header]:
        good = self.take(now_s)
        self.served.append(now_s)
        self.refused += not good
        left = max(0, self.limit - self.used)
        header = Header(self.limit, left, self.reset_s, float(self.reset_s - int(now_s)))
        return (200 if good else 429), header


async def drive(
    server: Server,
    budget: Budget,
    *,
    calls: int,
    latency_s: float,
    senders: int = 10,
    neighbour_per_s: float = 0.0,
    seed: int = 0,
) -> float:
    """Send ``calls`` that must succeed; returns the seconds it took."""
    clock = virtual_time.clock()
    pace = Pace(budget, clock)
    rng = random.Random(seed)
    waiting = iter(range(calls))
    started_s = clock.now()

    async def sender() -> None:
        for _ in waiting:
            status = 429
            while status == 429:
                await pace.enter("b")
                sent_at_s = clock.now()
                await clock.sleep(latency_s / 2)
                status, header = server.call(clock.now())
                await clock.sleep(latency_s / 2)
                pace.leave("b", sent_at_s, status=status, header=header)

    async def neighbour() -> None:
        while True:
            await clock.sleep(rng.expovariate(neighbour_per_s))
            server.take(clock.now())

    noise = asyncio.create_task(neighbour()) if neighbour_per_s else None
    await asyncio.gather(*(sender() for _ in range(senders)))
    if noise:
        noise.cancel()
    return clock.now() - started_s


@pytest.mark.parametrize("limit", [20, 50, 100, 600])
@pytest.mark.parametrize("latency_s", [0.05, 0.4, 1.5])
@pytest.mark.parametrize("share", [0.7, 1.0])
def test_alone_it_never_earns_a_429_and_uses_its_share(limit: int, latency_s: float, share: float) -> None:
    server = Server(limit)
    allowed = int(limit * share)
    senders = max(10, math.ceil(limit * latency_s / 30))
    budget = Budget(share, concurrency=senders)
    virtual_time.run(drive(server, budget, calls=allowed * 12, latency_s=latency_s, senders=senders))
    assert server.refused == 0
    windows = Counter[int]()
    start_s, index = server.served[0], 0
    for at_s in server.served:
        if at_s - start_s >= WINDOW_S:
            start_s, index = at_s, index + 1
        windows[index] += 1
    full = [windows[each] for each in sorted(windows)[1:-1]]
    assert len(full) >= 10
    assert set(full) == {allowed}
    starts = _window_starts(server.served)
    assert (starts[-1] - starts[0]) / (len(starts) - 1) <= WINDOW_S + 2 + 2 * latency_s


def _window_starts(served: list[float]) -> list[float]:
    starts = [served[0]]
    for at_s in served:
        if at_s - starts[-1] >= WINDOW_S:
            starts.append(at_s)
    return starts


@pytest.mark.parametrize("seed", range(5))
def test_beside_a_neighbour_it_finishes_with_few_refusals(seed: int) -> None:
    server = Server(100)
    virtual_time.run(drive(server, Budget(0.7), calls=600, latency_s=0.3, neighbour_per_s=0.8, seed=seed))
    assert len(server.served) - server.refused == 600
    assert server.refused <= 6, f"seed {seed}"


@pytest.mark.parametrize("share", [0.7, 1.0])
def test_two_processes_of_ours_finish_side_by_side_with_few_refusals(share: float) -> None:
    server = Server(100)

    async def both() -> None:
        await asyncio.gather(
            *(drive(server, Budget(share), calls=400, latency_s=latency_s) for latency_s in (0.2, 0.5))
        )

    virtual_time.run(both())
    assert len(server.served) - server.refused == 800
    assert server.refused <= 8


@given(st.integers(1, 60), st.randoms(use_true_random=False))
def test_whoever_came_first_leaves_first(count: int, rng: random.Random) -> None:
    """Through unknown buckets, full windows and slow answers."""

    async def story() -> list[int]:
        clock, server, left = virtual_time.clock(), Server(7), list[int]()
        pace = Pace(Budget(1.0, concurrency=rng.randint(1, 9)), clock)

        async def one(number: int) -> None:
            assert await pace.enter("b")
            left.append(number)
            sent_at_s = clock.now()
            status, header = server.call(sent_at_s)
            await clock.sleep(rng.uniform(0, 2))
            pace.leave("b", sent_at_s, status=status, header=header)

        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(one(number))
        assert server.refused == 0
        return left

    assert virtual_time.run(story()) == list(range(count))


def test_who_waited_while_the_machine_slept_is_too_late() -> None:
    """The event loop's own time stands still meanwhile, and so do its timers."""

    async def story() -> None:
        clock, server = virtual_time.SleepyClock(), Server(100)
        pace = Pace(Budget(1.0, concurrency=1), clock)
        assert await pace.enter("b")
        sent_at_s = clock.now()
        waiting = asyncio.create_task(pace.enter("b", not_after_s=sent_at_s + 2))
        await clock.sleep(1)
        clock.fall_asleep(3600)
        status, header = server.call(clock.now())
        pace.leave("b", sent_at_s, status=status, header=header)
        assert not await waiting
        assert await pace.enter("b", not_after_s=clock.now() + 2)

    virtual_time.run(story())


def test_who_cannot_leave_in_time_is_told_at_once_and_holds_nobody_up() -> None:
    async def story() -> None:
        clock, server = virtual_time.clock(), Server(1)
        pace = Pace(Budget(1.0), clock)
        for _ in range(2):
            assert await pace.enter("b")
            status, header = server.call(clock.now())
            assert status == 200
            pace.leave("b", clock.now(), status=status, header=header)
            full_s = clock.now()
            assert not await pace.enter("b", not_after_s=full_s + 2)
            assert clock.now() == full_s

    virtual_time.run(story())


def test_a_concurrency_429_pauses_briefly_instead_of_waiting_for_reset() -> None:
    budget = Budget(1.0, concurrency=8)
    assert budget.reserve("b", 0.0) == 0.0
    budget.release("b", 0.1, 429, Header(0, 0, 3600, 3600.0))
    assert 0 < budget.wait_s("b", 0.1) <= 2.0
    assert budget.wait_s("b", 2.2) == 0.0
    assert budget.parallel == 4


def test_a_crowd_that_stays_is_given_longer_pauses_which_stay_short() -> None:
    budget, now_s, crowded = Budget(1.0, concurrency=8), 0.0, Header(0, 0, 3600, 3600.0)
    pauses: list[float] = []
    for _ in range(7):
        assert budget.reserve("b", now_s) == 0.0
        budget.release("b", now_s, 429, crowded)
        pauses.append(budget.wait_s("b", now_s))
        now_s += pauses[-1]
    assert pauses == [1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    budget.reserve("b", now_s)
    budget.release("b", now_s, 200, Header(50, 49, 60, 60.0))
    for _ in range(2):
        budget.reserve("b", now_s)
    for _ in range(2):
        budget.release("b", now_s, 429, crowded)
    assert budget.wait_s("b", now_s) == 1.0


def test_an_unknown_bucket_is_opened_by_one_call() -> None:
    budget = Budget()
    assert budget.reserve("b", 0.0) == 0.0
    assert budget.reserve("b", 0.0) > 0
    budget.release("b", 0.2, 200, Header(50, 49, 60, 60.0))
    assert [budget.reserve("b", 0.3) for _ in range(9)] == [0.0] * 9


@pytest.fixture
def far_from_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "EST+5")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process can be set on POSIX alone")
@pytest.mark.parametrize(
    ("told", "lasts_s"),
    [
        ({}, 30.0),
        ({"date": ["Mon, 21 Sep 2026 14:13:20"]}, 30.0),
        ({"date": ["Mon, 21 Sep 2026 14:13:20 -0000"]}, 30.0),
        ({"date": ["Mon, 21 Sep 2026 14:23:20 GMT"]}, 0.0),
        ({"date": ["yesterday"]}, 60.0),
        ({"date": [""]}, 60.0),
        ({"date": ["Mon, 21 Sep 2026 14:13:20 +99999999999999999999"]}, 60.0),
        ({"date": ["Thu, 01 Jan 1970 00:00:00 GMT"]}, 600.0),
        ({"x-rate-limit-reset": ["1790000030000"]}, 600.0),
        ({"x-rate-limit-reset": ["-1"]}, 0.0),
        ({"x-rate-limit-reset": ["9" * 400]}, None),
        ({"x-rate-limit-reset": ["9" * 5000]}, None),
        ({"x-rate-limit-limit": ["9" * 400]}, None),
        ({"x-rate-limit-remaining": ["-" + "9" * 400]}, None),
        ({"x-rate-limit-remaining": ["nan"]}, None),
        ({"x-rate-limit-limit": []}, None),
    ],
)
def test_no_header_makes_a_call_fail_or_wait_for_ever(
    told: dict[str, list[str]], lasts_s: float | None
) -> None:
    headers = {
        "x-rate-limit-limit": ["50"],
        "x-rate-limit-remaining": ["0"],
        "x-rate-limit-reset": ["1790000030"],
        "date": ["Mon, 21 Sep 2026 14:13:20 GMT"],
    }
    header = read_header({**headers, **told})
    assert (header.lasts_s if header else None) == lasts_s
    budget = Budget()
    assert budget.reserve("b", 0.0) == 0.0
    budget.release("b", 0.0, 429, header)
    assert 0 < budget.wait_s("b", 0.0) <= 601


def test_of_several_header_values_the_tightest_counts() -> None:
    headers = {
        "x-rate-limit-limit": ["50, 100"],
        "x-rate-limit-remaining": ["40", "7"],
        "x-rate-limit-reset": ["1790000030", "1790000050"],
        "date": ["Mon, 21 Sep 2026 14:13:20 GMT"],
    }
    header = read_header(headers)
    assert header is not None
    assert (header.limit, header.remaining, header.reset) == (50, 7, 1790000050)
    assert header.lasts_s == 50
    absurd = read_header({**headers, "x-rate-limit-reset": ["1790000030000"]})
    assert absurd is not None
    assert absurd.lasts_s == WAIT_MAX_S
    assert read_header({**headers, "x-rate-limit-limit": ["many"]}) is None
    assert read_header({}) is None
