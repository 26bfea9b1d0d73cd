"""The path over a real socket: nothing shared between the processes but files and HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from tests.path.box import (
    ROOT,
    TOKEN,
    Box,
    in_this_process,
    new_workspace,
    okta_plan,
    permitted,
    served,
    write_org,
)

SAMPLES = sorted((ROOT / "csv").glob("sample_*.csv"))


def logins(source: Path) -> list[str]:
    return sorted({login for login, _, _ in permitted(source)})


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with served(write_org(tmp_path / "org.yaml", logins(SAMPLES[0]))) as box:
        yield box


@pytest.mark.parametrize("source", SAMPLES, ids=lambda path: path.stem)
def test_apply_gives_exactly_what_the_csv_permits_and_then_has_nothing_to_do(
    source: Path, tmp_path: Path
) -> None:
    workspace = new_workspace(tmp_path / "w", source)
    with served(write_org(tmp_path / "org.yaml", logins(source))) as box:
        applied = okta_plan(workspace, box, "apply", "t", "--yes")
        assert applied.returncode == 0, applied.stdout + applied.stderr
        assert box.held() == permitted(source)
        assert in_this_process(workspace, box, "verify", "t").returncode == 0
        assert in_this_process(workspace, box, "diff", "t", "--detailed-exitcode").returncode == 0
        before = len(box.requests())
        assert in_this_process(workspace, box, "apply", "t", "--yes").returncode == 0
        assert box.writes(before) == []


def test_without_a_terminal_and_without_yes_nothing_is_sent(box: Box, tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "w", SAMPLES[0])
    refused = in_this_process(workspace, box, "apply", "t", "--json")
    assert refused.returncode == 4
    assert json.loads(refused.stdout)["error"]["code"] == "not_confirmed"
    assert box.writes() == []


def test_a_reviewed_change_set_is_enough_and_that_of_an_edited_plan_is_not(box: Box, tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "w", SAMPLES[0])
    differs = okta_plan(workspace, box, "diff", "t", "--detailed-exitcode", "-o", "reviewed.json", "--json")
    assert differs.returncode == 2
    plan = workspace / "plans" / "t.yaml"
    reviewed_text = plan.read_text("utf-8")
    plan.write_text(reviewed_text.replace("missing: assign", "missing: hold"), "utf-8")
    refused = in_this_process(workspace, box, "apply", "t", "--changes", "reviewed.json", "--json")
    assert refused.returncode == 4
    assert json.loads(refused.stdout)["error"]["code"] == "other_changes"
    assert box.writes() == []
    plan.write_text(reviewed_text, "utf-8")
    assert okta_plan(workspace, box, "apply", "t", "--changes", "reviewed.json").returncode == 0
    assert box.held() == permitted(SAMPLES[0])


def test_a_run_is_undone_by_a_reviewed_plan_and_never_by_yes_alone(tmp_path: Path) -> None:
    source = SAMPLES[0]
    workspace = new_workspace(tmp_path / "w", source)
    with served(write_org(tmp_path / "org.yaml", ["owner@acme.example.com", *logins(source)])) as box:
        assert okta_plan(workspace, box, "apply", "t", "--yes").returncode == 0
        listed = in_this_process(workspace, None, "runs", "--json")
        run = json.loads(listed.stdout)["runs"][0]["run"]
        undone = json.loads(in_this_process(workspace, None, "undo", run, "--json").stdout)
        assert (undone["plan"], undone["values"]) == (f"plans/undo-{run}.yaml", len(permitted(source)))
        assert undone["remains"]["grants"]
        sent = len(box.writes())
        refused = in_this_process(workspace, box, "apply", undone["plan"], "--yes", "--json")
        assert refused.returncode == 4
        assert "--changes FILE" in json.loads(refused.stdout)["error"]["next"]
        assert len(box.writes()) == sent
        assert in_this_process(workspace, box, "diff", undone["plan"], "-o", "back.json").returncode == 0
        back = okta_plan(workspace, box, "apply", undone["plan"], "--changes", "back.json")
        assert back.returncode == 0, back.stdout + back.stderr
        assert "revoked" in back.stdout
        assert box.held() == set()
        assert in_this_process(workspace, box, "verify", undone["plan"]).returncode == 0


def test_every_command_answers_json_that_fits_its_schema(box: Box, tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "w", SAMPLES[0])
    commands = [
        (["files"], 0),
        (["analyze", "1"], 0),
        (["generate", "1", "--app", "ERP", "--name", "t"], 0),
        (["generate", "1", "--app", "Other", "--name", "t"], 1),
        (["validate", "t"], 0),
        (["show", "t"], 0),
        (["show", "t", "--user", "nobody@x"], 1),
        (["check", "--app", "ERP"], 0),
        (["check", "--app", "None"], 1),
        (["diff", "t", "--detailed-exitcode"], 2),
        (["simulate", "t"], 0),
        (["verify", "t"], 2),
        (["apply", "t"], 4),
        (["apply", "t", "--yes"], 0),
        (["verify", "t"], 0),
        (["runs"], 0),
        (["runs", "nothing"], 1),
        (["undo", "nothing"], 1),
        (["schema"], 0),
        (["emulator", "reset"], 0),
        (["analyze", "absent.csv"], 1),
        (["diff", "t", "--bad-option"], 64),
    ]
    for words, exit_code in commands:
        ended = in_this_process(workspace, box, *words, "--json")
        assert ended.returncode == exit_code, (words, ended.stdout, ended.stderr)
        answer = json.loads(ended.stdout)
        assert answer["exit_code"] == exit_code
        name = answer["schema"].split("/")[1]
        schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))
        jsonschema.validate(answer, schema)
        assert "Traceback" not in ended.stderr


def test_options_of_the_program_may_stand_behind_the_command(box: Box, tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "w", SAMPLES[0])
    log = tmp_path / "calls.log"
    ended = in_this_process(workspace, box, "diff", "t", "--debug", "--log-file", str(log))
    assert ended.returncode == 0, ended.stderr
    assert log.read_text("utf-8")
    refused = in_this_process(workspace, box, "diff", "absent", "--debug")
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, True)
    elsewhere = in_this_process(workspace, box, "runs", f"--workspace={tmp_path}")
    assert "No run yet" in elsewhere.stdout


@pytest.mark.parametrize("words", [("check", "--app", "ERP"), ("simulate", "t")])
def test_numbers_of_a_table_end_under_their_heading(words: tuple[str, ...], box: Box, tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "w", SAMPLES[0])
    lines = in_this_process(workspace, box, *words).stdout.splitlines()
    heading = next(line for line in lines if "limit/min" in line)
    end = heading.index("limit/min") + len("limit/min")
    limits = [line[:end] for line in lines if line.startswith(("app users", "user"))]
    assert limits
    assert all(each[-1].isdigit() for each in limits)


def test_the_token_stands_in_no_file_and_no_output(box: Box, tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "w", SAMPLES[0])
    runs = [
        in_this_process(workspace, box, "--debug", "check"),
        in_this_process(workspace, box, "--debug", "diff", "t"),
        okta_plan(workspace, box, "--debug", "apply", "t", "--yes"),
        in_this_process(workspace, box, "--debug", "verify", "t", "--json"),
        in_this_process(workspace, box, "--debug", "check", OKTA_API_TOKEN=f"wrong-{TOKEN}"),
        in_this_process(workspace, box, "--debug", "check", OKTA_DOMAIN="http://127.0.0.1:9"),
        in_this_process(workspace, box, "--debug", "check", OKTA_DOMAIN="http://example.com"),
    ]
    assert [each.returncode for each in runs] == [0, 0, 0, 0, 1, 1, 1]
    for each in runs:
        assert TOKEN not in each.stdout + each.stderr
    log = workspace / "calls.jsonl"
    assert in_this_process(workspace, box, "--log-file", str(log), "diff", "t").returncode == 0
    calls = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert {"method", "template", "bucket", "status", "request_id", "run"} <= set(calls[0])
    assert log.stat().st_mode & 0o077 == 0
    written = [path for path in workspace.rglob("*") if path.is_file()]
    assert any(path.name == "journal.jsonl" for path in written)
    assert not [path for path in written if TOKEN.encode() in path.read_bytes()]
    assert not [each for each in box.requests() if TOKEN in json.dumps(each)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--org", "absent.yaml"], "absent.yaml"),
        (["--limits", "nonsense"], "nonsense"),
        (["--limits", "bad-limits.yaml"], "no such bucket"),
        (["--limits", "no-limits.yaml"], "calls a minute"),
    ],
)
def test_an_emulator_that_cannot_start_says_why(words: list[str], said: str, tmp_path: Path) -> None:
    org = write_org(tmp_path / "org.yaml", ["ann@x.com"])
    (tmp_path / "bad-limits.yaml").write_text("no such bucket: 5\n", "utf-8")
    (tmp_path / "no-limits.yaml").write_text("- 5\n", "utf-8")
    paths = [str(tmp_path / word) if word.endswith(".yaml") else word for word in words]
    ended = okta_plan(tmp_path, None, "emulator", "serve", "--org", str(org), *paths)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "defect" not in ended.stderr
