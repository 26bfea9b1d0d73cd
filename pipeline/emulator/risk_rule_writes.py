"""Creating, replacing and deleting risk rules (okta-api.md section 6)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from pipeline.emulator.answers import Answer
from pipeline.emulator.bodies import Fields, body_fields
from pipeline.emulator.errors import MISSING_PARAMETER, OktaError
from pipeline.emulator.grant_writes import checked_values
from pipeline.emulator.orns import app_orn, last_part
from pipeline.emulator.risk_rule_rows import (
    Criterion,
    RiskRule,
    add_criteria,
    add_risk_rule,
    remove_criteria,
)
from pipeline.emulator.risk_rule_views import ATTRIBUTE, TYPE, find_rule, rule_href, rule_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

DOMAIN = "rules"
_ID, _NAME, _LONG, _ORN = 255, 255, 1000, 1000


def create_rule(tenant: Tenant, call: Call) -> Answer:
    fields = body_fields(call.body, DOMAIN)
    name, description = fields.text("name", _NAME), fields.optional_text("description", _LONG)
    notes = fields.optional_text("notes", _LONG)
    fields.word("type", (TYPE,))
    app_id = _resource(tenant, fields)
    criteria = _criteria(tenant, fields, app_id)
    rule_id = tenant.new_id("rul")
    rule = RiskRule(app_id, name, description, notes, criteria)
    _unique(lambda: add_risk_rule(tenant, rule_id, rule))
    href = rule_href(tenant, rule_id)
    body = rule_json(tenant, find_rule(tenant, rule_id))
    return Answer(body, status=201, links=(("self", href),), location=href)


def replace_rule(tenant: Tenant, call: Call) -> Answer:
    """Only `id` is required: what is absent or null stays, by our reading. "" takes a text away."""
    row = find_rule(tenant, call.parts["rule"])
    fields = body_fields(call.body, DOMAIN)
    if fields.text("id", _ID) != row["id"]:
        raise fields.fault("id", "must be the id of the path", "STRING_FORMAT_INVALID")
    name = fields.optional_text("name", _NAME) or row["name"]
    description, notes = (_text_or_none(fields, key, row) for key in ("description", "notes"))
    sql = "UPDATE risk_rules SET name = ?, description = ?, notes = ?, last_updated = ? WHERE id = ?"
    _unique(lambda: tenant.write(sql, name, description, notes, tenant.now(), row["id"]))
    if fields.has("conflictCriteria"):
        criteria = _criteria(tenant, fields, row["app_id"])
        remove_criteria(tenant, row["id"])
        add_criteria(tenant, row["id"], criteria)
        tenant.write("UPDATE risk_rules SET status = 'ACTIVE' WHERE id = ?", row["id"])
    body = rule_json(tenant, find_rule(tenant, row["id"]))
    return Answer(body, links=(("self", rule_href(tenant, row["id"])),))


def delete_rule(tenant: Tenant, call: Call) -> Answer:
    row = find_rule(tenant, call.parts["rule"])
    remove_criteria(tenant, row["id"])
    tenant.write("DELETE FROM risk_rules WHERE id = ?", row["id"])
    return Answer(None, status=204)


def _text_or_none(fields: Fields, key: str, row: Row) -> str | None:
    if fields.values.get(key) == "":
        return None
    return fields.optional_text(key, _LONG) or row[key]


def _resource(tenant: Tenant, fields: Fields) -> str:
    """The id of the one app, which must be under entitlement management."""
    (resource,) = fields.items("resources", 1, 1)
    orn = resource.text("resourceOrn", _ORN)
    sql = "SELECT * FROM apps WHERE id = ? AND management = 'ENABLED'"
    okta_app = tenant.row(sql, last_part(orn))
    if okta_app is None or orn != app_orn(tenant, okta_app):
        raise resource.fault("resourceOrn", f"{orn} not found", "INVALID_RESOURCE_ORN")
    return str(okta_app["id"])


def _criteria(tenant: Tenant, fields: Fields, app_id: str) -> tuple[Criterion, ...]:
    both = fields.inner("conflictCriteria").items("and", 2, 2)
    return tuple(_criterion(tenant, one, app_id) for one in both)


def _criterion(tenant: Tenant, fields: Fields, app_id: str) -> Criterion:
    name = fields.text("name", _NAME)
    fields.word("attribute", (ATTRIBUTE,))
    operation = fields.word("operation", ("CONTAINS_ONE", "CONTAINS_ALL"))
    value = fields.inner("value")
    value.word("type", ("ENTITLEMENTS",))
    value.items("value", 1)
    return Criterion(name, operation, checked_values(tenant, value, app_id, key="value", held_at_once=False))


def _unique(write: Callable[[], None]) -> None:
    """The sample duplicate-name. Unique in the org, as nothing narrows it."""
    try:
        write()
    except sqlite3.IntegrityError as error:
        cause = {
            "errorSummary": "The rule name needs to be unique.",
            "reason": "INVALID_RULE_NAME",
            "locationType": "body",
            "location": "name",
            "domain": DOMAIN,
        }
        raise OktaError(MISSING_PARAMETER, "Rule name needs to be unique", [cause]) from error
