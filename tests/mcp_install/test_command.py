"""The command `mcp install` from outside: what it answers, asks, and ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import okta_plan
from tests.path.box import command, environment


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "w"
    (folder / "csv").mkdir(parents=True)
    return folder


def run(workspace: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and answer, with nobody at a terminal."""
    told = ["--workspace", str(workspace), "mcp", "install", "cursor", *words, "--json"]
    ended = CliRunner().invoke(okta_plan, told)
    return ended.exit_code, json.loads(ended.stdout)


def test_without_a_terminal_only_yes_writes_and_only_once(workspace: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "mcp.json")
    code, refused = run(workspace, "--file", file)
    assert (code, refused["error"]["code"]) == (4, "not_confirmed")
    assert not Path(file).exists()
    code, shown = run(workspace, "--file", file, "--dry-run")
    assert (code, shown["state"], Path(file).exists()) == (0, "shown", False)
    code, written = run(workspace, "--file", file, "--yes", "--name", "okta-preview")
    assert (code, written["state"]) == (0, "written")
    entry = json.loads(Path(file).read_text())["mcpServers"]["okta-preview"]
    assert entry["env"] == {"OKTA_PLAN_HOME": str(workspace.resolve())}
    assert Path(entry["command"]).is_absolute()
    assert run(workspace, "--file", file, "--name", "okta-preview")[1]["state"] == "unchanged"


def test_the_answer_has_the_shape_of_its_schema(workspace: Path, tmp_path: Path) -> None:
    from jsonschema import validate

    schema = Path(__file__).parents[2] / "schemas" / "mcp-install.schema.json"
    _, answer = run(workspace, "--file", str(tmp_path / "mcp.json"), "--dry-run")
    validate(answer, json.loads(schema.read_text("utf-8")))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_person_at_a_terminal_sees_the_change_and_is_asked(workspace: Path, tmp_path: Path) -> None:
    import pty

    file = tmp_path / "mcp.json"
    file.write_text('{\n  "mcpServers": {\n    "other": {"command": "npx", "env": {"KEY": "hush"}}\n  }\n}\n')
    ours, theirs = pty.openpty()
    words = command(workspace, "mcp", "install", "cursor", "--file", str(file))
    process = subprocess.Popen(words, env=environment(None), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"Type yes:" not in shown:
        shown += os.read(ours, 4096)
    os.write(ours, b"yes\n")
    assert process.wait() == 0
    os.close(ours)
    assert b"OKTA_PLAN_HOME" in shown
    assert b"hush" not in shown
    assert set(json.loads(file.read_text())["mcpServers"]) == {"other", "okta-plan"}
