"""Two applies of one app at the same time: each place of the lease lets only one of them send."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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
from tests.s3_server import S3

SOURCE = ROOT / "csv" / "sample_medium_denormalized.csv"


@dataclass(frozen=True)
class Pair:
    """Two workspaces, perhaps the same, and the settings of the place where their lease lies."""

    one: Path
    other: Path
    settings: dict[str, str]


@pytest.fixture
def slow_box(tmp_path: Path) -> Iterator[Box]:
    people = sorted({login for login, _, _ in permitted(SOURCE)})
    with served(write_org(tmp_path / "org.yaml", people, latency_ms=40)) as box:
        yield box


@pytest.fixture(params=["file", "s3"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    """One workspace with the lease in a file, or two that share nothing but a bucket."""
    one = new_workspace(tmp_path / "one", SOURCE)
    if request.param == "file":
        return Pair(one, one, {})
    s3: S3 = request.getfixturevalue("s3")
    return Pair(one, new_workspace(tmp_path / "other", SOURCE), s3.shared(tmp_path.name))


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
def test_a_second_apply_beside_a_live_one_is_refused_and_names_the_owner(pair: Pair, slow_box: Box) -> None:
    process = start(pair.one, slow_box, "apply", "t", "--yes", **pair.settings)
    wait_for_outcomes(process, 3)
    process.send_signal(signal.SIGSTOP)  # alive, and sure not to end before the second one asks
    known = len(slow_box.writes())
    second = in_this_process(pair.other, slow_box, "apply", "t", "--yes", "--json", **pair.settings)
    assert len(slow_box.writes()) == known
    process.send_signal(signal.SIGCONT)
    process.communicate()
    assert process.returncode == 0
    assert second.returncode == 4
    error = json.loads(second.stdout)["error"]
    assert error["code"] == "lease_held"
    assert f"process {process.pid} on" in error["detail"]
    assert slow_box.held() == permitted(SOURCE)


def test_a_second_apply_that_may_wait_goes_on_when_the_first_has_ended(pair: Pair, slow_box: Box) -> None:
    process = start(pair.one, slow_box, "apply", "t", "--yes", **pair.settings)
    wait_for_outcomes(process, 3)
    waiting = in_this_process(
        pair.other, slow_box, "apply", "t", "--yes", "--json", "--lease-wait", "90", **pair.settings
    )
    assert process.wait() == 0
    process.communicate()
    answer = json.loads(waiting.stdout)
    assert (waiting.returncode, answer["run"]) == (0, None), waiting.stdout
    assert slow_box.held() == permitted(SOURCE)
    assert set(grant_writes(slow_box).values()) == {1}


def test_the_lease_of_a_killed_apply_of_this_host_is_taken_over_at_once(pair: Pair, slow_box: Box) -> None:
    process = start(pair.one, slow_box, "apply", "t", "--yes", **pair.settings)
    wait_for_outcomes(process, 3)
    process.kill()
    process.communicate()
    again = in_this_process(pair.one, slow_box, "apply", "t", "--yes", **pair.settings)
    assert again.returncode == 0, again.stdout + again.stderr
    assert slow_box.held() == permitted(SOURCE)


def test_a_shared_place_that_cannot_be_used_refuses_the_apply_before_any_write(
    s3: S3, slow_box: Box, tmp_path: Path
) -> None:
    workspace = new_workspace(tmp_path / "w", SOURCE)
    refused = in_this_process(
        workspace, slow_box, "apply", "t", "--yes", "--json", **s3.settings, OKTA_PLAN_SHARED="s3://absent/x"
    )
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == "shared_unusable"
    assert slow_box.writes() == []
