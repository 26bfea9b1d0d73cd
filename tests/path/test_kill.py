"""A run that is killed or stopped."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.path.box import (
    ROOT,
    Box,
    grant_writes,
    new_workspace,
    okta_plan,
    permitted,
    served,
    start,
    wait_for_outcomes,
    write_org,
)

SOURCE = ROOT / "csv" / "sample_medium_denormalized.csv"


@pytest.fixture
def slow_box(tmp_path: Path) -> Iterator[Box]:
    people = sorted({login for login, _, _ in permitted(SOURCE)})
    with served(write_org(tmp_path / "org.yaml", people, latency_ms=40)) as box:
        yield box


@pytest.mark.parametrize("outcomes", [3, 12, 21])
def test_killed_and_run_again_it_ends_right_and_repeats_nothing_without_need(
    outcomes: int, slow_box: Box, tmp_path: Path
) -> None:
    workspace = new_workspace(tmp_path / "w", SOURCE)
    process = start(workspace, slow_box, "apply", "t", "--yes")
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
    process = start(workspace, slow_box, "apply", "t", "--yes")
    wait_for_outcomes(process, 6)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 5
    assert "okta-plan apply plans/t.yaml" in output
    assert okta_plan(workspace, slow_box, "apply", "t", "--yes").returncode == 0
    assert slow_box.held() == permitted(SOURCE)
    assert set(grant_writes(slow_box).values()) == {1}
