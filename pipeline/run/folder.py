"""The folder of one run, ``plans/.runs/RUN/``: its files, and the list of all runs."""

from __future__ import annotations

import csv
import errno
import io
import os
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydantic_core

from pipeline.changes.model import Change
from pipeline.clock import Clock
from pipeline.errors import ErrorCode, InputError, OktaPlanError
from pipeline.findings import Location
from pipeline.run.fold import RunState, fold
from pipeline.run.journal import JOURNAL, read_journal, sync_folder
from pipeline.run.result import RunResult

RUN_ID = re.compile(r"\d{8}T\d{6}Z-[a-z0-9]{4}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

NOT_IN_GIT = (".runs", ".okta-plan")
"""Folders of a workspace that are this machine's own, by name."""


def new_run_id(clock: Clock, rng: random.Random) -> str:
    """``YYYYMMDDTHHMMSSZ-xxxx``: sorts by start; the last four tell apart runs of one second."""
    started = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{started}-{''.join(rng.choice(_LETTERS) for _ in range(4))}"


@dataclass(frozen=True, slots=True)
class RunFolder:
    path: Path

    @classmethod
    def create(cls, runs_dir: Path, run_id: str) -> RunFolder:
        """Make the folder, for its owner only. Raises InputError where that cannot be done."""
        path = runs_dir / run_id
        try:
            make_private(runs_dir)
            path.mkdir(mode=0o700)
            sync_folder(runs_dir)
        except OSError as error:
            raise _unwritable(path, error) from error
        return cls(path)

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        return self.path / JOURNAL

    @property
    def changes(self) -> Path:
        return self.path / "changes.json"

    @property
    def reviewed(self) -> Path:
        """What a person had agreed to, where it is not all of the change set."""
        return self.path / "reviewed.json"

    @property
    def plan(self) -> Path:
        """The plan file as it was, since the one in ``plans/`` may be edited later."""
        return self.path / "plan.yaml"

    @property
    def approval(self) -> Path:
        """The approval that the run uses, where it uses one."""
        return self.path / "approval.yaml"

    @property
    def report_json(self) -> Path:
        return self.path / "report.json"

    @property
    def report_md(self) -> Path:
        return self.path / "report.md"

    @property
    def not_applied(self) -> Path:
        return self.path / "not-applied.csv"

    def write(self, path: Path, text: str) -> None:
        """Write one of the files whole or not at all, mode 0600. Raises InputError."""
        try:
            write_private(path, text)
        except OSError as error:
            raise _unwritable(path, error) from error

    def keep_plan(self, path: Path) -> None:
        """Copy the plan file at ``path``, byte by byte. Raises InputError."""
        try:
            write_private_bytes(self.plan, path.read_bytes())
        except OSError as error:
            raise _unwritable(self.plan, error) from error

    def state(self) -> RunState:
        """What its journal says. Raises InputError as read_journal does."""
        return fold(read_journal(self.journal).entries)


def lines_of_json(document: Mapping[str, Any]) -> str:
    """``document`` as JSON with one member a line, indented by one, and a line end."""
    # As json.dumps writes it with an indent, which it does in Python, ten times slower.
    return pydantic_core.to_json(document, indent=1).decode() + "\n"


def make_private(folder: Path) -> None:
    """Make ``folder`` and those above it that are missing, all of them mode 0700. Git is told to pass over
    those of ours, as names of people are in them. Raises OSError.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        sync_folder(each.parent)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    ours = next((each for each in (folder, *folder.parents) if each.name in NOT_IN_GIT), None)
    if ours is not None and not (ours / ".gitignore").exists():
        descriptor = os.open(ours / ".gitignore", os.O_CREAT | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"*\n")


def write_private(path: Path, text: str) -> None:
    """`write_private_bytes` of ``text`` in UTF-8, line ends as they are. Raises OSError."""
    write_private_bytes(path, text.encode())


def write_private_bytes(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` in one step, mode 0600. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        ErrorCode.FILE_UNWRITABLE,
        "A file of the run cannot be written",
        f"{path.name} cannot be written: {error.strerror or error}.",
        location=Location(str(path)),
        next_step="Make room or correct the permissions of plans/.runs, then run the command again.",
    )


def not_applied_csv(result: RunResult) -> str:
    """Everything wanted and not done: principal, address, action, reason, detail. One line for each name that
    the source has for a person.

    A cell that a spreadsheet would take for a formula gets a leading apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("principal", "address", "action", "reason", "detail"))
    writer.writerows(tuple(_harmless(cell) for cell in row) for row in _rows(result))
    return text.getvalue()


def _rows(result: RunResult) -> Iterable[tuple[str, str, str, str, str]]:
    for hold in result.held:
        for principal in hold.principals or ("",):
            yield principal, str(hold.address), hold.action, hold.reason, hold.detail
    for ended in (*result.refused, *result.unresolved):
        change = ended.change
        for principal in _names_of(change):
            yield principal, str(change.address), change.action, ended.outcome, ended.detail
    for change in result.not_started:
        for principal in _names_of(change):
            yield principal, str(change.address), change.action, "not_started", "The run stopped."


def _names_of(change: Change) -> tuple[str, ...]:
    """Every name the source has for the person, so that each finds its line; "" for an entitlement."""
    return change.person.principals if change.person else ("",)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


@dataclass(frozen=True, slots=True)
class ListedRun:
    """One run in the list. ``state`` is None where its journal is missing or damaged: see ``problem``."""

    folder: RunFolder
    state: RunState | None
    problem: OktaPlanError | None = None


def list_runs(runs_dir: Path) -> tuple[ListedRun, ...]:
    """All runs, newest first. A damaged journal is listed with its problem."""
    if not runs_dir.is_dir():
        return ()
    names = sorted((each.name for each in runs_dir.iterdir() if RUN_ID.fullmatch(each.name)), reverse=True)
    return tuple(_listed(RunFolder(runs_dir / name)) for name in names)


def _listed(folder: RunFolder) -> ListedRun:
    try:
        return ListedRun(folder, folder.state())
    except InputError as error:
        return ListedRun(folder, None, error)


def find_run(runs_dir: Path, run_id: str) -> RunFolder:
    """The run of that id. Raises InputError where there is none."""
    folder = RunFolder(runs_dir / run_id)
    if not RUN_ID.fullmatch(run_id) or not folder.path.is_dir():
        raise InputError(
            ErrorCode.RUN_NOT_FOUND,
            "There is no such run",
            f"No run {run_id!r} is in {runs_dir.parent.name}/{runs_dir.name}.",
            next_step="List the runs with `okta-plan runs`.",
        )
    return folder
