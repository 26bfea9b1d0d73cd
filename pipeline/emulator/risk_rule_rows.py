"""Risk rules as rows, from an org file and back to one, and what becomes of them without their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.emulator.tenant import Row, Tenant


@dataclass(frozen=True, slots=True)
class Criterion:
    name: str
    operation: str
    value_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RiskRule:
    app_id: str
    name: str
    description: str | None
    notes: str | None
    criteria: tuple[Criterion, ...]
    status: str = "ACTIVE"


def add_risk_rule(tenant: Tenant, rule_id: str, rule: RiskRule) -> None:
    now = tenant.now()
    tenant.write(
        "INSERT INTO risk_rules VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(rule_id, rule.app_id, rule.name, rule.description, rule.notes, rule.status, now, now),
    )
    add_criteria(tenant, rule_id, rule.criteria)


def add_criteria(tenant: Tenant, rule_id: str, criteria: tuple[Criterion, ...]) -> None:
    for n, criterion in enumerate(criteria):
        sql = "INSERT INTO risk_criteria VALUES (?, ?, ?, ?)"
        tenant.write(sql, rule_id, n, criterion.name, criterion.operation)
        rows = ((rule_id, n, value_id) for value_id in criterion.value_ids)
        tenant.db.executemany("INSERT INTO risk_values VALUES (?, ?, ?)", rows)


def remove_criteria(tenant: Tenant, rule_id: str) -> None:
    for table in ("risk_values", "risk_criteria"):
        tenant.write(f"DELETE FROM {table} WHERE rule_id = ?", rule_id)  # noqa: S608  constants


def invalidate_rules(tenant: Tenant, value_id: str) -> None:
    """A rule that loses a value is INVALID: our reading of a status that Okta does not explain."""
    named = "SELECT rule_id FROM risk_values WHERE value_id = ?"
    tenant.write(f"UPDATE risk_rules SET status = 'INVALID' WHERE id IN ({named})", value_id)  # noqa: S608  a constant
    tenant.write("DELETE FROM risk_values WHERE value_id = ?", value_id)


def dump_risk_rules(tenant: Tenant, app_id: str) -> list[dict[str, Any]]:
    rows = tenant.rows("SELECT * FROM risk_rules WHERE app_id = ? ORDER BY id", app_id)
    same = ("id", "name", "description", "notes", "status")
    return [{key: row[key] for key in same} | {"criteria": _criteria(tenant, row)} for row in rows]


def _criteria(tenant: Tenant, rule: Row) -> list[dict[str, Any]]:
    held: dict[int, dict[str, list[str]]] = {}
    sql = """SELECT r.n, e.external_value AS entitlement, v.external_value AS value
      FROM risk_values r JOIN entitlement_values v ON v.id = r.value_id
      JOIN entitlements e ON e.id = v.entitlement_id WHERE r.rule_id = ? ORDER BY r.n, e.id, v.id"""
    for row in tenant.rows(sql, rule["id"]):
        held.setdefault(row["n"], {}).setdefault(row["entitlement"], []).append(row["value"])
    return [
        {"name": row["name"], "operation": row["operation"], "values": held.get(row["n"], {})}
        for row in tenant.rows("SELECT * FROM risk_criteria WHERE rule_id = ? ORDER BY n", rule["id"])
    ]
