"""A run that is killed, stopped, or meets another one."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.path.box import (
    ROOT,
    Box,
    command,
    environment,
    new_workspace,
    okta_plan,
    permitted,
    served,
    write_org,
)

SOURCE = ROOT / "csv" / "sample_medium_denormalized.csv"


@pytest.fixture
def slow_box(tmp_path: Path) -> Iterator[Box]:
    people = sorted({login for login, _, _ in permitted(SOURCE)})
    with served(write_org(tmp_path / "org.yaml", people, latency_ms=40)) as box:
        yield box


def start(workspace: Path, box: Box) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(workspace, "apply", "t", "--yes"),
        env=environment(box),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_outcomes(process: subprocess.Popen[str], count: int) -> None:
    """Read the process's own progress until so many changes ended."""
    assert process.stderr is not None
    for line in process.stderr:
        if int(line.partition("/")[0]) >= count:
            return
    pytest.fail("the run ended before it could be stopped")


def grant_writes(box: Box) -> Counter[str]:
    """POSTs of a grant by the user they are for."""
    return Counter(
        each["body"]["targetPrincipal"]["externalId"]
        for each in box.writes()
        if each["path"] == "/governance/api/v1/grants"
    )


@pytest.mark.parametrize("outcomes", [3, 12, 21])
def test_killed_and_run_again_it_ends_right_and_repeats_nothing_without_need(
    outcomes: int, slow_box: Box, tmp_path: Path
) -> None:
    workspace = new_workspace(tmp_path / "w", SOURCE)
    process = start(workspace, slow_box)
    wait_for_outcomes(process, outcomes)
    process.kill()
    process.communicate()
    again = okta_plan(workspace, slow_box, "apply", "t", "--yes", "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    assert slow_box.held() == permitted(SOURCE)
    assert set(grant_writes(slow_box).values()) == {1}
    answer = json.loads(again.stdout)
    [earlier] = answer["earlier"]
    assert earlier["counts"]["applied"] >= outcomes
    report = (workspace / answer["paths"]["report"]).read_text("utf-8")
    assert earlier["run"] in report
    assert okta_plan(workspace, slow_box, "verify", "t").returncode == 0
    listed = json.loads(okta_plan(workspace, slow_box, "runs", "--json").stdout)["runs"]
    assert {each["state"] for each in listed} == {"finished"}


def test_sigterm_lets_calls_in_flight_finish_and_names_the_command_that_goes_on(
    slow_box: Box, tmp_path: Path
) -> None:
    workspace = new_workspace(tmp_path / "w", SOURCE)
    process = start(workspace, slow_box)
    wait_for_outcomes(process, 6)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 5
    assert "okta-plan apply plans/t.yaml" in output
    assert okta_plan(workspace, slow_box, "apply", "t", "--yes").returncode == 0
    assert slow_box.held() == permitted(SOURCE)
    assert set(grant_writes(slow_box).values()) == {1}


def test_a_second_apply_beside_a_live_one_is_refused_and_names_the_owner(
    slow_box: Box, tmp_path: Path
) -> None:
    workspace = new_workspace(tmp_path / "w", SOURCE)
    process = start(workspace, slow_box)
    wait_for_outcomes(process, 3)
    process.send_signal(signal.SIGSTOP)  # alive, and sure not to end before the second one asks
    second = okta_plan(workspace, slow_box, "apply", "t", "--yes", "--json")
    process.send_signal(signal.SIGCONT)
    process.communicate()
    assert process.returncode == 0
    assert second.returncode == 4
    error = json.loads(second.stdout)["error"]
    assert error["code"] == "lease_held"
    assert str(process.pid) in error["detail"]
    assert slow_box.held() == permitted(SOURCE)
