"""The whole path in one process and in virtual time: use cases against the emulator, no socket, no wait."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from starlette.applications import Starlette

from pipeline.clock import LoopClock
from pipeline.emulator import InMemoryTransport, create_app, load_org_file
from pipeline.runtime import Runtime
from pipeline.settings import Settings
from pipeline.source_views import ArchiveView
from pipeline.survey_views import GenerateView, ShowView
from pipeline.use_cases import applying, archiving, generating, offline, online, simulating, undoing
from pipeline.use_cases.desk import Desk
from pipeline.views import (
    ApplyView,
    CheckView,
    DiffView,
    SimulateView,
    UndoView,
    ValidateView,
    VerifyView,
)
from tests import virtual_time

T = TypeVar("T")


@dataclass
class Tenant:
    """A workspace and the org it talks to; every call runs on one virtual-time loop of its own."""

    workspace: Path
    org_file: Path
    settings: dict[str, str] = field(default_factory=dict)
    """How to sign in; empty: the org's first token."""
    wrap: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda transport: transport
    """What stands between the client and the org."""
    org_clock_off_s: float = 0.0
    starts_s: float = virtual_time.EPOCH_S
    """When the next call begins."""

    def __post_init__(self) -> None:
        self._org = load_org_file(self.org_file)
        self._state = self.workspace / "org.sqlite"
        self._rng = random.Random(1)

    def _desk(self) -> tuple[Desk, Starlette]:
        clock = LoopClock(self.starts_s)

        def org_now() -> float:
            return clock.now() + self.org_clock_off_s

        okta = create_app(self._org, db=self._state, now=org_now, sleep=clock.sleep)
        runtime = Runtime(
            clock=clock,
            rng=self._rng,
            transport=self.wrap(InMemoryTransport(okta)),
            workspace=self.workspace.resolve(),
        )
        sign_in = self.settings or {"OKTA_API_TOKEN": self._org.tokens[0]}
        settings = Settings.model_validate({"OKTA_DOMAIN": "acme.okta.com", **sign_in})
        return Desk(runtime, settings), okta

    def _run(self, call: Callable[[Desk], Awaitable[T]]) -> T:
        async def on_loop() -> T:
            desk, okta = self._desk()
            try:
                return await call(desk)
            finally:
                okta.state.close()

        return virtual_time.run(on_loop())

    def generate(self, csv: str, okta_app: str = "ERP", **wanted: Any) -> GenerateView:
        """The plan of a source, by default under the source's name."""

        async def offline_on_loop(desk: Desk) -> GenerateView:
            return generating.generate(
                desk, [csv], generating.Wanted(okta_app=okta_app, force=True, **wanted)
            )

        return self._run(offline_on_loop)

    def validate(self, *plans: str) -> ValidateView:
        async def offline_on_loop(desk: Desk) -> ValidateView:
            return offline.validate(desk, list(plans or ("t",)))

        return self._run(offline_on_loop)

    def check(self, okta_app: str | None = "ERP") -> CheckView:
        return self._run(lambda desk: online.check(desk, okta_app))

    def diff(self, plan: str = "t", allow: tuple[str, ...] = ()) -> DiffView:
        return self._run(lambda desk: online.diff(desk, plan, detailed_exit_code=True, allow=allow))

    def apply(self, plan: str = "t", **request: Any) -> ApplyView:
        asked = applying.ApplyRequest(plan=plan, **{"yes": True, **request})
        return self._run(lambda desk: applying.apply(desk, asked, applying.Person()))

    def simulate(self, plan: str = "t", **means: Any) -> SimulateView:
        asked = simulating.Means(**means)
        return simulating.simulate(self._run(lambda desk: simulating.observed(desk, plan, asked)), asked)

    def archive(self, plan: str) -> ArchiveView:
        """The sources of a plan put away."""

        async def offline_on_loop(desk: Desk) -> ArchiveView:
            return archiving.archive(desk, plan)

        return self._run(offline_on_loop)

    def show(self, plan: str) -> ShowView:
        async def offline_on_loop(desk: Desk) -> ShowView:
            return offline.show(desk, plan, user=None)

        return self._run(offline_on_loop)

    def undo(self, run: str | None) -> UndoView:
        """The plan that takes away what ``run`` gave, in the workspace's plans."""

        async def offline_on_loop(desk: Desk) -> UndoView:
            return undoing.undo(desk, str(run))

        return self._run(offline_on_loop)

    def apply_reviewed(self, plan: str = "t", **request: Any) -> ApplyView:
        """Apply what ``diff`` shows, as a person who reviewed it would."""
        changes = self.workspace / self.diff(plan).paths["changes"]
        return self.apply(plan, changes=changes, **request)

    def verify(self, plan: str = "t") -> VerifyView:
        return self._run(lambda desk: online.verify(desk, plan))

    def _get(self, path: str) -> Any:
        async def ask(_desk: Desk) -> Any:
            desk, okta = self._desk()
            transport = desk.runtime.transport
            async with httpx.AsyncClient(transport=transport, base_url="https://acme.okta.com") as client:
                answer = (await client.get(path)).json()
            okta.state.close()
            return answer

        return self._run(ask)

    def state(self) -> dict[str, Any]:
        """The org as an org file, as /_emulator/state tells it."""
        state: dict[str, Any] = self._get("/_emulator/state")
        return state

    def held(self) -> dict[str, dict[str, list[str]]]:
        """Login -> entitlement -> sorted values, over all ALLOW grants of the first app."""
        found: dict[str, dict[str, set[str]]] = {}
        for grant in self.state()["okta_apps"][0].get("grants") or []:
            if grant.get("action", "ALLOW") != "ALLOW":
                continue
            person = found.setdefault(grant["user"], {})
            for entitlement, values in (grant.get("values") or {}).items():
                person.setdefault(entitlement, set()).update(values)
        return {who: {e: sorted(v) for e, v in held.items()} for who, held in found.items()}

    def ends(self) -> dict[str, list[str]]:
        """Login -> the ends of its grants that have one, for the first app."""
        found: dict[str, list[str]] = {}
        for grant in self.state()["okta_apps"][0].get("grants") or []:
            if grant.get("expires"):
                found.setdefault(grant["user"], []).append(grant["expires"])
        return found

    def writes(self) -> int:
        """How many writes the org has been sent so far."""
        return sum(each["method"] != "GET" for each in self.requests())

    def requests(self) -> list[dict[str, Any]]:
        """All requests the org has been sent so far."""
        listed: list[dict[str, Any]] = self._get("/_emulator/requests")
        return listed
