"""The progress of a run: one line in place on a terminal, a line for each tenth elsewhere."""

from __future__ import annotations

import errno
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.report.progress import progress_line, show_fetching, show_progress
from pipeline.run.result import Progress
from pipeline.source.sync import Fetching
from pipeline.use_cases import applying
from tests.test_cases import furnish
from tests.test_resuming import ORG, PLAN, WRITES, killed


def progress(done: int, *, over: bool = False) -> Progress:
    return Progress(done=done, total=40, applied=done, held=0, elapsed_s=2.0 * done, over=over)


def shown(*, terminal: bool, steps: list[Progress]) -> str:
    file = io.StringIO()
    show = show_progress(Console(file=file, force_terminal=terminal, width=100, color_system=None))
    for each in steps:
        show(each)
    return file.getvalue()


def test_rate_and_time_left_are_those_of_what_was_done_so_far() -> None:
    assert progress_line(progress(10)) == "10/40 changes, 30/min, 1 min 00 s left"
    assert progress_line(Progress(0, 40, 0, 0, 0.0)) == "0/40 changes, 0/min"
    assert progress_line(Progress(4, 8, 1, 3, 60.0)) == "4/8 changes, 4/min, 1 min 00 s left, 3 held"


def test_on_a_terminal_one_line_is_drawn_anew_and_ended_when_the_run_stops_early() -> None:
    text = shown(terminal=True, steps=[progress(1), progress(2), progress(3, over=True)])
    assert text.count("\n") == 1
    assert text.endswith("\n")
    drawn = re.split(r"\x1b\[\d*G\x1b\[2K", text)
    assert [each.partition(" ")[2].partition(" ")[0] for each in drawn[1:]] == ["1/40", "2/40", "3/40"]


def test_elsewhere_a_line_is_written_for_each_tenth_and_none_twice() -> None:
    steps = [*map(progress, range(1, 41)), progress(40, over=True)]
    lines = shown(terminal=False, steps=steps).splitlines()
    assert [each.partition("/")[0] for each in lines] == [str(4 * tenth) for tenth in range(1, 11)]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_run_goes_on_where_its_progress_cannot_be_written(terminal: bool) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    show = show_progress(Console(file=Full(), force_terminal=terminal, width=100, color_system=None))
    for each in (progress(4), progress(8), progress(40, over=True)):
        show(each)


def test_a_sync_of_many_objects_or_bytes_says_each_tenth_and_a_small_one_nothing() -> None:
    def said(objects: int, size_bytes: int) -> list[str]:
        file = io.StringIO()
        show = show_fetching(Console(file=file, width=100, color_system=None))
        for done in range(1, objects + 1):
            show(Fetching(done, objects, done * size_bytes, objects * size_bytes))
        return file.getvalue().splitlines()

    assert said(99, 1_000) == []
    assert len(said(1_000, 1_000)) == 10
    assert said(2, 60_000_000) == [
        "Fetched 1 of 2 objects, 60.0 of 120.0 MB",
        "Fetched 2 of 2 objects, 120.0 of 120.0 MB",
    ]


def test_a_resumed_run_and_a_part_of_one_reach_their_own_total(tmp_path: Path) -> None:
    def last_of(folder: Path, run: str | None, only: str | None = None) -> Progress:
        org = org_of[folder]
        seen: list[Progress] = []
        request = applying.ApplyRequest(plan="t", yes=run is None, resume=run, only=only)
        org._run(lambda desk: applying.apply(desk, request, applying.Person(show=seen.append)))
        return seen[-1]

    (tmp_path / "resumed").mkdir()
    (tmp_path / "part").mkdir()
    resumed, run = killed(tmp_path / "resumed", 4)
    part = furnish(tmp_path / "part", {"plan": PLAN, "org": ORG})
    org_of = {tmp_path / "resumed": resumed, tmp_path / "part": part}
    last = last_of(tmp_path / "resumed", run)
    assert last.over
    assert 0 < last.done == last.total < WRITES
    last = last_of(tmp_path / "part", None, only="structure")
    assert (last.done, last.total, last.over) == (1, 1, True)
