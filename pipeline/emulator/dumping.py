"""From rows back to an org file with ids: what GET /_emulator/state answers."""

from __future__ import annotations

import json
from itertools import islice
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from pipeline.emulator.operations import dump_operations
from pipeline.emulator.risk_rule_rows import dump_risk_rules
from pipeline.emulator.times import precise_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.emulator.tenant import Row, Tenant

MANAGEMENT = {"ENABLED": True, "NONE": False}
"""Any other emOptInStatus stands as it is."""
Held = dict[str, dict[str, list[str]]]
"""Id of a grant or bundle -> external value of the entitlement -> external values."""

_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def state_json(state: dict[str, Any]) -> bytes:
    """A dumped org as JSON. Its lists may be generators, so that only one entry of a large org is held."""
    return b"".join(_parts(state))


def _parts(value: Any) -> Iterator[bytes]:  # noqa: ANN401  JSON
    if isinstance(value, GeneratorType):
        yield b"["
        for n, entry in enumerate(value):
            if n:
                yield b","
            yield from _parts(entry)
        yield b"]"
    elif isinstance(value, dict) and any(isinstance(each, GeneratorType) for each in value.values()):
        for n, (key, each) in enumerate(value.items()):
            yield f"{',' if n else '{'}{_to_json(key)}:".encode()
            yield from _parts(each)
        yield b"}"
    else:
        yield _to_json(value).encode()


def dump_org(tenant: Tenant) -> dict[str, Any]:
    """Loads back as an org file, and that one's state is equal to this. Its long lists are generators."""
    kept = {"tokens", "clients", "limits", "latency_ms", "switches"}
    settings = tenant.org.model_dump(mode="json", include=kept)
    preview = {"preview": True} if tenant.org.org.preview else {}
    return {
        "org": {"subdomain": tenant.org.org.subdomain, "id": tenant.org_id, **preview},
        "users": (_user(row) for row in tenant.each("SELECT * FROM users ORDER BY id")),
        "okta_apps": (_app(tenant, row) for row in tenant.rows("SELECT * FROM apps ORDER BY id")),
        "operations": dump_operations(tenant),
        **settings,
    }


def _user(row: Row) -> dict[str, Any]:
    about = {"id": row["id"], "status": row["status"], "created": precise_instant(row["created"])}
    return {**json.loads(row["profile"]), **about}


def _app(tenant: Tenant, row: Row) -> dict[str, Any]:
    app_id = row["id"]
    return {
        "id": app_id,
        "label": row["label"],
        "name": row["name"],
        "status": row["status"],
        "features": json.loads(row["features"]),
        "entitlement_management": MANAGEMENT.get(row["management"], row["management"]),
        "implicit_assignment": bool(row["implicit_assignment"]),
        "assigned": _assigned(tenant, app_id),
        "entitlements": _entitlements(tenant, app_id),
        "bundles": _bundles(tenant, app_id),
        "risk_rules": dump_risk_rules(tenant, app_id),
        "grants": _grants(tenant, app_id),
    }


def _assigned(tenant: Tenant, app_id: str) -> Iterator[dict[str, Any]]:
    sql = """SELECT a.*, u.login FROM app_users a JOIN users u ON u.id = a.user_id
      WHERE a.app_id = ? ORDER BY a.user_id"""
    return (_assignment(row) for row in tenant.each(sql, app_id))


def _assignment(row: Row) -> dict[str, Any]:
    more = {"profile": json.loads(row["profile"])} if row["profile"] != "{}" else {}
    named = {"user_name": row["user_name"]} if row["user_name"] != row["login"] else {}
    return {"user": row["login"], "scope": row["scope"], **named, **more}


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
    rows = tenant.rows("SELECT * FROM bundles WHERE app_id = ? ORDER BY id", app_id)
    held = _held(tenant, "bundle_values", "bundle_id", rows)
    same = ("id", "name", "description", "status")
    return [
        {key: row[key] for key in same}
        | {"values": held.get(row["id"], {}), "created": precise_instant(row["created"])}
        for row in rows
    ]


_BATCH = 500


def _grants(tenant: Tenant, app_id: str) -> Iterator[dict[str, Any]]:
    sql = """SELECT g.*, u.login, b.name AS bundle FROM grants g
      JOIN users u ON u.id = g.user_id LEFT JOIN bundles b ON b.id = g.bundle_id
      WHERE g.app_id = ? ORDER BY g.id"""
    rows = tenant.each(sql, app_id)
    same = ("bundle", "id", "expires", "time_zone", "action", "actor", "status")
    while batch := list(islice(rows, _BATCH)):
        held = _held(tenant, "grant_values", "grant_id", batch)
        for row in batch:
            about = {"user": row["login"], "type": row["grant_type"], "values": held.get(row["id"], {})}
            yield about | {key: row[key] for key in same}


def _held(tenant: Tenant, table: str, holder: str, holders: Iterable[Row]) -> Held:
    sql = f"""SELECT h.{holder} AS holder_id, e.external_value AS entitlement, v.external_value AS value
      FROM {table} h JOIN entitlement_values v ON v.id = h.value_id
      JOIN entitlements e ON e.id = v.entitlement_id
      WHERE h.{holder} IN ({{}}) ORDER BY h.{holder}, e.id, v.id"""  # noqa: S608  the names are constants
    held: Held = {}
    for row in tenant.rows_of(sql, (row["id"] for row in holders)):
        held.setdefault(row["holder_id"], {}).setdefault(row["entitlement"], []).append(row["value"])
    return held
