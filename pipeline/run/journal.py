"""The journal: one line is on disk before each write is sent, one after its outcome is known.

Writing is synchronous on purpose: a write may only leave once its line is durable, and a simulated run has
no threads. Each line carries the sha256 of the one before, so that a changed or missing line shows.
"""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pydantic_core
from pydantic import ValidationError

from pipeline.clock import Clock
from pipeline.errors import ErrorCode, InputError, StoppedError
from pipeline.findings import Location
from pipeline.run.entries import ENTRY, FORMAT_VERSION, NO_LINE, Entry, Header

JOURNAL = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class JournalText:
    """A journal as read: its whole entries, and the bytes they take; what follows is a torn last line."""

    entries: tuple[Entry, ...]
    whole_bytes: int
    last_line_sha256: str


def read_journal(path: Path) -> JournalText:
    """Read and check a journal. A last line without its line end is left out: a crash tore it.

    Raises InputError where the file cannot be read, where a line is not what was written (the chain of
    digests is broken), or where a newer version wrote it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    return parse_journal(content, path)


def read_header(path: Path) -> Header | None:
    """The first line of a journal, without reading the rest; None where it was not written whole. Raises
    InputError as ``read_journal``.
    """
    try:
        with path.open("rb") as file:
            line = file.readline()
    except OSError as error:
        raise _unreadable(path, error) from error
    entries = parse_journal(line, path).entries
    return entries[0] if entries and isinstance(entries[0], Header) else None


def parse_journal(content: bytes, path: Path) -> JournalText:
    """`read_journal` of ``content``; ``path`` names it in messages. Raises InputError."""
    whole_bytes = content.rfind(b"\n") + 1
    lines = content[:whole_bytes].split(b"\n")[:-1]
    entries: list[Entry] = []
    previous = NO_LINE
    for number, line in enumerate(lines):
        entries.append(_checked(line, number, previous, path))
        previous = hashlib.sha256(line).hexdigest()
    return JournalText(tuple(entries), whole_bytes, previous)


def _checked(line: bytes, number: int, previous: str, path: Path) -> Entry:
    if number == 0 and (version := _format_of(line)) > FORMAT_VERSION:
        raise _newer(path, version)
    try:
        entry = ENTRY.validate_json(line)
    except ValidationError as error:
        raise _damaged(path, number, "it is no journal entry of this version") from error
    if entry.n != number or entry.prev != previous:
        raise _damaged(path, number, "it does not continue the line before it")
    if isinstance(entry, Header) != (number == 0):
        raise _damaged(path, number, "a journal has one header, at its start")
    return entry


def _format_of(header: bytes) -> int:
    """The format that the first line names, whatever else is in it; 0 where it names none."""
    try:
        found = pydantic_core.from_json(header)
    except ValueError:
        return 0
    version = found.get("format_version") if isinstance(found, dict) else None
    return version if isinstance(version, int) else 0


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        ErrorCode.FILE_UNREADABLE,
        "The journal cannot be read",
        f"{path.name} of run {path.parent.name} cannot be read: {error.strerror}.",
        location=Location(str(path)),
        next_step="Check the permissions of the run's folder.",
    )


def _newer(path: Path, version: int) -> InputError:
    return InputError(
        ErrorCode.JOURNAL_DAMAGED,
        "The journal is of a newer okta-plan",
        f"The journal of run {path.parent.name} has format {version}; this one reads up to {FORMAT_VERSION}.",
        location=Location(str(path), 1),
        next_step="Use the version that wrote it, or a later one.",
    )


def _damaged(path: Path, number: int, why: str) -> InputError:
    return InputError(
        ErrorCode.JOURNAL_DAMAGED,
        "The journal is damaged",
        f"Line {number + 1} of the journal of run {path.parent.name} cannot be trusted: {why}.",
        location=Location(str(path), number + 1),
        next_step="Move the run's folder away and apply again: the plan is compared with the tenant afresh.",
    )


class Journal:
    """An open journal, for appending. Close it, or use it as a context manager."""

    def __init__(self, path: Path, descriptor: int, clock: Clock, n: int, previous: str) -> None:
        self._path = path
        self._descriptor = descriptor
        self._clock = clock
        self._n = n
        self._previous = previous
        self._failed = False

    @classmethod
    def create(cls, path: Path, header: Header, clock: Clock) -> Journal:
        """Start a journal in an existing folder. Raises StoppedError as append does."""
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY, 0o600)
        except OSError as error:
            raise _unwritable(path, error) from error
        journal = cls(path, descriptor, clock, 0, NO_LINE)
        journal.append(header)
        try:
            sync_folder(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error
        return journal

    @classmethod
    def reopen(cls, path: Path, clock: Clock) -> tuple[Journal, tuple[Entry, ...]]:
        """Go on with a journal: a torn last line is cut away. Raises as read_journal and append do."""
        text = read_journal(path)
        try:
            descriptor = os.open(path, os.O_WRONLY | _BINARY)
            os.ftruncate(descriptor, text.whole_bytes)
            os.lseek(descriptor, 0, os.SEEK_END)
        except OSError as error:
            raise _unwritable(path, error) from error
        return cls(path, descriptor, clock, len(text.entries), text.last_line_sha256), text.entries

    def append(self, entry: Entry) -> None:
        """Make ``entry`` durable. Raises StoppedError where it cannot be written; then nothing may be sent.

        After one failure no later line is tried: it would follow a torn one.
        """
        if self._failed:
            raise _unwritable(self._path, OSError("an earlier line could not be written"))
        stamped = entry.model_copy(
            update={"n": self._n, "at": iso_utc(self._clock.now()), "prev": self._previous}
        )
        line = stamped.model_dump_json(exclude_none=True).encode()
        try:
            _write_all(self._descriptor, line + b"\n")
            os.fsync(self._descriptor)
        except OSError as error:
            self._failed = True
            raise _unwritable(self._path, error) from error
        self._n += 1
        self._previous = hashlib.sha256(line).hexdigest()

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_BINARY = getattr(os, "O_BINARY", 0)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable, where the system has a call for that. Raises OSError."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> StoppedError:
    return StoppedError(
        ErrorCode.RUN_STOPPED,
        "The journal cannot be written",
        f"{path.name} of run {path.parent.name} cannot be written: {error.strerror or error}. "
        "No write is sent that is not journaled first.",
        location=Location(str(path)),
        next_step="Make room or correct the permissions, then apply the plan again.",
    )


def iso_utc(at_s: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
