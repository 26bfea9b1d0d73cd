"""The same view as text, Markdown, page and JSON; on stdout, or in a file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.review.commands import okta_plan

ROOT = Path(__file__).parents[2]
PLAN = "sample_medium_denormalized"
BEGINNINGS = {"text": "Plan plans/", "markdown": "## `Plan plans/", "html": "<!doctype html>", "json": "{\n"}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in ("csv", "plans"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".runs"))
    shutil.copy(ROOT / "pipeline" / "demo" / "org.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("shape", BEGINNINGS)
def test_a_plan_is_shown_in_every_format_on_stdout_and_in_a_file(shape: str, workspace: Path) -> None:
    said = okta_plan(workspace, "show", PLAN, "--format", shape)
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.startswith(BEGINNINGS[shape])
    assert "alice.johnson@acme.example.com" in said.stdout
    kept = okta_plan(workspace, "show", PLAN, "--format", shape, "-o", "out/plan.txt")
    assert (kept.exit_code, kept.stdout, kept.stderr) == (0, "", "Wrote out/plan.txt\n")
    written = (workspace / "out" / "plan.txt").read_text("utf-8")
    assert written.splitlines() == [line.rstrip() for line in said.stdout.splitlines()]


def test_json_is_what_format_json_says_on_errors_too(workspace: Path) -> None:
    same = [okta_plan(workspace, "show", PLAN, *words).stdout for words in (["--json"], ["--format", "json"])]
    assert same[0] == same[1]
    missing = okta_plan(workspace, "show", "missing", "--format", "json")
    assert missing.exit_code == 1
    assert missing.json()["error"]["code"] == "file_not_found"
    assert okta_plan(workspace, "compare", PLAN, "missing").exit_code == 1


def test_the_file_of_diff_is_the_change_set_unless_another_format_is_asked_for(workspace: Path) -> None:
    org = ("--org", str(workspace / "org.yaml"))
    plain = okta_plan(workspace, "diff", PLAN, *org, "-o", "changes.json")
    assert plain.exit_code == 0
    assert plain.stdout.splitlines()[-1].endswith(".json --org org.yaml"), "whole, and on the same org"
    assert "15 people change" in plain.stdout
    changes = json.loads((workspace / "changes.json").read_text("utf-8"))
    assert changes["schema"] == "okta-plan/changes/v1"
    as_json = okta_plan(workspace, "diff", PLAN, *org, "--format", "json", "-o", "again.json")
    assert (
        json.loads((workspace / "again.json").read_text("utf-8"))["changes_digest"]
        == changes["changes_digest"]
    )
    assert as_json.json()["paths"]["output"] == "again.json"
    page = okta_plan(
        workspace, "diff", PLAN, *org, "--format", "html", "-o", "page.html", "--detailed-exitcode"
    )
    assert (page.exit_code, page.stdout, page.stderr) == (2, "", "Wrote page.html\n")
    assert (workspace / "page.html").read_text("utf-8").startswith("<!doctype html>")
    applied = okta_plan(workspace, "apply", PLAN, *org, "--changes", "changes.json")
    assert applied.exit_code == 0, applied.stderr
    _look_back(workspace)


def _look_back(workspace: Path) -> None:
    [run] = okta_plan(workspace, "runs", "--json").json()["runs"]
    told = okta_plan(workspace, "runs", run["run"], "--json").json()
    assert {each["outcome"] for each in told["changes"]} == {"applied"}
    assert told["told"]["verification"]["pairs_held"] == 61
    for shape in ("text", "markdown", "html"):
        shown = okta_plan(workspace, "runs", run["run"], "--format", shape)
        assert "29" in shown.stdout
        assert "61 of 61 planned values are in place" in shown.stdout
        assert run["run"] in okta_plan(workspace, "runs", "--format", shape).stdout


def test_the_help_of_runs_names_what_it_takes_itself(workspace: Path) -> None:
    shown = okta_plan(workspace, "runs", "--help").stdout
    for name in ("--evidence", "--format", "--json", "prune"):
        assert name in shown


def test_a_file_outside_of_the_workspace_is_refused(workspace: Path) -> None:
    said = okta_plan(workspace, "show", PLAN, "--format", "html", "-o", "../out.html")
    assert (said.exit_code, said.stdout) == (1, "")
    assert not (workspace.parent / "out.html").exists()
