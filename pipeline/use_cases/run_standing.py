"""Where a run stands that a process of its own carries out, told from its files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipeline.run.entries import Closed, Header
from pipeline.run.folder import RUN_ID, RunFolder, find_run
from pipeline.run.journal import iso_utc
from pipeline.run.lease_file import is_running
from pipeline.run.tail import Tail, ends_of
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.parts import PARTS
from pipeline.use_cases.reviewing import read_json
from pipeline.use_cases.tickets import ticket_folder, workers_dir
from pipeline.use_cases.working import state_of

UNDER_WAY = ("starting", "running")
SOON_S, LATE_S = 10.0, 600.0


@dataclass(frozen=True, slots=True)
class Problem:
    """One wanted change that was not done. ``why`` is a hold's reason or an outcome."""

    subject: str
    action: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStanding:
    """``done`` of ``total`` changes ended, by outcome in ``outcomes``; times in seconds.

    A run that was gone on with is told as a whole; only ``elapsed_s``, and with it rate and time left, are of
    the process that carried it out last: ``done_before`` changes had ended when it began.
    """

    run: str
    plan: str
    state: str
    changes_digest: str = ""
    started_at: str = ""
    done: int = 0
    done_before: int = 0
    total: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)
    """Holds by reason."""
    elapsed_s: float = 0.0
    error: str | None = None
    why: tuple[str, ...] = ()
    """What the error says, line by line: values and people may stand in it."""
    exit_code: int | None = None
    planned: int | None = None
    verified: int | None = None
    """Of ``planned`` pairs of person and value, those read back."""
    problems: tuple[Problem, ...] = ()

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def rate_per_min(self) -> float:
        return 60 * self._done_lately / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """None where its process has done nothing yet, or it is over."""
        left, done = self.total - self.done, self._done_lately
        return left / done * self.elapsed_s if self.is_under_way and done > 0 and left >= 0 else None

    @property
    def _done_lately(self) -> int:
        return self.done - self.done_before

    @property
    def check_back_after_s(self) -> float | None:
        """Longer the longer it has gone on, and no longer than what is left; None when it is over."""
        if not self.is_under_way:
            return None
        wait_s = min(LATE_S, max(SOON_S, self.elapsed_s / 2))
        return round(max(SOON_S, min(wait_s, self.eta_s)) if self.eta_s is not None else wait_s)


def standing(desk: Desk, run: str) -> RunStanding:
    """Where ``run`` stands. Raises InputError where there is no such run or its journal is damaged."""
    ticket = ticket_folder(desk, run).read()
    if ticket is None:
        return _without_ticket(desk, run)
    told = RunStanding(
        run=run,
        plan=ticket.plan,
        state=state_of(desk, ticket),
        changes_digest=ticket.changes_digest,
        started_at=ticket.started_at,
    )
    told = _with_journal(desk, told)
    answer = ticket_folder(desk, run).read_answer()
    return _with_answer(told, answer) if answer else told


def is_under_way(desk: Desk, run: str) -> bool:
    """Whether a process is at it, which takes no look into the journal."""
    ticket = ticket_folder(desk, run).read()
    return ticket is not None and state_of(desk, ticket) in UNDER_WAY


def _without_ticket(desk: Desk, run: str) -> RunStanding:
    """A run that was started in a terminal."""
    folder = find_run(desk.runtime.runs_dir, run)
    told = _with_journal(desk, _in_terminal(desk, folder))
    answer = read_json(folder.report_json) if folder.report_json.is_file() else None
    return _with_answer(told, answer) if isinstance(answer, dict) else told


def _in_terminal(desk: Desk, folder: RunFolder) -> RunStanding:
    """The same in short: of the journal only the first line and the last are looked at."""
    told = RunStanding(run=folder.run_id, plan="", state="damaged")
    try:
        first, last = ends_of(folder.journal)
    except (OSError, ValueError):
        return told
    if not isinstance(first, Header):
        return told
    is_live = is_running(desk.runtime.runs_dir, first.org_id, first.okta_app_id, folder.run_id)
    state = "finished" if isinstance(last, Closed) else "running" if is_live else "interrupted"
    return replace(told, plan=first.plan_path, state=state, started_at=first.started_at)


def _with_journal(desk: Desk, told: RunStanding) -> RunStanding:
    folder = RunFolder(desk.runtime.runs_dir / told.run)
    if not folder.journal.is_file():
        elapsed_s = _between(told.started_at, _now(desk)) if told.is_under_way else 0.0
        return replace(told, elapsed_s=elapsed_s)
    tail = Tail(folder.journal)
    tail.read_on()
    only = tail.header.only if tail.header else None
    ended = [how for how in tail.ended.values() if how != "held"]
    return replace(
        told,
        done=len(tail.ended),
        done_before=tail.before,
        total=_total(read_json(folder.changes), only),
        outcomes=dict(Counter(ended)),
        held={"held": len(tail.ended) - len(ended)} if len(tail.ended) > len(ended) else {},
        elapsed_s=_between(tail.begun_at, _now(desk) if told.is_under_way else tail.last_at),
    )


def _total(changes: object, only: str | None) -> int:
    """How many changes were asked for. The file is of this run's own folder, so it is only counted."""
    listed = changes.get("changes", []) if isinstance(changes, dict) else []
    return sum(only in (None, PARTS[0] if each.get("entitlement") else PARTS[1]) for each in listed)


def _with_answer(told: RunStanding, answer: Mapping[str, Any]) -> RunStanding:
    error = answer.get("error")
    verification = answer.get("verification") or {}
    held = answer.get("held") or []
    problems = [
        Problem(each.get("principal") or each["address"], each["action"], each["reason"]) for each in held
    ]
    problems += [
        Problem(each["address"], each["action"], each["outcome"]) for each in answer.get("problems") or []
    ]
    return replace(
        told,
        outcomes=_whole(told.outcomes, answer.get("outcomes") or {}),
        held=dict(Counter(each["reason"] for each in held)) or told.held,
        elapsed_s=answer.get("elapsed_s") or told.elapsed_s,
        error=error["code"] if isinstance(error, dict) else None,
        why=tuple(str(error.get("detail") or "").splitlines()) if isinstance(error, dict) else (),
        exit_code=answer.get("exit_code"),
        planned=verification.get("pairs_planned"),
        verified=verification.get("pairs_held"),
        problems=tuple(problems),
    )


def _whole(journaled: Mapping[str, int], answered: Mapping[str, int]) -> dict[str, int]:
    """The journal is of all processes of a run; the last one's answer has what no journal tells, such as what
    was not started.
    """
    names = [name for name in {**journaled, **answered} if name != "held"]
    return {name: max(journaled.get(name, 0), answered.get(name, 0)) for name in names}


def _now(desk: Desk) -> str:
    return iso_utc(desk.runtime.clock.now())


def _between(began: str, ended: str) -> float:
    """Seconds from one ISO 8601 instant to another; 0 where one is not known."""
    if not (began and ended):
        return 0.0
    return max(0.0, (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds())


def run_ids(desk: Desk) -> list[str]:
    """Every run of the workspace, newest first, also those that never got as far as a journal."""
    runs_dir = desk.runtime.runs_dir
    found = {
        each.name for folder in (runs_dir, workers_dir(desk)) if folder.is_dir() for each in folder.iterdir()
    }
    return sorted(filter(RUN_ID.fullmatch, found), reverse=True)


def in_short(desk: Desk, run: str) -> RunStanding:
    """Run, plan, state and start; what `standing` tells beside these is left out."""
    ticket = ticket_folder(desk, run).read()
    if ticket is None:
        return _in_terminal(desk, RunFolder(desk.runtime.runs_dir / run))
    state = state_of(desk, ticket)
    return RunStanding(run=run, plan=ticket.plan, state=state, started_at=ticket.started_at)


def unfinished(desk: Desk, count: int) -> list[str]:
    """Of the newest ``count`` runs those that are under way or could go on."""
    told = (in_short(desk, run) for run in run_ids(desk)[:count])
    return [each.run for each in told if each.state in (*UNDER_WAY, "paused", "interrupted")]
