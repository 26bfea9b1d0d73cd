"""The lease: at most one live run per org and app.

This is what its places share: `lease_file` in the workspace, `lease_s3` in a bucket for several machines. A
run renews its lease by a heartbeat; one that it could not renew in time, or that another took over, is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from pipeline.clock import Clock
from pipeline.errors import ErrorCode, InputError, RefusedError
from pipeline.findings import Location
from pipeline.run.journal import iso_utc

HEARTBEAT_S = 30.0
MISSED_BEATS = 3
STALE_S = MISSED_BEATS * HEARTBEAT_S
"""Without a beat for longer than this, a lease may be taken over from another host."""
GIVE_UP_S = STALE_S - HEARTBEAT_S
"""Its owner gives it up after this, before others may take it over."""
RETRY_S = 5.0
"""After a beat that failed, the next one comes so soon."""
POLL_S = 2.0

ProcessStart = Callable[[int], float | None]
"""When a process of this host started; None where it does not live."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who asks for the lease."""

    pid: int
    process_started: float | None
    host: str
    run_id: str


@dataclass(frozen=True, slots=True)
class LeaseText:
    """What is written down. ``nonce`` tells apart two leases of one owner."""

    pid: int
    process_started: float | None
    host: str
    run_id: str
    nonce: str
    heartbeat_at_s: float

    def dump(self) -> str:
        return json.dumps(asdict(self))

    def is_dead(self, process_start: ProcessStart) -> bool:
        """Whether the owner, which must be of this host, has ended."""
        started = process_start(self.pid)
        return started is None or started != self.process_started


class LeasePlace(Protocol):
    """Where a lease is written down, such that of two that claim it only one can win.

    Each raises InputError or OSError where the place cannot be read or written.
    """

    @property
    def shown(self) -> str:
        """The place as people know it."""
        ...

    async def claim(self, text: LeaseText) -> LeaseText | None:
        """Take the lease: None when it is ours now, else the lease of its living owner."""
        ...

    async def holder(self) -> LeaseText | None:
        """The lease as it stands, whoever holds it."""
        ...

    async def renew(self, text: LeaseText) -> bool:
        """Replace our lease by ``text``; False where it is no longer ours."""
        ...

    async def release(self, text: LeaseText) -> None:
        """Remove the lease, if it is still ours."""
        ...


class Lease:
    """A lease that is held. ``lost`` says why it no longer is; then ``stop`` is set: no more may be sent."""

    def __init__(self, place: LeasePlace, text: LeaseText, clock: Clock, stop: asyncio.Event) -> None:
        self._place = place
        self._text = text
        self._clock = clock
        self._stop = stop
        self._renewed_at_s = clock.now()
        self._beating = asyncio.Lock()
        self.lost: str | None = None

    async def beat(self) -> bool:
        """Renew the lease, and whether that was done. Loses it where it is no longer ours, or was not renewed
        in time.
        """
        async with self._beating:
            return await self._renew()

    async def confirm(self) -> None:
        """Before a write: renew what others may soon take over, or took over while this machine slept. What
        is still ours then nobody took. A lease that is fresh waits for no beat that is under way.
        """
        if self._age_s() < GIVE_UP_S:
            return
        async with self._beating:
            if not self.lost and self._age_s() >= GIVE_UP_S:
                await self._renew()

    async def _renew(self) -> bool:
        at_s = self._clock.now()
        self._text = replace(self._text, heartbeat_at_s=at_s)
        try:
            async with asyncio.timeout(max(GIVE_UP_S - self._age_s(), RETRY_S)):
                is_ours = await self._place.renew(self._text)
        except (OSError, InputError) as error:
            if self._age_s() >= GIVE_UP_S:
                self._lose(f"{self._place.shown} could not be renewed for {GIVE_UP_S:.0f} s: {_said(error)}")
            return False
        self._renewed_at_s = at_s
        if not is_ours:
            self._lose(f"{self._place.shown} was removed, or another apply took it over.")
        return is_ours

    def _age_s(self) -> float:
        return self._clock.now() - self._renewed_at_s

    def _lose(self, why: str) -> None:
        self.lost = why
        self._stop.set()

    async def release(self) -> None:
        """Remove the lease, if it is still ours. Raises OSError or InputError."""
        if not self.lost:
            async with asyncio.timeout(HEARTBEAT_S):
                await self._place.release(self._text)


@asynccontextmanager
async def hold_lease(
    place: LeasePlace,
    owner: Owner,
    clock: Clock,
    rng: random.Random,
    *,
    stop: asyncio.Event,
    wait_s: float = 0.0,
) -> AsyncIterator[Lease]:
    """Hold the lease at ``place`` and keep it alive; ``stop`` is set when it is lost.

    Waits up to ``wait_s`` for another owner to end. Raises RefusedError (lease_held), naming the owner, and
    InputError where the place cannot be written or the lease in it cannot be read.
    """
    lease = Lease(place, await _acquired(place, owner, clock, rng, wait_s=wait_s), clock, stop)
    heart = asyncio.create_task(_keep_alive(lease, clock))
    try:
        yield lease
    finally:
        heart.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heart
        # what cannot be removed is taken over when this process has ended
        with contextlib.suppress(OSError, InputError):
            await lease.release()


async def _acquired(
    place: LeasePlace, owner: Owner, clock: Clock, rng: random.Random, *, wait_s: float
) -> LeaseText:
    until_s = clock.now() + wait_s
    nonce = f"{rng.getrandbits(128):032x}"
    while True:
        text = LeaseText(**asdict(owner), nonce=nonce, heartbeat_at_s=clock.now())
        held_by = await place.claim(text)
        if held_by is None:
            return text
        if clock.now() >= until_s:
            raise _held(place, held_by, here=owner.host)
        await clock.sleep(min(POLL_S, max(until_s - clock.now(), 0.0)))


async def _keep_alive(lease: Lease, clock: Clock) -> None:
    renewed = True
    while not lease.lost:
        await clock.sleep(HEARTBEAT_S if renewed else RETRY_S)
        renewed = await lease.beat()


def read_lease(content: bytes | str, shown: str) -> LeaseText:
    """The lease written as ``content``. Raises InputError where it is none."""
    try:
        return LeaseText(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise InputError(
            ErrorCode.LEASE_HELD,
            "The lease cannot be read",
            f"{shown} is no lease this version wrote, so nobody can tell whether a run is under way.",
            location=Location(shown),
            next_step=f"Make sure that no other apply runs, then delete {shown}.",
        ) from error


def _said(error: OSError | InputError) -> str:
    if isinstance(error, InputError):
        return error.detail
    return "no answer in time." if isinstance(error, TimeoutError) else f"{error.strerror or error}."


def _held(place: LeasePlace, by: LeaseText, *, here: str) -> RefusedError:
    next_step = "Wait for it to end, or let this command wait with --lease-wait SECONDS."
    if by.host != here:
        next_step += f" If that host is gone, --lease-wait {STALE_S + HEARTBEAT_S:.0f} takes the lease over."
    host = by.host.partition(" ")[0]
    return RefusedError(
        ErrorCode.LEASE_HELD,
        "Another apply is under way",
        f"Run {by.run_id} (process {by.pid} on {host}) holds the lease of this org and app; its last sign of "
        f"life was at {iso_utc(by.heartbeat_at_s)} by its own clock.",
        location=Location(place.shown),
        next_step=next_step,
    )
