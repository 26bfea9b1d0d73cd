"""What a person at a terminal is asked, and what hostile text looks like there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.report.review_markdown import cell
from pipeline.report.terminal import render
from pipeline.report.text import confirmation, duration
from pipeline.source_views import FilesView, FileView
from tests.path.box import ROOT, Box, command, environment, new_workspace, permitted, served, write_org

SOURCE = ROOT / "csv" / "sample_small_baseline.csv"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    people = sorted({login for login, _, _ in permitted(SOURCE)})
    with served(write_org(tmp_path / "org.yaml", people)) as box:
        yield box


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("typed", "exit_code"), [("yes\n", 0), ("y\n", 4), ("no\n", 4)])
def test_a_person_is_shown_the_changes_and_asked(
    typed: str, exit_code: int, box: Box, tmp_path: Path
) -> None:
    import pty

    workspace = new_workspace(tmp_path / "w", SOURCE)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(workspace, "apply", "t"), env=environment(box), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while b"Type yes:" not in shown:
        shown += os.read(ours, 4096)
    assert b"alice.johnson@acme.example.com" in shown
    assert box.writes() == []
    os.write(ours, typed.encode())
    while True:
        try:
            rest = os.read(ours, 4096)
        except OSError:
            break
        if not rest:
            break
    os.close(ours)
    assert process.wait() == exit_code
    assert box.held() == (permitted(SOURCE) if exit_code == 0 else set())


@pytest.mark.parametrize(
    ("counts", "typed"),
    [
        ({"grant": 2}, "yes"),
        ({"revoke": 2, "grant": 1}, "revoke 2"),
        ({"convert": 1, "revoke": 3}, "revoke 3 convert 1"),
    ],
)
def test_what_is_taken_away_must_be_typed(counts: dict[str, int], typed: str) -> None:
    assert confirmation(counts) == typed


def test_hostile_text_is_shown_as_text() -> None:
    console = Console(record=True, width=200, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    name = "csv/[red]x[/red]\x1b[31m\u202ecod.csv"
    render(FilesView(files=[FileView(number=1, path=name, size_bytes=1, modified_at="")]), console)
    console.file.close()
    assert "[red]x[/red]\\u001b[31m\\u202ecod.csv" in console.export_text()
    assert cell("a|b<script>\n[x](y)") == "`a\\u007cb<script>\\u000a[x](y)`"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3700, "1 h 01 min")]
)
def test_durations_read_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
