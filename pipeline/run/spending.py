"""What of an approval was used: reserved before a run's first write, settled by what its journal says.

A reservation counts in full until the run is settled, so that a process killed anywhere leaves no more than
was approved to those that follow. It is settled from the run's journal, as often as one likes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.address import Address
from pipeline.changes.model import Change
from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.run.entries import Begin, End, Entry, Held, Note
from pipeline.run.file_lock import locked
from pipeline.run.folder import make_private, write_private
from pipeline.run.lease_s3 import Objects
from pipeline.run.result import Outcome

SCHEMA: Literal["okta-plan/spending/v1"] = "okta-plan/spending/v1"
Counts = dict[str, Annotated[int, Field(ge=0)]]


class RunShare(BaseModel):
    """What one run may use; ``spent`` is None until it is settled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    reserved: Counts
    spent: Counts | None = None

    @property
    def counts(self) -> Counts:
        return self.reserved if self.spent is None else self.spent


class Spending(BaseModel):
    """All that was used of one approval, by run."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Annotated[Literal["okta-plan/spending/v1"], Field(alias="schema")] = SCHEMA
    approval_digest: str
    plan: str
    runs: dict[str, RunShare] = {}

    def left(self, approved: Mapping[str, int], *, but: str | None = None) -> dict[str, int]:
        """What is left of ``approved``; ``but`` is a run whose own share does not count."""
        used: Counter[str] = Counter()
        for run, share in self.runs.items():
            if run != but:
                used.update(share.counts)
        return {action: max(0, count - used[action]) for action, count in approved.items()}

    def with_run(self, run: str, share: RunShare) -> Spending:
        return self.model_copy(update={"runs": {**self.runs, run: share}})

    def reserving(self, run: str, host: str, wanted: Mapping[str, int], done: Mapping[str, int]) -> Spending:
        """With room for ``wanted`` more of ``run``, of which ``done`` is journaled. What a former part of it
        spent stays spent, whatever became of its journal.
        """
        before = self.runs.get(run)
        spent = Counter(done)
        if before is not None and before.spent is not None:
            spent |= Counter(before.spent)
        return self.with_run(run, RunShare(host=host, reserved=dict(spent + Counter(wanted))))

    def settling(self, run: str, spent: Mapping[str, int]) -> Spending:
        """With what ``run`` really used; never less than was settled before."""
        before = self.runs.get(run)
        if before is None:
            return self
        known = Counter(spent) | Counter(before.spent or {})
        return self.with_run(run, before.model_copy(update={"spent": dict(known)}))


class SpendingPlace(Protocol):
    """Where the spending of one approval is kept."""

    @property
    def shown(self) -> str: ...

    @property
    def is_shared(self) -> bool:
        """Whether runners on other machines see it too."""
        ...

    async def read(self) -> Spending: ...

    async def change(self, step: Callable[[Spending], Spending]) -> Spending:
        """Replace what is there by ``step`` of it, alone among all processes; what is there now. ``step`` may
        be called again, and what it raises changes nothing.
        """
        ...


class FileSpending:
    """A file of the workspace."""

    is_shared = False

    def __init__(self, path: Path, empty: Spending) -> None:
        self._path = path
        self._empty = empty

    @property
    def shown(self) -> str:
        return str(self._path)

    async def read(self) -> Spending:
        return self._read()

    async def change(self, step: Callable[[Spending], Spending]) -> Spending:
        try:
            make_private(self._path.parent)
            with locked(self._path.with_suffix(".guard")):
                before = self._read()
                after = step(before)
                if after != before:
                    write_private(self._path, dump_spending(after))
                return after
        except OSError as error:
            raise InputError(
                ErrorCode.FILE_UNWRITABLE,
                "What an approval was used for cannot be written",
                f"{self._path.name} cannot be written: {error.strerror or error}.",
                location=Location(str(self._path)),
                next_step="Correct the permissions of plans/.runs, then run the command again.",
            ) from error

    def _read(self) -> Spending:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return self._empty
        return read_spending(content, self._empty, self._path.name)


class S3Spending:
    """An object of the shared bucket, replaced only as it was read (see pipeline.run.lease_s3)."""

    is_shared = True

    def __init__(self, objects: Objects, key: str, empty: Spending, shown: str) -> None:
        self._objects = objects
        self._key = key
        self._empty = empty
        self._shown = shown

    @property
    def shown(self) -> str:
        return self._shown

    async def read(self) -> Spending:
        return (await self._read())[0]

    async def change(self, step: Callable[[Spending], Spending]) -> Spending:
        while True:
            before, etag = await self._read()
            after = step(before)
            content = dump_spending(after).encode()
            # A write of ours whose answer was lost looks like another's: then the step finds itself done.
            if after == before or await self._objects.write(self._key, content, etag=etag) is not None:
                return after

    async def _read(self) -> tuple[Spending, str | None]:
        found = await self._objects.read(self._key)
        if found is None:
            return self._empty, None
        return read_spending(found.content, self._empty, self._shown), found.etag


def dump_spending(spending: Spending) -> str:
    return spending.model_dump_json(by_alias=True, indent=1) + "\n"


def read_spending(content: bytes, empty: Spending, shown: str) -> Spending:
    """The spending in ``content``, which must be of the approval that ``empty`` is of. Raises InputError."""
    try:
        found = Spending.model_validate_json(content)
    except ValidationError as error:
        raise _damaged(shown, "it is not what okta-plan writes") from error
    if found.approval_digest != empty.approval_digest:
        raise _damaged(shown, "it is of another approval")
    return found


def _damaged(shown: str, why: str) -> InputError:
    return InputError(
        ErrorCode.SPENDING_DAMAGED,
        "Nobody knows what an approval was used for",
        f"{shown} cannot be trusted: {why}.",
        location=Location(shown),
        next_step="Run `okta-plan diff` and approve the change set again: a new approval counts anew.",
    )


def touched(entries: Iterable[Entry]) -> frozenset[Address]:
    """Addresses at which a journal says that a write took effect, or may have."""
    found: set[Address] = set()
    begun: set[Address] = set()
    for entry in entries:
        match entry:
            case Begin():
                begun.add(Address.parse(entry.address))
            case End():
                address = Address.parse(entry.address)
                begun.discard(address)
                if entry.outcome in (Outcome.APPLIED, Outcome.UNRESOLVED):
                    found.add(address)
            case Note() if entry.what == "no_effect" and entry.address:
                begun.discard(Address.parse(entry.address))
            case Held():  # its write could not leave in time
                begun.discard(Address.parse(entry.address))
            case _:
                pass
    return frozenset(found | begun)


def spent_by(
    entries: Iterable[Entry], changes: Iterable[Change], action_of: Callable[[Change], str]
) -> dict[str, int]:
    """What a run with that journal and those changes used of its approval, by approved action."""
    at = touched(entries)
    return dict(Counter(action_of(change) for change in changes if change.address in at))
