"""Work that an answer only announces: turning entitlement management of an app on or off (okta-api.md 2.2).

Nothing runs in the background. What is due is carried out before the next request is looked at, with the
instant at which it was due, so that no request can tell the difference.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer, link
from pipeline.emulator.errors import unknown_id
from pipeline.emulator.times import management_instant, parse_instant, precise_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.emulator.answers import Call
    from pipeline.emulator.orgfile import Operation
    from pipeline.emulator.tenant import Row, Tenant

PATH = "/governance/api/v1/operations"
OPTED_IN, OPTED_OUT = "OPTED_IN", "OPTED_OUT"
_ON_THE_WAY = {OPTED_IN: "ENABLING", OPTED_OUT: "DISABLING"}
_TYPE = "resource:entitlement-settings:update"
"""Ours: the API description shows the type of another operation only (operation-running-example)."""


def start(tenant: Tenant, okta_app: Row, target: str) -> str:
    """The id of the operation that brings the app to `target`."""
    operation_id, now = tenant.new_id("cpa"), tenant.now()
    due = now + tenant.switches.opt_in_s
    sql = "INSERT INTO operations VALUES (?, ?, ?, 'RUNNING', ?, ?)"
    tenant.write(sql, operation_id, okta_app["id"], target, now, due)
    tenant.write("UPDATE apps SET management = ? WHERE id = ?", _ON_THE_WAY[target], okta_app["id"])
    tenant.due_at = min(tenant.due_at, due)
    return operation_id


def next_due(tenant: Tenant) -> float:
    found = tenant.row("SELECT min(due) AS due FROM operations WHERE status = 'RUNNING'")
    return math.inf if found is None or found["due"] is None else float(found["due"])


def settle(tenant: Tenant) -> None:
    sql = "SELECT * FROM operations WHERE status = 'RUNNING' AND due <= ? ORDER BY due, id"
    for row in tenant.rows(sql, tenant.now()):
        finish = _opt_in if row["target"] == OPTED_IN else _opt_out
        finish(tenant, row["app_id"], row["due"])
        tenant.write("UPDATE operations SET status = 'COMPLETED' WHERE id = ?", row["id"])


def show_operation(tenant: Tenant, call: Call) -> Answer:
    """Documents no 404: an unknown id is a 400. `completed` is absent, not null, until there is one."""
    row = tenant.row("SELECT * FROM operations WHERE id = ?", call.parts["operation"])
    if row is None:
        raise unknown_id("/operationId", call.parts["operation"])
    href = operation_href(tenant, row["id"])
    until = row["due"] if row["status"] == "COMPLETED" else tenant.now()
    body: dict[str, Any] = {
        "id": row["id"],
        "type": _TYPE,
        "status": row["status"],
        "created": management_instant(row["created"]),
        "timeElapsedInSeconds": int(until - row["created"]),
        "_links": {"self": link(href)},
    }
    if row["status"] == "COMPLETED":
        body["completed"] = precise_instant(row["due"])
    return Answer(body, links=(("self", href),))


def operation_href(tenant: Tenant, operation_id: str) -> str:
    return f"{tenant.admin_origin}{PATH}/{operation_id}"


def _opt_in(tenant: Tenant, app_id: str, at: float) -> None:
    """Who has the app already is marked Custom, without expiry (help centre, Enable Entitlement management).

    That this mark is a CUSTOM grant without values and with the actor NONE is our reading of it.
    """
    tenant.write("UPDATE apps SET management = 'ENABLED' WHERE id = ?", app_id)
    unmarked = tenant.rows(
        """SELECT user_id FROM app_users a WHERE app_id = ? AND NOT EXISTS (
          SELECT 1 FROM grants g WHERE g.app_id = a.app_id AND g.user_id = a.user_id
          AND g.status = 'ACTIVE' AND g.grant_type IN ('CUSTOM', 'POLICY')) ORDER BY user_id""",
        app_id,
    )
    tenant.db.executemany(
        "INSERT INTO grants (id, app_id, user_id, grant_type, action, actor, status, created, last_updated)"
        " VALUES (?, ?, ?, 'CUSTOM', 'ALLOW', 'NONE', 'ACTIVE', ?, ?)",
        ((tenant.new_id("gra"), app_id, row["user_id"], at, at) for row in unmarked),
    )


def _opt_out(tenant: Tenant, app_id: str, _at: float) -> None:
    """All entitlement data of the app is destroyed; that assignments stay is our assumption."""
    tenant.write("UPDATE apps SET management = 'DISABLED' WHERE id = ?", app_id)
    of_app = {
        "grant_values": "grant_id IN (SELECT id FROM grants WHERE app_id = ?)",
        "bundle_values": "bundle_id IN (SELECT id FROM bundles WHERE app_id = ?)",
        "risk_values": "rule_id IN (SELECT id FROM risk_rules WHERE app_id = ?)",
        "risk_criteria": "rule_id IN (SELECT id FROM risk_rules WHERE app_id = ?)",
        **dict.fromkeys(
            ("access_records", "grants", "bundles", "risk_rules", "entitlement_values", "entitlements"),
            "app_id = ?",
        ),
    }
    for table, condition in of_app.items():
        tenant.write(f"DELETE FROM {table} WHERE {condition}", app_id)  # noqa: S608  constants


def seed_operations(tenant: Tenant, operations: Iterable[Operation]) -> None:
    tenant.db.executemany(
        "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?)",
        (
            (each.id, each.okta_app, each.target, each.status, *map(parse_instant, (each.created, each.due)))
            for each in operations
        ),
    )


def dump_operations(tenant: Tenant) -> list[dict[str, Any]]:
    return [
        {"id": row["id"], "okta_app": row["app_id"], "target": row["target"], "status": row["status"]}
        | {key: precise_instant(row[key]) for key in ("created", "due")}
        for row in tenant.rows("SELECT * FROM operations ORDER BY id")
    ]
