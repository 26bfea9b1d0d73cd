"""Raw JSON-RPC: what comes over the pipe, frame by frame, without a client library between."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from pipeline.mcp_server.stdio import serve_streams
from tests.mcp_server.office import Office
from tests.path.box import ROOT, environment

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
}
DISCOVER = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": ENVELOPE}}
PLAIN_DISCOVER = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {}}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
LIST = {"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {}}
MODERN_LIST = {"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {"_meta": ENVELOPE}}


def answers(office: Office, *frames: Any) -> dict[int, dict[str, Any]]:
    """What the server answers to these frames, by id; an Exception stands for a line that is no JSON."""

    async def told() -> dict[int, dict[str, Any]]:
        to_server, incoming = anyio.create_memory_object_stream[Any](0)
        outgoing, from_server = anyio.create_memory_object_stream[Any](0)
        found: dict[int, dict[str, Any]] = {}
        came = {frame["id"]: anyio.Event() for frame in frames if isinstance(frame, dict) and "id" in frame}

        async def listen() -> None:
            async for message in from_server:
                frame = message.message.model_dump(mode="json", by_alias=True, exclude_none=True)
                if frame.get("id") in came:
                    found[frame["id"]] = frame
                    came[frame["id"]].set()

        async with from_server, to_server, anyio.create_task_group() as group:
            group.start_soon(listen)
            group.start_soon(serve_streams, office.server(), incoming, outgoing)
            for frame in frames:
                if isinstance(frame, Exception):
                    await to_server.send(frame)
                else:
                    message = jsonrpc_message_adapter.validate_python(frame)
                    await to_server.send(SessionMessage(message))
                    with anyio.fail_after(10):
                        if "id" in frame:
                            await came[frame["id"]].wait()
            await to_server.aclose()
        return found

    return anyio.run(told)


@pytest.mark.parametrize(
    "frames",
    [
        (INITIALIZE, INITIALIZED, LIST),
        (DISCOVER, MODERN_LIST),
        (DISCOVER, INITIALIZE, INITIALIZED, LIST),
        (PLAIN_DISCOVER, INITIALIZE, INITIALIZED, LIST),
        (DISCOVER, {**DISCOVER, "id": 9}, INITIALIZE, INITIALIZED, LIST),
        (ValueError("no JSON"), INITIALIZE, INITIALIZED, LIST),
        (MODERN_LIST,),
    ],
    ids=[
        "legacy",
        "modern",
        "asks first",
        "asks first without its envelope",
        "asks twice",
        "garbage",
        "at once",
    ],
)
def test_clients_of_either_era_get_the_tools_however_they_begin(
    frames: tuple[Any, ...], tmp_path: Path
) -> None:
    found = answers(Office(tmp_path), *frames)
    assert len(found[3]["result"]["tools"]) == 23


@pytest.mark.parametrize("frames", [(), (DISCOVER,), (INITIALIZED,), (PLAIN_DISCOVER,)])
def test_a_client_that_leaves_early_ends_the_server(frames: tuple[Any, ...], tmp_path: Path) -> None:
    assert set(answers(Office(tmp_path), *frames)) == {each["id"] for each in frames if "id" in each}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    office = Office(tmp_path)
    office.csv()
    words = ["--workspace", str(tmp_path), "mcp", "--org", str(office.org_file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(None),
    )
    yield process
    process.kill()
    process.communicate()


def test_a_process_says_nothing_but_protocol_on_stdout_loads_nothing_heavy_and_ends_with_its_client(
    server: subprocess.Popen[str],
) -> None:
    assert server.stdin is not None
    assert server.stdout is not None

    def ask(frame: dict[str, Any]) -> dict[str, Any]:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(frame) + "\n")
        server.stdin.flush()
        found: dict[str, Any] = json.loads(server.stdout.readline())
        return found

    def call(id_: int, tool: str, **arguments: Any) -> dict[str, Any]:
        params = {"name": tool, "arguments": arguments}
        answered = ask({"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": params})
        result: dict[str, Any] = answered["result"]
        return result

    server.stdin.write("this is no JSON\n")
    assert ask(DISCOVER)["id"] == 1
    assert ask(INITIALIZE)["result"]["serverInfo"]["name"] == "okta-plan"
    server.stdin.write(json.dumps(INITIALIZED) + "\n")
    assert len(ask(LIST)["result"]["tools"]) == 23
    loaded = Path(f"/proc/{server.pid}/maps")
    if loaded.exists():
        assert "polars" not in loaded.read_text()
    assert call(4, "list_csv_files")["structuredContent"]["total"] == 1
    assert (
        call(5, "execute_user_grants", filename="1", appId="ERP")["structuredContent"]["counts"]["grant"] == 3
    )
    assert call(6, "nothing_of_this_name")["isError"]
    rest, errors = server.communicate(timeout=20)
    assert rest == ""
    assert "Traceback" not in errors
    assert server.returncode == 0
