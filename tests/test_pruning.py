"""runs prune: old records go, those that are needed stay and say why; what is kept is for its owner only."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.record_views import PruneView, WhyKept
from pipeline.use_cases import pruning
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.tickets import Ticket
from tests import approvals
from tests.in_process import Tenant
from tests.test_cases import furnish
from tests.test_resuming import ORG, PLAN, killed, runs_of

DAY_S = 86_400


def prune(org: Tenant, older_than: str = "90d", **request: Any) -> PruneView:
    asked = pruning.PruneRequest(older_than, **{"yes": True, **request})

    async def on_loop(desk: Desk) -> PruneView:
        return await pruning.prune(desk, asked)

    return org._run(on_loop)


def with_runs(folder: Path, *ages_days: int) -> Tenant:
    """A tenant with a finished run for each age; the people's access was taken back in between."""
    org = furnish(folder, {"plan": PLAN, "org": ORG})
    now_s = org.starts_s
    for days in ages_days:
        org.starts_s = now_s - days * DAY_S
        approvals.forget_everything(org)
        assert org.apply().exit_code == 0
    org.starts_s = now_s
    return org


def names(org: Tenant) -> list[str]:
    return [each.name for each in runs_of(org)]


def test_old_finished_runs_go_and_the_answer_says_what_undo_and_since_lose(tmp_path: Path) -> None:
    org = with_runs(tmp_path, 200, 100, 10)
    old, older, young = names(org)
    view = prune(org)
    assert [each.run for each in view.pruned] == [old, older]
    assert view.deleted
    assert {(each.people, each.values) for each in view.pruned} == {(3, 5)}
    assert names(org) == [young]
    again = prune(org)
    assert (again.deleted, again.pruned, again.change_sets) == (False, [], 0)


def test_the_newest_runs_of_each_plan_stay_where_that_is_said(tmp_path: Path) -> None:
    org = with_runs(tmp_path, 300, 200, 100)
    first, *rest = names(org)
    view = prune(org, keep=2)
    assert [each.run for each in view.pruned] == [first]
    assert [(each.run, each.why) for each in view.kept] == [(run, WhyKept.NEWEST) for run in rest]
    assert names(org) == rest


def test_an_unfinished_run_stays_however_old_and_goes_on_all_the_same(tmp_path: Path) -> None:
    org, run = killed(tmp_path, 3)
    org.starts_s += 400 * DAY_S
    view = prune(org)
    assert [(each.run, each.why) for each in view.kept] == [(run, WhyKept.UNFINISHED)]
    assert org.apply(resume=run).exit_code == 0
    org.starts_s += DAY_S
    assert [each.run for each in prune(org).pruned] == [run]


def test_a_damaged_run_stays(tmp_path: Path) -> None:
    org = with_runs(tmp_path, 100)
    journal = runs_of(org)[0] / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"applied", b"refused", 1))
    assert [each.why for each in prune(org).kept] == [WhyKept.DAMAGED]
    assert len(names(org)) == 1


def test_what_a_run_used_of_its_approval_counts_after_it_is_gone(tmp_path: Path) -> None:
    org = approvals.tenant(tmp_path)
    org.diff()
    approvals.approve(org)
    assert org.apply(require_approval=True, yes=False).exit_code == 0
    ledger = next((tmp_path / "plans" / ".runs" / "approvals").glob("*.json"))
    text = json.loads(ledger.read_text("utf-8"))
    for share in text["runs"].values():
        share["spent"] = None  # as where the machine died before it was settled
    ledger.write_text(json.dumps(text), "utf-8")
    org.starts_s += DAY_S
    assert len(prune(org, "0d").pruned) == 1
    approvals.forget_everything(org)
    with pytest.raises(OktaPlanError) as refused:
        org.apply(require_approval=True, yes=False)
    assert refused.value.code in (ErrorCode.APPROVAL_USED_UP, ErrorCode.APPROVAL_EXCEEDED)


def test_a_run_whose_use_of_an_approval_cannot_be_written_down_stays(tmp_path: Path) -> None:
    org = approvals.tenant(tmp_path)
    org.diff()
    approvals.approve(org)
    org.apply(require_approval=True, yes=False)
    next((tmp_path / "plans" / ".runs" / "approvals").glob("*.json")).write_text("{", "utf-8")
    org.starts_s += DAY_S
    assert [each.why for each in prune(org, "0d").kept] == [WhyKept.APPROVAL]


def test_old_change_sets_go_but_not_one_that_an_approval_names(tmp_path: Path) -> None:
    org = approvals.tenant(tmp_path)
    org.diff()
    approvals.approve(org)
    stored = tmp_path / "plans" / ".runs" / "changes"
    [approved] = stored.iterdir()
    approvals.edit(tmp_path / "plans" / "t.yaml", access=PLAN["access"][:1])
    org.diff()
    org.starts_s += 91 * DAY_S
    view = prune(org)
    assert (view.change_sets, view.deleted) == (1, True)
    assert list(stored.iterdir()) == [approved]


def test_nothing_goes_where_nobody_agrees(tmp_path: Path) -> None:
    org = with_runs(tmp_path, 100)
    seen: list[PruneView] = []

    def says_no(view: PruneView) -> bool:
        seen.append(view)
        return False

    for ask in (None, says_no):
        with pytest.raises(OktaPlanError) as refused:
            prune(org, yes=False, ask=ask)
        assert (refused.value.code, refused.value.exit_code) == (ErrorCode.NOT_CONFIRMED, 4)
    assert len(names(org)) == 1
    assert len(seen[0].pruned) == 1
    assert prune(org, yes=False, ask=lambda _view: True).deleted


@pytest.mark.parametrize("age", ["90", "-1d", "d", "3w", "1e3d"])
def test_an_age_that_is_none_is_refused(age: str, tmp_path: Path) -> None:
    with pytest.raises(OktaPlanError) as refused:
        prune(with_runs(tmp_path), age)
    assert refused.value.exit_code == 64


def test_what_a_prune_that_was_cut_short_left_is_finished_and_is_no_run(tmp_path: Path) -> None:
    org = with_runs(tmp_path, 100)
    folder = runs_of(org)[0]
    folder.rename(folder.with_name(f".pruned-{folder.name}"))
    assert names(org) == []
    prune(org)
    assert [each for each in folder.parent.iterdir() if each.name.startswith(".pruned")] == []


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test_all_that_is_kept_in_runs_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        org = approvals.tenant(tmp_path)
        org.diff()
        approvals.approve(org)
        org.apply(require_approval=True, yes=False)
        org.apply()  # nothing to do: a note
        run = runs_of(org)[0].name
        org.undo(run)
    finally:
        os.umask(before)
    runs = tmp_path / "plans" / ".runs"
    modes = {each: stat.S_IMODE(each.stat().st_mode) for each in (runs, *runs.rglob("*"))}
    assert len(modes) > 10
    assert {each.name for each in runs.iterdir()} >= {"changes", "approvals", "in-place", "leases", run}
    for path, mode in modes.items():
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_what_a_server_kept_of_a_run_goes_with_it(tmp_path: Path) -> None:
    org = with_runs(tmp_path, 200, 10)
    old, young = names(org)
    never = f"{old[:-4]}none"
    workers = org.workspace / "plans" / ".runs" / "workers"
    for run, started in (
        (old, "2020-01-01T00:00:00Z"),
        (never, "2020-01-01T00:00:00Z"),
        (young, "2026-09-01T00:00:00Z"),
    ):
        (workers / run).mkdir(parents=True)
        ticket = Ticket(
            run=run, plan="t", plan_digest="", changes_digest="", approval_digest="", started_at=started
        )
        (workers / run / "ticket.json").write_text(ticket.model_dump_json(), encoding="utf-8")
    prune(org)
    assert [each.name for each in workers.iterdir()] == [young]
