"""watch: a run of another process is followed to its end, however it ends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import ErrorCode, Exit, OktaPlanError
from pipeline.report.progress import show_watched
from pipeline.run.entries import Closed, End, Note
from pipeline.run.journal import Journal
from pipeline.run.process import process_start, this_host
from pipeline.run.result import Outcome
from pipeline.run.tail import Watched
from pipeline.use_cases import history, watching
from pipeline.use_cases.desk import Desk
from tests.in_process import Tenant
from tests.test_resuming import journal_of, killed

TOTAL = 6


def lease(org: Tenant, run: str, pid: int, host: str | None = None, journal: str | None = None) -> None:
    """The lease of ``run``, held by that process; of the app of the run ``journal`` where that is another."""
    leases = org.workspace / "plans" / ".runs" / "leases"
    header = json.loads(journal_of(org, journal or run).read_text("utf-8").splitlines()[0])
    path = leases / f"{header['org_id']}-{header['okta_app_id']}.json"
    started = process_start(pid) or 0.0
    held = {"pid": pid, "process_started": started, "host": host or this_host(), "run_id": run}
    path.write_text(json.dumps(held | {"nonce": "n", "heartbeat_at_s": 0.0}), "utf-8")


@pytest.fixture
def under_way(tmp_path: Path) -> tuple[Tenant, str]:
    """A run of which three writes are done or begun, whose owner (this process) lives."""
    org, run = killed(tmp_path, 3)
    lease(org, run, os.getpid())
    return org, run


def follow(
    org: Tenant, run: str, meanwhile: Callable[[Journal, Desk], None] | None = None
) -> tuple[Exit, list[Watched], float]:
    """Watch ``run``; ``meanwhile`` writes to its journal after ten seconds. Also how long that took."""
    seen: list[Watched] = []

    async def both(desk: Desk) -> tuple[Exit, float]:
        clock = desk.runtime.clock
        begun_s = clock.now()

        async def write() -> None:
            await clock.sleep(10)
            if meanwhile is not None:
                journal, _ = Journal.reopen(journal_of(org, run), clock)
                with journal:
                    meanwhile(journal, desk)

        _, end = await asyncio.gather(write(), watching.watch(desk, run, seen.append))
        return end, clock.now() - begun_s

    end, took_s = org._run(both)
    return end, seen, took_s


def an_end(number: int) -> End:
    return End(address=f"grant/p{number}@x.com", action="grant", attempt=1, outcome=Outcome.APPLIED)


def test_it_shows_each_outcome_and_ends_when_the_run_is_closed(
    under_way: tuple[Tenant, str], capsys: pytest.CaptureFixture[str]
) -> None:
    def finish(journal: Journal, _desk: Desk) -> None:
        for number in range(4):
            journal.append(an_end(number))
        journal.append(Closed(counts={}))

    end, seen, took_s = follow(*under_way, finish)
    assert end is Exit.DONE
    assert 10 <= took_s <= 12
    first, last = seen[0], seen[-1]
    assert (first.over, first.progress.total) == (None, TOTAL)
    assert last.over == "finished"
    assert last.progress.done == first.progress.done + 4
    assert last.last == "applied grant grant/p3@x.com"
    assert last.resume is None
    show = show_watched()
    for each in seen:
        show(each)
    shown = capsys.readouterr().out
    assert f"{last.progress.done}/{TOTAL} changes" in shown
    assert f"Run {under_way[1]} finished: " in shown
    assert "\r" not in shown


def test_a_run_that_stops_early_is_told_with_the_command_that_goes_on(under_way: tuple[Tenant, str]) -> None:
    end, seen, _ = follow(*under_way, lambda journal, _: journal.append(Note(what="halted", detail="Canary")))
    assert end is Exit.STOPPED
    assert (seen[-1].over, seen[-1].last) == ("halted", "Canary")
    assert seen[-1].resume == f"okta-plan apply plans/t.yaml --resume {under_way[1]}"


def test_a_run_that_ended_is_told_with_the_time_that_it_took(under_way: tuple[Tenant, str]) -> None:
    _, seen, _ = follow(*under_way, lambda journal, _: journal.append(Closed(counts={})))
    follow(*under_way)
    _, again, _ = follow(*under_way)
    assert again[-1].progress.elapsed_s == pytest.approx(seen[-1].progress.elapsed_s)


def test_a_run_whose_process_has_died_or_let_its_lease_go_is_not_waited_for(
    under_way: tuple[Tenant, str],
) -> None:
    org, run = under_way
    lease(org, run, 2**22 - 1)
    end, seen, took_s = follow(org, run)
    assert (end, seen[-1].over) == (Exit.STOPPED, "abandoned")
    assert took_s <= 12
    lease(org, "20260101T000000Z-next", os.getpid(), journal=run)
    assert follow(org, run)[0] is Exit.STOPPED


def test_an_owner_on_another_host_is_given_three_beats(under_way: tuple[Tenant, str]) -> None:
    org, run = under_way
    lease(org, run, 1, host="elsewhere")
    end, _, took_s = follow(org, run)
    assert end is Exit.STOPPED
    assert 90 < took_s < 110


def test_a_resumed_run_counts_from_where_it_went_on(under_way: tuple[Tenant, str]) -> None:
    org, run = under_way

    def go_on(journal: Journal, _desk: Desk) -> None:
        journal.append(Note(what="stopped"))
        journal.append(Note(what="resumed"))
        journal.append(an_end(1))
        journal.append(Closed(counts={}))

    _, seen, _ = follow(org, run, go_on)
    before = seen[0].progress.done
    assert (seen[-1].progress.done, seen[-1].progress.total) == (1, TOTAL - before)


def test_the_list_of_runs_tells_a_run_that_is_under_way_from_one_that_ended(
    under_way: tuple[Tenant, str],
) -> None:
    org, run = under_way

    async def listed(desk: Desk) -> tuple[str, str | None]:
        view = history.runs(desk, run)
        return view.runs[0].state, view.report

    state, report = org._run(listed)
    assert state == "running"
    assert f"okta-plan watch {run}" in str(report)
    lease(org, run, 2**22 - 1)
    state, report = org._run(listed)
    assert state == "unfinished"
    assert f"--resume {run}" in str(report)


def test_an_unknown_run_is_refused(tmp_path: Path) -> None:
    org, _ = killed(tmp_path, 1)
    with pytest.raises(OktaPlanError) as caught:
        follow(org, "20260101T000000Z-none")
    assert caught.value.code is ErrorCode.RUN_NOT_FOUND
