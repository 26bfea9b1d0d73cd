"""What a command line that cannot be used is told: the command it was about, and exit code 64."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def refused(workspace: Path, *arguments: str) -> dict[str, Any]:
    """The JSON answer to these arguments, which end with exit code 64."""
    command = [sys.executable, "-m", "pipeline", "--workspace", str(workspace), *arguments, "--json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    answer: dict[str, Any] = json.loads(ended.stdout)
    assert ended.returncode == answer["exit_code"] == 64
    assert answer["error"]["code"] == "usage"
    return answer


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("diff", "p", "--nope"), "diff"),
        (("emulator", "reset", "--nope"), "emulator reset"),
        (("emulator", "nope"), "emulator"),
        (("mcp", "install"), "mcp install"),
        (("runs", "prune"), "runs prune"),
        (("runs", "r", "--nope"), "runs"),
    ],
)
def test_a_refused_command_line_names_its_command_and_where_help_is(
    arguments: tuple[str, ...], command: str, tmp_path: Path
) -> None:
    answer = refused(tmp_path, *arguments)
    assert answer["command"] == command
    assert answer["error"]["next"] == f"See `okta-plan {command} --help`."


def test_an_option_of_the_program_may_stand_behind_a_command_of_a_group(tmp_path: Path) -> None:
    assert refused(tmp_path, "emulator", "reset", "--debug", "--nope")["error"]["detail"].startswith(
        "No such option: --nope"
    )


def test_an_app_without_a_name_is_an_error_of_usage(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "a.csv").write_text("Email,Role\na@acme.example.com,Admin\n", encoding="utf-8")
    assert refused(tmp_path, "generate", "csv/a.csv", "--app", " ")["error"]["summary"] == "No app is named"


def test_a_source_in_s3_without_a_key_is_an_error_of_usage(tmp_path: Path) -> None:
    answer = refused(tmp_path, "analyze", "s3://acme-exports")
    assert answer["error"]["summary"] == "The source in S3 is not named in full"


def test_an_emulator_that_cannot_be_started_says_so_once(tmp_path: Path) -> None:
    org = tmp_path / "org.yaml"
    org.write_text("org: {subdomain: acme}\ntokens: [sandbox-token]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pipeline", "emulator", "serve", "--org", str(org), "--limits", "x"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("cannot be started") == 1
    assert "--limits x: it is neither observed, none nor a YAML file." in ended.stderr


def test_a_value_that_an_option_does_not_take_is_told_with_what_to_do(tmp_path: Path) -> None:
    error = refused(tmp_path, "runs", "prune", "--older-than", "x")["error"]
    assert "90d" in error["detail"]
    assert error["next"] == "Correct it and run the command again; nothing was done."
