"""The verb that backs out: undo, offline, from the papers of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.changes.codec import changes_digest, from_json
from pipeline.changes.model import names_in
from pipeline.errors import ErrorCode, InputError
from pipeline.plan.digest import plan_digest
from pipeline.plan.file import write_plan
from pipeline.run.entries import Header
from pipeline.run.folder import find_run
from pipeline.run.journal import read_journal
from pipeline.run.undo import Undo, undo_of, undo_plan
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.reviewing import read_json
from pipeline.views import CreatedGrantView, MissingView, RemainsView, UndoView


def undo(desk: Desk, run: str, *, output: Path | None = None, force: bool = False) -> UndoView:
    """Write the plan that takes away what a run gave; nothing is sent. Default: ``plans/undo-RUN.yaml``.

    Raises InputError where there is no such run, its papers are damaged or not of one run, or another plan
    stands in the way.
    """
    folder = find_run(desk.runtime.runs_dir, run)
    entries = read_journal(folder.journal).entries
    header = next((each for each in entries if isinstance(each, Header)), None)
    if header is None:
        return UndoView(run=run)
    changes = from_json(read_json(folder.changes), desk.shown(folder.changes))
    desk.mask.learn(names_in(changes))
    if changes_digest(changes) != header.changes_digest:
        raise InputError(
            ErrorCode.CHANGES_INVALID,
            "The run cannot be undone",
            f"{desk.shown(folder.changes)} is not the change set that the journal of run {run} names.",
            next_step="Put the run's folder back as it was, or take access away by a plan of your own.",
        )
    done = undo_of(entries, changes)
    view = UndoView(
        run=run,
        okta_app=changes.okta_app_label,
        org_host=changes.org_host,
        people=len(done.given),
        values=done.pairs,
        remains=_remains(done),
    )
    if not done.given:
        return view
    plan = undo_plan(done, header, changes.okta_app_label)
    path = desk.inside(output or Path("plans") / f"{plan.name}.yaml")
    written = write_plan(path, plan, force=force, shown_as=desk.shown(path))
    shown = desk.shown(path)
    digest = plan_digest(plan)
    return view.model_copy(
        update={"plan": shown, "written": written, "plan_digest": digest, "paths": {"plan": shown}}
    )


def _remains(done: Undo) -> RemainsView:
    return RemainsView(
        entitlements=sorted(done.created),
        values={entitlement: sorted(values) for entitlement, values in sorted(done.values.items())},
        assigned=sorted(done.assigned),
        grants=[CreatedGrantView(principal=who, grant_id=id_) for who, id_ in sorted(done.grants.items())],
        revoked=_pairs(done.revoked),
        reworked=done.reworked,
        unsure=[each.message for each in done.unsure],
    )


def _pairs(held: Mapping[str, set[tuple[str, str]]]) -> list[MissingView]:
    return [
        MissingView(principal=who, entitlement=entitlement, value=value)
        for who, pairs in sorted(held.items())
        for entitlement, value in sorted(pairs)
    ]
