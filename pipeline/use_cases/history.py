"""What was run in this workspace."""

from __future__ import annotations

from typing import Literal

from pipeline.changes.codec import from_json
from pipeline.changes.model import names_in
from pipeline.errors import ErrorCode, InputError
from pipeline.run.folder import ListedRun, find_run, list_runs
from pipeline.run.lease_file import is_running
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.reviewing import read_json
from pipeline.views import RunsView, RunView


def runs(desk: Desk, run: str | None) -> RunsView:
    """All runs, newest first, or the report of one. Raises InputError where there is no such run."""
    if run is None:
        return RunsView(runs=[_view(desk, each) for each in list_runs(desk.runtime.runs_dir)])
    folder = find_run(desk.runtime.runs_dir, run)
    listed = next(each for each in list_runs(desk.runtime.runs_dir) if each.folder == folder)
    if listed.problem is not None:
        raise listed.problem
    if desk.mask.on and folder.changes.is_file():
        desk.mask.learn(names_in(from_json(read_json(folder.changes), desk.shown(folder.changes))))
    return RunsView(
        run=run,
        runs=[_view(desk, listed)],
        report=_report(desk, listed),
        paths={"journal": desk.shown(folder.journal), "report": desk.shown(folder.report_md)},
    )


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
