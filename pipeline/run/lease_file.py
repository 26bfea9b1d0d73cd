"""The lease as a small file of the workspace, for the processes of one host and of those that mount it.

It is made in one step. A lease whose owner is dead is moved aside under a name of its own first, and looked
at again there, so that of two that take over only one can win.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.run.file_lock import locked
from pipeline.run.folder import make_private, write_private
from pipeline.run.lease import STALE_S, LeaseText, ProcessStart, read_lease
from pipeline.run.process import process_start, this_host


class FileLease:
    """A place of a lease: the file at ``path``. An owner on another host is judged by its last beat."""

    def __init__(self, path: Path, process_start: ProcessStart) -> None:
        self._path = path
        self._process_start = process_start

    @property
    def shown(self) -> str:
        return str(self._path)

    async def claim(self, text: LeaseText) -> LeaseText | None:
        return claim(self._path, text, self._process_start)

    async def holder(self) -> LeaseText | None:
        return _read(self._path)

    async def renew(self, text: LeaseText) -> bool:
        with locked(_guard(self._path)):
            is_ours = self._is_ours(text)
            if is_ours:
                write_private(self._path, text.dump())
            return is_ours

    async def release(self, text: LeaseText) -> None:
        with locked(_guard(self._path)):
            if self._is_ours(text):
                self._path.unlink()

    def _is_ours(self, text: LeaseText) -> bool:
        found = _read(self._path)
        return found is not None and found.nonce == text.nonce


def lease_path(runs_dir: Path, org_id: str, app_id: str) -> Path:
    return runs_dir / "leases" / f"{org_id}-{app_id}.json"


def is_running(runs_dir: Path, org_id: str, app_id: str, run_id: str) -> bool:
    """Whether a living process of this host carries out the run. Raises InputError as ``claim`` does."""
    found = _read(lease_path(runs_dir, org_id, app_id))
    here = found is not None and found.run_id == run_id and found.host == this_host()
    return here and found is not None and not found.is_dead(process_start)


def claim(path: Path, text: LeaseText, process_start: ProcessStart) -> LeaseText | None:
    """Take the lease for ``text``: None when it is ours now, else the lease of its living owner.

    Raises InputError where the folder cannot be written or the lease cannot be read.
    """
    try:
        make_private(path.parent)
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
        if not _is_stale(found, text, process_start):
            return found
        set_aside(path, found)
    return None


def _is_stale(found: LeaseText, asking: LeaseText, process_start: ProcessStart) -> bool:
    """Whether the owner of ``found`` is gone: dead on this host, or three beats missed on another."""
    if found.host == asking.host:
        return found.is_dead(process_start)
    return asking.heartbeat_at_s - found.heartbeat_at_s > STALE_S


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
    write_private(draft, text.dump())
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
        file.write(text.dump())
        file.flush()
        os.fsync(file.fileno())
    return True


def _read(path: Path) -> LeaseText | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return read_lease(content, path.name)


def _guard(path: Path) -> Path:
    return path.with_suffix(".guard")
