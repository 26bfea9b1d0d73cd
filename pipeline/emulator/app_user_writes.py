"""Assigning users to apps, changing and ending that (okta-api.md section 3)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer
from pipeline.emulator.app_views import app_user_json, assign, find_app, find_app_user
from pipeline.emulator.endings import take_away_app
from pipeline.emulator.errors import (
    BAD_JSON,
    UNASSIGN_FORBIDDEN,
    WRONG_USER_STATUS,
    OktaError,
    management_invalid,
    not_found,
)

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

_WRITTEN = {"id", "scope", "credentials", "profile"}
_READ_ONLY = {
    *("created", "externalId", "lastSync", "lastUpdated", "passwordChanged", "status", "statusChanged"),
    *("syncState", "_embedded", "_links"),
}
"""The schema AppUser: a body may be an app user as it was read, so these are taken and ignored."""
_USER_NAME = 100


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a body asks for; None where it says nothing."""

    user_id: str | None
    scope: str | None
    user_name: str | None
    profile: dict[str, Any]


def assign_user(tenant: Tenant, call: Call) -> Answer:
    """200, not 201, as recorded; a user already assigned is updated (okta-api.md 3)."""
    app_id = find_app(tenant, call.parts["app"])["id"]
    asked = _asked(call.body)
    if asked.user_id is None:
        raise management_invalid("id", "id: The field cannot be left blank")
    user = _user(tenant, asked.user_id)
    if user["status"] == "DEPROVISIONED":
        raise OktaError(WRONG_USER_STATUS)
    assign(
        tenant,
        app_id,
        user["id"],
        scope=asked.scope or "USER",
        user_name=asked.user_name or user["login"],
        profile=json.dumps(asked.profile),
    )
    return Answer(app_user_json(tenant, find_app_user(tenant, app_id, user["id"])))


def _user(tenant: Tenant, user_id: str) -> Row:
    """By id only: a login there is no id (schema AppUserAssignRequest)."""
    found = tenant.row("SELECT * FROM users WHERE id = ?", user_id)
    if found is None:
        raise not_found(user_id, "User")
    return found


def update_app_user(tenant: Tenant, call: Call) -> Answer:
    """Credentials and profile, one by one (schema AppUserUpdateRequest); a scope turns GROUP into USER.

    The way back is refused: there is none (github.com/gravitational/teleport/issues/53947). With which
    error is not told there; 400 is our choice.
    """
    row = _assigned(tenant, call)
    asked = _asked(call.body)
    if asked.user_id not in (None, row["user_id"]):
        raise management_invalid("id", "id: must be the id of the path")
    if asked.scope == "GROUP" and row["scope"] == "USER":
        raise management_invalid("scope", "scope: an individual assignment cannot become one of a group")
    profile = {**json.loads(row["profile"]), **asked.profile}
    assign(
        tenant,
        row["app_id"],
        row["user_id"],
        scope=asked.scope or row["scope"],
        user_name=asked.user_name or row["user_name"],
        profile=json.dumps(profile),
    )
    return Answer(app_user_json(tenant, _assigned(tenant, call)))


def unassign_user(tenant: Tenant, call: Call) -> Answer:
    """That the grants on the app end too is our assumption: nobody holds values of an app without it."""
    if call.query.get("sendEmail", "false") not in ("true", "false"):
        raise management_invalid("sendEmail", "sendEmail: must be true or false")
    row = _assigned(tenant, call)
    if row["scope"] == "GROUP":
        # The cause is quoted in github.com/articulate/terraform-provider-okta/issues/120.
        cause = (
            "The application cannot be unassigned from the user while their group memberships grant "
            "them access"
        )
        raise OktaError(UNASSIGN_FORBIDDEN, causes=[{"errorSummary": cause}])
    take_away_app(tenant, row["app_id"], row["user_id"])
    return Answer(None, status=204)


def _assigned(tenant: Tenant, call: Call) -> Row:
    app_id = find_app(tenant, call.parts["app"])["id"]
    found = find_app_user(tenant, app_id, call.parts["user"])
    if found is None:
        raise not_found(call.parts["user"], "AppUser")
    return found


def _asked(body: Any) -> _Asked:  # noqa: ANN401  JSON
    if not isinstance(body, dict):
        raise OktaError(BAD_JSON)
    for key in body.keys() - _WRITTEN - _READ_ONLY:
        raise management_invalid("assignment", f"Property '{key}' not found")
    user_id = body.get("id")
    if user_id is not None and not isinstance(user_id, str):
        raise management_invalid("id", "id: must be text")
    scope = body.get("scope")
    if scope not in ("USER", "GROUP", None):
        raise management_invalid("scope", "scope: must be USER or GROUP")
    return _Asked(user_id, scope, _user_name(_object(body, "credentials")), _object(body, "profile"))


def _object(body: dict[str, Any], key: str) -> dict[str, Any]:
    found = body.get(key) or {}
    if not isinstance(found, dict):
        raise management_invalid(key, f"{key}: must be an object")
    return found


def _user_name(credentials: dict[str, Any]) -> str | None:
    found = credentials.get("userName")
    if found is not None and (not isinstance(found, str) or not 1 <= len(found) <= _USER_NAME):
        raise management_invalid("userName", f"userName: must be text of 1 to {_USER_NAME} characters")
    return found
