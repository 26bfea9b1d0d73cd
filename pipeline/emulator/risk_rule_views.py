"""Reading risk rules (okta-api.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer, link
from pipeline.emulator.conditions import Condition, attribute
from pipeline.emulator.entitlement_views import audit, bare_entitlement, bare_value, total_of
from pipeline.emulator.errors import unknown_id
from pipeline.emulator.orns import app_orn
from pipeline.emulator.paging import (
    Listing,
    fetch_page,
    governance_after,
    governance_answer,
    governance_limit,
)
from pipeline.emulator.targets import read_filter, settled_condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.emulator.answers import Call
    from pipeline.emulator.conditions import Attribute
    from pipeline.emulator.tenant import Row, Tenant

PATH = "/governance/api/v1/risk-rules"
TYPE, ATTRIBUTE = "SEPARATION_OF_DUTIES", "principal.effective_grants"
_PAGE, _MOST = 20, 200


def list_rules(tenant: Tenant, call: Call) -> Answer:
    limit, wanted = governance_limit(call, _PAGE, _MOST), Condition("1")
    if "filter" in call.query:
        wanted = settled_condition(read_filter(call), {}, _filtered(tenant), wanted)
    listing = Listing("risk_rules", wanted)
    page = fetch_page(tenant, listing, governance_after(call), limit)
    items = [rule_json(tenant, row) for row in page.rows]
    params = {"limit": str(limit)}
    return governance_answer(tenant, call, page, items, params=params, total=total_of(tenant, listing))


def show_rule(tenant: Tenant, call: Call) -> Answer:
    row = find_rule(tenant, call.parts["rule"])
    return Answer(rule_json(tenant, row), links=(("self", rule_href(tenant, row["id"])),))


def find_rule(tenant: Tenant, rule_id: str) -> Row:
    """No operation on rules documents a 404: an unknown id is a 400."""
    found = tenant.row("SELECT * FROM risk_rules WHERE id = ?", rule_id)
    if found is None:
        raise unknown_id("/ruleId", rule_id)
    return found


def rule_href(tenant: Tenant, rule_id: str) -> str:
    return f"{tenant.admin_origin}{PATH}/{rule_id}"


def rule_json(tenant: Tenant, row: Row) -> dict[str, Any]:
    """Keys as in the sample risk-rule-response-example."""
    described = {key: row[key] for key in ("description", "notes") if row[key] is not None}
    return {
        "id": row["id"],
        "name": row["name"],
        **described,
        "type": TYPE,
        "status": row["status"],
        "resources": [{"resourceOrn": rule_app_orn(tenant, row)}],
        **audit(tenant, row),
        "conflictCriteria": criteria_json(tenant, row["id"]),
        "_links": {"self": link(rule_href(tenant, row["id"]))},
    }


def rule_app_orn(tenant: Tenant, row: Row) -> str:
    return app_orn(tenant, tenant.row("SELECT * FROM apps WHERE id = ?", row["app_id"]))


def criteria_json(tenant: Tenant, rule_id: str) -> dict[str, Any]:
    rows = tenant.rows("SELECT * FROM risk_criteria WHERE rule_id = ? ORDER BY n", rule_id)
    return {"and": [_criterion(tenant, row) for row in rows]}


def _criterion(tenant: Tenant, row: Row) -> dict[str, Any]:
    value = {"type": "ENTITLEMENTS", "value": _entitlements(tenant, row)}
    return {
        "name": row["name"],
        "attribute": ATTRIBUTE,
        "operation": row["operation"],
        "value": value,
    }


def _entitlements(tenant: Tenant, criterion: Row) -> list[dict[str, Any]]:
    sql = """SELECT v.* FROM risk_values r JOIN entitlement_values v ON v.id = r.value_id
      WHERE r.rule_id = ? AND r.n = ? ORDER BY v.entitlement_id, v.id"""
    values: dict[str, list[Row]] = {}
    for row in tenant.rows(sql, criterion["rule_id"], criterion["n"]):
        values.setdefault(row["entitlement_id"], []).append(row)
    shown = []
    for entitlement_id, held in values.items():
        entitlement = tenant.row("SELECT * FROM entitlements WHERE id = ?", entitlement_id)
        shown.append({**bare_entitlement(entitlement), "values": [bare_value(tenant, one) for one in held]})
    return shown


def _filtered(tenant: Tenant) -> Mapping[str, Attribute]:
    start = f"orn:{tenant.partition}:idp:{tenant.org_id}:apps:"
    of_app = "app_id IN (SELECT a.id FROM apps a WHERE {})"
    return {
        "resourceOrn": attribute(f"'{start}' || a.name || ':' || a.id", "eq", wrap=of_app),
        "name": attribute("fold(name)", "sw", "co", folded=True),
    }
