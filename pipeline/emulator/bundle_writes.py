"""Creating, replacing and deleting entitlement bundles (okta-api.md section 6)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from pipeline.emulator.access_records import touch_holders
from pipeline.emulator.answers import Answer
from pipeline.emulator.bodies import Fields, body_fields
from pipeline.emulator.bundle_views import bundle_href, bundle_json, find_bundle
from pipeline.emulator.endings import delete_grants
from pipeline.emulator.errors import MISSING_PARAMETER, STATUS_CONFLICT, OktaError, unknown_id
from pipeline.emulator.grant_views import bundled_values
from pipeline.emulator.grant_writes import checked_values
from pipeline.emulator.orns import app_orn
from pipeline.emulator.targets import managed_app
from pipeline.emulator.times import precise_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

_DOMAIN = "entitlement-bundle"
_ID, _NAME, _DESCRIPTION, _ORN = 255, 255, 1000, 1000


def create_bundle(tenant: Tenant, call: Call) -> Answer:
    fields = body_fields(call.body, _DOMAIN)
    name, description = _described(fields)
    app_id = _target(tenant, fields)
    value_ids = _value_ids(tenant, fields, app_id)
    bundle_id, now = tenant.new_id("enb"), tenant.now()
    sql = "INSERT INTO bundles VALUES (?, ?, ?, ?, 'ACTIVE', ?, ?)"
    _unique(lambda: tenant.write(sql, bundle_id, app_id, name, description, now, now), fields)
    _add_values(tenant, bundle_id, value_ids)
    href, at = bundle_href(tenant, bundle_id), precise_instant(now)
    body = {**_with_ids(tenant, bundle_id), "created": at, "lastUpdated": at}
    return Answer(body, status=201, links=(("self", href),), location=href)


def replace_bundle(tenant: Tenant, call: Call) -> Answer:
    """Whoever was granted the bundle holds its new values from now on."""
    row = find_bundle(tenant, call.parts["bundle"])
    if row["status"] != "ACTIVE":
        raise _conflict(call.method, "replaced")
    fields = body_fields(call.body, _DOMAIN)
    _check_same(tenant, row, fields)
    name, description = _described(fields)
    value_ids = _value_ids(tenant, fields, row["app_id"])
    sql = "UPDATE bundles SET name = ?, description = ?, last_updated = ? WHERE id = ?"
    _unique(lambda: tenant.write(sql, name, description, tenant.now(), row["id"]), fields)
    touch_holders(tenant, row["app_id"], "bundle_id = ?", row["id"])
    tenant.write("DELETE FROM bundle_values WHERE bundle_id = ?", row["id"])
    _add_values(tenant, row["id"], value_ids)
    return Answer(_with_ids(tenant, row["id"]), links=(("self", bundle_href(tenant, row["id"])),))


def delete_bundle(tenant: Tenant, call: Call) -> Answer:
    """Its grants end (help centre, Manage bundles); what is left of it answers 409 to a second DELETE."""
    row = find_bundle(tenant, call.parts["bundle"])
    if row["status"] != "ACTIVE":
        raise _conflict(call.method, "deleted")
    grants = tenant.rows("SELECT id FROM grants WHERE bundle_id = ?", row["id"])
    delete_grants(tenant, [grant["id"] for grant in grants])
    tenant.write("DELETE FROM bundle_values WHERE bundle_id = ?", row["id"])
    sql = "UPDATE bundles SET status = 'DELETED', last_updated = ? WHERE id = ?"
    tenant.write(sql, tenant.now(), row["id"])
    return Answer(None, status=204)


def _described(fields: Fields) -> tuple[str, str | None]:
    if not fields.has("name"):
        raise _missing("name", "MISSING_NAME")
    return fields.text("name", _NAME), fields.optional_text("description", _DESCRIPTION)


def _target(tenant: Tenant, fields: Fields) -> str:
    target = fields.inner("target")
    target.word("type", ("APPLICATION",))
    app_id = target.text("externalId", _ID)
    if tenant.row("SELECT 1 FROM apps WHERE id = ? AND management = 'ENABLED'", app_id) is None:
        raise unknown_id("/target/externalId", app_id)
    return app_id


def _value_ids(tenant: Tenant, fields: Fields, app_id: str) -> tuple[str, ...]:
    if not fields.values.get("entitlements"):
        raise _missing("entitlements", "MISSING_ENTITLEMENTS")
    return checked_values(tenant, fields, app_id)


def _check_same(tenant: Tenant, row: Row, fields: Fields) -> None:
    """What a PUT must repeat and cannot change (schema entitlement-bundle-updatable)."""
    okta_app = managed_app(tenant, row["app_id"])
    target = fields.inner("target")
    target.word("type", ("APPLICATION",))
    same = {
        "id": fields.text("id", _ID) == row["id"],
        "target": target.text("externalId", _ID) == okta_app["id"],
        "targetResourceOrn": fields.text("targetResourceOrn", _ORN) == app_orn(tenant, okta_app),
    }
    for key, holds in same.items():
        if not holds:
            raise fields.fault(key, "cannot be changed", "STRING_FORMAT_INVALID")
    if not fields.has("status"):
        raise fields.fault("status", "does not support replacing null status", "REQUIRED_PROPERTY_MISSING")
    fields.word("status", ("ACTIVE",))


def _missing(key: str, reason: str) -> OktaError:
    """Samples entitlement-bundle-name-missing and entitlement-bundle-entitlements-missing."""
    cause = {
        "errorSummary": f"The {key} for a entitlement bundle must be specified.",
        "reason": reason,
        "locationType": "body",
        "location": key,
        "domain": _DOMAIN,
    }
    return OktaError(MISSING_PARAMETER, causes=[cause])


def _conflict(method: str, done: str) -> OktaError:
    """Sample entitlement-bundle-delete-deleted-example. That a PUT answers so too is our assumption."""
    cause = {
        "errorSummary": f"An entitlement bundle with status DELETED may not be {done}.",
        "reason": "OPERATION_STATUS_CONFLICT",
        "locationType": "method",
        "location": method,
        "domain": _DOMAIN,
    }
    return OktaError(STATUS_CONFLICT, causes=[cause])


def _unique(write: Callable[[], None], fields: Fields) -> None:
    """Names are unique within an app. No conflict is documented for POST and PUT: 400, as for values."""
    try:
        write()
    except sqlite3.IntegrityError as error:
        raise fields.fault("name", "must be unique", "STRING_FORMAT_INVALID") from error


def _add_values(tenant: Tenant, bundle_id: str, value_ids: Iterable[str]) -> None:
    pairs = ((bundle_id, value_id) for value_id in value_ids)
    tenant.db.executemany("INSERT INTO bundle_values VALUES (?, ?)", pairs)


def _with_ids(tenant: Tenant, bundle_id: str) -> dict[str, Any]:
    """Writes answer with ids only (schema entitlement-bundle-full)."""
    held = bundled_values(tenant, [bundle_id]).get(bundle_id, [])
    entitlements = [
        {"id": entitlement["id"], "values": [{"id": value["id"]} for value in values]}
        for entitlement, values in held
    ]
    row = find_bundle(tenant, bundle_id)
    return bundle_json(tenant, managed_app(tenant, row["app_id"]), row, entitlements)
