"""Runs in processes of their own: started for an approved change set, stopped, gone on with.

The process does what ``apply PLAN --changes FILE --require-approval`` does, through the same use case.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from typing import TypeAlias

from pipeline.changes.model import ChangeSet
from pipeline.envelope import View, error_answer, to_json
from pipeline.errors import ErrorCode, InputError, OktaPlanError, RefusedError
from pipeline.plan.approval import approval_digest
from pipeline.plan.digest import plan_digest
from pipeline.plan.model import Plan
from pipeline.run.entries import Closed
from pipeline.run.file_lock import locked
from pipeline.run.folder import RunFolder, new_run_id, write_private
from pipeline.run.journal import iso_utc
from pipeline.run.process import process_start, this_host
from pipeline.run.tail import ends_of
from pipeline.use_cases.apply_request import ApplyRequest, Person
from pipeline.use_cases.applying import apply
from pipeline.use_cases.approval_checks import check, load_approval
from pipeline.use_cases.approving import stored_changes
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.tickets import How, Ticket, TicketFolder, ticket_folder, tickets, workers_dir

LOOK_S = 0.3
"""How often a running process looks whether it is asked to stop."""
STARTS_WITHIN_S = 60.0
"""After that a process that has not said who it is was never started."""
OVER = ("finished", "refused", "cancelled")
Launch: TypeAlias = Callable[[Desk, str], int]
"""Starts the process of a run and returns its pid."""


@dataclass(frozen=True, slots=True)
class Started:
    run: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stored change set that fits its plan as the plan is now."""

    shown: str
    path: Path
    plan: Plan
    changes: ChangeSet
    digest: str


def find_wanted(desk: Desk, given: str, digest: str) -> Wanted:
    """The change set of ``digest`` for the plan ``given``. Raises RefusedError where none is stored or the
    plan was edited since.
    """
    path, plan = read_plan(desk, given)
    changes = stored_changes(desk, digest)
    if changes is None:
        raise RefusedError(
            ErrorCode.OTHER_CHANGES,
            "No change set of this digest is stored",
            "It was never compared in this workspace.",
            next_step="Compare again with `okta-plan diff`.",
        )
    if changes.plan_digest != plan_digest(plan):
        raise RefusedError(
            ErrorCode.OTHER_CHANGES,
            "The change set is of another plan",
            "The plan was edited after the change set was made, or the change set is of another plan.",
            next_step="Compare again with `okta-plan diff`.",
        )
    return Wanted(desk.shown(path), path, plan, changes, digest)


def earlier_run(desk: Desk, wanted: Wanted) -> Ticket | None:
    """The newest run that was started for this change set and still counts: one that was refused before any
    write does not, nor one that is over where the person has approved the same once more.
    """
    for ticket in tickets(desk):
        if ticket.changes_digest != wanted.digest or ticket.plan_digest != wanted.changes.plan_digest:
            continue
        state = state_of(desk, ticket)
        if state == "refused":
            return None
        approval = load_approval(desk, wanted.path) if state in OVER else None
        is_newer = (
            approval is not None
            and approval.changes_digest == wanted.digest
            and approval_digest(approval) != ticket.approval_digest
        )
        return None if is_newer else ticket
    return None


async def start_run(desk: Desk, given: str, digest: str, launch: Launch) -> Started:
    """Start the process that carries out an approved change set, or name the one that did.

    Raises RefusedError where the approval beside the plan is missing, used up, or does not count for exactly
    this change set.
    """
    wanted = find_wanted(desk, given, digest)
    folder = workers_dir(desk)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / ".lock"):
        earlier = earlier_run(desk, wanted)
        if earlier is not None:
            return Started(earlier.run, is_new=False)
        ticket = Ticket(
            run=new_run_id(desk.runtime.clock, desk.runtime.rng),
            plan=wanted.shown,
            plan_digest=wanted.changes.plan_digest,
            changes_digest=digest,
            approval_digest=await _sound_approval(desk, wanted),
            started_at=iso_utc(desk.runtime.clock.now()),
        )
        _launch(desk, ticket, launch)
        return Started(ticket.run, is_new=True)


async def _sound_approval(desk: Desk, wanted: Wanted) -> str:
    status = await check(desk, wanted.shown, changes_digest=wanted.digest, org_id=wanted.changes.org_id)
    if status.problem is not None:
        raise status.problem
    return approval_digest(status.approval) if status.approval else ""


def go_on(desk: Desk, run: str, launch: Launch) -> Ticket:
    """Start a process that goes on with a run that was paused or whose process died. Raises RefusedError
    where it is under way, over or cancelled.
    """
    folder = ticket_folder(desk, run)
    with locked(workers_dir(desk) / ".lock"):
        ticket = _known(folder, run)
        state = state_of(desk, ticket)
        if state not in ("paused", "interrupted"):
            raise RefusedError(
                ErrorCode.RUN_CLOSED,
                "The run cannot go on",
                f"Only a run that was paused or interrupted can go on; this one is {state}.",
            )
        resumes = RunFolder(desk.runtime.runs_dir / run).journal.is_file()
        again = ticket.model_copy(update={"resumes": resumes})
        _launch(desk, again, launch)
        return again


def ask_to_stop(desk: Desk, run: str, how: How) -> str:
    """Ask the process of ``run`` to end early: calls in flight finish, nothing new begins. A cancelled run is
    not gone on with. Returns the state it is in now. Raises RefusedError where it is over.
    """
    folder = ticket_folder(desk, run)
    with locked(workers_dir(desk) / ".lock"):
        ticket = _known(folder, run)
        state = state_of(desk, ticket)
        if state in OVER:
            raise RefusedError(
                ErrorCode.RUN_CLOSED, "The run is over", f"The run is {state}; there is nothing to stop."
            )
        if how == "cancel":
            ticket = ticket.model_copy(update={"cancelled": True})
            folder.write(ticket)
        if state in ("starting", "running"):
            write_private(folder.stop, how)
        return state_of(desk, ticket)


def _known(folder: TicketFolder, run: str) -> Ticket:
    ticket = folder.read()
    if ticket is None:
        raise RefusedError(
            ErrorCode.RUN_NOT_FOUND,
            "No process was started for this run",
            f"Run {run} was not started by apply_plan, so it is not controlled from here.",
            next_step="Control it in the terminal where it was started.",
        )
    return ticket


def state_of(desk: Desk, ticket: Ticket) -> str:
    """``starting``, ``running``, ``paused``, ``interrupted`` (its process died), ``cancelled``, ``refused``
    (nothing was sent) or ``finished``, also where a later run settled and closed it.
    """
    state = _state_of(desk, ticket)
    could_go_on = state in ("paused", "interrupted")
    return "finished" if could_go_on and _is_closed(desk, ticket.run) else state


def _is_closed(desk: Desk, run: str) -> bool:
    try:
        return isinstance(ends_of(RunFolder(desk.runtime.runs_dir / run).journal)[1], Closed)
    except (OSError, ValueError):
        return False


def _state_of(desk: Desk, ticket: Ticket) -> str:
    folder = ticket_folder(desk, ticket.run)
    answer = folder.read_answer()
    run = RunFolder(desk.runtime.runs_dir / ticket.run)
    if answer is not None:
        stopped = answer.get("exit_code") == 5  # noqa: PLR2004 - Exit.STOPPED
        is_view = answer.get("command") == "apply" and answer.get("schema") != "okta-plan/error/v1"
        if is_view and not stopped:
            return "finished"
        if ticket.cancelled:
            return "cancelled"
        if stopped:
            return "paused"
        return "interrupted" if run.journal.is_file() else "refused"
    if ticket.is_alive() or (ticket.pid == 0 and not _is_late(desk, ticket)):
        return "running" if run.journal.is_file() else "starting"
    return "cancelled" if ticket.cancelled else "interrupted"


def _is_late(desk: Desk, ticket: Ticket) -> bool:
    started_s = datetime.fromisoformat(ticket.started_at).timestamp()
    return desk.runtime.clock.now() - started_s > STARTS_WITHIN_S


def _launch(desk: Desk, ticket: Ticket, launch: Launch) -> None:
    folder = ticket_folder(desk, ticket.run)
    is_new = folder.read() is None
    folder.path.mkdir(mode=0o700, exist_ok=True)
    for each in (folder.answer, folder.stop):
        each.unlink(missing_ok=True)
    folder.write(ticket)
    try:
        pid = launch(desk, ticket.run)
    except OSError as error:
        if is_new:  # or each later call would name a run that nobody carries out
            rmtree(folder.path)
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "The process of the run cannot be started",
            f"The system says: {error.strerror or error}. Nothing was sent.",
            next_step="Make room on the machine, then try again.",
        ) from error
    folder.write(_carried_out_by(pid, ticket))


def _carried_out_by(pid: int, ticket: Ticket) -> Ticket:
    started = process_start(pid)
    return ticket.model_copy(update={"host": this_host(), "pid": pid, "process_started": started or 0.0})


def launch_process(desk: Desk, run: str) -> int:
    """Start ``okta-plan mcp-worker`` so that it outlives this process; returns its pid."""
    words = [sys.executable, "-P", "-m", "pipeline", "--workspace", str(desk.workspace)]
    words += ["--log-file", str(desk.log_file.absolute())] if desk.log_file else []
    words += ["mcp-worker", run]
    words += ["--org", str(desk.org_file.resolve())] if desk.org_file else []
    log = os.open(ticket_folder(desk, run).log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - ourselves, with an id of our own making
            words,
            cwd=desk.workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            close_fds=True,
            start_new_session=True,
            creationflags=_DETACHED,
        )
    finally:
        os.close(log)
    # Whoever starts a process must wait for it, or it stays as a zombie.
    threading.Thread(target=process.wait, name="worker", daemon=True).start()
    return process.pid


if sys.platform == "win32":
    _DETACHED = subprocess.CREATE_BREAKAWAY_FROM_JOB | subprocess.DETACHED_PROCESS
else:
    _DETACHED = 0


async def work(desk: Desk, run: str) -> View:
    """Carry out what the ticket of ``run`` says and keep the answer beside it; also where it is an error."""
    folder = ticket_folder(desk, run)
    with locked(workers_dir(desk) / ".lock"):
        ticket = _known(folder, run)
        if ticket.pid == 0:  # who started this process has not lived to write that down
            ticket = _carried_out_by(os.getpid(), ticket)
            folder.write(ticket)
    stop = asyncio.Event()
    looking = asyncio.create_task(_look(desk, folder.stop, stop))
    try:
        view: View = await apply(desk, _request(desk, ticket), Person(stop=stop))
    except OktaPlanError as error:
        view = error_answer(error, "apply")
    finally:
        looking.cancel()
    write_private(folder.answer, to_json(view))
    return view


def _request(desk: Desk, ticket: Ticket) -> ApplyRequest:
    if ticket.resumes:
        return ApplyRequest(plan=ticket.plan, resume=ticket.run, require_approval=True)
    changes = desk.runtime.runs_dir / "changes" / f"{ticket.changes_digest}.json"
    return ApplyRequest(plan=ticket.plan, changes=changes, run=ticket.run, require_approval=True)


async def _look(desk: Desk, path: Path, stop: asyncio.Event) -> None:
    while not path.exists():  # noqa: ASYNC240 - one look at a local file
        await desk.runtime.clock.sleep(LOOK_S)
    stop.set()
