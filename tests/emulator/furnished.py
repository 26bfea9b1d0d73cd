"""An org with one of everything under known ids, and one valid request for each way of writing to it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from pipeline.emulator.orgfile import org_file_from
from tests.emulator.org_room import APP, GOV, OFF, Json, Room

T = TypeVar("T")
USER, OTHER_USER, GONE = (f"00u{n}example0000000x7" for n in (1, 2, 3))
ROLE, TIER = "esp1example0000000x7", "esp2example0000000x7"
ADMIN, AUDITOR, GOLD, SILVER = (f"ent{n}example0000000x7" for n in (1, 2, 3, 4))
BUNDLE, GRANT, RULE = "enb1example0000000x7", "gra1example0000000x7", "rul1example0000000x7"
ORG_ID = "00o1example0000000x7"
APP_ORN = f"orn:okta:idp:{ORG_ID}:apps:oidc_client:{APP}"
USER_ORN = f"orn:okta:directory:{ORG_ID}:users:{USER}"
VALUE_ORN = f"orn:okta:governance:{ORG_ID}:entitlement-values:{ADMIN}"
TARGET = {"externalId": APP, "type": "APPLICATION"}
WHO = {"externalId": OTHER_USER, "type": "OKTA_USER"}
HELD = [{"id": ROLE, "values": [{"id": ADMIN}, {"id": AUDITOR}]}, {"id": TIER, "values": [{"id": GOLD}]}]


def furnished_org(**changes: Json) -> dict[str, Any]:
    logins = {USER: "one@acme.example.com", OTHER_USER: "two@acme.example.com", GONE: "gone@acme.example.com"}
    users = [{"id": key, "login": login, "firstName": "Zoë"} for key, login in logins.items()]
    users[2]["status"] = "DEPROVISIONED"

    def value(key: str, name: str) -> dict[str, str]:
        return {"id": key, "external_value": name}

    def side(name: str) -> dict[str, Any]:
        return {"name": name, "values": {"role": [name]}}

    app: dict[str, Any] = {
        "id": APP,
        "label": "ERP",
        "assigned": [logins[USER]],
        "entitlements": [
            {"id": ROLE, "name": "role", "values": [value(ADMIN, "Admin"), value(AUDITOR, "Auditor")]},
            {
                "id": TIER,
                "name": "tier",
                "multi_value": False,
                "values": [value(GOLD, "G"), value(SILVER, "S")],
            },
        ],
        "bundles": [{"id": BUNDLE, "name": "Basics", "values": {"role": ["Auditor"]}}],
        "risk_rules": [{"id": RULE, "name": "Both", "criteria": [side("Admin"), side("Auditor")]}],
        "grants": [{"id": GRANT, "user": logins[USER], "values": {"role": ["Admin"]}}],
    }
    off = {"id": OFF, "label": "Wiki", "entitlement_management": False}
    org = {"org": {"subdomain": "acme", "id": ORG_ID}, "tokens": ["good"], "limits": "none"}
    switches = {"additive_entitlements": True}
    return {**org, "users": users, "okta_apps": [app, off], "switches": switches, **changes}


class Furnished:
    """The org, and a way to ask it something and to see that nothing has changed."""

    def __init__(self, **changes: Json) -> None:
        self.loop = asyncio.new_event_loop()
        self.room = Room(org_file_from(furnished_org(**changes)))
        self.begun = self.state()

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(story)

    def close(self) -> None:
        self.run(self.room.client.aclose())
        self.room.close()
        self.loop.close()

    def ask(self, method: str, path: str, **more: Json) -> httpx.Response:
        return self.run(self.room.client.request(method, path, **more))

    def state(self) -> Json:
        return self.run(self.room.ok("/_emulator/state"))

    def is_untouched(self) -> bool:
        """Whether the org is as it was at the start; if not, it is put back."""
        if self.state() == self.begun:
            return True
        self.run(self.room.client.post("/_emulator/reset"))
        return False


@dataclass(frozen=True)
class Write:
    method: str
    path: str
    body: Json = None


_GRANT = {"targetPrincipal": WHO, "action": "ALLOW", "actor": "API"}
_VALUE = {"name": "New", "externalValue": "new", "description": "Newly made"}
_SIDE = {
    "name": "side",
    "attribute": "principal.effective_grants",
    "operation": "CONTAINS_ONE",
    "value": {"type": "ENTITLEMENTS", "value": HELD[:1]},
}

WRITES = {
    "create entitlement": Write(
        "POST",
        f"{GOV}/entitlements",
        {
            "name": "Site",
            "externalValue": "site",
            "description": "Where",
            "parent": TARGET,
            "multiValue": True,
            "dataType": "array",
            "values": [_VALUE],
        },
    ),
    "patch entitlement": Write(
        "PATCH",
        f"{GOV}/entitlements/{ROLE}",
        [
            {"op": "ADD", "path": "/values/-", "refType": "ENTITLEMENT-VALUE", "value": _VALUE},
            {
                "op": "REPLACE",
                "path": f"/values/{ADMIN}",
                "refType": "ENTITLEMENT-VALUE",
                "value": {"name": "A"},
            },
            {"op": "REMOVE", "path": f"/values/{AUDITOR}", "refType": "ENTITLEMENT-VALUE"},
            {"op": "REPLACE", "path": "/name", "refType": "ENTITLEMENT", "value": "Roles"},
        ],
    ),
    "put entitlement": Write(
        "PUT",
        f"{GOV}/entitlements/{ROLE}",
        {
            "id": ROLE,
            "name": "R",
            "externalValue": "role",
            "parent": TARGET,
            "parentResourceOrn": APP_ORN,
            "multiValue": True,
            "dataType": "array",
            "values": [{"id": ADMIN, "name": "A", "externalValue": "Admin"}, _VALUE],
        },
    ),
    "delete entitlement": Write("DELETE", f"{GOV}/entitlements/{ROLE}"),
    "grant custom": Write(
        "POST",
        f"{GOV}/grants",
        {
            **_GRANT,
            "grantType": "CUSTOM",
            "target": TARGET,
            "entitlements": HELD,
            "scheduleSettings": {"expirationDate": "2030-01-01T00:00:00Z", "timeZone": "Europe/Oslo"},
        },
    ),
    "grant policy": Write("POST", f"{GOV}/grants", {**_GRANT, "grantType": "POLICY", "target": TARGET}),
    "grant more": Write(
        "POST",
        f"{GOV}/grants",
        {**_GRANT, "grantType": "ENTITLEMENT", "target": TARGET, "entitlements": HELD},
    ),
    "grant bundle": Write(
        "POST", f"{GOV}/grants", {**_GRANT, "grantType": "ENTITLEMENT-BUNDLE", "entitlementBundleId": BUNDLE}
    ),
    "put grant": Write(
        "PUT",
        f"{GOV}/grants/{GRANT}",
        {
            "id": GRANT,
            "grantType": "CUSTOM",
            "action": "ALLOW",
            "actor": "API",
            "status": "ACTIVE",
            "created": "2026-01-01T00:00:00Z",
            "createdBy": USER,
            "_links": {"self": {}},
            "lastUpdated": "2026-01-01T00:00:00Z",
            "lastUpdatedBy": USER,
            "targetResourceOrn": APP_ORN,
            "target": TARGET,
            "targetPrincipalOrn": USER_ORN,
            "entitlements": HELD,
            "targetPrincipal": {"externalId": USER, "type": "OKTA_USER"},
        },
    ),
    "patch grant": Write(
        "PATCH",
        f"{GOV}/grants/{GRANT}",
        {"id": GRANT, "scheduleSettings": {"expirationDate": "2030-01-01T00:00:00Z", "timeZone": "UTC"}},
    ),
    "create bundle": Write(
        "POST",
        f"{GOV}/entitlement-bundles",
        {"name": "All", "description": "It all", "target": TARGET, "entitlements": HELD},
    ),
    "put bundle": Write(
        "PUT",
        f"{GOV}/entitlement-bundles/{BUNDLE}",
        {
            "id": BUNDLE,
            "name": "All",
            "description": "It all",
            "target": TARGET,
            "status": "ACTIVE",
            "targetResourceOrn": APP_ORN,
            "entitlements": HELD,
        },
    ),
    "delete bundle": Write("DELETE", f"{GOV}/entitlement-bundles/{BUNDLE}"),
    "revoke": Write(
        "POST",
        "/governance/api/v2/revoke-principal-access",
        {"principalOrn": USER_ORN, "actor": "API", "revokeOrns": [VALUE_ORN]},
    ),
    "create rule": Write(
        "POST",
        f"{GOV}/risk-rules",
        {
            "name": "New",
            "description": "d",
            "notes": "n",
            "type": "SEPARATION_OF_DUTIES",
            "resources": [{"resourceOrn": APP_ORN}],
            "conflictCriteria": {"and": [_SIDE, _SIDE]},
        },
    ),
    "put rule": Write(
        "PUT",
        f"{GOV}/risk-rules/{RULE}",
        {"id": RULE, "name": "Renamed", "conflictCriteria": {"and": [_SIDE, _SIDE]}},
    ),
    "delete rule": Write("DELETE", f"{GOV}/risk-rules/{RULE}"),
    "opt out": Write(
        "PATCH", f"/governance/api/v2/resources/{APP_ORN}/entitlement-settings", {"status": "OPTED_OUT"}
    ),
    "assign": Write(
        "POST",
        f"/api/v1/apps/{APP}/users",
        {"id": OTHER_USER, "scope": "USER", "credentials": {"userName": "two"}, "profile": {"a": "b"}},
    ),
    "update app user": Write(
        "POST",
        f"/api/v1/apps/{APP}/users/{USER}",
        {"credentials": {"userName": "one"}, "profile": {"a": "b"}},
    ),
    "unassign": Write("DELETE", f"/api/v1/apps/{APP}/users/{USER}"),
}
WITH_BODY = [name for name, write in WRITES.items() if write.body is not None]


def at(body: Json, *path: str | int) -> Json:
    for key in path:
        body = body[key]
    return body


def broken(body: Json, path: tuple[str | int, ...], value: Json) -> Json:
    """A copy with another value at that place."""
    changed = copy.deepcopy(body)
    if not path:
        return value
    at(changed, *path[:-1])[path[-1]] = value
    return changed


def without(body: Json, path: tuple[str | int, ...]) -> Json:
    changed = copy.deepcopy(body)
    del at(changed, *path[:-1])[path[-1]]
    return changed


def places(body: Json, start: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a body, the whole of it first."""
    found = [start]
    if isinstance(body, dict | list):
        for key, inner in body.items() if isinstance(body, dict) else enumerate(body):
            found += places(inner, (*start, key))
    return found
