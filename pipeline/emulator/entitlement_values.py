"""The values of an entitlement: added, changed, removed."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from pipeline.emulator.access_records import touch_holders
from pipeline.emulator.risk_rule_rows import invalidate_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.emulator.bodies import Fields
    from pipeline.emulator.tenant import Row, Tenant

NAME, VALUE, VALUE_DESCRIPTION = 255, 2000, 1024
"""The most characters (okta-api.md 4.2)."""
_HOLDS = """id IN (SELECT grant_id FROM grant_values WHERE value_id = ?)
  OR bundle_id IN (SELECT bundle_id FROM bundle_values WHERE value_id = ?)"""


def add_value(tenant: Tenant, entitlement: Row, fields: Fields) -> str:
    value_id, now = tenant.new_id("ent"), tenant.now()
    name, external_value = fields.text("name", NAME), fields.text("externalValue", VALUE)
    description = fields.optional_text("description", VALUE_DESCRIPTION)
    unique(
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


def unique(write: Callable[[], None], fields: Fields) -> None:
    """A duplicate's real answer was never recorded; 400 E0000001 is the likeliest (4.2)."""
    try:
        write()
    except sqlite3.IntegrityError as error:
        raise fields.fault("externalValue", "must be unique", "STRING_FORMAT_INVALID") from error


def find_value(tenant: Tenant, entitlement: Row, value_id: str) -> Row | None:
    sql = "SELECT * FROM entitlement_values WHERE id = ? AND entitlement_id = ?"
    return tenant.row(sql, value_id, entitlement["id"])


def replace_value(tenant: Tenant, value: Row, wanted: Fields) -> str:
    name = wanted.optional_text("name", NAME) or value["name"]
    external_value = wanted.optional_text("externalValue", VALUE) or value["external_value"]
    description = wanted.optional_text("description", VALUE_DESCRIPTION) or value["description"]
    sets = "name = ?, external_value = ?, description = ?, last_updated = ?"
    sql = f"UPDATE entitlement_values SET {sets} WHERE id = ?"  # noqa: S608  a constant
    unique(lambda: tenant.write(sql, name, external_value, description, tenant.now(), value["id"]), wanted)
    return str(value["id"])


def remove_value(tenant: Tenant, value: Row) -> None:
    """Users and bundles lose it silently (4.5); a risk rule that named it is invalid from then on."""
    touch_holders(tenant, value["app_id"], _HOLDS, value["id"], value["id"])
    invalidate_rules(tenant, value["id"])
    for table in ("grant_values", "bundle_values"):
        tenant.write(f"DELETE FROM {table} WHERE value_id = ?", value["id"])  # noqa: S608  constants
    tenant.write("DELETE FROM entitlement_values WHERE id = ?", value["id"])
