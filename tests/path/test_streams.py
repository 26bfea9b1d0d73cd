"""Whatever stdout is: another encoding, a reader who leaves, a disk that is full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAN = """\
schema: okta-plan/v1
name: t
okta_app: {label: ERP}
entitlements:
  - {name: Rôle, external_value: Rôle, multi_value: true, values: [管理]}
access:
  - values: {Rôle: [管理]}
    users: |
"""
FULL = Path("/dev/full")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "plans").mkdir()
    users = "".join(f"      user{number:05}@acme.example.com\n" for number in range(3000))
    (tmp_path / "plans" / "t.yaml").write_text(PLAN + users, "utf-8")
    return tmp_path


def command(workspace: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", "--workspace", str(workspace), *words]


def okta_plan(workspace: Path, *words: str, encoding: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(command(workspace, *words), env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_an_encoding_lacks_is_shown_as_an_escape(workspace: Path, encoding: str) -> None:
    done = okta_plan(workspace, "show", "t", encoding=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = done.stdout.decode(encoding)
    assert ("管理" if encoding == "utf-8" else r"\u7ba1\u7406") in shown
    assert ("Rôle" if encoding != "ascii" else r"R\xf4le") in shown


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_json_is_utf_8_whatever_the_encoding(workspace: Path, encoding: str) -> None:
    done = okta_plan(workspace, "show", "t", "--json", encoding=encoding)
    assert json.loads(done.stdout.decode("utf-8"))["entitlements"][0]["name"] == "Rôle"
    refused = okta_plan(workspace, "show", "管", "--json", encoding=encoding)
    assert "管" in json.loads(refused.stdout.decode("utf-8"))["error"]["detail"]


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe tells nobody there that its reader has left")
@pytest.mark.parametrize(
    "words", [("show", "t"), ("show", "t", "--json"), ("show", "t", "--format", "markdown")]
)
def test_a_reader_who_leaves_changes_no_exit_code(workspace: Path, words: tuple[str, ...]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(command(workspace, *words), stdout=writes, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("show", "t"), ("show", "t", "--json"), ("show", "u", "--json")])
def test_an_answer_that_cannot_be_written_is_told(workspace: Path, words: tuple[str, ...]) -> None:
    with FULL.open("wb") as full:
        done = subprocess.run(command(workspace, *words), stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
