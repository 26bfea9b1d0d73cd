"""Apps and who may use them (okta-api.md sections 2 and 3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.emulator import oidc_apps
from pipeline.emulator.answers import Answer
from pipeline.emulator.conditions import Condition, attribute, condition_of
from pipeline.emulator.errors import BAD_FILTER, OktaError, not_found
from pipeline.emulator.filters import FilterError, parse
from pipeline.emulator.orns import app_orn
from pipeline.emulator.paging import (
    Listing,
    fetch_page,
    management_after,
    management_answer,
    management_limit,
)
from pipeline.emulator.times import management_instant
from pipeline.emulator.user_views import user_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

_APPS_PAGE = 200
_APP_USERS_PAGE = 50
_APP_USERS_MOST = 500
_FILTERED = {
    "id": attribute("id", "eq"),
    "name": attribute("name", "eq"),
    "status": attribute("status", "eq"),
}
_CREDENTIALS = {"userNameTemplate": {"template": "${source.login}", "type": "BUILT_IN"}}


def list_apps(tenant: Tenant, call: Call) -> Answer:
    limit = management_limit(call, 20, _APPS_PAGE)
    wanted = Condition("1")
    if "filter" in call.query:
        wanted = _filtered(call.query["filter"])
    if call.query.get("q"):
        wanted = _starting_with(call.query["q"], wanted)
    page = fetch_page(tenant, Listing("apps", wanted), management_after(call), limit)
    return management_answer(tenant, call, page, lambda row: app_json(tenant, row), limit)


def _filtered(text: str) -> Condition:
    try:
        return condition_of(parse(text), _FILTERED.get)
    except FilterError as error:
        raise OktaError(BAD_FILTER, causes=[{"errorSummary": str(error)}]) from error


def _starting_with(q: str, wanted: Condition) -> Condition:
    folded = q.casefold()
    sql = f"({wanted.sql}) AND (substr(fold(label), 1, ?) = ? OR substr(fold(name), 1, ?) = ?)"
    return Condition(sql, (*wanted.values, len(folded), folded, len(folded), folded))


def show_app(tenant: Tenant, call: Call) -> Answer:
    return Answer(app_json(tenant, find_app(tenant, call.parts["app"])))


def find_app(tenant: Tenant, app_id: str) -> Row:
    found = tenant.row("SELECT * FROM apps WHERE id = ?", app_id)
    if found is None:
        raise not_found(app_id, "AppInstance")
    return found


def app_json(tenant: Tenant, row: Row) -> dict[str, Any]:
    """Keys as in the recording TestAccDataSourceOktaApp_read, which is of an OpenID Connect app."""
    created, href = management_instant(row["created"]), f"{tenant.origin}/api/v1/apps/{row['id']}"
    is_oidc = row["name"] == oidc_apps.NAME
    return {
        "id": row["id"],
        "orn": app_orn(tenant, row),
        "name": row["name"],
        "label": row["label"],
        "status": row["status"],
        "lastUpdated": created,
        "created": created,
        "accessibility": {"selfService": False, "errorRedirectUrl": None, "loginRedirectUrl": None},
        "visibility": {
            "autoLaunch": False,
            "autoSubmitToolbar": False,
            "hide": {"iOS": False, "web": False},
            "appLinks": {f"{row['name']}_link": True},
        },
        "features": json.loads(row["features"]),
        "signOnMode": "OPENID_CONNECT",
        "credentials": {**_CREDENTIALS, **(oidc_apps.credentials(tenant, row["id"]) if is_oidc else {})},
        "universalLogout": None,
        "settings": {**_settings(row), **({"oauthClient": oidc_apps.settings()} if is_oidc else {})},
        "_links": {
            "users": {"href": f"{href}/users"},
            "groups": {"href": f"{href}/groups"},
            **(oidc_apps.links(tenant, row["id"]) if is_oidc else {}),
        },
    }


def _settings(row: Row) -> dict[str, Any]:
    return {
        "app": {},
        "notifications": {"vpn": {"network": {"connection": "DISABLED"}, "message": None, "helpUrl": None}},
        "manualProvisioning": False,
        "implicitAssignment": bool(row["implicit_assignment"]),
        "emOptInStatus": row["management"],
        "notes": {"admin": None, "enduser": None},
    }


def list_app_users(tenant: Tenant, call: Call) -> Answer:
    app_id = find_app(tenant, call.parts["app"])["id"]
    limit = management_limit(call, _APP_USERS_PAGE, _APP_USERS_MOST)
    wanted = _app_users_starting_with(app_id, call.query.get("q", ""))
    page = fetch_page(tenant, Listing("app_users", wanted, order=("user_id",)), management_after(call), limit)
    users = _embedded(tenant, call, page.rows)
    return management_answer(tenant, call, page, lambda row: _shown(tenant, row, users), limit)


def _app_users_starting_with(app_id: str, q: str) -> Condition:
    """`q` is compared with the beginning of userName, firstName, lastName and email (okta-api.md 3)."""
    if not q:
        return Condition("app_id = ?", (app_id,))
    folded = q.casefold()
    return Condition(
        "app_id = ? AND (substr(fold(user_name), 1, ?) = ? OR user_id IN (SELECT id FROM users"
        " WHERE substr(email_key, 1, ?) = ? OR substr(fold(json_extract(profile, '$.firstName')), 1, ?) = ?"
        " OR substr(fold(json_extract(profile, '$.lastName')), 1, ?) = ?))",
        (app_id, *(len(folded), folded) * 4),
    )


def show_app_user(tenant: Tenant, call: Call) -> Answer:
    app_id = find_app(tenant, call.parts["app"])["id"]
    found = find_app_user(tenant, app_id, call.parts["user"])
    if found is None:
        raise not_found(call.parts["user"], "AppUser")
    return Answer(_shown(tenant, found, _embedded(tenant, call, [found])))


def find_app_user(tenant: Tenant, app_id: str, user_id: str) -> Row | None:
    return tenant.row("SELECT * FROM app_users WHERE app_id = ? AND user_id = ?", app_id, user_id)


def assign(
    tenant: Tenant, app_id: str, user_id: str, *, scope: str, user_name: str, profile: str = "{}"
) -> None:
    now = tenant.now()
    tenant.write(
        "INSERT INTO app_users VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET scope = excluded.scope,"
        " user_name = excluded.user_name, profile = excluded.profile, last_updated = excluded.last_updated",
        *(app_id, user_id, scope, user_name, profile, now, now),
    )


def _embedded(tenant: Tenant, call: Call, rows: Sequence[Row]) -> dict[str, Row]:
    """The users that `expand=user` wants beside these app users, by id."""
    if call.query.get("expand") != "user":
        return {}
    users = tenant.rows_of("SELECT * FROM users WHERE id IN ({})", [row["user_id"] for row in rows])
    return {user["id"]: user for user in users}


def _shown(tenant: Tenant, row: Row, users: Mapping[str, Row]) -> dict[str, Any]:
    shown = app_user_json(tenant, row)
    user = users.get(row["user_id"])
    return shown if user is None else {**shown, "_embedded": {"user": user_json(tenant, user)}}


def app_user_json(tenant: Tenant, row: Row) -> dict[str, Any]:
    """Keys as in the recording TestAccDataSourceOktaAppUserAssignments_read."""
    base = f"{tenant.origin}/api/v1"
    return {
        "id": row["user_id"],
        "externalId": None,
        "created": management_instant(row["created"]),
        "lastUpdated": management_instant(row["last_updated"]),
        "scope": row["scope"],
        "status": "ACTIVE",
        "statusChanged": management_instant(row["created"]),
        "passwordChanged": None,
        "syncState": "DISABLED",
        "credentials": {"userName": row["user_name"]},
        "profile": json.loads(row["profile"]),
        "_links": {
            "app": {"href": f"{base}/apps/{row['app_id']}"},
            "user": {"href": f"{base}/users/{row['user_id']}"},
        },
    }
