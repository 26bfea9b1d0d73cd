"""Reading grants and what a principal holds (okta-api.md sections 5.1 and 6)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer, link
from pipeline.emulator.conditions import Condition, attribute
from pipeline.emulator.entitlement_views import audit, bare_entitlement, bare_value
from pipeline.emulator.errors import BAD_PAGING, NOT_FOUND, bad_query, not_found
from pipeline.emulator.filters import comparisons
from pipeline.emulator.orns import app_orn, user_orn
from pipeline.emulator.paging import (
    Listing,
    fetch_page,
    governance_after,
    governance_answer,
    governance_limit,
)
from pipeline.emulator.targets import TARGET, app_condition, pinned_app, read_filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.emulator.answers import Call
    from pipeline.emulator.conditions import Attribute
    from pipeline.emulator.filters import Expression
    from pipeline.emulator.tenant import Row, Tenant

PATH = "/governance/api/v1/grants"
LIVE = "status = 'ACTIVE' AND (expires_at IS NULL OR expires_at > ?)"
"""Listings show ACTIVE grants only (okta-api.md 5.1); a passed expiry ends one."""
GOVERNED = "app_id IN (SELECT id FROM apps WHERE management = 'ENABLED')"
_PAGE, _MOST = 20, 200
_INCLUDES = ("full_entitlements", "metadata")

Held = dict[str, list[tuple["Row", list["Row"]]]]
"""Id of a grant or bundle -> its entitlements, each with the values held."""


def list_grants(tenant: Tenant, call: Call) -> Answer:
    expression = read_filter(call)
    okta_app = pinned_app(tenant, expression, TARGET)
    limit, full = governance_limit(call, _PAGE, _MOST), _wants_full(call)
    wanted = app_condition(tenant, okta_app, expression, TARGET, _filtered(user_orn(tenant, "")))
    _check_entitlements(tenant, expression)
    live = Condition(f"({wanted.sql}) AND {LIVE}", (*wanted.values, tenant.now()))
    page = fetch_page(tenant, Listing("grants", live), governance_after(call), limit)
    items = grants_json(tenant, okta_app, page.rows, full=full)
    return governance_answer(tenant, call, page, items, params={"limit": str(limit)})


def show_grant(tenant: Tenant, call: Call) -> Answer:
    row = find_grant(tenant, call.parts["grant"])
    return Answer(
        grant_json(tenant, row, full=_wants_full(call)), links=(("self", grant_href(tenant, row["id"])),)
    )


def find_grant(tenant: Tenant, grant_id: str) -> Row:
    """Not while its app is without entitlement management: nothing of the app is shown then."""
    found = tenant.row(f"SELECT * FROM grants WHERE id = ? AND {GOVERNED}", grant_id)  # noqa: S608  a constant
    if found is None:
        raise not_found(grant_id, "Grant")
    return found


def grant_json(tenant: Tenant, row: Row, *, full: bool) -> dict[str, Any]:
    okta_app = tenant.row("SELECT * FROM apps WHERE id = ?", row["app_id"])
    return grants_json(tenant, okta_app, [row], full=full)[0]


def grants_json(tenant: Tenant, okta_app: Row, rows: Sequence[Row], *, full: bool) -> list[dict[str, Any]]:
    held = held_values(tenant, rows)
    return [_shown(tenant, okta_app, row, held.get(row["id"], []), full=full) for row in rows]


def grant_href(tenant: Tenant, grant_id: str) -> str:
    return f"{tenant.admin_origin}{PATH}/{grant_id}"


def status_now(tenant: Tenant, row: Row) -> str:
    ended = row["expires_at"] is not None and row["expires_at"] <= tenant.now()
    return "EXPIRED" if ended and row["status"] == "ACTIVE" else str(row["status"])


def held_values(tenant: Tenant, rows: Sequence[Row]) -> Held:
    """The values of these grants; a bundle grant has those its bundle has now."""
    held: Held = {}
    own = [row["id"] for row in rows if row["bundle_id"] is None]
    _collect(tenant, held, "grant_values", "grant_id", own)
    bundled = bundled_values(tenant, {row["bundle_id"] for row in rows if row["bundle_id"]})
    for row in rows:
        if row["bundle_id"] is not None:
            held[row["id"]] = bundled.get(row["bundle_id"], [])
    return held


def bundled_values(tenant: Tenant, bundle_ids: Iterable[str]) -> Held:
    held: Held = {}
    _collect(tenant, held, "bundle_values", "bundle_id", bundle_ids)
    return held


def _collect(tenant: Tenant, held: Held, table: str, holder: str, ids: Iterable[str]) -> None:
    sql = f"""SELECT h.{holder} AS holder_id, v.*
      FROM {table} h JOIN entitlement_values v ON v.id = h.value_id
      WHERE h.{holder} IN ({{}}) ORDER BY h.{holder}, v.entitlement_id, v.id"""  # noqa: S608  constants
    rows = tenant.rows_of(sql, ids)
    of = {row["entitlement_id"] for row in rows}
    entitlements = {
        row["id"]: row for row in tenant.rows_of("SELECT * FROM entitlements WHERE id IN ({})", of)
    }
    for row in rows:
        groups = held.setdefault(row["holder_id"], [])
        if not groups or groups[-1][0]["id"] != row["entitlement_id"]:
            groups.append((entitlements[row["entitlement_id"]], []))
        groups[-1][1].append(row)


def _shown(
    tenant: Tenant, okta_app: Row, row: Row, held: list[tuple[Row, list[Row]]], *, full: bool
) -> dict[str, Any]:
    """Keys as in the API description's grant-full; POLICY and bundle grants show no entitlements there."""
    body = {
        "id": row["id"],
        **audit(tenant, row),
        "grantType": row["grant_type"],
        "action": row["action"],
        "actor": row["actor"],
        "targetResourceOrn": app_orn(tenant, okta_app),
        "target": {"externalId": okta_app["id"], "type": "APPLICATION"},
        "targetPrincipalOrn": user_orn(tenant, row["user_id"]),
        "targetPrincipal": {"externalId": row["user_id"], "type": "OKTA_USER"},
        "status": status_now(tenant, row),
        "_links": _links(tenant, row),
    }
    if full or row["grant_type"] in ("CUSTOM", "ENTITLEMENT"):
        body["entitlements"] = [_entitlement(tenant, *group, full=full) for group in held]
    return body | _bundle_and_schedule(row)


def _entitlement(tenant: Tenant, entitlement: Row, values: list[Row], *, full: bool) -> dict[str, Any]:
    if not full:
        return {"id": entitlement["id"], "values": [{"id": value["id"]} for value in values]}
    return {**bare_entitlement(entitlement), "values": [bare_value(tenant, value) for value in values]}


def _bundle_and_schedule(row: Row) -> dict[str, Any]:
    more: dict[str, Any] = {"entitlementBundleId": row["bundle_id"]} if row["bundle_id"] else {}
    schedule = {"expirationDate": row["expires"], "timeZone": row["time_zone"]}
    given = {key: value for key, value in schedule.items() if value is not None}
    return {**more, "scheduleSettings": given} if given else more


def _links(tenant: Tenant, row: Row) -> dict[str, Any]:
    links = {"self": link(grant_href(tenant, row["id"]))}
    if row["bundle_id"]:
        bundles = f"{tenant.admin_origin}/governance/api/v1/entitlement-bundles"
        links["entitlementBundle"] = link(f"{bundles}/{row['bundle_id']}")
    return links


def _wants_full(call: Call) -> bool:
    asked = [word for word in call.query.get("include", "").split(",") if word]
    if any(word not in _INCLUDES for word in asked):
        raise bad_query(BAD_PAGING, "/include", "The `include` parameter isn't valid.", "INVALID_ENUM_VALUE")
    return "full_entitlements" in asked


def _check_entitlements(tenant: Tenant, expression: Expression) -> None:
    """Unknown ids answer as the sample grants-list-invlaid-entitlements; its code is that of a 404."""
    tables = {"entitlements.id": "entitlements", "entitlements.values.id": "entitlement_values"}
    for comparison in comparisons(expression):
        table = tables.get(comparison.attribute)
        if table and tenant.row(f"SELECT 1 FROM {table} WHERE id = ?", comparison.value) is None:  # noqa: S608
            cause = f"Cannot find entitlement with id {comparison.value}"
            summary = "Resource not found exception."
            raise bad_query(NOT_FOUND, "/query/filter", cause, "empty.openapi.validation", summary)


@lru_cache(maxsize=8)
def _filtered(user_orns: str) -> dict[str, Attribute]:
    values = "SELECT h.grant_id FROM grant_values h JOIN entitlement_values v ON v.id = h.value_id WHERE {}"
    in_values = f"(id IN ({values}))"
    return {
        "targetPrincipal.externalId": attribute("user_id", "eq"),
        "targetPrincipal.type": attribute("'OKTA_USER'", "eq"),
        "targetPrincipalOrn": attribute(f"'{user_orns}' || user_id", "eq"),
        "entitlementBundleId": attribute("bundle_id", "eq"),
        "entitlements.id": attribute("v.entitlement_id", "eq", wrap=in_values),
        "entitlements.values.id": attribute("v.id", "eq", wrap=in_values),
        "action": attribute("action", "eq"),
    }
