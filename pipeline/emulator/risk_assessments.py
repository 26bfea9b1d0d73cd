"""Which risk rules a principal would break if more access were granted (okta-api.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.access_views import effective_value_ids
from pipeline.emulator.answers import Answer, governance_url, link
from pipeline.emulator.bodies import Fields, body_fields
from pipeline.emulator.ids import okta_id
from pipeline.emulator.orns import bundle_orn, last_part, user_orn, value_orn
from pipeline.emulator.risk_rule_views import TYPE, criteria_json, rule_app_orn
from pipeline.emulator.risk_rule_writes import DOMAIN

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

_MOST_VALUES, _MOST_CONFLICTS, _ORN = 20, 200, 1000

_Asked = dict[str, set[str]]
"""Id of an app -> ids of the values that would be granted there."""


def assess(tenant: Tenant, call: Call) -> Answer:
    """All rules of the apps in question that hold once the access is granted, whatever it adds to that."""
    fields = body_fields(call.body, DOMAIN)
    user_id = _user_id(tenant, fields)
    conflicts: list[dict[str, Any]] = []
    for app_id, value_ids in _asked(tenant, fields).items():
        held = effective_value_ids(tenant, app_id, user_id) | value_ids
        sql = "SELECT * FROM risk_rules WHERE app_id = ? AND status = 'ACTIVE' ORDER BY id"
        broken = [rule for rule in tenant.rows(sql, app_id) if _breaks(tenant, rule, held)]
        conflicts += [_conflict(tenant, rule, user_id) for rule in broken]
    url = governance_url(tenant.admin_origin, call.path, call.query)
    body = {"data": conflicts[:_MOST_CONFLICTS], "_links": {"self": link(url)}}
    return Answer(body, links=(("self", url),))


def _user_id(tenant: Tenant, fields: Fields) -> str:
    orn = fields.text("principalOrn", _ORN)
    user_id = last_part(orn)
    known = tenant.row("SELECT 1 FROM users WHERE id = ?", user_id) is not None
    if not known or orn != user_orn(tenant, user_id):
        raise fields.fault("principalOrn", f"{orn} not found", "INVALID_RESOURCE_ORN")
    return user_id


def _asked(tenant: Tenant, fields: Fields) -> _Asked:
    """One bundle, or up to 20 values. Collections do not exist here, so theirs is an ORN of nothing."""
    if fields.has("resourceOrn") == fields.has("resourceOrnList"):
        cause = "either resourceOrn or resourceOrnList must be given"
        raise fields.fault("resourceOrnList", cause, "REQUIRED_PROPERTY_MISSING")
    key = "resourceOrn" if fields.has("resourceOrn") else "resourceOrnList"
    orns = [fields.text(key, _ORN)] if key == "resourceOrn" else fields.texts(key, 1, _MOST_VALUES, _ORN)
    bundles = [orn for orn in orns if orn == bundle_orn(tenant, last_part(orn))]
    if bundles and len(orns) > 1:
        cause = "a bundle must be assessed alone"
        raise fields.fault(key, cause, "INVALID_ARRAY_LENGTH_OVER_MAX")
    asked: _Asked = {}
    for orn in orns:
        rows = _bundle_values(tenant, orn) if bundles else _value(tenant, orn)
        if not rows:
            raise fields.fault(key, f"{orn} not found", "INVALID_RESOURCE_ORN")
        for row in rows:
            asked.setdefault(row["app_id"], set()).update([row["value_id"]] if row["value_id"] else [])
    return asked


def _bundle_values(tenant: Tenant, orn: str) -> list[Row]:
    """A bundle that was emptied has one row, without a value."""
    sql = """SELECT b.app_id, v.value_id FROM bundles b JOIN apps a ON a.id = b.app_id
      LEFT JOIN bundle_values v ON v.bundle_id = b.id
      WHERE b.id = ? AND b.status = 'ACTIVE' AND a.management = 'ENABLED'"""
    return tenant.rows(sql, last_part(orn))


def _value(tenant: Tenant, orn: str) -> list[Row]:
    if orn != value_orn(tenant, last_part(orn)):
        return []
    sql = """SELECT v.app_id, v.id AS value_id FROM entitlement_values v JOIN apps a ON a.id = v.app_id
      WHERE v.id = ? AND a.management = 'ENABLED'"""
    return tenant.rows(sql, last_part(orn))


def _breaks(tenant: Tenant, rule: Row, held: set[str]) -> bool:
    sql = """SELECT c.n, c.operation, v.value_id FROM risk_criteria c
      JOIN risk_values v ON v.rule_id = c.rule_id AND v.n = c.n WHERE c.rule_id = ?"""
    named: dict[tuple[int, str], set[str]] = {}
    for row in tenant.rows(sql, rule["id"]):
        named.setdefault((row["n"], row["operation"]), set()).add(row["value_id"])
    return all(
        values <= held if operation == "CONTAINS_ALL" else bool(values & held)
        for (_, operation), values in named.items()
    )


def _conflict(tenant: Tenant, rule: Row, user_id: str) -> dict[str, Any]:
    """Its id names a grant and the rule, as in the sample; here the grant that is not there yet."""
    described = {} if rule["description"] is None else {"description": rule["description"]}
    return {
        "id": f"{okta_id('gra', 0, tenant.seed)}:{rule['id']}",
        "principalOrn": user_orn(tenant, user_id),
        "resourceOrn": rule_app_orn(tenant, rule),
        "ruleName": rule["name"],
        "ruleId": rule["id"],
        **described,
        "type": TYPE,
        "conflictCriteria": criteria_json(tenant, rule["id"]),
    }
