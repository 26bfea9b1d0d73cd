"""The house rules as tests: sizes, names, generated files, commands that documents mention."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "pipeline").rglob("*.py"))
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
BANNED_NAMES = (
    "manager",
    "helper",
    "utils",
    "common",
    "misc",
    "core",
    "handler",
    "processor",
    "engine",
    "data",
    "info",
)
BANNED_STARTS = ("process_", "do_", "handle_")
ALLOWED = {
    "process_start",
    "process_started",
    "add_signal_handler",
    "remove_signal_handler",
    "handle_async_request",
}
"""About operating system processes; names of the standard library and of httpx's transports."""


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: there is no list of the project's files")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def defined_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= FILE_LINES_MAX
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES_MAX, node.name


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_names_say_what_a_thing_is(path: Path) -> None:
    names = {*defined_names(ast.parse(path.read_text("utf-8"))), *path.stem.split("/")} - ALLOWED
    words = {(name, word) for name in names for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}
    assert not sorted(name for name, word in words if word.lower() in BANNED_NAMES)
    assert not sorted(name for name in names if name.lstrip("_").startswith(BANNED_STARTS))


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_nothing_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


def test_every_document_has_one_title_and_no_emoji() -> None:
    for path in tracked_files():
        if path.suffix != ".md":
            continue
        text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
        assert len(re.findall(r"^# ", text, flags=re.MULTILINE)) == 1, shown(path)
        assert not re.search("[\U0001f300-\U0001faff\u2600-\u27bf]", text), shown(path)


def test_lock_files_name_no_host() -> None:
    for path in ROOT.glob("requirements*.lock"):
        assert "://" not in path.read_text("utf-8"), shown(path)


def test_every_schema_in_the_repository_is_fresh() -> None:
    from pipeline.use_cases.schemas import schema_files

    written = {path.name: path.read_text("utf-8") for path in (ROOT / "schemas").glob("*.json")}
    assert written == schema_files(), "run `okta-plan schema --write`"


@pytest.mark.parametrize("sample", sorted((ROOT / "csv").glob("sample_*.csv")), ids=shown)
def test_the_plan_of_every_sample_is_fresh(sample: Path) -> None:
    from pipeline.plan.model import OktaAppRef
    from pipeline.plan.yaml_text import dump_plan
    from pipeline.source.local import read_local
    from pipeline.survey.draft import draft_plan
    from pipeline.survey.survey import survey

    plan = draft_plan(survey(read_local(ROOT, sample)), okta_app=OktaAppRef(label="ERP"), name=sample.stem)
    assert (ROOT / "plans" / f"{sample.stem}.yaml").read_text("utf-8") == dump_plan(plan)


def test_the_demo_works_on_the_sample_it_names() -> None:
    name = "sample_medium_denormalized.csv"
    assert (ROOT / "pipeline" / "demo" / name).read_bytes() == (ROOT / "csv" / name).read_bytes()


def test_the_commands_that_documents_mention_exist() -> None:
    from typer.main import get_command

    from pipeline.cli import okta_plan

    commands = getattr(get_command(okta_plan), "commands", {})
    assert "apply" in commands
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]:
        for command in re.findall(r"(?:^|`|\$ )okta-plan ([a-z]+)", path.read_text("utf-8"), re.MULTILINE):
            assert command in commands, f"{shown(path)}: okta-plan {command}"


def test_the_make_targets_that_the_readme_mentions_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)
    mentioned = re.findall(r"`make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8"))
    assert mentioned
    assert set(mentioned) <= set(targets)
