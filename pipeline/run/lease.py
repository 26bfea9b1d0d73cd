"""The lease: at most one live run per org and app.

One small file, made in one step and renewed by a heartbeat. A lease whose owner is dead is moved aside under
a name of its own first, and looked at again there, so that of two that take over only one can win.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeline.clock import Clock
from pipeline.errors import ErrorCode, InputError, RefusedError
from pipeline.findings import Location
from pipeline.run.file_lock import locked
from pipeline.run.folder import write_private
from pipeline.run.journal import iso_utc

HEARTBEAT_S = 30.0
MISSED_BEATS = 3
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
    """What stands in the file. ``nonce`` tells apart two leases of one owner."""

    pid: int
    process_started: float | None
    host: str
    run_id: str
    nonce: str
    heartbeat_at_s: float


class Lease:
    """A lease that is held. ``lost`` turns True when another took it over; then no more may be sent."""

    def __init__(self, path: Path, text: LeaseText, clock: Clock) -> None:
        self._path = path
        self._text = text
        self._clock = clock
        self.lost = False

    def beat(self) -> None:
        """Renew the lease; sets ``lost`` where it is no longer ours. Raises OSError or InputError."""
        with locked(_guard(self._path)):
            found = _read(self._path)
            if found is None or found.nonce != self._text.nonce:
                self.lost = True
                return
            self._text = replace(self._text, heartbeat_at_s=self._clock.now())
            write_private(self._path, json.dumps(asdict(self._text)))

    def release(self) -> None:
        """Remove the lease, if it is still ours. Raises OSError or InputError."""
        with locked(_guard(self._path)):
            found = _read(self._path)
            if found is not None and found.nonce == self._text.nonce:
                self._path.unlink()


def lease_path(runs_dir: Path, org_id: str, app_id: str) -> Path:
    return runs_dir / "leases" / f"{org_id}-{app_id}.json"


@asynccontextmanager
async def hold_lease(
    path: Path,
    owner: Owner,
    clock: Clock,
    rng: random.Random,
    *,
    process_start: ProcessStart,
    stop: asyncio.Event,
    wait_s: float = 0.0,
) -> AsyncIterator[Lease]:
    """Hold the lease at ``path`` and keep it alive; ``stop`` is set when it is lost.

    Waits up to ``wait_s`` for another owner to end. Raises RefusedError (lease_held), naming the owner, and
    InputError where the folder cannot be written or the lease in it cannot be read.
    """
    lease = await _acquire(path, owner, clock, rng, process_start=process_start, wait_s=wait_s)
    heart = asyncio.create_task(_keep_alive(lease, clock, stop))
    try:
        yield lease
    finally:
        heart.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heart
        # what cannot be removed is taken over at once when this process has ended
        with contextlib.suppress(OSError, InputError):
            lease.release()


async def _acquire(
    path: Path,
    owner: Owner,
    clock: Clock,
    rng: random.Random,
    *,
    process_start: ProcessStart,
    wait_s: float,
) -> Lease:
    until_s = clock.now() + wait_s
    while True:
        nonce = f"{rng.getrandbits(128):032x}"
        text = LeaseText(**asdict(owner), nonce=nonce, heartbeat_at_s=clock.now())
        held_by = claim(path, text, process_start)
        if held_by is None:
            return Lease(path, text, clock)
        if clock.now() >= until_s:
            raise _held(path, held_by)
        await clock.sleep(min(POLL_S, max(until_s - clock.now(), 0.0)))


async def _keep_alive(lease: Lease, clock: Clock, stop: asyncio.Event) -> None:
    missed = 0
    while not lease.lost:
        await clock.sleep(HEARTBEAT_S)
        try:
            lease.beat()
            missed = 0
        except (OSError, InputError):
            # others may take over after MISSED_BEATS, so we give up before they do
            missed += 1
            lease.lost = missed >= MISSED_BEATS - 1
    stop.set()


def claim(path: Path, text: LeaseText, process_start: ProcessStart) -> LeaseText | None:
    """Take the lease for ``text``: None when it is ours now, else the lease of its living owner.

    Raises InputError where the folder cannot be written or the lease cannot be read.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(_guard(path)):
            return _claim(path, text, process_start)
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "The lease cannot be written",
            f"{path.name} cannot be written: {error.strerror or error}.",
            location=Location(str(path)),
            next_step="Correct the permissions of plans/.runs, then run the command again.",
        ) from error


def _claim(path: Path, text: LeaseText, process_start: ProcessStart) -> LeaseText | None:
    while not _create(path, text):
        found = _read(path)
        if found is None:
            continue
        if not is_stale(found, text, process_start):
            return found
        set_aside(path, found)
    return None


def is_stale(found: LeaseText, asking: LeaseText, process_start: ProcessStart) -> bool:
    """Whether the owner of ``found`` is gone: dead on this host, or three beats missed on another."""
    if found.host == asking.host:
        started = process_start(found.pid)
        return started is None or started != found.process_started
    return asking.heartbeat_at_s - found.heartbeat_at_s > MISSED_BEATS * HEARTBEAT_S


def set_aside(path: Path, stale: LeaseText) -> bool:
    """Move the stale lease away. False where another had taken over meanwhile: then theirs is put back."""
    aside = path.with_name(f"{path.name}.stale-{stale.nonce}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return False
    moved = _read(aside)
    ours_to_move = moved is not None and moved.nonce == stale.nonce
    if not ours_to_move:
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    aside.unlink()
    return ours_to_move


def _create(path: Path, text: LeaseText) -> bool:
    """Make the file with its content in one step; False where there is one already."""
    draft = path.with_name(f".{path.name}.{text.nonce}")
    write_private(draft, json.dumps(asdict(text)))
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:
        # no hard links on this file system: the content follows the name, under the guard's protection
        return _create_by_name(path, text)
    finally:
        draft.unlink()
    return True


def _create_by_name(path: Path, text: LeaseText) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(text), file)
        file.flush()
        os.fsync(file.fileno())
    return True


def _read(path: Path) -> LeaseText | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return LeaseText(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise InputError(
            ErrorCode.LEASE_HELD,
            "The lease cannot be read",
            f"{path.name} is no lease this version wrote, so nobody can tell whether a run is under way.",
            location=Location(str(path)),
            next_step=f"Make sure that no other apply runs, then delete {path.name}.",
        ) from error


def _guard(path: Path) -> Path:
    return path.with_suffix(".guard")


def _held(path: Path, by: LeaseText) -> RefusedError:
    return RefusedError(
        ErrorCode.LEASE_HELD,
        "Another apply is under way",
        f"Run {by.run_id} (process {by.pid} on {by.host}) holds the lease of this org and app; its last sign "
        f"of life was at {iso_utc(by.heartbeat_at_s)}.",
        location=Location(str(path)),
        next_step="Wait for it to end, or let this command wait with --lease-wait SECONDS.",
    )
