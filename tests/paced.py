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
    """Windows start with their first request and end on a whole second (okta-api.md 8.1)."""
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
    return Use(tuple(starts), tuple(ours), refused)


def refused_share(requests: Iterable[dict[str, Any]]) -> float:
    """The part of our requests that was answered 429."""
    statuses = [each["status"] for each in ours(requests)]
    return statuses.count(429) / len(statuses)


def ours(requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the other client did not send."""
    return [each for each in requests if "neighbour" not in each["query"]]
