"""What one principal holds on one app (okta-api.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer, governance_url, link
from pipeline.emulator.entitlement_views import bare_entitlement, bare_value
from pipeline.emulator.grant_views import LIVE, grant_href, held_values
from pipeline.emulator.orns import app_orn, user_orn
from pipeline.emulator.targets import PARENT, only_pins, pinned_app, pinned_principal, read_filter

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

BASE = ("CUSTOM", "POLICY")


def show_access(tenant: Tenant, call: Call) -> Answer:
    """Sample principal-access-success-base-and-additional-example; without grants no `base`."""
    okta_app, user = _asked(tenant, call)
    body = _who(tenant, okta_app, user)
    rows = _live_grants(tenant, okta_app, user)
    held = held_values(tenant, rows)
    shown = [(row, _grant(tenant, row, held.get(row["id"], []))) for row in rows]
    base = [grant for row, grant in shown if row["grant_type"] in BASE]
    additional = [grant for row, grant in shown if row["grant_type"] not in BASE]
    body |= {"base": base[-1]} if base else {}
    return Answer({**body, "additional": additional} if additional else body)


def list_principal_entitlements(tenant: Tenant, call: Call) -> Answer:
    """The union over the live grants; one page."""
    okta_app, user = _asked(tenant, call)
    rows = _live_grants(tenant, okta_app, user)
    entitlements: dict[str, Row] = {}
    values: dict[str, dict[str, Row]] = {}
    for groups in held_values(tenant, rows).values():
        for entitlement, held in groups:
            entitlements[entitlement["id"]] = entitlement
            values.setdefault(entitlement["id"], {}).update({value["id"]: value for value in held})
    who = _who(tenant, okta_app, user)
    items = [_held(tenant, row, values[key], who) for key, row in sorted(entitlements.items())]
    url = governance_url(tenant.admin_origin, call.path, call.query)
    return Answer({"data": items, "_links": {"self": link(url)}}, links=(("self", url),))


def _asked(tenant: Tenant, call: Call) -> tuple[Row, Row]:
    expression = read_filter(call)
    okta_app = pinned_app(tenant, expression, PARENT)
    user = pinned_principal(tenant, expression)
    only_pins(tenant, expression, okta_app, user)
    return okta_app, user


def _live_grants(tenant: Tenant, okta_app: Row, user: Row) -> list[Row]:
    sql = f"SELECT * FROM grants WHERE app_id = ? AND user_id = ? AND action = 'ALLOW' AND {LIVE} ORDER BY id"  # noqa: S608
    return tenant.rows(sql, okta_app["id"], user["id"], tenant.now())


def _who(tenant: Tenant, okta_app: Row, user: Row) -> dict[str, Any]:
    return {
        "parentResourceOrn": app_orn(tenant, okta_app),
        "parent": {"externalId": okta_app["id"], "type": "APPLICATION"},
        "targetPrincipalOrn": user_orn(tenant, user["id"]),
        "targetPrincipal": {"externalId": user["id"], "type": "OKTA_USER"},
    }


def _grant(tenant: Tenant, row: Row, held: list[tuple[Row, list[Row]]]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "grantType": row["grant_type"],
        "grantMethod": "POLICY" if row["grant_type"] == "POLICY" else row["actor"],
        "grant": {"id": row["id"], "_links": {"self": link(grant_href(tenant, row["id"]))}},
        "entitlements": [
            {**bare_entitlement(entitlement), "values": [bare_value(tenant, value) for value in values]}
            for entitlement, values in held
        ],
    }
    if row["bundle_id"]:
        name = tenant.row("SELECT name FROM bundles WHERE id = ?", row["bundle_id"])
        shown["bundle"] = {"id": row["bundle_id"], "name": name["name"] if name else ""}
    schedule = {"expirationTime": row["expires"], "timeZone": row["time_zone"]}
    return shown | {key: value for key, value in schedule.items() if value is not None}


def _held(tenant: Tenant, entitlement: Row, values: dict[str, Row], who: dict[str, Any]) -> dict[str, Any]:
    shown = [bare_value(tenant, value) for _, value in sorted(values.items())]
    return {**bare_entitlement(entitlement), **who, "values": shown}
