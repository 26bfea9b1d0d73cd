"""One seed carried out: applies with faults, cut and gone on with; then one without, and a diff."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from pydantic import TypeAdapter
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.changes.codec import to_json
from pipeline.changes.model import ChangeSet
from pipeline.emulator import InMemoryTransport, create_app
from pipeline.emulator.orgfile import org_file_from
from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.runtime import Runtime
from pipeline.settings import Settings
from pipeline.use_cases import applying, online
from pipeline.use_cases.desk import Desk
from pipeline.views import ApplyView, DiffView
from tests import virtual_time
from tests.simulation.wire import Breach, Death, Sent, Wire
from tests.simulation.world import CALLS_MAX, TOKEN, Nap, Step, World

T = TypeVar("T")
ORIGIN = "https://acme.okta.com"
STEP_S_MAX = 6 * 3600.0
"""Of virtual time: what is not done by then hangs."""
STEPS_MAX = 10
LAST = Step(cut_at_request=CALLS_MAX + 1, down_s=5.0)
"""Without faults; what takes more calls is gone on with as after any crash."""
NO_ADDITIVE_GRANTS = ErrorCode.NO_ADDITIVE_GRANTS.value
QUIET_S = 1200.0
"""Before the last apply: late calls have landed, and grants that end soon have ended."""
_SETTINGS = Settings.model_validate({"OKTA_DOMAIN": "acme.okta.com", "OKTA_API_TOKEN": TOKEN})
_LIMIT = re.compile(rb"(?<![^&])limit=\d+")
_CHANGE_SET = TypeAdapter(ChangeSet)


@dataclass(slots=True)
class Happened:
    """What came of one step. ``view`` and ``error`` are both None where the process was cut."""

    step: Step
    view: ApplyView | None = None
    error: OktaPlanError | None = None
    reviewed: dict[str, Any] | None = None
    """The change set that was given with --changes."""
    resumed: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    """The org afterwards."""
    faults: list[dict[str, Any]] = field(default_factory=list)
    not_applied: str = ""
    """What the run then had in not-applied.csv; a later one that goes on with it writes it anew."""
    ended_at: float = 0.0

    @property
    def was_cut(self) -> bool:
        return self.view is None and self.error is None


@dataclass(slots=True)
class Evidence:
    """All that the witness gets to see."""

    world: World
    workspace: Path
    before: dict[str, Any]
    steps: list[Happened]
    differs: DiffView
    sent: list[Sent]
    requests: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    naps: list[Nap]


def carry_out(world: World, workspace: Path) -> Evidence:
    """Everything ``world`` says, in an empty ``workspace``. Raises what no door would know how to tell."""
    (workspace / "plans").mkdir()
    (workspace / "plans" / "t.yaml").write_text(yaml.dump(world.plan, Dumper=yaml.CSafeDumper), "utf-8")
    logging.getLogger("asyncio").disabled = True
    return virtual_time.run(_Trial(world, workspace.resolve()).run())


class _Trial:
    def __init__(self, world: World, workspace: Path) -> None:
        self._world = world
        self._workspace = workspace
        self._rng = random.Random(world.seed)
        self._clock = virtual_time.SleepyClock()
        org = org_file_from(world.org)
        self._okta = create_app(org, now=self._clock.now, sleep=self._clock.sleep, seed=world.seed)
        self._witness_line = InMemoryTransport(self._okta)
        self._runs_dir = workspace / "plans" / ".runs"
        org_line = InMemoryTransport(with_pages(self._okta.router.default, world.page_size))
        self._wire = Wire(org_line, self._clock, ORIGIN, TOKEN, self._runs_dir)

    async def run(self) -> Evidence:
        self._clock.now()
        before = await self._get("/_emulator/state")
        steps = [await self._step(number, step) for number, step in enumerate(self._world.steps)]
        await self._clock.sleep(QUIET_S)
        differed: list[str] | None = None
        while True:
            steps.append(await self._step(len(steps), LAST))
            if steps[-1].was_cut and len(steps) < STEPS_MAX:
                continue
            self._wire.start_step(len(steps) - 1, None)
            differs = await self._in_time(online.diff(self._desk(), "t"))
            if not differs.changes or len(steps) >= STEPS_MAX or not self._may_go_on(steps[-1]):
                break
            left = [each.message for each in differs.changes]
            if left == differed:
                break
            differed = left
        evidence = Evidence(
            world=self._world,
            workspace=self._workspace,
            before=before,
            steps=steps,
            differs=differs,
            sent=self._wire.sent,
            requests=await self._get("/_emulator/requests"),
            changes=await self._get("/_emulator/changes"),
            naps=self._wire.naps,
        )
        self._okta.state.close()
        return evidence

    def _may_go_on(self, last: Happened) -> bool:
        """A canary that failed is not sent again, so the next apply comes further. What a revocation takes
        may be what stood in the way of a grant.
        """
        halt = last.view.error if last.view else None
        return self._world.needs_review or (halt is not None and halt.code != NO_ADDITIVE_GRANTS)

    async def _step(self, number: int, step: Step) -> Happened:
        await self._clock.sleep(step.down_s)
        faults = {"seed": self._world.seed * 10 + number, "faults": list(step.faults)}
        await self._ask("POST", "/_emulator/faults", json.dumps(faults).encode())
        happened = Happened(step)
        request = applying.ApplyRequest(
            plan="t", yes=True, only=step.only, concurrency=step.concurrency, recheck_s=step.recheck_s
        )
        self._wire.start_step(number, None)
        try:
            request = await self._prepared(happened, request)
            await self._apply(happened, number, request)
        except OktaPlanError as error:
            happened.error = error
        happened.state = await self._get("/_emulator/state")
        happened.faults = (await self._get("/_emulator/faults"))["faults"]
        happened.ended_at = self._clock.now()
        return happened

    async def _prepared(self, happened: Happened, request: applying.ApplyRequest) -> applying.ApplyRequest:
        """``request`` with what the step goes on with or may send."""
        from dataclasses import replace

        step = happened.step
        unfinished = self._unfinished() if step.resume else None
        if unfinished is not None:
            happened.resumed = unfinished
            return replace(request, resume=unfinished, only=None)
        if step.reviewed == "yes" and not self._world.needs_review:
            return request
        view = await self._in_time(online.diff(self._desk(), "t"))
        stored = json.loads((self._workspace / view.paths["changes"]).read_text("utf-8"))
        if step.reviewed == "part" and stored["changes"]:
            stored = without_one(stored, self._rng)
        happened.reviewed = stored
        path = self._workspace / "reviewed.json"
        path.write_text(json.dumps(stored), "utf-8")
        return replace(request, yes=False, changes=path)

    def _unfinished(self) -> str | None:
        """The newest run whose journal has no last line."""
        for path in sorted(self._runs_dir.glob("2*/journal.jsonl"), reverse=True):
            if b'"kind":"closed"' not in path.read_bytes():
                return path.parent.name
        return None

    async def _apply(self, happened: Happened, number: int, request: applying.ApplyRequest) -> None:
        step = happened.step
        applied = asyncio.ensure_future(applying.apply(self._desk(), request, applying.Person()))
        death = Death(self._runs_dir, step.cut_at_byte, step.cut_at_request, applied.cancel)
        self._wire.start_step(number, death, step.nap)
        try:
            view = happened.view = await self._in_time(applied)
            if view.run:
                path = self._runs_dir / view.run / "not-applied.csv"
                happened.not_applied = path.read_text("utf-8")
        except asyncio.CancelledError:
            if not death.came:
                raise
            death.bury()

    async def _in_time(self, awaited: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(STEP_S_MAX):
                return await awaited
        except TimeoutError as error:
            raise Breach(f"5: nothing came of it within {STEP_S_MAX:g} s") from error

    def _desk(self) -> Desk:
        runtime = Runtime(clock=self._clock, rng=self._rng, transport=self._wire, workspace=self._workspace)
        return Desk(
            runtime, _SETTINGS, log_file=self._workspace / "calls.log" if self._world.seed % 4 == 0 else None
        )

    async def _get(self, path: str) -> Any:
        return await self._ask("GET", path)

    async def _ask(self, method: str, path: str, content: bytes = b"") -> Any:
        """Beside the wire: nobody but the witness."""
        answer = await self._witness_line.handle_async_request(
            httpx.Request(method, ORIGIN + path, content=content)
        )
        await answer.aread()
        assert answer.status_code == 200, answer.text
        return answer.json()


def with_pages(app: ASGIApp, size: int | None) -> ASGIApp:
    """``app``, whose pages are so short, whatever a client asks for."""
    if size is None:
        return app

    async def paged(scope: Scope, receive: Receive, send: Send) -> None:
        query = _LIMIT.sub(b"limit=%d" % size, scope["query_string"])
        await app({**scope, "query_string": query}, receive, send)

    return paged


def without_one(stored: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A change set that one change less stands in, under its own digest."""
    kept = list(stored["changes"])
    kept.pop(rng.randrange(len(kept)))
    body = {key: value for key, value in stored.items() if key not in ("schema", "changes_digest")}
    return to_json(_CHANGE_SET.validate_python({**body, "changes": kept}))
