"""What a run leaves in its folder: the first line of its journal, and its reports."""

from __future__ import annotations

from pathlib import Path

from pipeline import __version__
from pipeline.changes.codec import changes_digest
from pipeline.changes.codec import to_json as changes_json
from pipeline.changes.model import ChangeSet
from pipeline.changes.permissions import Allowance
from pipeline.envelope import to_json
from pipeline.errors import ErrorCode, InputError, RefusedError
from pipeline.plan.approval import Approval
from pipeline.plan.approval_text import dump_approval
from pipeline.plan.digest import plan_digest
from pipeline.report.markdown import run_report
from pipeline.run.entries import Header
from pipeline.run.folder import RunFolder, lines_of_json, not_applied_csv
from pipeline.run.journal import iso_utc
from pipeline.run.result import RunResult
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.offline import read_plan
from pipeline.views import ApplyView


def journal_header(
    desk: Desk,
    path: Path,
    run_id: str,
    *,
    changes: ChangeSet,
    reviewed: ChangeSet,
    only: str | None,
    approval_digest: str,
    allowed: tuple[Allowance, ...] = (),
) -> Header:
    """The first line of the journal of a run of the plan at ``path`` that starts now."""
    return Header(
        tool_version=__version__,
        run_id=run_id,
        org_id=changes.org_id,
        org_host=changes.org_host,
        okta_app_id=changes.okta_app_id,
        plan_name=changes.plan_name,
        plan_path=desk.shown(path),
        plan_digest=changes.plan_digest,
        changes_digest=changes_digest(changes),
        reviewed_digest=changes_digest(reviewed),
        only=only,
        allowed=allowed,
        approval_digest=approval_digest,
        started_at=iso_utc(desk.runtime.clock.now()),
        embedded=desk.org_file is not None,
    )


def refuse_edited(desk: Desk, path: Path, changes: ChangeSet) -> None:
    """Raises RefusedError where the plan file is not what was compared any more: somebody edited it
    meanwhile, and the run would keep a plan that is not its own. InputError where it cannot be used now.
    """
    _, plan = read_plan(desk, str(path))
    if plan_digest(plan) != changes.plan_digest:
        raise RefusedError(
            ErrorCode.OTHER_CHANGES,
            "The plan was edited while it was compared",
            f"{desk.shown(path)} is not the plan that was compared and agreed to. Nothing was sent.",
            next_step="Run `okta-plan diff` again and review the new change set.",
        )


def keep_inputs(
    folder: RunFolder, plan: Path, changes: ChangeSet, reviewed: ChangeSet, approval: Approval | None
) -> None:
    """Write what the run is about to do and why it may: the plan file as it is now, the change set, what of
    it was agreed to, and the approval it uses. Raises InputError.
    """
    folder.keep_plan(plan)
    folder.write(folder.changes, _text(changes))
    if reviewed != changes:
        folder.write(folder.reviewed, _text(reviewed))
    if approval is not None:
        folder.write(folder.approval, dump_approval(approval))


def _text(changes: ChangeSet) -> str:
    return lines_of_json(changes_json(changes))


def keep_reports(desk: Desk, path: Path, folder: RunFolder, result: RunResult, view: ApplyView) -> ApplyView:
    """Write the run's reports; ``view`` with their paths and, after a stop, the command that goes on. What
    cannot be written is a notice: the run was carried out all the same, and its journal says what it did.
    """
    paths = {"journal": folder.journal, "report": folder.report_md, "not_applied": folder.not_applied}
    resume = f"Go on with `{_resume_command(desk, path, folder)}`." if result.stopped else None
    shown = {name: desk.shown(each) for name, each in paths.items()}
    view = view.model_copy(update={"paths": shown, "resume": resume})
    try:
        folder.write(folder.report_json, to_json(view))
        folder.write(folder.report_md, run_report(view))
        folder.write(folder.not_applied, not_applied_csv(result))
    except InputError as error:
        notice = f"Not all reports of this run could be written. {error.detail}"
        there = {name: shown[name] for name, each in paths.items() if each.is_file()}
        return view.model_copy(update={"paths": there, "notices": [*view.notices, notice]})
    return view


def _resume_command(desk: Desk, path: Path, folder: RunFolder) -> str:
    org = f" --org {desk.shown(desk.org_file)}" if desk.org_file else ""
    return f"okta-plan apply {desk.shown(path)} --resume {folder.run_id}{org}"
