"""Creating and changing entitlements (okta-api.md sections 4.2 and 4.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer
from pipeline.emulator.bodies import Fields, body_fields
from pipeline.emulator.entitlement_values import (
    NAME,
    add_value,
    find_value,
    remove_value,
    replace_value,
    unique,
)
from pipeline.emulator.entitlement_views import entitlement_href, entitlement_with_values, find_entitlement
from pipeline.emulator.errors import BAD_JSON, OktaError, unknown_id
from pipeline.emulator.targets import managed_app
from pipeline.emulator.times import precise_instant

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

DOMAIN = "entitlements"
DESCRIPTION = 1000
MOST_VALUES, _MOST_OPS = 1000, 100
_VALUE_PATH = re.compile(r"/values/(ent[0-9A-Za-z]{17})")


def create_entitlement(tenant: Tenant, call: Call) -> Answer:
    fields = body_fields(call.body, DOMAIN)
    parent = fields.inner("parent")
    parent.word("type", ("APPLICATION",))
    okta_app = managed_app(tenant, parent.text("externalId", NAME))
    entitlement_id = _add_entitlement(tenant, okta_app["id"], fields)
    row = find_entitlement(tenant, entitlement_id)
    for value in fields.items("values", 0, MOST_VALUES):
        add_value(tenant, row, value)
    values = tenant.rows(
        "SELECT * FROM entitlement_values WHERE entitlement_id = ? ORDER BY id", entitlement_id
    )
    href = entitlement_href(tenant, entitlement_id)
    body = _precise(tenant, entitlement_with_values(tenant, row, values))
    return Answer(body, status=201, links=(("self", href),), location=href)


def _add_entitlement(tenant: Tenant, app_id: str, fields: Fields) -> str:
    name, external_value = fields.text("name", NAME), fields.text("externalValue", NAME)
    multi_value = fields.flag("multiValue")
    wanted_type = "array" if multi_value else "string"
    # The server turns string into array for a multi-value entitlement; the other way round is refused (4.2).
    if fields.word("dataType", ("string", "array")) != wanted_type and not multi_value:
        raise fields.fault("dataType", "must be string when multiValue is false", "INVALID_ENUM_VALUE")
    description = fields.optional_text("description", DESCRIPTION)
    entitlement_id, now = tenant.new_id("esp"), tenant.now()
    unique(
        lambda: tenant.write(
            "INSERT INTO entitlements VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
            *(entitlement_id, app_id, name, external_value, description, multi_value, now, now),
        ),
        fields,
    )
    return entitlement_id


def _precise(tenant: Tenant, body: dict[str, Any]) -> dict[str, Any]:
    """A POST answers with milliseconds where a GET has whole seconds (4.2)."""
    at = precise_instant(tenant.now())
    stamps = {"created": at, "lastUpdated": at}
    return {**body, **stamps, "values": [{**value, **stamps} for value in body["values"]]}


def patch_entitlement(tenant: Tenant, call: Call) -> Answer:
    """All operations or none; the answer lists only the values added or changed (4.4)."""
    row = known_entitlement(tenant, call.parts["entitlement"])
    if not isinstance(call.body, list):
        raise OktaError(BAD_JSON)
    operations = Fields({"operations": call.body}, domain=DOMAIN).items("operations", 1, _MOST_OPS)
    changed = [_apply(tenant, row, operation) for operation in operations]
    tenant.write("UPDATE entitlements SET last_updated = ? WHERE id = ?", tenant.now(), row["id"])
    shown = [find_value(tenant, row, value_id) for value_id in dict.fromkeys(changed) if value_id]
    body = entitlement_with_values(tenant, find_entitlement(tenant, row["id"]), [v for v in shown if v])
    return Answer(body, links=(("self", entitlement_href(tenant, row["id"])),))


def known_entitlement(tenant: Tenant, entitlement_id: str) -> Row:
    """PATCH and PUT document no 404: an unknown id answers 400, as the sample grant-id-missing has it."""
    found = tenant.row("SELECT * FROM entitlements WHERE id = ?", entitlement_id)
    if found is None:
        raise unknown_id("/entitlementId", entitlement_id)
    return found


def _apply(tenant: Tenant, entitlement: Row, operation: Fields) -> str | None:
    """Carry out one operation; the id of the value it added or changed, if any."""
    op = operation.word("op", ("ADD", "REPLACE", "REMOVE"))
    path = operation.text("path", NAME)
    if operation.word("refType", ("ENTITLEMENT", "ENTITLEMENT-VALUE")) == "ENTITLEMENT":
        _rename(tenant, entitlement, path, operation)
        return None
    if op == "ADD":
        if path != "/values/-":
            raise operation.fault("path", "must be /values/- for ADD", "STRING_FORMAT_INVALID")
        return add_value(tenant, entitlement, operation.inner("value"))
    value = _addressed(tenant, entitlement, path, operation)
    if op == "REPLACE":
        return replace_value(tenant, value, operation.inner("value"))
    remove_value(tenant, value)
    return None


def _rename(tenant: Tenant, entitlement: Row, path: str, operation: Fields) -> None:
    lengths = {"/name": NAME, "/description": DESCRIPTION}
    if operation.values["op"] != "REPLACE" or path not in lengths:
        raise operation.fault("path", "only REPLACE of /name or /description", "STRING_FORMAT_INVALID")
    column = path.removeprefix("/")
    sql = f"UPDATE entitlements SET {column} = ? WHERE id = ?"  # noqa: S608  one of two constants
    tenant.write(sql, operation.text("value", lengths[path]), entitlement["id"])


def _addressed(tenant: Tenant, entitlement: Row, path: str, operation: Fields) -> Row:
    matched = _VALUE_PATH.fullmatch(path)
    value = find_value(tenant, entitlement, matched[1]) if matched else None
    if value is None:
        raise operation.fault("path", f"{path} not found", "IDENTIFIER_NOT_FOUND")
    return value
