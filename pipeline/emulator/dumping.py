"""From rows back to an org file with ids: what GET /_emulator/state answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.emulator.times import precise_instant

if TYPE_CHECKING:
    from pipeline.emulator.tenant import Row, Tenant

MANAGEMENT = {"ENABLED": True, "NONE": False, "ENABLING": "ENABLING"}
Held = dict[str, dict[str, list[str]]]
"""Id of a grant or bundle -> external value of the entitlement -> external values."""


def dump_org(tenant: Tenant) -> dict[str, Any]:
    """Loads back as an org file, and that one's state is equal to this."""
    kept = {"tokens", "clients", "limits", "latency_ms", "switches"}
    settings = tenant.org.model_dump(mode="json", include=kept)
    return {
        "org": {"subdomain": tenant.org.org.subdomain, "id": tenant.org_id},
        "users": [_user(row) for row in tenant.rows("SELECT * FROM users ORDER BY id")],
        "okta_apps": [_app(tenant, row) for row in tenant.rows("SELECT * FROM apps ORDER BY id")],
        **settings,
    }


def _user(row: Row) -> dict[str, Any]:
    about = {"id": row["id"], "status": row["status"], "created": precise_instant(row["created"])}
    return {**json.loads(row["profile"]), **about}


def _app(tenant: Tenant, row: Row) -> dict[str, Any]:
    app_id = row["id"]
    logins = {r["id"]: r["login"] for r in tenant.rows("SELECT id, login FROM users")}
    return {
        "id": app_id,
        "label": row["label"],
        "name": row["name"],
        "status": row["status"],
        "features": json.loads(row["features"]),
        "entitlement_management": MANAGEMENT[row["management"]],
        "implicit_assignment": bool(row["implicit_assignment"]),
        "assigned": _assigned(tenant, app_id, logins),
        "entitlements": _entitlements(tenant, app_id),
        "bundles": _bundles(tenant, app_id),
        "grants": _grants(tenant, app_id, logins),
    }


def _assigned(tenant: Tenant, app_id: str, logins: dict[str, str]) -> list[dict[str, Any]]:
    rows = tenant.rows("SELECT * FROM app_users WHERE app_id = ? ORDER BY user_id", app_id)
    return [_assignment(row, logins[row["user_id"]]) for row in rows]


def _assignment(row: Row, login: str) -> dict[str, Any]:
    more = {"profile": json.loads(row["profile"])} if row["profile"] != "{}" else {}
    named = {"user_name": row["user_name"]} if row["user_name"] != login else {}
    return {"user": login, "scope": row["scope"], **named, **more}


def _entitlements(tenant: Tenant, app_id: str) -> list[dict[str, Any]]:
    values: dict[str, list[dict[str, Any]]] = {}
    for row in tenant.rows("SELECT * FROM entitlement_values WHERE app_id = ? ORDER BY id", app_id):
        values.setdefault(row["entitlement_id"], []).append(_named(row))
    return [
        _named(row)
        | {"multi_value": bool(row["multi_value"]), "required": bool(row["required"])}
        | {"values": values.get(row["id"], [])}
        for row in tenant.rows("SELECT * FROM entitlements WHERE app_id = ? ORDER BY id", app_id)
    ]


def _named(row: Row) -> dict[str, Any]:
    return {key: row[key] for key in ("id", "name", "external_value", "description") if row[key] is not None}


def _bundles(tenant: Tenant, app_id: str) -> list[dict[str, Any]]:
    held = _held(tenant, "bundle_values", "bundle_id", app_id)
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "description": row["description"],
            "values": held.get(row["id"], {}),
        }
        for row in tenant.rows("SELECT * FROM bundles WHERE app_id = ? ORDER BY id", app_id)
    ]


def _grants(tenant: Tenant, app_id: str, logins: dict[str, str]) -> list[dict[str, Any]]:
    held = _held(tenant, "grant_values", "grant_id", app_id)
    bundles = {
        r["id"]: r["name"] for r in tenant.rows("SELECT id, name FROM bundles WHERE app_id = ?", app_id)
    }
    same = ("id", "expires", "time_zone", "action", "actor", "status")
    return [
        {"user": logins[row["user_id"]], "type": row["grant_type"], "values": held.get(row["id"], {})}
        | {"bundle": bundles.get(row["bundle_id"])}
        | {key: row[key] for key in same}
        for row in tenant.rows("SELECT * FROM grants WHERE app_id = ? ORDER BY id", app_id)
    ]


def _held(tenant: Tenant, table: str, holder: str, app_id: str) -> Held:
    sql = f"""SELECT h.{holder} AS holder_id, e.external_value AS entitlement, v.external_value AS value
      FROM entitlement_values v
      JOIN {table} h ON h.value_id = v.id JOIN entitlements e ON e.id = v.entitlement_id
      WHERE v.app_id = ? ORDER BY h.{holder}, e.id, v.id"""  # noqa: S608  the names are constants
    held: Held = {}
    for row in tenant.rows(sql, app_id):
        held.setdefault(row["holder_id"], {}).setdefault(row["entitlement"], []).append(row["value"])
    return held
