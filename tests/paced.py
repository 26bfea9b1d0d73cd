"""Applies of many people in virtual time against the emulator, and how well they used its rate windows."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from pipeline.clock import Clock
from tests import virtual_time
from tests.in_process import Tenant

GRANTS = "/governance/api/v1/grants"
POST_GRANTS = f"POST {GRANTS}"
GET_GRANTS = f"GET {GRANTS}"
APP_USERS = "/api/v1/apps"
WINDOW_S = 60.0
NEIGHBOUR = {"neighbour": "1"}
PLENTY = 5000


@dataclass(frozen=True, slots=True)
class Scene:
    """``people`` of an org and what stands for them at the start; limits in calls a minute by bucket."""

    people: int
    limits: dict[str, int]
    latency_ms: tuple[int, int] = (50, 50)
    assigned: int | None = None
    """So many, the first ones, have the app; None: all."""
    holding: int = 0
    """So many, the last ones, hold another value already."""
    done: int = 0
    """So many, the first ones, hold what is wanted already."""

    @property
    def logins(self) -> list[str]:
        return [f"p{number:06}@acme.example.com" for number in range(self.people)]

    def lay_out(self, folder: Path) -> None:
        """Plan ``t`` and org file of this scene."""
        logins = self.logins
        (folder / "plans").mkdir()
        (folder / "plans" / "t.yaml").write_text(_dump(self._plan(logins)), "utf-8")
        (folder / "org.yaml").write_text(_dump(self._org(logins)), "utf-8")

    def _plan(self, logins: list[str]) -> dict[str, Any]:
        return {
            "schema": "okta-plan/v1",
            "name": "t",
            "okta_app": {"label": "ERP"},
            "entitlements": [{"name": "Role", "external_value": "Role", "values": ["Admin", "Auditor"]}],
            "access": [{"values": {"Role": ["Admin"]}, "users": logins}],
        }

    def _org(self, logins: list[str]) -> dict[str, Any]:
        held = [*((each, "Admin") for each in logins[: self.done])]
        held += [(each, "Auditor") for each in logins[self.people - self.holding :]]
        return {
            "org": {"subdomain": "acme"},
            "tokens": ["sandbox-token"],
            "users": [
                {"login": each, "email": each, "firstName": "P", "lastName": "P", "status": "ACTIVE"}
                for each in logins
            ],
            "okta_apps": [
                {
                    "label": "ERP",
                    "entitlement_management": True,
                    "assigned": logins[: self.assigned],
                    "entitlements": [
                        {"name": "Role", "external_value": "Role", "values": ["Admin", "Auditor"]}
                    ],
                    "grants": [
                        {"user": who, "type": "CUSTOM", "values": {"Role": [value]}} for who, value in held
                    ],
                }
            ],
            "limits": {"default": PLENTY, **self.limits},
            "latency_ms": list(self.latency_ms),
        }


def _dump(content: dict[str, Any]) -> str:
    dumped: str = yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False)
    return dumped


@dataclass(slots=True)
class Shared(httpx.AsyncBaseTransport):
    """The way to the org, which another client of the same credential uses too.

    Before the first call a window of each of ``buckets`` is opened at an unknown time. ``rate_per_s`` is
    what the other client then sends to each of them, at random times.
    """

    inner: httpx.AsyncBaseTransport
    rng: random.Random
    buckets: Iterable[str]
    rate_per_s: float = 0.0
    clock: Clock = field(default_factory=virtual_time.clock)
    busy: set[asyncio.Task[None]] = field(default_factory=set)
    is_open: bool = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.is_open:
            self.is_open = True
            for bucket in self.buckets:
                await self.clock.sleep(self.rng.uniform(0, WINDOW_S / 3))
                await self._send(bucket)
                if self.rate_per_s:
                    self.busy.add(asyncio.create_task(self._keep_sending(bucket)))
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        for each in self.busy:
            each.cancel()
        await asyncio.gather(*self.busy, return_exceptions=True)

    async def _keep_sending(self, bucket: str) -> None:
        while True:
            await self.clock.sleep(self.rng.expovariate(self.rate_per_s))
            await self._send(bucket)

    async def _send(self, bucket: str) -> None:
        method, _, path = bucket.rpartition(" ")
        request = httpx.Request(
            method or "GET",
            f"https://acme.okta.com{path}",
            params=NEIGHBOUR,
            headers={"Authorization": "SSWS sandbox-token"},
            json={} if method == "POST" else None,
        )
        response = await self.inner.handle_async_request(request)
        await response.aread()


def tenant(
    folder: Path, scene: Scene, *, seed: int = 0, shared: Iterable[str] = (), rate_per_s: float = 0.0
) -> Tenant:
    """A tenant of ``scene`` whose ``shared`` buckets have an unknown phase and perhaps another client."""
    scene.lay_out(folder)
    buckets = tuple(shared)

    def wrap(transport: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        return Shared(transport, random.Random(seed), buckets, rate_per_s)

    return Tenant(folder, folder / "org.yaml", wrap=wrap)


@dataclass(frozen=True, slots=True)
class Use:
    """How a bucket was used: calls of ours per window of the server's, in order."""

    starts_s: tuple[float, ...]
    ours: tuple[int, ...]
    refused: int
    """Of ours, with 429."""

    @property
    def calls(self) -> int:
        return sum(self.ours)

    def ratio(self, allowed: int) -> float:
        """Calls sent to calls allowed, over all windows but the first and the last."""
        full = self.ours[1:-1]
        minutes = (self.starts_s[-1] - self.starts_s[1]) / WINDOW_S
        return sum(full) / (allowed * minutes)


def use_of(requests: Iterable[dict[str, Any]], bucket: str) -> Use:
    """Windows start with their first request and end on a whole second (okta-api.md 8.1). The first is the
    first that we sent anything in.
    """
    starts: list[float] = []
    ours: list[int] = []
    refused = 0
    reset_s = -math.inf
    for each in requests:
        if each["bucket"] != bucket:
            continue
        if each["at"] >= reset_s:
            reset_s = int(each["at"]) + WINDOW_S
            starts.append(each["at"])
            ours.append(0)
        if "neighbour" not in each["query"]:
            ours[-1] += 1
            refused += each["status"] == 429
    first = next((number for number, count in enumerate(ours) if count), 0)
    return Use(tuple(starts[first:]), tuple(ours[first:]), refused)


def refused_share(requests: Iterable[dict[str, Any]]) -> float:
    """The part of our requests that was answered 429."""
    statuses = [each["status"] for each in ours(requests)]
    return statuses.count(429) / len(statuses)


def ours(requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the other client did not send."""
    return [each for each in requests if "neighbour" not in each["query"]]


AUDIT_COLUMNS = (
    *("Email", "User_ID", "Access_Date", "Action_Type"),
    *("Role", "Permission_Set", "Effective_Access"),
)
AUDIT_VALUES = {
    "Role": [f"Role {number}" for number in range(40)],
    "Permission_Set": [f"PERMISSION_{number}" for number in range(150)],
}


@dataclass(slots=True)
class Audit:
    """An audit export: five rows a person, lists separated by "; ", half of the rows Permitted; the last
    person has Denied rows only. ``wanted`` are the pairs of the Permitted rows.
    """

    users: int
    seed: int = 7
    rows: list[tuple[str, ...]] = field(default_factory=list)
    wanted: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        for number in range(self.users):
            for turn in range(5):
                may = number < self.users - 1 and (turn == 0 or rng.random() < 0.5)
                lists = {name: rng.sample(values, rng.randint(1, 5)) for name, values in AUDIT_VALUES.items()}
                self._add(number, lists, "Permitted" if may else "Denied")
        rng.shuffle(self.rows)

    def _add(self, number: int, lists: dict[str, list[str]], access: str) -> None:
        login = f"p{number:06}@acme.example.com"
        cells = ("; ".join(each) for each in lists.values())
        self.rows.append((login, f"U{number:06}", "2025-03-01T09:00:00Z", "READ", *cells, access))
        if access == "Permitted":
            held = self.wanted.setdefault(login, {})
            for name, values in lists.items():
                held.setdefault(name, set()).update(values)

    def held(self) -> dict[str, dict[str, list[str]]]:
        """What everybody must hold in the end, as ``Tenant.held`` tells it."""
        return {who: {name: sorted(each) for name, each in held.items()} for who, held in self.wanted.items()}

    @property
    def pairs(self) -> int:
        return sum(len(values) for held in self.wanted.values() for values in held.values())

    def lay_out(self, folder: Path) -> Tenant:
        """The export as ``csv/audit.csv``, and an app without entitlements. Each bucket takes 600 calls a
        minute, each call 50 ms.
        """
        (folder / "csv").mkdir()
        lines = [AUDIT_COLUMNS, *self.rows]
        quoted = ("".join(f'"{cell}",' for cell in line).rstrip(",") for line in lines)
        (folder / "csv" / "audit.csv").write_text("\n".join(quoted) + "\n", "utf-8")
        scene = Scene(self.users, {"default": 600}, assigned=0)
        scene.lay_out(folder)
        org = yaml.load((folder / "org.yaml").read_text("utf-8"), yaml.CSafeLoader)
        org["okta_apps"][0]["entitlements"] = []
        (folder / "org.yaml").write_text(_dump(org), "utf-8")
        return Tenant(folder, folder / "org.yaml")
