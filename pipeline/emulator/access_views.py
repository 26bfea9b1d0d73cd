"""What one principal holds on one app (okta-api.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer, governance_url, link
from pipeline.emulator.entitlement_views import bare_entitlement, bare_value
from pipeline.emulator.grant_views import LIVE, Held, grant_href, held_values
from pipeline.emulator.orns import app_orn, user_orn
from pipeline.emulator.targets import PARENT, only_pins, pinned_app, pinned_principal, read_filter
from pipeline.emulator.times import governance_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

BASE = ("CUSTOM", "POLICY")


def show_access(tenant: Tenant, call: Call) -> Answer:
    """Sample principal-access-success-base-and-additional-example; without grants no `base`.

    There the expiry of the whole is that of the base grant.
    """
    okta_app, user = _asked(tenant, call)
    body = _who(tenant, okta_app, user)
    rows = _live_grants(tenant, okta_app["id"], user["id"])
    held = held_values(tenant, rows)
    outdone = _outdone(rows, held)
    for row in rows:
        shown = _grant(tenant, row, held.get(row["id"], []), outdone)
        if row["grant_type"] in BASE:
            body |= {**_schedule(row), "base": shown}
        else:
            start = {"startTime": governance_instant(row["created"])}
            body.setdefault("additional", []).append({**shown, **start})
    return Answer(body)


def list_principal_entitlements(tenant: Tenant, call: Call) -> Answer:
    """The union over the live grants, without the values that have no effect; one page."""
    okta_app, user = _asked(tenant, call)
    entitlements: dict[str, Row] = {}
    values: dict[str, dict[str, Row]] = {}
    for entitlement, value in _effective(tenant, okta_app["id"], user["id"]):
        entitlements[entitlement["id"]] = entitlement
        values.setdefault(entitlement["id"], {})[value["id"]] = value
    who = _who(tenant, okta_app, user)
    items = [_held(tenant, row, values[key], who) for key, row in sorted(entitlements.items())]
    url = governance_url(tenant.admin_origin, call.path, call.query)
    return Answer({"data": items, "_links": {"self": link(url)}}, links=(("self", url),))


def effective_value_ids(tenant: Tenant, app_id: str, user_id: str) -> set[str]:
    return {value["id"] for _, value in _effective(tenant, app_id, user_id)}


def _effective(tenant: Tenant, app_id: str, user_id: str) -> list[tuple[Row, Row]]:
    rows = _live_grants(tenant, app_id, user_id)
    held = held_values(tenant, rows)
    outdone = _outdone(rows, held)
    return [
        (entitlement, value)
        for row in rows
        for entitlement, values in held.get(row["id"], [])
        if (row["id"], entitlement["id"]) not in outdone
        for value in values
    ]


def _outdone(rows: Sequence[Row], held: Held) -> set[tuple[str, str]]:
    """(grant, entitlement) without effect: a single-value entitlement has the value of one grant only.

    Additional grants outdo the base grant (schema granted-entitlement-value); that the newest of several
    additional grants outdoes the others is our assumption.
    """
    ranked = sorted(rows, key=lambda row: (row["grant_type"] not in BASE, row["created"], row["id"]))
    single = [
        (row["id"], entitlement["id"])
        for row in ranked
        for entitlement, _ in held.get(row["id"], [])
        if not entitlement["multi_value"]
    ]
    winners = {entitlement_id: grant_id for grant_id, entitlement_id in single}
    return {pair for pair in single if winners[pair[1]] != pair[0]}


def _asked(tenant: Tenant, call: Call) -> tuple[Row, Row]:
    expression = read_filter(call)
    okta_app = pinned_app(tenant, expression, PARENT)
    user = pinned_principal(tenant, expression)
    only_pins(tenant, expression, okta_app, user)
    return okta_app, user


def _live_grants(tenant: Tenant, app_id: str, user_id: str) -> list[Row]:
    sql = f"SELECT * FROM grants WHERE app_id = ? AND user_id = ? AND action = 'ALLOW' AND {LIVE} ORDER BY id"  # noqa: S608
    return tenant.rows(sql, app_id, user_id, tenant.now())


def _who(tenant: Tenant, okta_app: Row, user: Row) -> dict[str, Any]:
    return {
        "parentResourceOrn": app_orn(tenant, okta_app),
        "parent": {"externalId": okta_app["id"], "type": "APPLICATION"},
        "targetPrincipalOrn": user_orn(tenant, user["id"]),
        "targetPrincipal": {"externalId": user["id"], "type": "OKTA_USER"},
    }


def _grant(
    tenant: Tenant, row: Row, held: list[tuple[Row, list[Row]]], outdone: set[tuple[str, str]]
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "grantType": row["grant_type"],
        "grantMethod": "POLICY" if row["grant_type"] == "POLICY" else row["actor"],
        "grant": {"id": row["id"], "_links": {"self": link(grant_href(tenant, row["id"]))}},
        "entitlements": [
            _granted(tenant, entitlement, values, effective=(row["id"], entitlement["id"]) not in outdone)
            for entitlement, values in held
        ],
    }
    if row["bundle_id"]:
        name = tenant.row("SELECT name FROM bundles WHERE id = ?", row["bundle_id"])
        shown["bundle"] = {"id": row["bundle_id"], "name": name["name"] if name else ""}
    return shown | _schedule(row)


def _granted(tenant: Tenant, entitlement: Row, values: list[Row], *, effective: bool) -> dict[str, Any]:
    shown = [{**bare_value(tenant, value), "effective": effective} for value in values]
    return {**bare_entitlement(entitlement), "values": shown}


def _schedule(row: Row) -> dict[str, Any]:
    schedule = {"expirationTime": row["expires"], "timeZone": row["time_zone"]}
    return {key: value for key, value in schedule.items() if value is not None}


def _held(tenant: Tenant, entitlement: Row, values: dict[str, Row], who: dict[str, Any]) -> dict[str, Any]:
    shown = [bare_value(tenant, value) for _, value in sorted(values.items())]
    return {**bare_entitlement(entitlement), **who, "values": shown}
