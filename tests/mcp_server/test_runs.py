"""Runs of their own: paused, gone on with, cancelled, left alone by clients; and calls that take long."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError

from pipeline.clock import LoopClock
from pipeline.mcp_server.jobs import Jobs, StillWorking
from pipeline.mcp_server.server import build_server
from pipeline.run.journal import iso_utc
from pipeline.use_cases.applying import ApplyRequest, Person, apply
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.run_standing import RunStanding, standing
from pipeline.use_cases.tickets import ticket_folder
from pipeline.use_cases.working import state_of, work
from tests.mcp_server.office import APP, ERAS, Office, Talk, talk

PEOPLE = tuple(f"user{n:02}@acme.example.com" for n in range(18))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path, people=PEOPLE, latency_ms=60)
    office.csv("".join(f"{who},Admin,Permitted\n" for who in PEOPLE))
    return office


async def started(it: Talk, office: Office) -> tuple[str, dict[str, str]]:
    changes = await it.call("execute_user_grants", filename="erp", appId=APP)
    office.approve(changes["plan"], changes["changes_digest"])
    asked = {"plan": changes["plan"], "changes_digest": changes["changes_digest"]}
    return (await it.call("apply_plan", **asked))["run"], asked


async def stopped(it: Talk, run: str, action: str) -> dict[str, Any]:
    """The run after it was stopped in the midst of its grants."""
    while (await it.call("run_status", run=run))["done"] < 3:
        pass
    await it.call("control_run", run=run, action=action)
    return await it.call("run_status", run=run, wait_s=40)


def test_a_run_that_was_paused_goes_on_where_it_stopped_under_the_same_approval(office: Office) -> None:
    async def story(it: Talk) -> tuple[dict[str, Any], dict[str, Any]]:
        run, asked = await started(it, office)
        paused = await stopped(it, run, "pause")
        assert (await it.call("apply_plan", **asked))["run_state"] == "paused"
        await it.call("control_run", run=run, action="resume")
        return paused, await it.call("run_status", run=run, wait_s=40)

    paused, ended = talk(office.server(), story)
    assert paused["run_state"] == "paused"
    assert 0 < paused["done"] < paused["changes"]
    assert ended["run_state"] == "finished"
    assert paused["outcomes"]["applied"] == paused["done"]
    assert ended["outcomes"] == {"applied": ended["done"]} == {"applied": ended["changes"]}
    assert ended["verified_pairs"] == len(PEOPLE)
    assert len(office.held()) == len(PEOPLE)
    grants = [each for each in office.writes() if each == "POST /governance/api/v1/grants"]
    assert len(grants) == len(PEOPLE)


def test_a_run_that_another_one_settled_is_over_and_stands_in_the_way_of_no_new_approval(
    office: Office,
) -> None:
    async def in_terminal(desk: Desk) -> None:
        await apply(desk, ApplyRequest(plan="erp", only="structure", require_approval=True), Person())

    async def story(it: Talk) -> None:
        run, asked = await started(it, office)
        told = await stopped(it, run, "pause")
        assert told["run_state"] == "paused", told
        office.on_loop(in_terminal)
        assert (await it.call("run_status", run=run))["run_state"] == "finished"
        assert (await it.refused("control_run", run=run, action="resume"))["error"] == "run_closed"
        assert (await it.call("okta_test"))["unfinished_runs"] == []
        office.approve(asked["plan"], asked["changes_digest"], reason="once more")
        again = await it.call("apply_plan", **asked)
        assert (again["is_new"], again["run"] == run) == (True, False)
        assert (await it.call("run_status", run=again["run"], wait_s=40))["run_state"] == "finished"

    talk(office.server(), story)
    assert len(office.held()) == len(PEOPLE)


def test_a_cancelled_run_is_not_gone_on_with(office: Office) -> None:
    async def story(it: Talk) -> None:
        run, asked = await started(it, office)
        assert (await stopped(it, run, "pause"))["run_state"] == "paused"
        assert (await it.call("control_run", run=run, action="cancel"))["run_state"] == "cancelled"
        assert (await it.refused("control_run", run=run, action="resume"))["error"] == "run_closed"
        again = await it.call("apply_plan", **asked)
        assert (again["run"], again["run_state"], again["is_new"]) == (run, "cancelled", False)

    talk(office.server(), story)
    assert 0 < len(office.held()) < len(PEOPLE)


@pytest.mark.parametrize("era", ERAS)
def test_a_client_that_gives_a_call_up_leaves_the_run_alone(era: str, office: Office) -> None:
    async def story(it: Talk) -> dict[str, Any]:
        run, _ = await started(it, office)
        with pytest.raises(MCPError):
            await it.client.call_tool("run_status", {"run": run, "wait_s": 40}, read_timeout_seconds=0.1)
        return await it.call("run_status", run=run, wait_s=40)

    ended = talk(office.server(), story, mode=era)
    assert (ended["run_state"], ended["verified_pairs"]) == ("finished", len(PEOPLE))


def test_a_run_whose_process_cannot_be_started_is_none_and_is_started_by_the_next_call(
    office: Office,
) -> None:
    def full(_desk: Desk, _run: str) -> int:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    async def story(it: Talk) -> dict[str, Any]:
        changes = await it.call("execute_user_grants", filename="erp", appId=APP)
        office.approve(changes["plan"], changes["changes_digest"])
        asked = {"plan": changes["plan"], "changes_digest": changes["changes_digest"]}
        launch, door.launch = door.launch, full
        assert (await it.refused("apply_plan", **asked))["error"] == "file_unwritable"
        assert (await it.call("run_status"))["total"] == 0
        door.launch = launch
        return await it.call("apply_plan", **asked)

    door = office.door(jobs=Jobs(30.0))
    assert talk(build_server(door), story)["is_new"]
    office.wait()
    assert len(office.held()) == len(PEOPLE)


def test_a_run_whose_starter_died_is_known_by_its_process_or_is_found_interrupted(office: Office) -> None:
    """A server that is killed between its two notes leaves a ticket that names no process."""

    async def story(it: Talk) -> str:
        return (await started(it, office))[0]

    run = talk(office.server(), story)
    office.wait()

    def without_process(desk: Desk, at_s: float) -> str:
        folder = ticket_folder(desk, run)
        ticket = folder.read()
        assert ticket is not None
        unnamed = {"pid": 0, "host": "", "process_started": 0.0}
        folder.write(ticket.model_copy(update={**unnamed, "started_at": iso_utc(at_s)}))
        folder.answer.unlink(missing_ok=True)
        (desk.runtime.runs_dir / run / "journal.jsonl").unlink(missing_ok=True)
        return state_of(desk, folder.read() or ticket)

    async def look(desk: Desk) -> tuple[str, str, int]:
        now_s = desk.runtime.clock.now()
        fresh, late = without_process(desk, now_s), without_process(desk, now_s - 61)
        await work(desk, run)
        ticket = ticket_folder(desk, run).read()
        return fresh, late, ticket.pid if ticket else 0

    assert office.on_loop(look) == ("starting", "interrupted", os.getpid())


def test_another_server_finds_a_run_that_goes_on_and_starts_no_second_one(office: Office) -> None:
    async def begin(it: Talk) -> tuple[str, dict[str, str]]:
        return await started(it, office)

    run, asked = talk(office.server(), begin)

    async def after(it: Talk) -> None:
        assert (await it.call("apply_plan", **asked))["run"] == run
        assert (await it.call("run_status"))["runs"][0]["run"] == run
        ended = await it.call("run_status", run=run, wait_s=40)
        assert (ended["run_state"], ended["check_back_after_s"]) == ("finished", None)

    talk(office.server(), after)
    assert len(office.threads) == 1


def test_a_failed_canary_is_told_as_what_it_may_have_cost_and_not_as_a_pause(tmp_path: Path) -> None:
    with_bundles = "".join(
        f"      - {{user: {who}, type: ENTITLEMENT-BUNDLE, bundle: Basics}}\n" for who in PEOPLE[:2]
    )
    office = Office(
        tmp_path,
        people=PEOPLE[:2],
        more="    entitlements:\n"
        "      - {name: Role, external_value: Role, multi_value: true, values: [Admin, Auditor]}\n"
        "    bundles:\n      - {name: Basics, values: {Role: [Auditor]}}\n    grants:\n" + with_bundles,
    )
    office.csv("".join(f"{who},Admin,Permitted\n" for who in PEOPLE[:2]))

    async def story(it: Talk) -> dict[str, Any]:
        await it.call("generate_plan", filename="erp", appId=APP)
        path = office.workspace / "plans" / "erp.yaml"
        canary = path.read_text("utf-8").replace("with_additive: hold", "with_additive: canary")
        path.write_text(canary, encoding="utf-8")
        run, _ = await started(it, office)
        return await it.call("run_status", run=run, wait_s=40)

    told = talk(office.server(), story)
    assert (told["run_state"], told["error"]) == ("paused", "canary_failed")
    assert "Role: Auditor" in told["why"][0]
    assert "lost access" in told["next"]
    assert "good order" not in told["next"]


def test_what_takes_longer_than_a_call_is_fetched_by_the_same_call(tmp_path: Path) -> None:
    office = Office(tmp_path, people=PEOPLE[:3], latency_ms=150)
    office.csv("".join(f"{who},Admin,Permitted\n" for who in PEOPLE[:3]))

    async def story(it: Talk) -> int:
        waits = 0
        while True:
            told = await it.call("execute_user_grants", filename="erp", appId=APP)
            if told["state"] == "done":
                assert told["counts"]["grant"] == 3
                return waits
            assert "same arguments" in told["next"]
            waits += 1

    assert talk(office.server(wait_s=0.2), story) > 0


def test_calls_for_the_same_are_joined_and_errors_are_told_once_to_each() -> None:
    begun: list[int] = []
    go = threading.Event()

    def slow() -> str:
        begun.append(1)
        go.wait(5)
        return "done"

    def bad() -> str:
        raise ValueError("no")

    async def story() -> None:
        jobs = Jobs(wait_s=0.05)
        with pytest.raises(StillWorking):
            await jobs.finish("a", slow)
        two = [asyncio.create_task(jobs.finish("a", slow)) for _ in range(2)]
        go.set()
        assert await asyncio.gather(*two) == ["done", "done"]
        assert begun == [1]
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                await jobs.finish("b", bad)

    asyncio.run(story())


def test_time_left_is_told_by_what_the_process_did_that_goes_on() -> None:
    def resumed(done: int) -> RunStanding:
        return RunStanding(
            run="r", plan="p", state="running", done=done, done_before=3_000, total=6_000, elapsed_s=60
        )

    assert (resumed(3_000).eta_s, resumed(3_000).rate_per_min) == (None, 0)
    assert (resumed(3_050).eta_s, resumed(3_050).rate_per_min) == (3_540, 50)


def test_a_run_that_does_not_go_on_takes_no_longer_the_later_one_asks(office: Office) -> None:
    async def story(it: Talk) -> tuple[str, dict[str, Any]]:
        run, _ = await started(it, office)
        return run, await it.call("run_status", run=run, wait_s=40)

    run, ended = talk(office.server(), story)

    async def a_day_after_it_was_killed(desk: Desk) -> RunStanding:
        folder = ticket_folder(desk, run)
        ticket = folder.read()
        assert ticket is not None
        folder.answer.unlink()
        folder.write(ticket.model_copy(update={"host": "elsewhere"}))
        journal = desk.runtime.runs_dir / run / "journal.jsonl"
        lines = journal.read_text("utf-8").splitlines(keepends=True)
        journal.write_text("".join(lines[:-1]), encoding="utf-8")
        later = replace(desk.runtime, clock=LoopClock(desk.runtime.clock.now() + 86_400))
        return standing(replace(desk, runtime=later), run)

    told = office.on_loop(a_day_after_it_was_killed)
    assert told.state == "interrupted"
    assert told.elapsed_s <= ended["elapsed_s"] + 1


def test_one_is_told_to_come_back_later_the_longer_a_run_goes_on_but_not_after_its_end() -> None:
    def told(elapsed_s: float, done: int, total: int, state: str = "running") -> float | None:
        standing = RunStanding(run="r", plan="p", state=state, done=done, total=total, elapsed_s=elapsed_s)
        return standing.check_back_after_s

    waits = [told(elapsed, 10, 100_000) for elapsed in (1, 60, 300, 900, 5_000)]
    assert waits == sorted(waits, key=lambda each: each or 0)
    assert waits[0] == 10
    assert waits[-1] == 600
    assert told(5_000, 99, 100) == 51
    assert told(5_000, 100, 100, "finished") is None
