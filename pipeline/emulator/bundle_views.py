"""Reading entitlement bundles (okta-api.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer, link
from pipeline.emulator.conditions import Condition, attribute
from pipeline.emulator.entitlement_views import audit, bare_entitlement, total_of, value_json
from pipeline.emulator.errors import BAD_PAGING, bad_query, not_found
from pipeline.emulator.filters import comparisons
from pipeline.emulator.grant_views import GOVERNED, bundled_values
from pipeline.emulator.ordering import ordered
from pipeline.emulator.orns import app_orn, bundle_orn, last_part
from pipeline.emulator.paging import fetch_page, governance_after, governance_answer, governance_limit
from pipeline.emulator.targets import managed_app, read_filter, settled_condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.emulator.answers import Call
    from pipeline.emulator.conditions import Attribute
    from pipeline.emulator.filters import Expression
    from pipeline.emulator.tenant import Row, Tenant

PATH = "/governance/api/v1/entitlement-bundles"
_PAGE, _MOST = 20, 200
_ORDER = "created desc"
"""Newest first, as both recordings entitlement_bundles__list_entitlement_bundles are."""
_GOVERNED = Condition(GOVERNED)


def list_bundles(tenant: Tenant, call: Call) -> Answer:
    """Without `include` all have `entitlements: []`; links repeat an order only if one was asked for."""
    limit, full = governance_limit(call, _PAGE, _MOST), _wants_full(call)
    listing, _ = ordered("bundles", _wanted(tenant, call), call, _ORDER, ("created", "lastUpdated"))
    page = fetch_page(tenant, listing, governance_after(call), limit)
    held = bundled_values(tenant, [row["id"] for row in page.rows]) if full else {}
    apps = tenant.rows_of("SELECT * FROM apps WHERE id IN ({})", {row["app_id"] for row in page.rows})
    app_of = {okta_app["id"]: okta_app for okta_app in apps}
    items = [
        bundle_json(tenant, app_of[row["app_id"]], row, _full(tenant, held.get(row["id"], [])))
        for row in page.rows
    ]
    params = {"limit": str(limit)}
    return governance_answer(tenant, call, page, items, params=params, total=total_of(tenant, listing))


def show_bundle(tenant: Tenant, call: Call) -> Answer:
    """All its values with all their fields, `include` or not (recording ...__get_entitlement_bundle).

    A deleted one is still shown, as DELETED: Okta says that only a purged one is not, and here none is.
    """
    _wants_full(call)
    row = find_bundle(tenant, call.parts["bundle"])
    held = bundled_values(tenant, [row["id"]])
    okta_app = managed_app(tenant, row["app_id"])
    body = bundle_json(tenant, okta_app, row, _full(tenant, held.get(row["id"], [])))
    return Answer(body, links=(("self", bundle_href(tenant, row["id"])),))


def find_bundle(tenant: Tenant, bundle_id: str) -> Row:
    found = tenant.row("SELECT * FROM bundles WHERE id = ?", bundle_id)
    if found is None:
        raise not_found(bundle_id, "EntitlementBundle")
    managed_app(tenant, found["app_id"])
    return found


def bundle_href(tenant: Tenant, bundle_id: str) -> str:
    return f"{tenant.admin_origin}{PATH}/{bundle_id}"


def bundle_json(
    tenant: Tenant, okta_app: Row, row: Row, entitlements: list[dict[str, Any]]
) -> dict[str, Any]:
    """Keys as in the recording entitlement_bundles__get_entitlement_bundle."""
    described = {} if row["description"] is None else {"description": row["description"]}
    return {
        "orn": bundle_orn(tenant, row["id"]),
        "targetResourceOrn": app_orn(tenant, okta_app),
        "target": {"externalId": okta_app["id"], "type": "APPLICATION"},
        "status": row["status"],
        "entitlements": entitlements,
        "_links": {"self": link(bundle_href(tenant, row["id"]))},
        "name": row["name"],
        **described,
        "id": row["id"],
        **audit(tenant, row),
    }


def _full(tenant: Tenant, held: list[tuple[Row, list[Row]]]) -> list[dict[str, Any]]:
    return [
        {"values": [value_json(tenant, value) for value in values], **bare_entitlement(entitlement)}
        for entitlement, values in held
    ]


def _wants_full(call: Call) -> bool:
    asked = [word for word in call.query.get("include", "").split(",") if word]
    if any(word != "full_entitlements" for word in asked):
        raise bad_query(BAD_PAGING, "/include", "The `include` parameter isn't valid.", "INVALID_ENUM_VALUE")
    return bool(asked)


def _wanted(tenant: Tenant, call: Call) -> Condition:
    """Whether a list shows deleted bundles is unknown: here only one that filters by status does."""
    living = Condition(f"{_GOVERNED.sql} AND status = 'ACTIVE'")
    if "filter" not in call.query:
        return living
    expression = read_filter(call)
    _check_apps(tenant, expression)
    by_status = any(comparison.attribute == "status" for comparison in comparisons(expression))
    return settled_condition(expression, {}, _filtered(tenant), _GOVERNED if by_status else living)


def _check_apps(tenant: Tenant, expression: Expression) -> None:
    """The list documents 404: as elsewhere, for an app that is not there or not managed."""
    for comparison in comparisons(expression):
        if comparison.attribute in ("target.externalId", "targetResourceOrn"):
            managed_app(tenant, last_part(comparison.value))


def _filtered(tenant: Tenant) -> Mapping[str, Attribute]:
    """By `name eq` too: the API description's text has it, its list of operators has `sw` instead."""
    start = f"orn:{tenant.partition}:idp:{tenant.org_id}:apps:"
    return {
        "id": attribute("id", "eq", "gt"),
        "lastUpdated": attribute("last_updated", "gt", "ge", "le", "lt", instant=True),
        "targetResourceOrn": attribute(
            f"'{start}' || a.name || ':' || a.id", "eq", wrap="app_id IN (SELECT a.id FROM apps a WHERE {})"
        ),
        "target.externalId": attribute("app_id", "eq"),
        "target.type": attribute("'APPLICATION'", "eq"),
        "status": attribute("status", "eq"),
        "name": attribute("fold(name)", "eq", "sw", "co", folded=True),
    }
