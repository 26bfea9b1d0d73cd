"""Creating and changing entitlements (okta-api.md sections 4.2 and 4.4)."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer
from pipeline.emulator.bodies import Fields, body_fields
from pipeline.emulator.entitlement_views import entitlement_href, entitlement_with_values, find_entitlement
from pipeline.emulator.errors import BAD_JSON, OktaError
from pipeline.emulator.targets import managed_app
from pipeline.emulator.times import precise_instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

DOMAIN = "entitlements"
_NAME, _DESCRIPTION, _VALUE, _VALUE_DESCRIPTION = 255, 1000, 2000, 1024
_MOST_VALUES, _MOST_OPS = 1000, 100
_VALUE_PATH = re.compile(r"/values/(ent[0-9A-Za-z]{17})")


def create_entitlement(tenant: Tenant, call: Call) -> Answer:
    fields = body_fields(call.body, DOMAIN)
    parent = fields.inner("parent")
    parent.word("type", ("APPLICATION",))
    okta_app = managed_app(tenant, parent.text("externalId", _NAME))
    entitlement_id = _add_entitlement(tenant, okta_app["id"], fields)
    row = find_entitlement(tenant, entitlement_id)
    for value in fields.items("values", 0, _MOST_VALUES):
        _add_value(tenant, row, value)
    values = tenant.rows(
        "SELECT * FROM entitlement_values WHERE entitlement_id = ? ORDER BY id", entitlement_id
    )
    href = entitlement_href(tenant, entitlement_id)
    body = _precise(tenant, entitlement_with_values(tenant, row, values))
    return Answer(body, status=201, links=(("self", href),), location=href)


def _add_entitlement(tenant: Tenant, app_id: str, fields: Fields) -> str:
    name, external_value = fields.text("name", _NAME), fields.text("externalValue", _NAME)
    multi_value = fields.flag("multiValue")
    wanted_type = "array" if multi_value else "string"
    # The server turns string into array for a multi-value entitlement; the other way round is refused (4.2).
    if fields.word("dataType", ("string", "array")) != wanted_type and not multi_value:
        raise fields.fault("dataType", "must be string when multiValue is false", "INVALID_ENUM_VALUE")
    description = fields.optional_text("description", _DESCRIPTION)
    entitlement_id, now = tenant.new_id("esp"), tenant.now()
    _unique(
        lambda: tenant.write(
            "INSERT INTO entitlements VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
            *(entitlement_id, app_id, name, external_value, description, multi_value, now, now),
        ),
        fields,
    )
    return entitlement_id


def _add_value(tenant: Tenant, entitlement: Row, fields: Fields) -> str:
    value_id, now = tenant.new_id("ent"), tenant.now()
    name, external_value = fields.text("name", _NAME), fields.text("externalValue", _VALUE)
    description = fields.optional_text("description", _VALUE_DESCRIPTION)
    _unique(
        lambda: tenant.write(
            "INSERT INTO entitlement_values VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(
                value_id,
                entitlement["app_id"],
                entitlement["id"],
                name,
                external_value,
                description,
                now,
                now,
            ),
        ),
        fields,
    )
    return value_id


def _unique(write: Callable[[], None], fields: Fields) -> None:
    """A duplicate's real answer was never recorded; 400 E0000001 is the likeliest (4.2)."""
    try:
        write()
    except sqlite3.IntegrityError as error:
        raise fields.fault("externalValue", "must be unique", "STRING_FORMAT_INVALID") from error


def _precise(tenant: Tenant, body: dict[str, Any]) -> dict[str, Any]:
    """A POST answers with milliseconds where a GET has whole seconds (4.2)."""
    at = precise_instant(tenant.now())
    stamps = {"created": at, "lastUpdated": at}
    return {**body, **stamps, "values": [{**value, **stamps} for value in body["values"]]}


def patch_entitlement(tenant: Tenant, call: Call) -> Answer:
    """All operations or none; the answer lists only the values added or changed (4.4)."""
    row = find_entitlement(tenant, call.parts["entitlement"])
    if not isinstance(call.body, list):
        raise OktaError(BAD_JSON)
    operations = Fields({"operations": call.body}, domain=DOMAIN).items("operations", 1, _MOST_OPS)
    changed = [_apply(tenant, row, operation) for operation in operations]
    tenant.write("UPDATE entitlements SET last_updated = ? WHERE id = ?", tenant.now(), row["id"])
    shown = [_value(tenant, row, value_id) for value_id in dict.fromkeys(changed) if value_id]
    body = entitlement_with_values(tenant, find_entitlement(tenant, row["id"]), [v for v in shown if v])
    return Answer(body, links=(("self", entitlement_href(tenant, row["id"])),))


def _apply(tenant: Tenant, entitlement: Row, operation: Fields) -> str | None:
    """Carry out one operation; the id of the value it added or changed, if any."""
    op = operation.word("op", ("ADD", "REPLACE", "REMOVE"))
    path = operation.text("path", _NAME)
    if operation.word("refType", ("ENTITLEMENT", "ENTITLEMENT-VALUE")) == "ENTITLEMENT":
        _rename(tenant, entitlement, path, operation)
        return None
    if op == "ADD":
        if path != "/values/-":
            raise operation.fault("path", "must be /values/- for ADD", "STRING_FORMAT_INVALID")
        return _add_value(tenant, entitlement, operation.inner("value"))
    value = _addressed(tenant, entitlement, path, operation)
    if op == "REPLACE":
        return _replace_value(tenant, value, operation.inner("value"))
    _remove_value(tenant, value)
    return None


def _rename(tenant: Tenant, entitlement: Row, path: str, operation: Fields) -> None:
    lengths = {"/name": _NAME, "/description": _DESCRIPTION}
    if operation.values["op"] != "REPLACE" or path not in lengths:
        raise operation.fault("path", "only REPLACE of /name or /description", "STRING_FORMAT_INVALID")
    column = path.removeprefix("/")
    sql = f"UPDATE entitlements SET {column} = ? WHERE id = ?"  # noqa: S608  one of two constants
    tenant.write(sql, operation.text("value", lengths[path]), entitlement["id"])


def _addressed(tenant: Tenant, entitlement: Row, path: str, operation: Fields) -> Row:
    matched = _VALUE_PATH.fullmatch(path)
    value = _value(tenant, entitlement, matched[1]) if matched else None
    if value is None:
        raise operation.fault("path", f"{path} not found", "IDENTIFIER_NOT_FOUND")
    return value


def _value(tenant: Tenant, entitlement: Row, value_id: str) -> Row | None:
    sql = "SELECT * FROM entitlement_values WHERE id = ? AND entitlement_id = ?"
    return tenant.row(sql, value_id, entitlement["id"])


def _replace_value(tenant: Tenant, value: Row, wanted: Fields) -> str:
    name = wanted.optional_text("name", _NAME) or value["name"]
    external_value = wanted.optional_text("externalValue", _VALUE) or value["external_value"]
    description = wanted.optional_text("description", _VALUE_DESCRIPTION) or value["description"]
    sets = "name = ?, external_value = ?, description = ?, last_updated = ?"
    sql = f"UPDATE entitlement_values SET {sets} WHERE id = ?"  # noqa: S608  a constant
    _unique(lambda: tenant.write(sql, name, external_value, description, tenant.now(), value["id"]), wanted)
    return str(value["id"])


def _remove_value(tenant: Tenant, value: Row) -> None:
    """Users and bundles lose it silently (4.5)."""
    for table in ("grant_values", "bundle_values"):
        tenant.write(f"DELETE FROM {table} WHERE value_id = ?", value["id"])  # noqa: S608  constants
    tenant.write("DELETE FROM entitlement_values WHERE id = ?", value["id"])
