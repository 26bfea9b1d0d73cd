"""A story that asks the emulator for everything Okta describes: success, and every documented refusal.

Its org gives all ids, so that the story can name them. A new endpoint joins by its steps here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = Any
GOV = "/governance/api/v1"

ORG_ID = "00o1contract000000x7"
APP, BARE_APP, COMING_APP = (f"0oa{n}contract000000x7" for n in range(1, 4))
ALICE, BOB, CAROL, GONE = (f"00u{n}contract000000x7" for n in range(1, 5))
ROLE, TIER, SPARE = (f"esp{n}contract000000x7" for n in range(1, 4))
ADMIN, AUDITOR, GOLD, SPARE_VALUE = (f"ent{n}contract000000x7" for n in range(1, 5))
BUNDLE, SPENT = (f"enb{n}contract000000x7" for n in range(1, 3))
DONE, RUNNING = (f"cpa{n}contract000000x7" for n in range(1, 3))
RULE = "rul1contract000000x7"
CUSTOM, POLICY, BUNDLED = (f"gra{n}contract000000x7" for n in range(1, 4))
NOWHERE = "0000nothing000000000"
APP_ORN = f"orn:okta:idp:{ORG_ID}:apps:oidc_client:{APP}"

CLIENT = "0oa9contract000000x7"
NO_USE = "okta.logs.read"
"""A scope that lets nobody into anything here."""


def _users() -> list[dict[str, Any]]:
    named = {ALICE: "alice", BOB: "bob", CAROL: "carol", GONE: "gone"}
    users = [
        {"id": id_, "login": f"{name}@acme.example.com", "firstName": name.title(), "lastName": "Smith"}
        for id_, name in named.items()
    ]
    return [*users[:3], {**users[3], "status": "DEPROVISIONED"}]


def _criteria() -> list[dict[str, Any]]:
    sides = (("list1", "CONTAINS_ONE", "Admin"), ("list2", "CONTAINS_ALL", "Auditor"))
    return [{"name": name, "operation": how, "values": {"Role": [value]}} for name, how, value in sides]


def _erp() -> dict[str, Any]:
    values = [{"external_value": "Admin", "id": ADMIN, "description": "All of it"}]
    values += [{"external_value": "Auditor", "id": AUDITOR}]
    roles = {"name": "Role", "id": ROLE, "description": "What one may do", "values": values}
    tier = {
        "name": "Tier",
        "id": TIER,
        "multi_value": False,
        "values": [{"external_value": "Gold", "id": GOLD}],
    }
    spare = {"name": "Spare", "id": SPARE, "values": [{"external_value": "Spare", "id": SPARE_VALUE}]}
    basics = {"name": "Basics", "id": BUNDLE, "description": "For all", "values": {"Role": ["Auditor"]}}
    alice, bob, carol = ("alice@acme.example.com", "bob@acme.example.com", "carol@acme.example.com")
    grants: list[dict[str, Any]] = [
        {"id": CUSTOM, "user": alice, "values": {"Role": ["Admin"]}, "expires": "2030-01-01T00:00:00Z"},
        {"id": POLICY, "user": bob, "type": "POLICY", "values": {"Tier": ["Gold"]}},
        {"id": BUNDLED, "user": bob, "type": "ENTITLEMENT-BUNDLE", "bundle": "Basics"},
    ]
    return {
        "id": APP,
        "label": "ERP",
        "assigned": [alice, {"user": carol, "scope": "GROUP"}],
        "entitlements": [roles, tier, spare],
        "bundles": [basics, {"name": "Spent", "id": SPENT, "values": {}, "status": "DELETED"}],
        "risk_rules": [{"name": "Both", "id": RULE, "notes": "By audit", "criteria": _criteria()}],
        "grants": grants,
    }


def org() -> dict[str, Any]:
    """As an org file; the caller adds the service app's key."""
    coming = {"id": COMING_APP, "label": "Soon", "entitlement_management": "ENABLING"}
    begun = {"okta_app": COMING_APP, "target": "OPTED_IN", "created": "2026-09-21T14:00:00Z"}
    operations = [
        {"id": DONE, "status": "COMPLETED", "due": "2026-09-21T14:00:03Z", **begun},
        {"id": RUNNING, "status": "RUNNING", "due": "2026-09-30T00:00:00Z", **begun},
    ]
    bare = {"id": BARE_APP, "label": "Wiki", "entitlement_management": False}
    about = {"org": {"subdomain": "acme", "id": ORG_ID}, "tokens": ["good"], "limits": "none"}
    switches = {"additive_entitlements": True}
    return {
        **about,
        "users": _users(),
        "okta_apps": [_erp(), bare, coming],
        "operations": operations,
        "switches": switches,
    }


@dataclass(frozen=True)
class Step:
    method: str
    path: str
    status: int
    query: tuple[tuple[str, str], ...] = ()
    body: Json | Callable[[dict[str, Json]], Json] = None
    """A function gets the last answer to each `METHOD path` so far."""
    path_end: Callable[[dict[str, Json]], str] = lambda _answers: ""
    """Gets them too: an id that only an answer tells."""


def _step(method: str, path: str, status: int, body: Json = None, **query: str) -> Step:
    return Step(method, path, status, tuple(query.items()), body)


PARENT = f'parent.externalId eq "{APP}" AND parent.type eq "APPLICATION"'
TARGET = f'target.externalId eq "{APP}" AND target.type eq "APPLICATION"'


def _principal(user: str) -> str:
    return f'targetPrincipal.externalId eq "{user}" AND targetPrincipal.type eq "OKTA_USER"'


CORE = (
    _step("GET", "/.well-known/okta-organization", 200),
    _step("GET", "/api/v1/org", 200),
    _step("GET", "/api/v1/users", 200),
    _step("GET", "/api/v1/users", 200, limit="1", filter='status eq "DEPROVISIONED"'),
    _step("GET", "/api/v1/users", 200, q="ali"),
    _step("GET", "/api/v1/users", 200, search='profile.lastName eq "smith"', sortBy="profile.login"),
    _step("GET", "/api/v1/users", 400, search="profile.lastName is odd"),
    _step("GET", f"/api/v1/users/{ALICE}", 200),
    _step("GET", f"/api/v1/users/{GONE}", 200),
    _step("GET", "/api/v1/users/me", 200),
    _step("GET", f"/api/v1/users/{NOWHERE}", 404),
    _step("GET", f"/api/v1/apps/{APP}/users", 200, limit="1", expand="user"),
    _step("GET", f"/api/v1/apps/{NOWHERE}/users", 404),
    _step("GET", f"/api/v1/apps/{APP}/users/{ALICE}", 200, expand="user"),
    _step("GET", f"/api/v1/apps/{APP}/users/{BOB}", 404),
    _step("POST", f"/api/v1/apps/{APP}/users", 200, {"id": BOB, "scope": "USER"}),
    _step("POST", f"/api/v1/apps/{APP}/users", 400, {"id": BOB, "odd": 1}),
    _step("POST", f"/api/v1/apps/{APP}/users", 403, {"id": GONE}),
    _step("POST", f"/api/v1/apps/{APP}/users", 404, {"id": NOWHERE}),
    _step("POST", f"/api/v1/apps/{APP}/users/{BOB}", 200, {"credentials": {"userName": "bob"}}),
    _step("POST", f"/api/v1/apps/{APP}/users/{BOB}", 400, {"id": CAROL}),
    _step("POST", f"/api/v1/apps/{APP}/users/{GONE}", 404, {"profile": {}}),
    _step("DELETE", f"/api/v1/apps/{APP}/users/{CAROL}", 403),
    _step("DELETE", f"/api/v1/apps/{APP}/users/{GONE}", 404),
    _step("DELETE", f"/api/v1/apps/{APP}/users/{BOB}", 204),
)


def _value(name: str, **more: str) -> dict[str, str]:
    return {"name": name, "externalValue": name, **more}


def _new_entitlement(name: str, app_id: str = APP) -> dict[str, Any]:
    parent = {"externalId": app_id, "type": "APPLICATION"}
    shape = {"multiValue": True, "dataType": "array", "values": [_value("One", description="The first")]}
    return {"name": name, "externalValue": name, "parent": parent, "description": "New", **shape}


def _add(name: str) -> dict[str, Any]:
    return {"op": "ADD", "path": "/values/-", "refType": "ENTITLEMENT-VALUE", "value": _value(name)}


_RENAME = {"op": "REPLACE", "path": "/description", "refType": "ENTITLEMENT", "value": "Described anew"}
_WRITTEN = ("id", "name", "externalValue", "multiValue", "dataType", "parent", "parentResourceOrn")


def _entitlement_replaced(answers: dict[str, Json]) -> Json:
    read = answers[f"GET {GOV}/entitlements/{SPARE}"]
    return {**{key: read[key] for key in _WRITTEN}, "values": [_value("Spare"), _value("Fresh")]}


ENTITLEMENTS = (
    _step("GET", f"{GOV}/entitlements", 200, filter=PARENT, limit="1"),
    _step("GET", f"{GOV}/entitlements", 400, filter=PARENT, limit="0"),
    _step("GET", f"{GOV}/entitlements", 404, filter=PARENT.replace(APP, BARE_APP)),
    _step("GET", f"{GOV}/entitlements/values", 200, filter=PARENT, limit="1"),
    _step("GET", f"{GOV}/entitlements/values", 404, filter=PARENT.replace(APP, NOWHERE)),
    _step("GET", f"{GOV}/entitlements/{ROLE}", 200),
    _step("GET", f"{GOV}/entitlements/{NOWHERE}", 404),
    _step("GET", f"{GOV}/entitlements/{ROLE}/values", 200, limit="1"),
    _step("GET", f"{GOV}/entitlements/{NOWHERE}/values", 404),
    _step("GET", f"{GOV}/entitlements/{ROLE}/values/{ADMIN}", 200),
    _step("GET", f"{GOV}/entitlements/{ROLE}/values/{NOWHERE}", 404),
    _step("POST", f"{GOV}/entitlements", 201, _new_entitlement("New")),
    _step("POST", f"{GOV}/entitlements", 400, {}),
    _step("POST", f"{GOV}/entitlements", 404, _new_entitlement("New", BARE_APP)),
    _step("PATCH", f"{GOV}/entitlements/{ROLE}", 200, [_add("Clerk"), _RENAME]),
    _step("PATCH", f"{GOV}/entitlements/{ROLE}", 400, []),
    _step("GET", f"{GOV}/entitlements/{SPARE}", 200),
    _step("PUT", f"{GOV}/entitlements/{SPARE}", 200, _entitlement_replaced),
    _step("PUT", f"{GOV}/entitlements/{SPARE}", 400, {}),
    _step("DELETE", f"{GOV}/entitlements/{SPARE}", 204),
)


def _grant(kind: str, user: str, **more: Json) -> dict[str, Any]:
    return {"grantType": kind, "targetPrincipal": {"externalId": user, "type": "OKTA_USER"}, **more}


_ON_APP = {"target": {"externalId": APP, "type": "APPLICATION"}}
_AUDITOR = {"entitlements": [{"id": ROLE, "values": [{"id": AUDITOR}]}]}
_UNTIL = {"scheduleSettings": {"expirationDate": "2031-01-01T00:00:00Z", "timeZone": "UTC"}}


def _grant_replaced(answers: dict[str, Json]) -> Json:
    return {**answers[f"GET {GOV}/grants/{CUSTOM}"], **_AUDITOR}


GRANTS = (
    _step("GET", f"{GOV}/grants", 200, filter=TARGET, limit="2"),
    _step("GET", f"{GOV}/grants", 200, filter=f"{TARGET} AND {_principal(BOB)}", include="full_entitlements"),
    _step("GET", f"{GOV}/grants", 400, filter='action eq "ALLOW"'),
    _step("GET", f"{GOV}/grants", 404, filter=TARGET.replace(APP, NOWHERE)),
    _step("GET", f"{GOV}/grants/{CUSTOM}", 200, include="full_entitlements"),
    _step("GET", f"{GOV}/grants/{POLICY}", 200),
    _step("GET", f"{GOV}/grants/{BUNDLED}", 200, include="metadata"),
    _step("GET", f"{GOV}/grants/{NOWHERE}", 404),
    _step("POST", f"{GOV}/grants", 201, _grant("CUSTOM", CAROL, **_ON_APP, **_AUDITOR, **_UNTIL)),
    _step("POST", f"{GOV}/grants", 201, _grant("ENTITLEMENT", CAROL, **_ON_APP, **_AUDITOR)),
    _step("POST", f"{GOV}/grants", 201, _grant("ENTITLEMENT-BUNDLE", CAROL, entitlementBundleId=BUNDLE)),
    _step("POST", f"{GOV}/grants", 400, _grant("CUSTOM", NOWHERE, **_ON_APP, **_AUDITOR)),
    _step("GET", f"{GOV}/grants/{CUSTOM}", 200),
    _step("PUT", f"{GOV}/grants/{CUSTOM}", 200, _grant_replaced),
    _step("PUT", f"{GOV}/grants/{CUSTOM}", 400, {}),
    _step("PATCH", f"{GOV}/grants/{CUSTOM}", 200, {"id": CUSTOM, **_UNTIL}),
    _step("PATCH", f"{GOV}/grants/{CUSTOM}", 400, {"id": CUSTOM, **_AUDITOR}),
    _step("GET", f"{GOV}/principal-access", 200, filter=f"{PARENT} AND {_principal(ALICE)}"),
    _step("GET", f"{GOV}/principal-access", 200, filter=f"{PARENT} AND {_principal(BOB)}"),
    _step("GET", f"{GOV}/principal-access", 200, filter=f"{PARENT} AND {_principal(GONE)}"),
    _step("GET", f"{GOV}/principal-access", 400, filter="odd"),
    _step("GET", f"{GOV}/principal-access", 404, filter=f"{PARENT} AND {_principal(NOWHERE)}"),
    _step("GET", f"{GOV}/principal-entitlements", 200, filter=f"{PARENT} AND {_principal(BOB)}"),
    _step("GET", f"{GOV}/principal-entitlements", 400, filter="odd"),
    _step("GET", f"{GOV}/principal-entitlements", 404, filter=f"{PARENT} AND {_principal(NOWHERE)}"),
)


def _history(user: str, app_id: str = APP) -> str:
    resource = f'resource.externalId eq "{app_id}" AND resource.type eq "APPLICATION"'
    return f'{resource} AND principal.externalId eq "{user}" AND principal.type eq "OKTA_USER"'


def _last_change(answers: dict[str, Json]) -> str:
    return str(answers["GET /_emulator/access-changes"][-1]["id"])


HISTORY = (
    _step("GET", f"{GOV}/principal-entitlements/history", 200, filter=_history(ALICE), limit="1"),
    _step("GET", f"{GOV}/principal-entitlements/history", 200, filter=_history(ALICE), include="counts"),
    _step("GET", f"{GOV}/principal-entitlements/history", 200, filter=_history(BOB)),
    _step("GET", f"{GOV}/principal-entitlements/history", 200, filter=_history(GONE)),
    _step("GET", f"{GOV}/principal-entitlements/history", 400, filter="odd"),
    _step("GET", f"{GOV}/principal-entitlements/history", 404, filter=_history(ALICE, NOWHERE)),
    _step("GET", "/_emulator/access-changes", 200),
    Step("GET", f"{GOV}/principal-entitlements-changes/", 200, path_end=_last_change),
    _step("GET", f"{GOV}/principal-entitlements-changes/{NOWHERE}", 404),
)
_SETTINGS = f"/governance/api/v2/resources/{APP_ORN}/entitlement-settings"
SETTINGS = (
    _step("GET", _SETTINGS, 200),
    _step("GET", _SETTINGS.replace(APP, NOWHERE), 400),
    _step("PATCH", _SETTINGS, 400, {"status": "OPTED_IN"}),
    _step("PATCH", _SETTINGS.replace(APP, BARE_APP), 202, {"status": "OPTED_IN"}),
    *(_step("GET", f"{GOV}/operations/{each}", 200) for each in (DONE, RUNNING)),
    _step("GET", f"{GOV}/operations/{NOWHERE}", 400),
)

_ADMIN = {"entitlements": [{"id": ROLE, "values": [{"id": ADMIN}]}]}


def _bundle_replaced(answers: dict[str, Json]) -> Json:
    return {**answers[f"GET {GOV}/entitlement-bundles/{BUNDLE}"], **_ADMIN}


BUNDLES = (
    _step("GET", f"{GOV}/entitlement-bundles", 200, limit="1"),
    _step("GET", f"{GOV}/entitlement-bundles", 200, filter=TARGET, include="full_entitlements"),
    _step("GET", f"{GOV}/entitlement-bundles", 200, filter='status eq "DELETED"', orderBy="lastUpdated asc"),
    _step("GET", f"{GOV}/entitlement-bundles", 400, after=""),
    _step("GET", f"{GOV}/entitlement-bundles", 404, filter=TARGET.replace(APP, NOWHERE)),
    _step("GET", f"{GOV}/entitlement-bundles/{BUNDLE}", 200),
    _step("GET", f"{GOV}/entitlement-bundles/{SPENT}", 200),
    _step("GET", f"{GOV}/entitlement-bundles/{NOWHERE}", 404),
    _step(
        "POST", f"{GOV}/entitlement-bundles", 201, {"name": "New", "description": "One", **_ON_APP, **_ADMIN}
    ),
    _step("POST", f"{GOV}/entitlement-bundles", 400, {"name": "New", **_ON_APP}),
    _step("PUT", f"{GOV}/entitlement-bundles/{BUNDLE}", 200, _bundle_replaced),
    _step("PUT", f"{GOV}/entitlement-bundles/{BUNDLE}", 400, {}),
    _step("PUT", f"{GOV}/entitlement-bundles/{NOWHERE}", 404, {}),
    _step("DELETE", f"{GOV}/entitlement-bundles/{BUNDLE}", 204),
    _step("DELETE", f"{GOV}/entitlement-bundles/{SPENT}", 409),
    _step("DELETE", f"{GOV}/entitlement-bundles/{NOWHERE}", 404),
)


def _orn(service: str, kind: str, named: str) -> str:
    return f"orn:okta:{service}:{ORG_ID}:{kind}:{named}"


_ALICE = {"principalOrn": _orn("directory", "users", ALICE)}
_ONE_VALUE = _orn("governance", "entitlement-values", AUDITOR)
_REVOKE = "/governance/api/v2/revoke-principal-access"
REVOKING = (
    _step("POST", _REVOKE, 200, {**_ALICE, "actor": "API", "revokeOrns": [_ONE_VALUE]}),
    _step("POST", _REVOKE, 400, {**_ALICE, "revokeOrns": []}),
)


def _rule(name: str) -> dict[str, Any]:
    value = {"type": "ENTITLEMENTS", "value": _ADMIN["entitlements"]}
    side = {"attribute": "principal.effective_grants", "operation": "CONTAINS_ONE", "value": value}
    sides = [{"name": "list1", **side}, {"name": "list2", **side}]
    about = {"name": name, "description": "New", "type": "SEPARATION_OF_DUTIES"}
    return {**about, "resources": [{"resourceOrn": APP_ORN}], "conflictCriteria": {"and": sides}}


RISK_RULES = (
    _step("GET", f"{GOV}/risk-rules", 200, limit="1"),
    _step("GET", f"{GOV}/risk-rules", 400, filter="odd"),
    _step("POST", f"{GOV}/risk-rules", 201, _rule("New")),
    _step("POST", f"{GOV}/risk-rules", 400, _rule("Both")),
    _step("GET", f"{GOV}/risk-rules/{RULE}", 200),
    _step("GET", f"{GOV}/risk-rules/{NOWHERE}", 400),
    _step("POST", f"{GOV}/risk-rule-assessments", 200, {**_ALICE, "resourceOrnList": [_ONE_VALUE]}),
    _step(
        "POST",
        f"{GOV}/risk-rule-assessments",
        200,
        {**_ALICE, "resourceOrn": _orn("governance", "entitlement-bundles", BUNDLE)},
    ),
    _step("POST", f"{GOV}/risk-rule-assessments", 400, _ALICE),
    _step("PUT", f"{GOV}/risk-rules/{RULE}", 200, {"id": RULE, "name": "Never both"}),
    _step("PUT", f"{GOV}/risk-rules/{RULE}", 400, {}),
    _step("DELETE", f"{GOV}/risk-rules/{RULE}", 204),
    _step("DELETE", f"{GOV}/risk-rules/{RULE}", 400),
)

STORY = (*RISK_RULES, *GRANTS, *HISTORY, *BUNDLES, *REVOKING, *ENTITLEMENTS, *SETTINGS, *CORE)
