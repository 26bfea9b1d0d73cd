"""Who held what when, and one change of it (API description: principal-entitlements-history and -change)."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.emulator.access_records import catch_up, previous, value_ids
from pipeline.emulator.access_views import access_url
from pipeline.emulator.answers import Answer, governance_url, link
from pipeline.emulator.conditions import Condition
from pipeline.emulator.entitlement_views import total_of
from pipeline.emulator.errors import BAD_FILTER, BAD_PAGING, NOT_FOUND, OktaError, bad_query, not_found
from pipeline.emulator.orns import app_orn, user_orn
from pipeline.emulator.paging import (
    Listing,
    fetch_page,
    governance_after,
    governance_answer,
    governance_limit,
)
from pipeline.emulator.targets import Pin, app_and_principal, managed_app, read_filter, required_eq
from pipeline.emulator.times import governance_instant, parse_instant

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

RESOURCE = Pin("resource.externalId", "resource.type", "resourceOrn")
PRINCIPAL = Pin("principal.externalId", "principal.type", "principalOrn")
_INTERNAL = ("resourceId", "principalId")
_PAGE, _MOST = 20, 100


def show_history(tenant: Tenant, call: Call) -> Answer:
    """The newest record first. In a range is what had effect at some time within it."""
    expression = read_filter(call)
    asked = required_eq(expression)
    if any(name in asked for name in _INTERNAL):
        # Ids of Okta's inside, which no endpoint here shows: so nobody can have a good one.
        raise OktaError(NOT_FOUND, "Resource not found exception")
    dates: dict[str, str] = {name: min(asked[name]) for name in ("startDate", "endDate") if name in asked}
    okta_app, user = app_and_principal(tenant, expression, (RESOURCE, PRINCIPAL), dates)
    limit, counts = governance_limit(call, _PAGE, _MOST), _wants_counts(call)
    catch_up(tenant, okta_app["id"], [user["id"]])
    listing = Listing("access_records", _within(okta_app, user, dates), descending=True)
    page = fetch_page(tenant, listing, governance_after(call), limit)
    total = total_of(tenant, listing) if counts else None
    answer = governance_answer(
        tenant, call, page, [_record(row) for row in page.rows], params={"limit": str(limit)}, total=total
    )
    items = answer.body.pop("data")
    who = _who(tenant, okta_app, user["id"])
    return replace(answer, body={**who, "entitlementHistory": items, **answer.body})


def show_change(tenant: Tenant, call: Call) -> Answer:
    """What one record has that the one before it had not, and the other way round."""
    old, new = _pair(tenant, call.parts["change"])
    okta_app = managed_app(tenant, new["app_id"])
    now_url = access_url(tenant, "principal-entitlements", okta_app["id"], new["user_id"])
    body = {
        "entitlementsChanged": _changed(json.loads(old["entitlements"]), json.loads(new["entitlements"])),
        **_who(tenant, okta_app, new["user_id"]),
        "_links": {"principal-entitlements": link(now_url)},
    }
    return Answer(body, links=(("self", governance_url(tenant.admin_origin, call.path, {})),))


def list_access_changes(tenant: Tenant, since: int) -> list[dict[str, Any]]:
    """For /_emulator/access-changes: what Okta tells in its system log, so that ids can be known."""
    rows = tenant.rows(
        """SELECT r.*, u.login FROM access_records r JOIN users u ON u.id = r.user_id
          WHERE n > ? ORDER BY n""",
        since,
    )
    before = ((row, previous(tenant, row)) for row in rows)
    return [
        {
            "n": new["n"],
            "at": new["began"],
            "okta_app": new["app_id"],
            "user": new["login"],
            "id": _change_id(old, new),
        }
        for new, old in before
        if old is not None
    ]


def _wants_counts(call: Call) -> bool:
    asked = call.query.get("include", "")
    if asked not in ("", "counts"):
        raise bad_query(BAD_PAGING, "/include", "The `include` parameter isn't valid.", "INVALID_ENUM_VALUE")
    return bool(asked)


def _within(okta_app: Row, user: Row, dates: dict[str, str]) -> Condition:
    """Without the starting record of somebody who held nothing: it has no beginning."""
    sql, values = "app_id = ? AND user_id = ? AND began IS NOT NULL", [okta_app["id"], user["id"]]
    sides = {"startDate": "(ended IS NULL OR ended > ?)", "endDate": "began <= ?"}
    for name, given in dates.items():
        try:
            values.append(parse_instant(given))
        except ValueError as error:
            cause = f"{name}: {given!r} is not a date-time"
            raise bad_query(BAD_FILTER, "/filter", cause, "STRING_FORMAT_INVALID") from error
        sql += f" AND {sides[name]}"
    return Condition(sql, tuple(values))


def _who(tenant: Tenant, okta_app: Row, user_id: str) -> dict[str, Any]:
    return {
        "resourceOrn": app_orn(tenant, okta_app),
        "resource": {"externalId": okta_app["id"], "type": "APPLICATION"},
        "principalOrn": user_orn(tenant, user_id),
        "principal": {"externalId": user_id, "type": "OKTA_USER"},
    }


def _record(row: Row) -> dict[str, Any]:
    """What has effect has no `endDate`: the sample's empty one is no date-time, as its schema wants."""
    ended = {} if row["ended"] is None else {"endDate": governance_instant(row["ended"])}
    return {
        "startDate": governance_instant(row["began"]),
        **ended,
        "lifecycle": "INACTIVE" if ended else "ACTIVE",
        "entitlements": json.loads(row["entitlements"]),
    }


def _change_id(old: Row, new: Row) -> str:
    """As the API description's example of the parameter decodes: `OLD:NEW`, two ids of records."""
    return base64.urlsafe_b64encode(f"{old['id']}:{new['id']}".encode()).decode().rstrip("=")


def _pair(tenant: Tenant, change_id: str) -> tuple[Row, Row]:
    try:
        text = base64.urlsafe_b64decode(change_id + "=" * (-len(change_id) % 4)).decode()
    except ValueError:
        text = ""
    new = tenant.row("SELECT * FROM access_records WHERE id = ?", text.rpartition(":")[2])
    old = previous(tenant, new) if new else None
    if new is None or old is None or _change_id(old, new) != change_id:
        raise not_found(change_id, "PrincipalEntitlementsChange")
    return old, new


def _changed(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for side, others, word in ((new, value_ids(old), "ADDED"), (old, value_ids(new), "REMOVED")):
        for entitlement in side:
            values = [{**v, "changeType": word} for v in entitlement["values"] if v["id"] not in others]
            if values:
                found.setdefault(entitlement["id"], {**entitlement, "values": []})["values"] += values
    return list(found.values())
