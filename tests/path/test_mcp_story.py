"""The conversation of the three stages over stdio, for 1,000 people: approved at a terminal, carried out by
a process of its own that is killed and gone on with, found by another server when its own was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.run.process import process_start
from tests.path.box import ROOT, Box, command, environment, okta_plan, served, write_org

PEOPLE = [f"user{n:04}@acme.example.com" for n in range(1_000)]
ROLES = ("Admin", "Auditor", "Viewer")


class Conversation:
    """A client that speaks JSON-RPC to one server process."""

    def __init__(self, workspace: Path, box: Box) -> None:
        self.process = subprocess.Popen(
            command(workspace, "mcp"),
            env=environment(box),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        self._id = 0
        client = {"name": "story", "version": "1"}
        asked = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        assert self._ask("initialize", asked)["serverInfo"]["name"] == "okta-plan"
        self._say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _say(self, frame: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(frame) + "\n")
        self.process.stdin.flush()

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdout is not None
        self._id += 1
        self._say({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        frame = json.loads(self.process.stdout.readline())
        assert frame["id"] == self._id
        result: dict[str, Any] = frame["result"]
        return result

    def result(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self._ask("tools/call", {"name": tool, "arguments": arguments})

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = self.result(tool, **arguments)
        assert not result.get("isError"), result
        found: dict[str, Any] = result["structuredContent"]
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def talking(workspace: Path, box: Box) -> Iterator[Conversation]:
    conversation = Conversation(workspace, box)
    try:
        yield conversation
    finally:
        conversation.kill()


def approve(words: str, counts: str, box: Box) -> None:
    """Run what the answer told the person to run, at a terminal, and type the counts."""
    import pty

    ours, theirs = pty.openpty()
    typed = words.split()
    assert typed[0] == "okta-plan"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *typed[1:]],
        env=environment(box),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, f"{counts}\n".encode())
    with contextlib.suppress(OSError):
        while os.read(ours, 4096):
            pass
    os.close(ours)
    assert process.wait() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_three_stages_for_a_thousand_people_survive_the_death_of_server_and_worker(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    for folder in ("csv", "plans"):
        (workspace / folder).mkdir(parents=True)
    rows = "".join(f"{who},{ROLES[n % 3]},Permitted\n" for n, who in enumerate(PEOPLE))
    (workspace / "csv" / "erp.csv").write_text(f"Email,Role,Effective_Access\n{rows}", encoding="utf-8")
    assigned = f"    assigned: [{', '.join(PEOPLE)}]\n"
    with served(write_org(tmp_path / "org.yaml", PEOPLE, more=assigned)) as box:
        with talking(workspace, box) as claude:
            assert claude.call("list_csv_files")["total"] == 1
            assert claude.call("analyze_csv_for_entitlements", filename="1")["users"] == 1_000
            structure = claude.call("prepare_entitlement_structure", filename="1", appId="ERP")
            assert structure["counts"] == {"create": 1}
            _carried_out(claude, structure, box)
            access = claude.call("execute_user_grants", filename="1", appId="ERP")
            assert access["counts"]["grant"] == 1_000
            asked = {"plan": access["plan"], "changes_digest": access["changes_digest"]}
            assert claude.result("apply_plan", **asked)["isError"]
            approve(access["command"], "1000 grant", box)
            run = claude.call("apply_plan", **asked)["run"]
            _until(claude, run, 20)
            _kill_worker(workspace, run)
            assert claude.call("run_status", run=run)["run_state"] == "interrupted"
            assert claude.call("apply_plan", **asked)["run_state"] == "interrupted"
            claude.call("control_run", run=run, action="resume")
            _until(claude, run, 40)
        with talking(workspace, box) as claude:
            assert claude.call("apply_plan", **asked)["run"] == run
            told = claude.call("run_status", run=run, wait_s=30)
            while told["run_state"] in ("starting", "running"):
                told = claude.call("run_status", run=run, wait_s=30)
            assert told["run_state"] == "finished"
            assert told["verified_pairs"] == told["planned_pairs"] == 1_000
            assert claude.call("diff_plan", plan=access["plan"])["counts"] == {"keep": 1_001}
        assert box.held() == {(who, "Role", ROLES[n % 3]) for n, who in enumerate(PEOPLE)}
        grants = [each for each in box.writes() if each["path"] == "/governance/api/v1/grants"]
        assert len(grants) == 1_000
        assert okta_plan(workspace, box, "verify", access["plan"]).returncode == 0


def _until(claude: Conversation, run: str, done: int) -> None:
    while claude.call("run_status", run=run)["done"] < done:
        pass


def _kill_worker(workspace: Path, run: str) -> None:
    ticket = json.loads((workspace / "plans" / ".runs" / "workers" / run / "ticket.json").read_text("utf-8"))
    os.kill(ticket["pid"], signal.SIGKILL)
    while process_start(ticket["pid"]) == ticket["process_started"]:
        pass


def _carried_out(claude: Conversation, changes: dict[str, Any], box: Box) -> None:
    approve(changes["command"], "1 create", box)
    run = claude.call("apply_plan", plan=changes["plan"], changes_digest=changes["changes_digest"])["run"]
    assert claude.call("run_status", run=run, wait_s=40)["run_state"] == "finished"
