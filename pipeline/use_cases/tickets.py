"""The ticket of a run that a process of its own carries out: what it was started for, how it ended.

``plans/.runs/workers/RUN/`` holds ``ticket.json``, ``answer.json`` once it ended, ``stop`` while it is asked
to end early, and ``log.txt`` with what the process said on stderr. Any server finds it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ErrorCode, InputError
from pipeline.run.folder import RUN_ID
from pipeline.run.process import process_start, this_host
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.storing import write_json

SCHEMA: Literal["okta-plan/worker/v1"] = "okta-plan/worker/v1"
How = Literal["pause", "cancel"]


class Ticket(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal["okta-plan/worker/v1"] = SCHEMA
    run: str
    plan: str
    plan_digest: str
    changes_digest: str
    approval_digest: str
    started_at: str
    resumes: bool = False
    """Whether it goes on with what an earlier process of the same run had begun."""
    cancelled: bool = False
    host: str = ""
    pid: int = 0
    process_started: float = 0.0

    def is_alive(self) -> bool:
        """Whether its process lives on this host. One of another host counts as gone."""
        return self.host == this_host() and process_start(self.pid) == self.process_started


@dataclass(frozen=True, slots=True)
class TicketFolder:
    path: Path

    @property
    def ticket(self) -> Path:
        return self.path / "ticket.json"

    @property
    def answer(self) -> Path:
        return self.path / "answer.json"

    @property
    def stop(self) -> Path:
        return self.path / "stop"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    def read(self) -> Ticket | None:
        """None where there is none, or none that can be read."""
        try:
            return Ticket.model_validate_json(self.ticket.read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, ticket: Ticket) -> None:
        write_json(self.ticket, ticket.model_dump(mode="json"))

    def read_answer(self) -> dict[str, Any] | None:
        """What its process answered at its end, as `apply --json` does; None while there is nothing."""
        try:
            found = json.loads(self.answer.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def workers_dir(desk: Desk) -> Path:
    return desk.runtime.runs_dir / "workers"


def ticket_folder(desk: Desk, run: str) -> TicketFolder:
    """Raises InputError where ``run`` is no id of a run."""
    if not RUN_ID.fullmatch(run):
        raise InputError(
            ErrorCode.RUN_NOT_FOUND,
            "There is no such run",
            f"{run!r} is no id of a run.",
            next_step="List the runs with `okta-plan runs`.",
        )
    return TicketFolder(workers_dir(desk) / run)


def tickets(desk: Desk) -> Iterator[Ticket]:
    """All tickets of the workspace, newest first."""
    folder = workers_dir(desk)
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    for name in sorted(filter(RUN_ID.fullmatch, names), reverse=True):
        ticket = TicketFolder(folder / name).read()
        if ticket is not None:
            yield ticket
