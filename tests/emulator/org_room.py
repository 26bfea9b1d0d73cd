"""A small org and a client of it, for the tests of the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import httpx

from pipeline.emulator import InMemoryTransport, OrgFile, create_app
from pipeline.emulator.orgfile import org_file_from

T = TypeVar("T")
Json: TypeAlias = Any
APP = "0oa1example0000000x7"
OFF = "0oa2example0000000x7"
GOV = "/governance/api/v1"
PARENT = f'parent.externalId eq "{APP}" AND parent.type eq "APPLICATION"'
TARGET = f'target.externalId eq "{APP}" AND target.type eq "APPLICATION"'


def org_data(**changes: Json) -> dict[str, Any]:
    roles = {"name": "Role", "external_value": "role", "values": ["Admin", "Auditor", "Clerk"]}
    tier = {"name": "Tier", "external_value": "tier", "multi_value": False, "values": ["Gold", "Silver"]}
    users: list[dict[str, Any]] = [
        {
            "login": "alice@acme.example.com",
            "firstName": "Alice",
            "lastName": "Johnson",
            "employeeNumber": "0012",
        },
        {"login": "bob@acme.example.com", "firstName": "Bob", "lastName": 'O"Hara'},
        {"login": "bob@other.example.com", "firstName": "Bob", "lastName": "Zoë"},
        {"login": "carol@acme.example.com", "status": "SUSPENDED"},
        {"login": "gone@acme.example.com", "status": "DEPROVISIONED"},
    ]
    erp: dict[str, Any] = {
        "id": APP,
        "label": "ERP",
        "assigned": ["alice@acme.example.com", {"user": "carol@acme.example.com", "scope": "GROUP"}],
        "entitlements": [roles, tier],
        "bundles": [{"name": "Basics", "values": {"role": ["Auditor"], "tier": ["Silver"]}}],
        "grants": [],
    }
    off = {"id": OFF, "label": "Wiki", "entitlement_management": False}
    org = {"org": {"subdomain": "acme"}, "tokens": ["good", "other"], "limits": "none"}
    return {**org, "users": users, "okta_apps": [erp, off], **changes}


def principal(user_id: str) -> str:
    """The part of a filter that names a principal."""
    return f'targetPrincipal.externalId eq "{user_id}" AND targetPrincipal.type eq "OKTA_USER"'


def assert_refused(response: httpx.Response) -> None:
    """In the shape of Okta's errors (okta-api.md 9)."""
    assert 400 <= response.status_code < 500, response.text
    body = response.json()
    assert set(body) == {"errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"}, body
    assert body["errorCode"] == body["errorLink"], body
    texts = [body["errorCode"], body["errorSummary"], body["errorId"]]
    texts += [cause["errorSummary"] for cause in body["errorCauses"]]
    assert all(texts), body


class Room:
    """The org behind an HTTP client whose clock is a number."""

    def __init__(self, org: OrgFile, db: str | Path = ":memory:", limits: Json = None) -> None:
        self.now_s = 1_790_000_000.0
        self.slept_s: list[float] = []
        app = create_app(org, db=db, now=lambda: self.now_s, sleep=self._sleep, limits=limits)
        self.close = app.state.close
        transport = InMemoryTransport(app)
        self.client = httpx.AsyncClient(
            transport=transport, base_url="http://org.test", headers={"Authorization": "SSWS good"}
        )

    async def _sleep(self, wait_s: float) -> None:
        self.slept_s.append(wait_s)
        self.now_s += wait_s

    async def get(self, path: str, **params: Json) -> httpx.Response:
        return await self.client.get(path, params=params or None)

    async def send(self, method: str, path: str, body: Json) -> httpx.Response:
        return await self.client.request(method, path, json=body)

    async def ok(self, path: str, **params: Json) -> Json:
        response = await self.get(path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    async def user_id(self, login: str) -> str:
        return str((await self.ok(f"/api/v1/users/{login}"))["id"])

    async def value_ids(self) -> dict[str, tuple[str, str]]:
        """External value -> (id of the entitlement, id of the value)."""
        found = await self.ok(f"{GOV}/entitlements/values", filter=PARENT)
        return {value["externalValue"]: (value["entitlementId"], value["id"]) for value in found["data"]}

    async def entitlements(self, *names: str) -> list[dict[str, Any]]:
        """The `entitlements` of a grant with these values."""
        ids = await self.value_ids()
        grouped: dict[str, list[dict[str, str]]] = {}
        for name in names:
            grouped.setdefault(ids[name][0], []).append({"id": ids[name][1]})
        return [{"id": key, "values": values} for key, values in grouped.items()]

    async def grant(self, login: str, *names: str, **changes: Json) -> httpx.Response:
        body = {
            "grantType": "CUSTOM",
            "target": {"externalId": APP, "type": "APPLICATION"},
            "targetPrincipal": {"externalId": await self.user_id(login), "type": "OKTA_USER"},
            "entitlements": await self.entitlements(*names),
        }
        return await self.send("POST", f"{GOV}/grants", {**body, **changes})

    async def grants(self, extra: str = "") -> list[dict[str, Any]]:
        found = await self.ok(f"{GOV}/grants", filter=TARGET + extra, include="full_entitlements", limit=200)
        return list(found["data"])

    async def held(self, login: str) -> set[str]:
        """Names of the values that principal-entitlements shows."""
        who = principal(await self.user_id(login))
        found = await self.ok(f"{GOV}/principal-entitlements", filter=f"{PARENT} AND {who}")
        return {value["name"] for item in found["data"] for value in item["values"]}


def within(story: Callable[[Room], Coroutine[Any, Any, T]], **changes: Json) -> T:
    """Run a story against a fresh org."""
    return asyncio.run(_run(story, Room(org_file_from(org_data(**changes)))))


async def _run(story: Callable[[Room], Coroutine[Any, Any, T]], room: Room) -> T:
    try:
        async with room.client:
            return await story(room)
    finally:
        room.close()


def within_room(story: Callable[[Room], Coroutine[Any, Any, T]], room: Room) -> T:
    return asyncio.run(_run(story, room))
