"""The lease: one owner, dead owners give way, nobody else does."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from pipeline.errors import ErrorCode, InputError, RefusedError
from pipeline.run.lease import Lease, LeaseText, Owner, hold_lease
from pipeline.run.lease_file import FileLease, claim, lease_path, set_aside
from pipeline.run.process import process_start, this_host
from tests.virtual_time import clock, run

ALIVE = {10: 1.0, 11: 2.0}


def text(pid: int = 10, *, nonce: str = "a", host: str = "here", at_s: float = 0.0) -> LeaseText:
    return LeaseText(pid, ALIVE.get(pid, 0.5), host, f"run-{pid}", nonce, at_s)


def owner(pid: int, host: str = "here") -> Owner:
    return Owner(pid, ALIVE.get(pid, 0.5), host, f"run-{pid}")


def hold(
    path: Path, who: Owner, stop: asyncio.Event, *, wait_s: float = 0.0, seed: int = 0
) -> AbstractAsyncContextManager[Lease]:
    rng = random.Random(seed)
    return hold_lease(FileLease(path, ALIVE.get), who, clock(), rng, stop=stop, wait_s=wait_s)


def test_a_second_live_owner_is_refused_by_name(tmp_path: Path) -> None:
    path = lease_path(tmp_path, "00o1", "0oa1")

    async def both() -> None:
        async with hold(path, owner(10), asyncio.Event()):
            with pytest.raises(RefusedError) as caught:
                async with hold(path, owner(11), asyncio.Event()):
                    pytest.fail("two owners")
            assert caught.value.code is ErrorCode.LEASE_HELD
            assert "run-10" in caught.value.detail
            assert caught.value.next_step is not None

    run(both())
    assert not path.exists()


def test_a_dead_owner_on_this_host_gives_way_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    assert claim(path, text(99), ALIVE.get) is None
    assert claim(path, text(10, nonce="b"), ALIVE.get) is None


def test_a_process_number_used_again_is_a_dead_owner(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    assert claim(path, LeaseText(10, 0.1, "here", "old", "a", 0.0), ALIVE.get) is None
    assert claim(path, text(11, nonce="b"), ALIVE.get) is None


def test_an_owner_elsewhere_gives_way_after_three_missed_beats(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    assert claim(path, text(10, host="there"), ALIVE.get) is None
    assert claim(path, text(11, nonce="b", at_s=90.0), ALIVE.get) is not None
    assert claim(path, text(11, nonce="b", at_s=90.1), ALIVE.get) is None


def test_waiting_ends_when_the_owner_does(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    times: list[float] = []

    async def first() -> None:
        async with hold(path, owner(10), asyncio.Event(), seed=1):
            await clock().sleep(45)

    async def second() -> None:
        async with hold(path, owner(11), asyncio.Event(), wait_s=60, seed=2):
            times.append(asyncio.get_running_loop().time())

    async def both() -> None:
        await asyncio.gather(first(), second())

    run(both())
    assert 45 <= times[0] <= 47


def test_the_heart_keeps_a_long_run_alive_for_other_hosts(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"

    async def long_run() -> None:
        ticking = clock()
        start_s = ticking.now()
        async with hold(path, owner(10, "there"), asyncio.Event()):
            await ticking.sleep(3600)
            asking = text(11, nonce="b", at_s=start_s + 3600)
            assert claim(path, asking, ALIVE.get) is not None

    run(long_run())


def test_a_lease_that_was_taken_over_stops_the_run_and_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"

    async def sleeper() -> bool:
        stop = asyncio.Event()
        async with hold(path, owner(99), stop) as lease:
            assert claim(path, text(10, nonce="b"), ALIVE.get) is None
            await clock().sleep(31)
            assert stop.is_set()
            return lease.lost is not None

    assert run(sleeper())
    assert claim(path, text(11, nonce="c"), ALIVE.get) == text(10, nonce="b")


def test_of_many_that_take_over_at_once_one_wins(tmp_path: Path) -> None:
    for turn in range(20):
        path = tmp_path / f"{turn}.json"
        assert claim(path, text(99, nonce="dead"), ALIVE.get) is None
        barrier = threading.Barrier(8)
        winners: list[int] = []

        def contend(number: int, path: Path, barrier: threading.Barrier, winners: list[int]) -> None:
            barrier.wait()
            if claim(path, text(10, nonce=f"n{number}"), ALIVE.get) is None:
                winners.append(number)

        threads = [threading.Thread(target=contend, args=(n, path, barrier, winners)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(winners) == 1
        assert not list(tmp_path.glob("*.stale-*"))


def test_a_lease_renewed_between_looking_and_moving_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    stale = text(99, nonce="dead")
    assert claim(path, text(10, nonce="winner"), ALIVE.get) is None
    assert not set_aside(path, stale)
    assert claim(path, text(11, nonce="c"), ALIVE.get) == text(10, nonce="winner")


def test_a_lease_nobody_can_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    path.write_text("{")
    with pytest.raises(InputError) as caught:
        claim(path, text(), ALIVE.get)
    assert caught.value.next_step is not None
    assert "delete lease.json" in caught.value.next_step


def test_releasing_removes_only_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    assert claim(path, text(10, nonce="other"), ALIVE.get) is None

    async def release() -> None:
        await Lease(FileLease(path, ALIVE.get), text(10, nonce="mine"), clock(), asyncio.Event()).release()

    run(release())
    assert path.exists()


def test_this_process_lives_and_one_that_ended_does_not() -> None:
    started = process_start(os.getpid())
    assert started is not None
    assert started == process_start(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert process_start(child.pid) is not None
        child.kill()
        child.wait()
        assert process_start(child.pid) is None
    assert this_host() == this_host()
