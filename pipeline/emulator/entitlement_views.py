"""Reading entitlements and their values (okta-api.md sections 4.1 and 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer, link
from pipeline.emulator.conditions import Condition, attribute
from pipeline.emulator.errors import not_found
from pipeline.emulator.ordering import ordered
from pipeline.emulator.orns import app_orn, value_orn
from pipeline.emulator.paging import (
    Listing,
    fetch_page,
    governance_after,
    governance_answer,
    governance_limit,
)
from pipeline.emulator.targets import (
    PARENT,
    app_condition,
    managed_app,
    pinned_app,
    read_filter,
    settled_condition,
)
from pipeline.emulator.times import governance_instant

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

PATH = "/governance/api/v1/entitlements"
_PAGE, _MOST = 20, 200
_CREATED = attribute("created", "eq", "gt", "ge", "lt", "le", instant=True)
_NAME = attribute("fold(name)", "sw", "co", folded=True)
_FILTERED = {
    "id": attribute("id", "eq"),
    "name": _NAME,
    "externalValue": attribute("external_value", "eq"),
    "created": _CREATED,
}
_VALUES_FILTERED = {**_FILTERED, "entitlementId": attribute("entitlement_id", "eq")}


def list_entitlements(tenant: Tenant, call: Call) -> Answer:
    """Never contains values; each links to them (recording entitlements__list_entitlements)."""
    expression = read_filter(call)
    okta_app = pinned_app(tenant, expression, PARENT)
    limit = governance_limit(call, _PAGE, _MOST)
    listing, order_by = ordered(
        "entitlements", app_condition(tenant, okta_app, expression, PARENT, _FILTERED), call, "name asc"
    )
    page = fetch_page(tenant, listing, governance_after(call), limit)
    items = [_listed(tenant, okta_app, row, limit) for row in page.rows]
    params = {"limit": str(limit), "orderBy": order_by}
    return governance_answer(tenant, call, page, items, params=params, total=total_of(tenant, listing))


def show_entitlement(tenant: Tenant, call: Call) -> Answer:
    row = find_entitlement(tenant, call.parts["entitlement"])
    values = tenant.rows("SELECT * FROM entitlement_values WHERE entitlement_id = ? ORDER BY id", row["id"])
    href = entitlement_href(tenant, row["id"])
    return Answer(entitlement_with_values(tenant, row, values), links=(("self", href),))


def list_all_values(tenant: Tenant, call: Call) -> Answer:
    """Values of a whole app; no `metadata` (recording entitlements__list_all_entitlement_values)."""
    expression = read_filter(call)
    okta_app = pinned_app(tenant, expression, PARENT)
    limit = governance_limit(call, _MOST, _MOST)
    wanted = app_condition(tenant, okta_app, expression, PARENT, _VALUES_FILTERED)
    listing, order_by = ordered("entitlement_values", wanted, call, "id asc")
    page = fetch_page(tenant, listing, governance_after(call), limit)
    items = [{**value_with_parent(tenant, okta_app, row), "_links": {}} for row in page.rows]
    return governance_answer(tenant, call, page, items, params={"limit": str(limit), "orderBy": order_by})


def list_values(tenant: Tenant, call: Call) -> Answer:
    """Values of one entitlement, with `metadata` (recording entitlements__list_entitlement_values)."""
    row = find_entitlement(tenant, call.parts["entitlement"])
    okta_app = managed_app(tenant, row["app_id"])
    limit = governance_limit(call, _PAGE, _MOST)
    wanted = Condition("entitlement_id = ?", (row["id"],))
    if "filter" in call.query:
        allowed = {"name": _NAME, "created": _CREATED}
        wanted = settled_condition(read_filter(call), {}, allowed, wanted)
    listing, order_by = ordered("entitlement_values", wanted, call, "name asc")
    page = fetch_page(tenant, listing, governance_after(call), limit)
    items = [{**value_with_parent(tenant, okta_app, value), "_links": {}} for value in page.rows]
    params = {"limit": str(limit), "orderBy": order_by}
    return governance_answer(tenant, call, page, items, params=params, total=total_of(tenant, listing))


def show_value(tenant: Tenant, call: Call) -> Answer:
    row = find_entitlement(tenant, call.parts["entitlement"])
    found = tenant.row(
        "SELECT * FROM entitlement_values WHERE id = ? AND entitlement_id = ?", call.parts["value"], row["id"]
    )
    if found is None:
        raise not_found(call.parts["value"], "EntitlementValue")
    href = f"{entitlement_href(tenant, row['id'])}/values/{found['id']}"
    body = value_with_parent(tenant, managed_app(tenant, row["app_id"]), found)
    return Answer({"_links": {"self": link(href)}, **body}, links=(("self", href),))


def find_entitlement(tenant: Tenant, entitlement_id: str) -> Row:
    found = tenant.row("SELECT * FROM entitlements WHERE id = ?", entitlement_id)
    if found is None:
        raise not_found(entitlement_id, "Entitlement")
    managed_app(tenant, found["app_id"])
    return found


def entitlement_href(tenant: Tenant, entitlement_id: str) -> str:
    return f"{tenant.admin_origin}{PATH}/{entitlement_id}"


def entitlement_with_values(tenant: Tenant, row: Row, values: list[Row]) -> dict[str, Any]:
    """Keys as in the recording entitlements__get_entitlement."""
    return {
        **_parent(tenant, managed_app(tenant, row["app_id"])),
        "values": [value_json(tenant, value) for value in values],
        "_links": {"self": link(entitlement_href(tenant, row["id"]))},
        "metadata": {"total": len(values)},
        **entitlement_json(tenant, row),
    }


def entitlement_json(tenant: Tenant, row: Row) -> dict[str, Any]:
    return {**bare_entitlement(row), **audit(tenant, row)}


def bare_entitlement(row: Row) -> dict[str, Any]:
    """Without the audit fields, as it stands within bundles and grants."""
    return {
        **_named(row),
        "multiValue": bool(row["multi_value"]),
        "required": bool(row["required"]),
        "dataType": "array" if row["multi_value"] else "string",
    }


def value_json(tenant: Tenant, row: Row) -> dict[str, Any]:
    return {**bare_value(tenant, row), **audit(tenant, row)}


def bare_value(tenant: Tenant, row: Row) -> dict[str, Any]:
    return {**_named(row), "orn": value_orn(tenant, row["id"])}


def value_with_parent(tenant: Tenant, okta_app: Row, row: Row) -> dict[str, Any]:
    where = {"entitlementId": row["entitlement_id"], **_parent(tenant, okta_app)}
    return {**bare_value(tenant, row), **where, **audit(tenant, row), "labels": []}


def audit(tenant: Tenant, row: Row) -> dict[str, str]:
    return {
        "createdBy": tenant.owner_id,
        "created": governance_instant(row["created"]),
        "lastUpdated": governance_instant(row["last_updated"]),
        "lastUpdatedBy": tenant.owner_id,
    }


def _named(row: Row) -> dict[str, Any]:
    named = {"id": row["id"], "name": row["name"], "externalValue": row["external_value"]}
    return named if row["description"] is None else {**named, "description": row["description"]}


def _listed(tenant: Tenant, okta_app: Row, row: Row, limit: int) -> dict[str, Any]:
    href = entitlement_href(tenant, row["id"])
    links = {"self": link(href), "values": link(f"{href}/values?limit={limit}")}
    return {**_parent(tenant, okta_app), "_links": links, **entitlement_json(tenant, row)}


def _parent(tenant: Tenant, okta_app: Row) -> dict[str, Any]:
    parent = {"externalId": okta_app["id"], "type": "APPLICATION"}
    return {"parentResourceOrn": app_orn(tenant, okta_app), "parent": parent}


def total_of(tenant: Tenant, listing: Listing) -> int:
    condition = listing.condition
    sql = f"SELECT count(*) FROM {listing.table} WHERE {condition.sql}"  # noqa: S608  no user text
    return tenant.number(sql, *condition.values)
