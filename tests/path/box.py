"""The emulator and the command line as processes of their own, joined by a real socket."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.__main__ import main

ROOT = Path(__file__).parent.parent.parent
TOKEN = "sandbox-token-4f1c9e"
Pair = tuple[str, str, str]
_plain = httpx.Client(transport=httpx.HTTPTransport(verify=False), headers={"Connection": "close"})
"""One for all, without TLS: to make ready for that takes longer than any of these calls."""


@dataclass(frozen=True)
class Box:
    """A served org; ``url`` is where it listens."""

    url: str

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        answer = _plain.get(f"{self.url}/_emulator/requests", params={"since": since})
        listed: list[dict[str, Any]] = answer.json()
        return listed

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        return [each for each in self.requests(since) if each["method"] not in ("GET", "HEAD")]

    def held(self) -> set[Pair]:
        """(login, entitlement, value) of every ALLOW grant of the first app."""
        state = _plain.get(f"{self.url}/_emulator/state").json()
        return {
            (grant["user"], entitlement, value)
            for grant in state["okta_apps"][0]["grants"]
            if grant.get("action", "ALLOW") == "ALLOW"
            for entitlement, values in (grant.get("values") or {}).items()
            for value in values
        }


@contextlib.contextmanager
def served(org_file: Path) -> Iterator[Box]:
    """Serve ``org_file`` on a free port until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "emulator", "serve", "--org", str(org_file), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        yield Box(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.communicate()


def environment(box: Box | None, **more: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("OKTA_")}
    tenant = {"OKTA_DOMAIN": box.url, "OKTA_API_TOKEN": TOKEN} if box else {}
    return own | {"PYTHONPATH": str(ROOT)} | tenant | more


def command(workspace: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", "--workspace", str(workspace), *words]


def okta_plan(workspace: Path, box: Box | None, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, with nobody at a terminal."""
    return subprocess.run(
        command(workspace, *words),
        env=environment(box, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def in_this_process(
    workspace: Path, box: Box | None, *words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """The same command line, spared a second of loading; for what is not about the process itself."""
    own, argv = dict(os.environ), sys.argv
    out, err = io.StringIO(), io.StringIO()
    words = ("--workspace", str(workspace), *words)
    try:
        os.environ.clear()
        os.environ.update(environment(box, **more))
        sys.argv = ["okta-plan", *words]
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as left,
        ):
            main()
    finally:
        sys.argv = argv
        os.environ.clear()
        os.environ.update(own)
    code = left.value.code
    return subprocess.CompletedProcess(
        words, code if isinstance(code, int) else 0, out.getvalue(), err.getvalue()
    )


def start(workspace: Path, box: Box, *words: str, **more: str) -> subprocess.Popen[str]:
    """Start one command with nobody at a terminal."""
    return subprocess.Popen(
        command(workspace, *words),
        env=environment(box, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_outcomes(process: subprocess.Popen[str], count: int) -> None:
    """Read the process's own progress until so many changes ended."""
    assert process.stderr is not None
    for line in process.stderr:
        if int(line.partition("/")[0]) >= count:
            return
    pytest.fail("the run ended before it could be stopped")


def grant_writes(box: Box) -> Counter[str]:
    """POSTs of a grant by the user they are for."""
    return Counter(
        each["body"]["targetPrincipal"]["externalId"]
        for each in box.writes()
        if each["path"] == "/governance/api/v1/grants"
    )


def new_workspace(folder: Path, source: Path) -> Path:
    """A workspace with ``source`` and its plan ``plans/t.yaml`` for the app ERP."""
    (folder / "csv").mkdir(parents=True)
    (folder / "plans").mkdir()
    (folder / "csv" / source.name).write_bytes(source.read_bytes())
    (folder / "plans" / "t.yaml").write_bytes(_plan_of(source))
    return folder


@functools.cache
def _plan_of(source: Path) -> bytes:
    """The plan that ``generate`` writes: the same bytes in every workspace, so it is asked once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "csv").mkdir()
        (folder / "csv" / source.name).write_bytes(source.read_bytes())
        made = in_this_process(folder, None, "generate", f"csv/{source.name}", "--app", "ERP", "--name", "t")
        assert made.returncode == 0, made.stderr
        return (folder / "plans" / "t.yaml").read_bytes()


def permitted(source: Path) -> set[Pair]:
    """What the CSV permits, read here with nothing of the package."""
    with source.open(newline="", encoding="utf-8") as file:
        return {
            (row["Email"].strip(), column, value.strip())
            for row in csv.DictReader(file)
            if row["Effective_Access"].strip() == "Permitted"
            for column, cell in (
                ("Role", row["Role"].split(";")),
                ("Permission_Set", [row["Permission_Set"]]),
            )
            for value in cell
            if value.strip()
        }


def write_org(path: Path, logins: list[str], *, more: str = "", latency_ms: int = 0) -> Path:
    """An org with an app ERP that knows nobody yet; ``more`` is added to the app."""
    users = "".join(
        f"  - {{login: {login}, email: {login}, firstName: F, lastName: L, status: ACTIVE}}\n"
        for login in logins
    )
    path.write_text(
        f"org: {{subdomain: acme}}\ntokens: [{TOKEN}]\nusers:\n{users}"
        f"okta_apps:\n  - label: ERP\n    entitlement_management: true\n{more}"
        f"limits: none\nlatency_ms: [{latency_ms}, {latency_ms}]\n",
        encoding="utf-8",
    )
    return path
