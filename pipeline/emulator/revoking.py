"""Taking access away by name: POST /governance/api/v2/revoke-principal-access (okta-api.md 5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.emulator.access_records import touch
from pipeline.emulator.access_views import access_url
from pipeline.emulator.answers import Answer
from pipeline.emulator.bodies import Fields, body_fields
from pipeline.emulator.endings import delete_grants, take_away_app
from pipeline.emulator.errors import VALIDATION, OktaError
from pipeline.emulator.grant_views import LIVE
from pipeline.emulator.grant_writes import ACTORS
from pipeline.emulator.orns import app_orn, bundle_orn, last_part, user_orn, value_orn

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

_MOST, _ORN = 5, 1000
_HELD = f"user_id = ? AND app_id = ? AND {LIVE}"
"""Grants in force; others stay as they are."""


@dataclass(frozen=True, slots=True)
class _Resource:
    kind: str
    id: str
    app_id: str


def revoke_access(tenant: Tenant, call: Call) -> Answer:
    """All of it or nothing. That revoking what is not held succeeds is our assumption."""
    fields = body_fields(call.body)
    user_id = _user_id(tenant, fields)
    fields.word("actor", ACTORS, default="API")
    named = [_resource(tenant, orn) for orn in _orns(fields)]
    if len(named) > 1 and any(resource.kind == "app" for resource in named):
        raise _refused("revokeOrns: an app must be revoked alone")
    for resource in named:
        if resource.kind == "app":
            take_away_app(tenant, resource.app_id, user_id)
        elif resource.kind == "bundle":
            _revoke_bundle(tenant, user_id, resource)
        else:
            _revoke_value(tenant, user_id, resource)
    return Answer({"data": [_links(tenant, resource.app_id, user_id) for resource in named]})


def _user_id(tenant: Tenant, fields: Fields) -> str:
    orn = fields.values.get("principalOrn")
    if orn is None:
        raise _refused("principalOrn is required")
    user_id = last_part(str(orn))
    if orn != user_orn(tenant, user_id):
        raise _refused("Invalid ORN format for principalOrn")
    if tenant.row("SELECT 1 FROM users WHERE id = ?", user_id) is None:
        raise _refused(f"principalOrn: {orn} not found")
    return user_id


def _orns(fields: Fields) -> list[str]:
    orns = fields.values.get("revokeOrns")
    if orns is None:
        raise _refused("revokeOrns is required")
    if not isinstance(orns, list) or not 1 <= len(orns) <= _MOST:
        raise _refused(f"revokeOrns must be an array of 1 to {_MOST} items")
    if not all(isinstance(orn, str) and len(orn) <= _ORN for orn in orns):
        raise _refused("Invalid ORN format for revokeOrns")
    return list(dict.fromkeys(orns))


def _resource(tenant: Tenant, orn: str) -> _Resource:
    """What the ORN names, which must be as this org writes it, partition included (2.3)."""
    named_id = last_part(orn)
    if orn == value_orn(tenant, named_id):
        return _named(tenant, "value", "SELECT id, app_id FROM entitlement_values WHERE id = ?", orn)
    if orn == bundle_orn(tenant, named_id):
        sql = "SELECT id, app_id FROM bundles WHERE id = ? AND status = 'ACTIVE'"
        return _named(tenant, "bundle", sql, orn)
    okta_app = tenant.row("SELECT * FROM apps WHERE id = ?", named_id)
    if okta_app is None or orn != app_orn(tenant, okta_app):
        raise _refused("Invalid ORN format for revokeOrns")
    return _named(tenant, "app", "SELECT id, id AS app_id FROM apps WHERE id = ?", orn)


def _named(tenant: Tenant, kind: str, sql: str, orn: str) -> _Resource:
    row = tenant.row(sql, last_part(orn))
    governed = "SELECT 1 FROM apps WHERE id = ? AND management = 'ENABLED'"
    if row is None or tenant.row(governed, row["app_id"]) is None:
        raise _refused(f"revokeOrns: {orn} not found")
    return _Resource(kind, row["id"], row["app_id"])


def _revoke_bundle(tenant: Tenant, user_id: str, bundle: _Resource) -> None:
    sql = f"SELECT id FROM grants WHERE {_HELD} AND bundle_id = ?"  # noqa: S608  constants
    delete_grants(
        tenant, [row["id"] for row in tenant.rows(sql, user_id, bundle.app_id, tenant.now(), bundle.id)]
    )


def _revoke_value(tenant: Tenant, user_id: str, value: _Resource) -> None:
    """Out of CUSTOM and ENTITLEMENT grants; what policy or a bundle gives stays (5.4)."""
    sql = f"""SELECT * FROM grants WHERE {_HELD} AND grant_type IN ('CUSTOM', 'ENTITLEMENT')
      AND id IN (SELECT grant_id FROM grant_values WHERE value_id = ?)"""  # noqa: S608  constants
    touch(tenant, value.app_id, [user_id])
    for grant in tenant.rows(sql, user_id, value.app_id, tenant.now(), value.id):
        tenant.write("DELETE FROM grant_values WHERE grant_id = ? AND value_id = ?", grant["id"], value.id)
        tenant.write("UPDATE grants SET last_updated = ? WHERE id = ?", tenant.now(), grant["id"])
        _end_if_empty(tenant, grant)


def _end_if_empty(tenant: Tenant, grant: Row) -> None:
    """An ENTITLEMENT grant needs values and ends without. Whether a CUSTOM one ends is unknown.

    By default it stays: it is the base grant, and nothing says that the app goes too. A switch ends it.
    """
    ends = grant["grant_type"] == "ENTITLEMENT" or tenant.switches.revoke_ends_empty_custom
    if ends and tenant.row("SELECT 1 FROM grant_values WHERE grant_id = ?", grant["id"]) is None:
        delete_grants(tenant, [grant["id"]])


def _links(tenant: Tenant, app_id: str, user_id: str) -> dict[str, Any]:
    """Sample revoke-principal-access-response-example: one entry for each resource, even of the same app."""
    views = ("principal-access", "principal-entitlements")
    urls = {view: access_url(tenant, view, app_id, user_id) for view in views}
    return {"_links": {view: {"href": url} for view, url in urls.items()}}


def _refused(cause: str) -> OktaError:
    """Samples revoke-principal-access-missing-required-field and -invalid-orn: a cause without a reason."""
    return OktaError(VALIDATION, causes=[{"errorSummary": cause}])
