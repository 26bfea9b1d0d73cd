"""Following the journal of a run that another process writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.run.entries import ENTRY, Closed, End, Entry, Header, Held, Note
from pipeline.run.result import Outcome, Progress

LAST_LINE_BYTES = 64 * 1024
_DONE = frozenset(outcome.value for outcome in Outcome if outcome.is_done)


@dataclass(frozen=True, slots=True)
class Watched:
    """Where a run stands. ``over`` says how it ended: finished, stopped, halted, abandoned."""

    run: str
    progress: Progress
    counts: Mapping[str, int]
    last: str
    over: str | None = None
    resume: str | None = None
    """The command that goes on, where it ended early."""


@dataclass(slots=True)
class Tail:
    """What has been read so far. The chain of digests is for those who go on with a journal to check."""

    path: Path
    header: Header | None = None
    read_bytes: int = 0
    ended: dict[str, str] = field(default_factory=dict)
    """Outcome or ``held``, by address."""
    before: int = 0
    """How many were done when the run was last resumed; the others are tried again."""
    begun_at: str = ""
    """When the run was started or last resumed."""
    last: str = ""
    """The last thing that happened, in words."""
    last_at: str = ""
    """When what was written last was written."""
    over: str | None = None
    """``finished``, ``stopped``, ``halted`` or ``abandoned``; None while the run goes on."""

    def read_on(self) -> int:
        """Take in what was written since; the number of new lines. A line still being written is left for
        the next time. Raises InputError where the journal cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.read_bytes)
                new = file.read()
        except OSError as error:
            raise self._unreadable(f"it cannot be read: {error.strerror or error}") from error
        whole = new[: new.rfind(b"\n") + 1]
        self.read_bytes += len(whole)
        lines = whole.splitlines()
        for line in lines:
            try:
                self._take(ENTRY.validate_json(line))
            except ValidationError as error:
                raise self._unreadable("a line is no journal entry of this version") from error
        return len(lines)

    def _take(self, entry: Entry) -> None:
        self.last_at = entry.at or self.last_at
        match entry:
            case Header():
                self.header, self.begun_at = entry, entry.started_at
            case End():
                self._end(entry.address, entry.outcome, entry.action)
            case Held():
                self._end(entry.address, "held", entry.action, entry.reason)
            case Note(what="resumed"):
                self.ended = {address: how for address, how in self.ended.items() if how in _DONE}
                self.begun_at, self.before, self.over = entry.at, len(self.ended), None
            case Note(what="stopped" | "halted"):
                self.over = entry.what
                self.last = entry.detail or self.last
            case Closed():
                self.over = "finished"
            case _:
                pass

    def _end(self, address: str, how: str, action: str, why: str = "") -> None:
        self.ended[address] = how
        self.last = f"{how} {action} {address}" + (f" ({why})" if why else "")

    def _unreadable(self, why: str) -> InputError:
        return InputError(
            ErrorCode.JOURNAL_DAMAGED,
            "The journal cannot be followed",
            f"The journal of run {self.path.parent.name}: {why}.",
            location=Location(str(self.path)),
            next_step="See `okta-plan runs`.",
        )


def ends_of(journal: Path) -> tuple[Entry, Entry]:
    """The first and the last whole entry. Raises OSError, ValueError."""
    with journal.open("rb") as file:
        first = file.readline()
        file.seek(max(0, journal.stat().st_size - LAST_LINE_BYTES))
        lines = file.read().rpartition(b"\n")[0].splitlines()
    last = lines[-1] if lines else first
    return ENTRY.validate_json(first), ENTRY.validate_json(last)
