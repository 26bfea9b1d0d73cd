"""Streamable HTTP on loopback, in both eras; other hosts and origins are refused."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mcp import Client

from tests.mcp_server.office import Office, Talk
from tests.path.box import ROOT, environment


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    office = Office(tmp_path)
    office.csv()
    words = ["--workspace", str(tmp_path), "mcp", "--http", "0", "--org", str(office.org_file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(None),
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.communicate()


def test_both_eras_are_served_over_http_and_strangers_are_not(url: str) -> None:
    async def counts(mode: str) -> dict[str, int]:
        async with Client(url, mode=mode) as client:
            told = await (await Talk.begin(client)).call("execute_user_grants", filename="erp", appId="ERP")
            found: dict[str, int] = told["counts"]
            return found

    assert url.startswith("http://127.0.0.1:")
    for mode in ("legacy", "auto"):
        assert asyncio.run(counts(mode))["grant"] == 3
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accepts = {"Accept": "application/json, text/event-stream"}
    for strange in ({"Host": "attacker.example"}, {"Origin": "https://attacker.example"}):
        assert httpx.post(url, json=body, headers={**accepts, **strange}).status_code in (403, 421)
