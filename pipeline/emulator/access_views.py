"""What one principal holds on one app (okta-api.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer, governance_url, link
from pipeline.emulator.effective_values import BASE, entitlements_json, holder, outdone
from pipeline.emulator.entitlement_views import bare_entitlement, bare_value
from pipeline.emulator.grant_views import grant_href
from pipeline.emulator.orns import app_orn, user_orn
from pipeline.emulator.targets import PARENT, TARGET_PRINCIPAL, app_and_principal, read_filter
from pipeline.emulator.times import governance_instant

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant


def show_access(tenant: Tenant, call: Call) -> Answer:
    """Sample principal-access-success-base-and-additional-example; without grants no `base`.

    There the expiry of the whole is that of the base grant.
    """
    okta_app, user = _asked(tenant, call)
    body = _who(tenant, okta_app, user)
    holds = holder(tenant, okta_app["id"], user["id"])
    rows = holds.live(tenant.now())
    beaten = outdone(rows, holds.held)
    for row in rows:
        shown = _grant(tenant, row, holds.held.get(row["id"], []), beaten)
        if row["grant_type"] in BASE:
            body |= {**_schedule(row), "base": shown}
        else:
            start = {"startTime": governance_instant(row["created"])}
            body.setdefault("additional", []).append({**shown, **start})
    return Answer(body)


def list_principal_entitlements(tenant: Tenant, call: Call) -> Answer:
    """The union over the live grants, without the values that have no effect; one page."""
    okta_app, user = _asked(tenant, call)
    effective = holder(tenant, okta_app["id"], user["id"]).effective(tenant.now())
    who = _who(tenant, okta_app, user)
    items = [{**item, **who} for item in entitlements_json(tenant, effective)]
    url = governance_url(tenant.admin_origin, call.path, call.query)
    return Answer({"data": items, "_links": {"self": link(url)}}, links=(("self", url),))


def effective_value_ids(tenant: Tenant, app_id: str, user_id: str) -> set[str]:
    return {value["id"] for _, value in holder(tenant, app_id, user_id).effective(tenant.now())}


def access_url(tenant: Tenant, view: str, app_id: str, user_id: str) -> str:
    """Where `view`, principal-access or principal-entitlements, shows what the user holds now."""
    parent = f'parent.externalId eq "{app_id}" AND parent.type eq "APPLICATION"'
    who = f'targetPrincipal.externalId eq "{user_id}" AND targetPrincipal.type eq "OKTA_USER"'
    asked = {"filter": f"{parent} AND {who}"}
    return governance_url(tenant.admin_origin, f"/governance/api/v1/{view}", asked)


def _asked(tenant: Tenant, call: Call) -> tuple[Row, Row]:
    return app_and_principal(tenant, read_filter(call), (PARENT, TARGET_PRINCIPAL), {})


def _who(tenant: Tenant, okta_app: Row, user: Row) -> dict[str, Any]:
    return {
        "parentResourceOrn": app_orn(tenant, okta_app),
        "parent": {"externalId": okta_app["id"], "type": "APPLICATION"},
        "targetPrincipalOrn": user_orn(tenant, user["id"]),
        "targetPrincipal": {"externalId": user["id"], "type": "OKTA_USER"},
    }


def _grant(
    tenant: Tenant, row: Row, held: list[tuple[Row, list[Row]]], beaten: set[tuple[str, str]]
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "grantType": row["grant_type"],
        "grantMethod": "POLICY" if row["grant_type"] == "POLICY" else row["actor"],
        "grant": {"id": row["id"], "_links": {"self": link(grant_href(tenant, row["id"]))}},
        "entitlements": [
            _granted(tenant, entitlement, values, effective=(row["id"], entitlement["id"]) not in beaten)
            for entitlement, values in held
        ],
    }
    if row["bundle_id"]:
        name = tenant.row("SELECT name FROM bundles WHERE id = ?", row["bundle_id"])
        shown["bundle"] = {"id": row["bundle_id"], "name": name["name"] if name else ""}
    return shown | _schedule(row)


def _granted(tenant: Tenant, entitlement: Row, values: list[Row], *, effective: bool) -> dict[str, Any]:
    shown = [{**bare_value(tenant, value), "effective": effective} for value in values]
    return {**bare_entitlement(entitlement), "values": shown}


def _schedule(row: Row) -> dict[str, Any]:
    schedule = {"expirationTime": row["expires"], "timeZone": row["time_zone"]}
    return {key: value for key, value in schedule.items() if value is not None}
