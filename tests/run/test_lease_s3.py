"""The lease in S3, in virtual time against a bucket in memory: who may take over, when a run must stop."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import pytest

from pipeline.clock import Clock, LoopClock
from pipeline.errors import ErrorCode, InputError, RefusedError
from pipeline.run.lease import HEARTBEAT_S, RETRY_S, STALE_S, Lease, LeaseText, Owner, hold_lease
from pipeline.run.lease_s3 import S3Lease, Stored
from tests.virtual_time import EPOCH_S, SleepyClock, clock, run

KEY = "leases/00o1-0oa1.json"
ALIVE = {10: 1.0, 11: 2.0}


@dataclass
class Bucket:
    """One bucket; every call takes a moment, so that calls of several owners interleave."""

    clock: Clock = field(default_factory=clock)
    objects: dict[str, Stored] = field(default_factory=dict)
    is_down: Callable[[], bool] = lambda: False
    loses_answers: Callable[[], bool] = lambda: False
    hangs: Callable[[], bool] = lambda: False
    ignores_conditions: bool = False
    rng: random.Random = field(default_factory=lambda: random.Random(0))

    async def read(self, key: str) -> Stored | None:
        await self._travel()
        return self.objects.get(key)

    async def write(self, key: str, content: bytes, *, etag: str | None) -> str | None:
        await self._travel()
        found = self.objects.get(key)
        if (found.etag if found else None) != etag and not self.ignores_conditions:
            return None
        made = self.objects[key] = Stored(content, hashlib.md5(content).hexdigest())  # noqa: S324 - as S3 does
        await self._return()
        return made.etag

    async def remove(self, key: str, etag: str) -> bool:
        await self._travel()
        found = self.objects.get(key)
        if found is None or found.etag != etag:
            return False
        del self.objects[key]
        await self._return()
        return True

    async def _travel(self) -> None:
        await self.clock.sleep(self.rng.uniform(0.01, 0.2))
        if self.hangs():
            await self.clock.sleep(3600)
        if self.is_down():
            raise InputError(ErrorCode.SHARED_UNUSABLE, "down", "s3:PutObject failed (down).")

    async def _return(self) -> None:
        await self.clock.sleep(self.rng.uniform(0.01, 0.2))
        if self.loses_answers():
            raise InputError(ErrorCode.SHARED_UNUSABLE, "lost", "s3:PutObject failed (lost).")


def place(bucket: Bucket, watching: Clock | None = None) -> S3Lease:
    return S3Lease(bucket, KEY, watching or bucket.clock, ALIVE.get, f"s3://b/{KEY}")


def hold(
    bucket: Bucket,
    pid: int,
    host: str,
    stop: asyncio.Event,
    *,
    wait_s: float = 0.0,
    own_clock: Clock | None = None,
) -> AbstractAsyncContextManager[Lease]:
    owner = Owner(pid, ALIVE.get(pid, 0.5), host, f"run-{pid}")
    own_clock = own_clock or bucket.clock
    return hold_lease(
        place(bucket, own_clock), owner, own_clock, random.Random(pid), stop=stop, wait_s=wait_s
    )


def text(pid: int, nonce: str, host: str, at_s: float = EPOCH_S) -> LeaseText:
    return LeaseText(pid, ALIVE.get(pid, 0.5), host, f"run-{pid}", nonce, at_s)


def lie_around(bucket: Bucket, pid: int, host: str, at_s: float = EPOCH_S) -> None:
    """The lease of an owner that was killed."""
    content = text(pid, "dead", host, at_s).dump().encode()
    bucket.objects[KEY] = Stored(content, "an etag")


def test_a_second_owner_on_another_host_is_refused_by_name_and_told_how_to_wait() -> None:
    async def both() -> str:
        bucket = Bucket()
        async with hold(bucket, 10, "laptop 1234", asyncio.Event()):
            with pytest.raises(RefusedError) as caught:
                async with hold(bucket, 11, "runner", asyncio.Event()):
                    pytest.fail("two at once")
        assert bucket.objects == {}
        assert caught.value.code is ErrorCode.LEASE_HELD
        return f"{caught.value.detail} {caught.value.next_step}"

    said = run(both())
    assert "run-10 (process 10 on laptop)" in said
    assert "--lease-wait 120" in said


def test_a_dead_owner_on_this_host_gives_way_at_once() -> None:
    async def take() -> None:
        bucket = Bucket()
        lie_around(bucket, 99, "here")
        async with hold(bucket, 11, "here", asyncio.Event()):
            assert b"run-11" in bucket.objects[KEY].content

    run(take())


@pytest.mark.parametrize("off_s", [-86_400.0, 0.0, 86_400.0])
def test_an_owner_elsewhere_gives_way_after_three_beats_of_our_clock_whatever_its_own_said(
    off_s: float,
) -> None:
    async def take() -> float:
        bucket = Bucket()
        lie_around(bucket, 99, "there", EPOCH_S + off_s)
        start_s = bucket.clock.now()
        with pytest.raises(RefusedError):
            async with hold(bucket, 11, "here", asyncio.Event(), wait_s=STALE_S - 10):
                pytest.fail("too early")
        async with hold(bucket, 11, "here", asyncio.Event(), wait_s=STALE_S + HEARTBEAT_S):
            return bucket.clock.now() - start_s - (STALE_S - 10)

    assert STALE_S < run(take()) < STALE_S + 5


def test_a_living_owner_elsewhere_whose_clock_is_wrong_keeps_its_lease() -> None:
    async def both() -> None:
        bucket = Bucket()
        yesterday = LoopClock(EPOCH_S - 86_400)
        stop = asyncio.Event()
        async with hold(bucket, 10, "there", stop, own_clock=yesterday) as lease:
            with pytest.raises(RefusedError):
                async with hold(bucket, 11, "here", asyncio.Event(), wait_s=3600):
                    pytest.fail("two at once")
            assert not stop.is_set()
            assert lease.lost is None

    run(both())


def test_waiting_ends_when_the_owner_elsewhere_does() -> None:
    async def both() -> float:
        bucket = Bucket()

        async def first() -> None:
            async with hold(bucket, 10, "there", asyncio.Event()):
                await bucket.clock.sleep(400)

        async def second() -> float:
            await bucket.clock.sleep(1)
            async with hold(bucket, 11, "here", asyncio.Event(), wait_s=3600):
                return bucket.clock.now() - EPOCH_S

        return (await asyncio.gather(first(), second()))[1]

    assert 400 < run(both()) < 404


@pytest.mark.parametrize("seed", range(20))
def test_of_many_that_take_over_at_once_one_wins(seed: int) -> None:
    async def contend() -> list[LeaseText | None]:
        bucket = Bucket(rng=random.Random(seed))
        lie_around(bucket, 99, "here")
        claims = (place(bucket).claim(text(10, f"n{number}", "here")) for number in range(8))
        return await asyncio.gather(*claims)

    assert run(contend()).count(None) == 1


@pytest.mark.parametrize("how", ["is_down", "hangs"])
def test_a_heartbeat_that_cannot_be_written_stops_the_run_before_others_may_take_over(how: str) -> None:
    async def owner() -> tuple[float, str | None]:
        bucket = Bucket()
        stop = asyncio.Event()
        async with hold(bucket, 10, "there", stop) as lease:
            await bucket.clock.sleep(100)
            setattr(bucket, how, lambda: True)
            since_s = bucket.clock.now()
            await stop.wait()
            return bucket.clock.now() - since_s, lease.lost

    took_s, lost = run(owner())
    assert took_s < STALE_S - 20
    assert lost
    assert f"s3://b/{KEY} could not be renewed" in lost


def test_one_failed_heartbeat_stops_nothing() -> None:
    async def owner() -> None:
        bucket = Bucket()
        stop = asyncio.Event()
        async with hold(bucket, 10, "there", stop):
            bucket.is_down = lambda: bucket.clock.now() - EPOCH_S < 45
            await bucket.clock.sleep(600)
            assert not stop.is_set()

    run(owner())


def test_a_lease_that_another_took_over_stops_the_run_and_is_not_removed() -> None:
    async def sleeper() -> None:
        bucket = Bucket()
        stop = asyncio.Event()
        async with hold(bucket, 10, "there", stop) as lease:
            lie_around(bucket, 11, "here")
            await bucket.clock.sleep(HEARTBEAT_S + 1)
            assert stop.is_set()
            assert lease.lost
            assert "took it over" in lease.lost
        assert b"run-11" in bucket.objects[KEY].content

    run(sleeper())


@pytest.mark.parametrize("asleep_s", [10.0, 600.0, 90_000.0])
def test_who_wakes_with_its_lease_goes_on(asleep_s: float) -> None:
    async def sleeper() -> None:
        own_clock = SleepyClock()
        bucket = Bucket(own_clock)
        stop = asyncio.Event()
        async with hold(bucket, 10, "there", stop) as lease:
            await own_clock.sleep(20)
            own_clock.fall_asleep(asleep_s)
            await asyncio.gather(*(lease.confirm() for _ in range(5)))
            assert (lease.lost, stop.is_set()) == (None, False)
            await own_clock.sleep(600)
            assert not stop.is_set()

    run(sleeper())


def test_who_wakes_without_its_lease_learns_it_before_the_next_write() -> None:
    async def sleeper() -> None:
        own_clock = SleepyClock()
        bucket = Bucket(own_clock)
        stop = asyncio.Event()
        async with hold(bucket, 10, "there", stop) as lease:
            own_clock.fall_asleep(600)
            lie_around(bucket, 11, "here")
            await asyncio.gather(*(lease.confirm() for _ in range(5)))
            assert stop.is_set()
            assert "took it over" in str(lease.lost)
        assert b"run-11" in bucket.objects[KEY].content

    run(sleeper())


def test_a_write_waits_for_no_beat_while_the_lease_is_fresh() -> None:
    async def owner() -> float:
        bucket = Bucket()
        async with hold(bucket, 10, "there", asyncio.Event()) as lease:
            bucket.hangs = lambda: True
            beat = asyncio.create_task(lease.beat())
            await bucket.clock.sleep(1)
            since_s = bucket.clock.now()
            await lease.confirm()
            took_s = bucket.clock.now() - since_s
            beat.cancel()
            bucket.hangs = lambda: False
            return took_s

    assert run(owner()) == 0


@pytest.mark.parametrize("how", ["is_down", "hangs"])
def test_who_wakes_and_cannot_read_its_lease_stops_before_the_next_write(how: str) -> None:
    async def sleeper() -> float:
        own_clock = SleepyClock()
        bucket = Bucket(own_clock)
        stop = asyncio.Event()
        async with hold(bucket, 10, "there", stop) as lease:
            own_clock.fall_asleep(600)
            setattr(bucket, how, lambda: True)
            since_s = own_clock.now()
            await lease.confirm()
            assert stop.is_set()
            assert "could not be renewed" in str(lease.lost)
            return own_clock.now() - since_s

    assert run(sleeper()) <= RETRY_S


@pytest.mark.parametrize("seed", range(10))
def test_an_answer_that_is_lost_leaves_no_doubt_whose_lease_it_is(seed: int) -> None:
    rng = random.Random(seed)

    async def owner() -> None:
        bucket = Bucket()
        stop = asyncio.Event()
        async with hold(bucket, 10, "there", stop):
            bucket.loses_answers = lambda: rng.random() < 0.4
            await bucket.clock.sleep(25)
            for _ in range(40):
                await bucket.clock.sleep(HEARTBEAT_S)
                bucket.loses_answers = lambda: False
                await bucket.clock.sleep(HEARTBEAT_S)
                bucket.loses_answers = lambda: rng.random() < 0.4
            assert not stop.is_set()
            bucket.loses_answers = lambda: False
        assert bucket.objects == {}

    run(owner())


def test_a_store_that_ignores_conditions_is_refused() -> None:
    async def claim() -> None:
        with pytest.raises(InputError) as caught:
            await place(Bucket(ignores_conditions=True)).claim(text(10, "a", "here"))
        assert caught.value.code is ErrorCode.SHARED_UNUSABLE
        assert "conditional" in caught.value.detail

    run(claim())
