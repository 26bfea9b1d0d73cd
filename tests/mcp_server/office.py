"""A workspace, the org it talks to, and a server for them in this process: no socket, no other process."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jsonschema
from mcp import Client
from mcp_types import CallToolResult, Tool

from pipeline.emulator import InMemoryTransport, create_app, load_org_file
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.jobs import Jobs
from pipeline.mcp_server.server import build_server
from pipeline.mcp_server.strict import StrictServer
from pipeline.use_cases.approving import Given, pending, record
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.live import live_desk, run_live
from pipeline.use_cases.tenant import state_path
from pipeline.use_cases.working import work

T = TypeVar("T")
ERAS = ("legacy", "auto")
APP = "ERP"
CSV = "Email,Role,Effective_Access\n{rows}"
PEOPLE = ("ann@acme.example.com", "bob@acme.example.com", "cy@acme.example.com")
ROWS = "".join(
    f"{who},{role},Permitted\n"
    for who, role in zip(PEOPLE, ("Admin", "Admin;Auditor", "Auditor"), strict=True)
)


@dataclass
class Office:
    """Runs are carried out by threads of this process, started as the real ones are."""

    workspace: Path
    people: tuple[str, ...] = PEOPLE
    latency_ms: int = 0
    more: str = ""
    threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in ("csv", "plans"):
            (self.workspace / folder).mkdir(parents=True, exist_ok=True)
        users = "".join(
            f"  - {{login: {who}, email: {who}, firstName: F, lastName: L, status: ACTIVE}}\n"
            for who in self.people
        )
        self.org_file.write_text(
            f"org: {{subdomain: acme}}\ntokens: [sandbox-token]\nusers:\n{users}"
            f"okta_apps:\n  - label: {APP}\n    entitlement_management: true\n{self.more}"
            f"limits: none\nlatency_ms: [{self.latency_ms}, {self.latency_ms}]\n",
            encoding="utf-8",
        )

    @property
    def org_file(self) -> Path:
        return self.workspace / "org.yaml"

    def csv(self, rows: str = ROWS, name: str = "erp.csv") -> None:
        (self.workspace / "csv" / name).write_text(CSV.format(rows=rows), encoding="utf-8")

    def settings(self, **lines: str) -> None:
        """The workspace's .env."""
        text = "".join(f"{name}={value}\n" for name, value in lines.items())
        (self.workspace / ".env").write_text(text, encoding="utf-8")

    def open_desk(self) -> Desk:
        return live_desk(self.workspace, self.org_file)

    def launch(self, desk: Desk, run: str) -> int:
        del desk
        thread = threading.Thread(target=lambda: self.on_loop(lambda desk: work(desk, run)))
        thread.start()
        self.threads.append(thread)
        return os.getpid()

    def on_loop(self, call: Callable[[Desk], Awaitable[T]]) -> T:
        return elsewhere(lambda: run_live(self.open_desk, call))

    def door(self, **how: Any) -> Door:
        return Door(self.open_desk, self.launch, **{"look_s": 0.05, **how})

    def server(self, *, wait_s: float = 30.0, **how: Any) -> StrictServer:
        return build_server(self.door(jobs=Jobs(wait_s), **how))

    def wait(self) -> None:
        """Until every run that was started has ended."""
        for thread in self.threads:
            thread.join()

    def approve(self, plan: str, digest: str, **given: Any) -> None:
        """As a person does at a terminal."""

        async def at_terminal(desk: Desk) -> None:
            waiting = pending(desk, plan, digest=digest)
            record(desk, waiting, Given(**{"typed": waiting.to_type, "approver": "ann", **given}))

        self.on_loop(at_terminal)

    def _get(self, path: str) -> Any:
        async def ask() -> Any:
            state = state_path(self.workspace.resolve(), self.org_file.resolve())
            okta = create_app(load_org_file(self.org_file), db=state, now=lambda: 0.0, sleep=asyncio.sleep)  # noqa: TID251
            transport = InMemoryTransport(okta)
            async with httpx.AsyncClient(transport=transport, base_url="https://acme.okta.com") as client:
                answer = (await client.get(path)).json()
            okta.state.close()
            return answer

        return asyncio.run(ask())

    def writes(self) -> list[str]:
        """Every write that the org was sent."""
        found = elsewhere(lambda: self._get("/_emulator/requests"))
        return [f"{each['method']} {each['path']}" for each in found if each["method"] not in ("GET", "HEAD")]

    def held(self) -> set[tuple[str, str]]:
        """(login, value) of every grant of the app."""
        state = elsewhere(lambda: self._get("/_emulator/state"))
        return {
            (grant["user"], value)
            for grant in state["okta_apps"][0].get("grants") or []
            for values in (grant.get("values") or {}).values()
            for value in values
        }


def elsewhere(call: Callable[[], T]) -> T:
    """``call`` in a thread of its own: it runs a loop, and the caller may be on one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


@dataclass
class Talk:
    """A client that checks every answer against the schema that the server published."""

    client: Client
    tools: dict[str, Tool]

    @classmethod
    async def begin(cls, client: Client) -> Talk:
        return cls(client, {each.name: each for each in (await client.list_tools()).tools})

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured content of an answer that is no error; text and structure say the same."""
        result = await self.result(tool, **arguments)
        assert not result.is_error, text_of(result)
        found: dict[str, Any] = result.structured_content
        jsonschema.validate(found, self.tools[tool].output_schema or {})
        assert json.loads(text_of(result).split("\n", 1)[1]) == found
        return found

    async def refused(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What an error answer says."""
        result = await self.result(tool, **arguments)
        assert result.is_error
        told: dict[str, Any] = json.loads(text_of(result))
        return told

    async def result(self, tool: str, **arguments: Any) -> CallToolResult:
        result = await self.client.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult)
        assert len(result.model_dump_json(by_alias=True)) // 4 < 8_000
        return result


def text_of(result: CallToolResult) -> str:
    [content] = result.content
    text: str = getattr(content, "text")  # noqa: B009 - one of several kinds
    return text


def talk(
    server: StrictServer, story: Callable[[Talk], Awaitable[T]], *, mode: Any = "auto", **client: Any
) -> T:
    """Tell ``story`` through a client in this process."""

    async def told() -> T:
        async with Client(server, mode=mode, **client) as connected:
            return await story(await Talk.begin(connected))

    try:
        return asyncio.run(told())
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
