"""What was run in this workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import ValidationError

from pipeline.changes.codec import from_json
from pipeline.changes.model import Change, ChangeSet, names_in
from pipeline.errors import ErrorCode, InputError
from pipeline.run.entries import Begin, End, Held, Note
from pipeline.run.folder import ListedRun, RunFolder, find_run, list_runs
from pipeline.run.journal import read_journal
from pipeline.run.lease_file import is_running
from pipeline.use_cases.change_views import change_view
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.online import held_views
from pipeline.use_cases.parts import part_of
from pipeline.use_cases.reviewing import read_json
from pipeline.views import ApplyView, RunChangeView, RunsView, RunView


def runs(desk: Desk, run: str | None) -> RunsView:
    """All runs, newest first, or the report of one. Raises InputError where there is no such run."""
    if run is None:
        return RunsView(runs=[_view(desk, each) for each in list_runs(desk.runtime.runs_dir)])
    folder = find_run(desk.runtime.runs_dir, run)
    listed = next(each for each in list_runs(desk.runtime.runs_dir) if each.folder == folder)
    if listed.problem is not None:
        raise listed.problem
    header = listed.state.header if listed.state else None
    changes = _changes(desk, folder)
    if desk.mask.on and changes:
        desk.mask.learn(names_in(changes))
    outcomes, only = _outcomes(folder), header.only if header else None
    return RunsView(
        run=run,
        plan_digest=header.plan_digest if header else None,
        changes_digest=header.changes_digest if header else None,
        runs=[_view(desk, listed)],
        report=_report(desk, listed),
        changes=[_ended(each, outcomes, only) for each in changes.changes] if changes else [],
        held=held_views(changes.holds) if changes else [],
        told=_told(folder),
        paths={"journal": desk.shown(folder.journal), "report": desk.shown(folder.report_md)},
    )


def _changes(desk: Desk, folder: RunFolder) -> ChangeSet | None:
    """The change set of the run; None where it ended before it wrote one."""
    if not folder.changes.is_file():
        return None
    return from_json(read_json(folder.changes), desk.shown(folder.changes))


def _outcomes(folder: RunFolder) -> dict[str, tuple[str, str]]:
    """By address, what became of it and why."""
    found: dict[str, tuple[str, str]] = {}
    for entry in read_journal(folder.journal).entries:
        match entry:
            case Begin():
                found[entry.address] = ("begun", "")
            case End():
                found[entry.address] = (entry.outcome.value, entry.detail)
            case Held():
                found[entry.address] = ("held", f"{entry.reason}: {entry.detail}")
            case Note(what="no_effect", address=str(address)):
                found.pop(address, None)
            case _:
                pass
    return found


def _ended(change: Change, outcomes: Mapping[str, tuple[str, str]], only: str | None) -> RunChangeView:
    untold = "not_started" if only in (None, part_of(change)) else "left_out"
    outcome, detail = outcomes.get(str(change.address), (untold, ""))
    return RunChangeView(**change_view(change).model_dump(), outcome=outcome, detail=detail)


def _told(folder: RunFolder) -> ApplyView | None:
    """What the run said at its end. Raises InputError where that is damaged."""
    if not folder.report_json.is_file():
        return None
    try:
        return ApplyView.model_validate_json(folder.report_json.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            ErrorCode.FILE_UNREADABLE,
            "The report cannot be read",
            f"{folder.report_json.name} of the run is not what this version writes.",
            next_step="Its journal and report.md say the same; `okta-plan runs` still lists the run.",
        ) from error


def _report(desk: Desk, listed: ListedRun) -> str:
    if _state(desk, listed) == "running":
        return f"This run is under way. Follow it with okta-plan watch {listed.folder.run_id}.\n"
    try:
        return listed.folder.report_md.read_text("utf-8")
    except FileNotFoundError:
        return (
            "This run ended before it could write its report. Go on with it (okta-plan apply PLAN --resume "
            f"{listed.folder.run_id}), or apply the plan again: then it is settled and compared afresh.\n"
        )
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNREADABLE,
            "The report cannot be read",
            f"report.md of the run cannot be read: {error.strerror or error}.",
        ) from error


def _state(desk: Desk, listed: ListedRun) -> Literal["finished", "running", "unfinished", "damaged"]:
    if listed.state is None:
        return "damaged"
    if listed.state.closed:
        return "finished"
    header = listed.state.header
    runs_dir = desk.runtime.runs_dir
    is_live = header and is_running(runs_dir, header.org_id, header.okta_app_id, listed.folder.run_id)
    return "running" if is_live else "unfinished"


def _view(desk: Desk, listed: ListedRun) -> RunView:
    state = listed.state
    header = state.header if state else None
    return RunView(
        run=listed.folder.run_id,
        plan=header.plan_path if header else "",
        org_host=header.org_host if header else "",
        started_at=header.started_at if header else "",
        state=_state(desk, listed),
        outcomes=dict(state.counts) if state else {},
    )
