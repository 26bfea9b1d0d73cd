"""A run that is killed or stopped."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.run.folder import list_runs
from tests.effort import examples
from tests.path.box import (
    ROOT,
    Box,
    grant_writes,
    in_this_process,
    new_workspace,
    permitted,
    served,
    start,
    wait_for_outcomes,
    write_org,
)

SOURCE = ROOT / "csv" / "sample_medium_denormalized.csv"
LATENCY_MS = 40
REQUESTS = 50
"""Fewer than an apply of SOURCE sends, so that each moment lies inside the run."""


@pytest.fixture
def slow_box(tmp_path: Path) -> Iterator[Box]:
    people = sorted({login for login, _, _ in permitted(SOURCE)})
    with served(write_org(tmp_path / "org.yaml", people, latency_ms=LATENCY_MS)) as box:
        yield box


FIRST_SEED = int(os.environ["OKTA_PLAN_KILL_SEED"])
"""Stands in the name of a test that failed: OKTA_PLAN_KILL_SEED=N begins with that moment again."""


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + examples(5)))
def test_killed_at_any_moment_and_run_again_or_resumed_it_ends_right_and_repeats_nothing(
    seed: int, slow_box: Box, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    workspace = new_workspace(tmp_path / "w", SOURCE)
    process = start(workspace, slow_box, "apply", "t", "--yes")
    kill_at_request(process, slow_box, rng.randint(1, REQUESTS), more_s=rng.uniform(0, LATENCY_MS / 1000))
    run = unfinished_run(workspace)
    words = ["--resume", run] if run and seed % 2 else ["--yes"]
    again = in_this_process(workspace, slow_box, "apply", "t", *words, "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    assert slow_box.held() == permitted(SOURCE)
    assert set(grant_writes(slow_box).values()) == {1}
    answer = json.loads(again.stdout)
    assert {each["run"] for each in answer["earlier"]} == ({run} if run else set())
    assert run is None or run in (workspace / answer["paths"]["report"]).read_text("utf-8")
    assert answer["verification"]["missing"] == []
    assert unfinished_run(workspace) is None


def kill_at_request(process: subprocess.Popen[str], box: Box, count: int, *, more_s: float) -> None:
    """Kill -9 when the org has been sent so many requests, and ``more_s`` later."""
    while not box.requests(since=count - 1) and process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.005)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=more_s)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"


def unfinished_run(workspace: Path) -> str | None:
    """The run that can go on; None where none had a journal yet."""
    for each in list_runs(workspace / "plans" / ".runs"):
        if each.state is not None and each.state.header is not None and each.state.closed is None:
            return each.folder.run_id
    return None


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
    assert in_this_process(workspace, slow_box, "apply", "t", "--yes").returncode == 0
    assert slow_box.held() == permitted(SOURCE)
    assert set(grant_writes(slow_box).values()) == {1}
