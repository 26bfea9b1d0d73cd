"""`make mcp-check`: every tool listed and called by the official inspector over stdio, and the official
conformance suite over HTTP on loopback. Against the built-in emulator, in a workspace of its own.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_tools.calls import AFTER_THE_RUN, BEFORE_THE_RUN, PLAN, RUN, SAMPLE, Call
from mcp_tools.node import HERE, ToolMissingError, tool

ROOT = HERE.parent
CALL_S = 120
SUITE_S = 600
STARTS_S = 120
TOOL_IS_ERROR = 5
PASSED, EXPECTED = "✓ ", "~ "
"""What the suite puts before a scenario that passed, and before one that conformance.yml lists."""


class CheckFailedError(Exception):
    """What a tool of the protocol said, and of what."""


@dataclass(slots=True)
class Check:
    """A workspace with a sample and an org, and what the server answered so far."""

    workspace: Path
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def program(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "pipeline", "--workspace", str(self.workspace), *words]

    @property
    def org(self) -> tuple[str, str]:
        return ("--org", str(self.workspace / "org.yaml"))

    def inspect(self, method: str, *words: str, accepted: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """The result that the inspector got. Raises CheckFailedError where it was not content."""
        command = [*tool("inspector"), "--cli", *self.program("mcp", *self.org)]
        asked = ["--method", method, *words, "--format", "json"]
        ended = subprocess.run(
            [*command, *asked], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=CALL_S, check=False
        )
        if ended.returncode not in accepted:
            raise CheckFailedError(
                f"{method} {words[:2]}: exit {ended.returncode}\n{ended.stdout}{ended.stderr}"
            )
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[0])
        return found

    def call(self, each: Call) -> None:
        """Call a tool and keep its answer. Raises CheckFailedError where it is not the expected one."""
        words = ["--tool-name", each.tool, "--tool-args-json", json.dumps(each.arguments(self.answers))]
        told = self.inspect("tools/call", *words, accepted=(TOOL_IS_ERROR,) if each.error else (0,))
        result = told["result"]
        if each.error:
            code = json.loads(result["content"][0]["text"])["error"]
            if code != each.error:
                raise CheckFailedError(f"{each.tool}: {code} instead of {each.error}")
            say(f"  {each.tool}: refused, {code}")
            return
        self.answers[each.tool] = result["structuredContent"]
        say(f"  {each.tool}: {result['content'][0]['text'].splitlines()[0]}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def prepared() -> Iterator[Check]:
    """A workspace that holds the demo's sample and org, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="okta-plan-mcp-") as name:
        workspace = Path(name)
        (workspace / "csv").mkdir()
        (workspace / "plans").mkdir()
        shutil.copy(ROOT / "pipeline" / "demo" / SAMPLE, workspace / "csv")
        shutil.copy(ROOT / "pipeline" / "demo" / "org.yaml", workspace)
        yield Check(workspace)


def check_listings(check: Check) -> set[str]:
    """Names of all tools; every listing is whole and strict. Raises CheckFailedError."""
    found: set[str] = set()
    for era in ("legacy", "modern"):
        told = check.inspect("tools/list", "--strict", "--protocol-era", era)
        found = {each["name"] for each in told["result"]["tools"]}
        say(f"tools/list ({era}): {len(found)} tools, no schema error")
    for listing in ("resources/list", "resources/templates/list", "prompts/list"):
        [listed] = [each for each in check.inspect(listing)["result"].values() if isinstance(each, list)]
        say(f"{listing}: {len(listed)}")
    return found


def check_calls(check: Check, listed: set[str]) -> None:
    """Call every tool. Raises CheckFailedError, also for a tool that no call is written for."""
    called = {each.tool for each in (*BEFORE_THE_RUN, *AFTER_THE_RUN)}
    if called != listed:
        raise CheckFailedError(f"calls.py and tools/list differ: {sorted(called ^ listed)}")
    say(f"tools/call: {len(listed)} tools")
    for each in BEFORE_THE_RUN:
        check.call(each)
    applied = subprocess.run(
        check.program("apply", PLAN, "--yes", "--json", *check.org),
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=CALL_S,
        check=False,
    )
    check.answers[RUN] = json.loads(applied.stdout)
    for each in AFTER_THE_RUN:
        check.call(each)


def check_conformance(check: Check) -> None:
    """Run the suite; only what conformance.yml lists may fail. Raises CheckFailedError."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = check.workspace / "server.log"
    with log.open("wb") as stderr:
        command = check.program("mcp", *check.org, "--http", str(port))
        server = subprocess.Popen(command, cwd=ROOT, stderr=stderr)
    try:
        _wait_for(port, server)
        suite = [*tool("conformance"), "server", "--url", f"http://127.0.0.1:{port}/mcp", "--suite", "all"]
        ended = subprocess.run(
            [*suite, "--expected-failures", str(HERE / "conformance.yml")],
            cwd=check.workspace,
            capture_output=True,
            encoding="utf-8",
            timeout=SUITE_S,
            check=False,
        )
    finally:
        server.terminate()
        server.wait(timeout=CALL_S)
    _, _, summary = ended.stdout.partition("=== SUMMARY ===")
    if ended.returncode != 0:
        raise CheckFailedError(
            f"conformance: exit {ended.returncode}\n{summary}{ended.stderr}{log.read_text()}"
        )
    lines = [line.strip() for line in summary.splitlines()]
    passed = [line for line in lines if line.startswith(PASSED)]
    not_ours = [line for line in lines if line.startswith(EXPECTED)]
    say(f"conformance: {len(passed)} scenarios, and {len(not_ours)} that are not asked of this server")
    for line in passed:
        say(f"  {line.removeprefix(PASSED)}")


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    with socket.socket() as probe:
        probe.settimeout(STARTS_S)
        while probe.connect_ex(("127.0.0.1", port)) != 0:
            try:
                server.wait(timeout=0.3)
            except subprocess.TimeoutExpired:
                continue
            raise CheckFailedError("the HTTP server ended before it accepted a connection")


def main() -> int:
    """0 where all is well, else 1, and what is not is said."""
    try:
        with prepared() as check:
            check_calls(check, check_listings(check))
            check.inspect("tools/call", "--tool-name", "list_csv_files", "--protocol-era", "modern")
            check_conformance(check)
    except (CheckFailedError, ToolMissingError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"mcp-check: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
