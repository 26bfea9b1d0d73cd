"""How little a start takes. What is loaded is counted here; benchmarks/startup.py takes the time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import __version__

ROOT = Path(__file__).parents[1]
HEAVY = {"polars", "mcp", "boto3", "httpx", "starlette", "uvicorn", "pydantic", "yaml", "rich", "jinja2"}
PARSER = {"typer", "dataclasses", "inspect", "subprocess", "asyncio", "importlib.metadata"}
FRESH = 'python -c "from pipeline.cli import main; main()" --help > pipeline/help.txt'


def started(code: str, *arguments: str) -> tuple[str, set[str]]:
    """What the program says with these arguments, and the modules that are loaded at its end."""
    told = f"try:\n    {code}\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", f"import sys\n{told}", *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8", env={"COLUMNS": "80"}
    )
    return ended.stdout, set(ended.stderr.split())


def program(*arguments: str) -> tuple[str, set[str]]:
    return started("from pipeline.__main__ import main; main()", *arguments)


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_are_answered_without_the_parser(argument: str) -> None:
    _, loaded = program(argument)
    assert not loaded & (HEAVY | PARSER)
    assert {name for name in loaded if name.startswith("pipeline")} == {"pipeline", "pipeline.__main__"}


@pytest.mark.parametrize("arguments", [("apply", "--help"), ("--debug", "--help")])
def test_the_parser_loads_nothing_that_only_a_command_needs(arguments: tuple[str, ...]) -> None:
    said, loaded = program(*arguments)
    assert "Usage: okta-plan" in said
    # The parser reads the words of a command with pydantic itself.
    assert not loaded & (HEAVY - {"pydantic"})


def test_the_help_that_is_kept_is_what_the_parser_says() -> None:
    said, _ = started("from pipeline.cli import main; main()", "--help")
    assert program("--help")[0] == said, f"stale: {FRESH}"


def test_the_version_is_told_by_both_ways_in() -> None:
    parsed, _ = started("from pipeline.cli import main; main()", "--version")
    assert parsed == program("--version")[0] == f"okta-plan {__version__}\n"


def test_the_mcp_server_is_built_without_what_only_a_tool_needs() -> None:
    build = (
        "from pipeline.mcp_server.door import Door; from pipeline.mcp_server.server import build_server;"
        " build_server(Door(None, None))"
    )
    _, loaded = started(build)
    assert "mcp" in loaded
    assert not loaded & {
        "polars",
        "boto3",
        "httpx",
        "yaml",
        "jinja2",
        "typer",
        "keyring",
        "pipeline.run.executor",
    }
