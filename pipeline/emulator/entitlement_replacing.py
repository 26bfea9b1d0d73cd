"""Replacing an entitlement whole, and deleting it (okta-api.md 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.emulator.answers import Answer
from pipeline.emulator.bodies import Fields, body_fields
from pipeline.emulator.entitlement_values import (
    NAME,
    VALUE,
    add_value,
    find_value,
    remove_value,
    replace_value,
    unique,
)
from pipeline.emulator.entitlement_views import entitlement_href, entitlement_with_values, find_entitlement
from pipeline.emulator.entitlement_writes import DESCRIPTION, DOMAIN, MOST_VALUES, known_entitlement
from pipeline.emulator.orns import app_orn
from pipeline.emulator.targets import managed_app

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

_ORN = 1000


def replace_entitlement(tenant: Tenant, call: Call) -> Answer:
    """Values without an id are created, values left out are deleted (schema entitlement-updatable)."""
    row = known_entitlement(tenant, call.parts["entitlement"])
    fields = body_fields(call.body, DOMAIN)
    _check_same(tenant, row, fields)
    name, external_value = fields.text("name", NAME), fields.text("externalValue", NAME)
    description = fields.optional_text("description", DESCRIPTION)
    sql = (
        "UPDATE entitlements SET name = ?, external_value = ?, description = ?, last_updated = ? WHERE id = ?"
    )
    unique(lambda: tenant.write(sql, name, external_value, description, tenant.now(), row["id"]), fields)
    _replace_values(tenant, row, fields.items("values", 0, MOST_VALUES))
    values = tenant.rows("SELECT * FROM entitlement_values WHERE entitlement_id = ? ORDER BY id", row["id"])
    body = entitlement_with_values(tenant, find_entitlement(tenant, row["id"]), values)
    return Answer(body, links=(("self", entitlement_href(tenant, row["id"])),))


def delete_entitlement(tenant: Tenant, call: Call) -> Answer:
    """It leaves bundles and users; assignments stay. Unknown ids are 404: no 400 is documented here."""
    row = find_entitlement(tenant, call.parts["entitlement"])
    for value in tenant.rows("SELECT * FROM entitlement_values WHERE entitlement_id = ?", row["id"]):
        remove_value(tenant, value)
    tenant.write("DELETE FROM entitlements WHERE id = ?", row["id"])
    return Answer(None, status=204)


def _check_same(tenant: Tenant, row: Row, fields: Fields) -> None:
    """What a PUT must repeat and cannot change; another multiValue is 400 (4.5)."""
    okta_app = managed_app(tenant, row["app_id"])
    parent = fields.inner("parent")
    parent.word("type", ("APPLICATION",))
    same = {
        "id": fields.text("id", NAME) == row["id"],
        "parent": parent.text("externalId", NAME) == okta_app["id"],
        "parentResourceOrn": fields.text("parentResourceOrn", _ORN) == app_orn(tenant, okta_app),
        "multiValue": fields.flag("multiValue") == bool(row["multi_value"]),
        # The sample entitlement-update-example sends string with true; the server makes array of it (4.2).
        "dataType": fields.word("dataType", ("string", "array")) == "string" or bool(row["multi_value"]),
    }
    for key, holds in same.items():
        if not holds:
            raise fields.fault(key, "cannot be changed", "STRING_FORMAT_INVALID")


def _replace_values(tenant: Tenant, row: Row, wanted: list[Fields]) -> None:
    kept = [_kept_value(tenant, row, item) for item in wanted if item.has("id")]
    if len({value["id"] for value in kept}) < len(kept):
        raise Fields({}, domain=DOMAIN).fault("values", "the same id appears twice", "STRING_FORMAT_INVALID")
    for value in tenant.rows("SELECT * FROM entitlement_values WHERE entitlement_id = ?", row["id"]):
        if value["id"] not in {known["id"] for known in kept}:
            remove_value(tenant, value)
    for value in kept:
        # So that two values can swap what they stand for; longer than any that a client may give.
        sql = f"UPDATE entitlement_values SET external_value = printf('%{VALUE + 1}s', id) WHERE id = ?"  # noqa: S608
        tenant.write(sql, value["id"])
    known = {value["id"]: value for value in kept}
    for item in wanted:
        if item.has("id"):
            _put_value(tenant, known[item.values["id"]], item)
        else:
            add_value(tenant, row, item)


def _put_value(tenant: Tenant, value: Row, wanted: Fields) -> None:
    for key in ("name", "externalValue"):
        wanted.required(key)
    replace_value(tenant, value, wanted)
    if not wanted.has("description"):
        tenant.write("UPDATE entitlement_values SET description = NULL WHERE id = ?", value["id"])


def _kept_value(tenant: Tenant, row: Row, wanted: Fields) -> Row:
    found = find_value(tenant, row, wanted.text("id", NAME))
    if found is None:
        raise wanted.fault("id", f"{wanted.values['id']} not found", "IDENTIFIER_NOT_FOUND")
    return found
