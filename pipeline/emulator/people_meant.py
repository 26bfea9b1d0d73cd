"""Whose access to which app a call is about: for an admin who changes just that."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pipeline.emulator.admin import Place
from pipeline.emulator.orns import last_part

if TYPE_CHECKING:
    from pipeline.emulator.admin import Pick
    from pipeline.emulator.answers import Answer, Call
    from pipeline.emulator.fault_kinds import AdminChange
    from pipeline.emulator.tenant import Row, Tenant

Pair = tuple[str, str]
"""Ids of an app and a user."""
_TRIED = 20
"""So many of an app's people are looked at for one that a change fits; more would slow every call down."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def places_of(tenant: Tenant, asked: AdminChange, call: Call, body: Any, pick: Pick) -> list[Place]:  # noqa: ANN401  JSON
    """The fault's own app and user, else those of the call, else some by chance: the first that fits."""
    app_id, user_id = pair_of(tenant, call, body)
    okta_app = _app(tenant, asked.okta_app, app_id, pick)
    if okta_app is None:
        return []
    return [Place(okta_app, user) for user in _users(tenant, asked.user, user_id, okta_app, pick)]


def pair_of(tenant: Tenant, call: Call, body: Any) -> tuple[str | None, str | None]:  # noqa: ANN401  JSON
    """Every id the call names, in its path, its filter or its body; a grant stands for its app and user."""
    app_id = user_id = None
    for named in _named(call, body):
        grant = tenant.row("SELECT app_id, user_id FROM grants WHERE id = ?", named)
        if grant is not None:
            return grant["app_id"], grant["user_id"]
        bundle = tenant.row("SELECT app_id FROM bundles WHERE id = ?", named)
        if bundle is not None:
            app_id = app_id or bundle["app_id"]
        if tenant.row("SELECT 1 FROM apps WHERE id = ?", named):
            app_id = app_id or named
        elif tenant.row("SELECT 1 FROM users WHERE id = ?", named):
            user_id = user_id or named
    return app_id, user_id


def shown_pairs(tenant: Tenant, call: Call, answer: Answer) -> set[Pair]:
    """Whose grants an answer to a GET has shown: of a listing, a grant, or what one principal holds."""
    if call.method != "GET" or answer.status != HTTPStatus.OK or not isinstance(answer.body, dict):
        return set()
    grants = [*answer.body.get("data", []), answer.body]
    found = {_shown(each) for each in grants if "targetPrincipal" in each}
    # A listing for one person that shows nothing says as much.
    app_id, user_id = pair_of(tenant, call, None)
    asked = {(app_id, user_id)} if app_id and user_id and call.path.startswith("/governance/") else set()
    return found | asked


def _shown(item: dict[str, Any]) -> Pair:
    parent = item.get("target") or item["parent"]
    return parent["externalId"], item["targetPrincipal"]["externalId"]


def _named(call: Call, body: Any) -> list[str]:  # noqa: ANN401  JSON
    names = [part for part in call.path.split("/") if part]
    names += [last_part(text) for text in _QUOTED.findall(call.query.get("filter", ""))]
    if isinstance(body, dict):
        names += [body[key] for key in ("id", "entitlementBundleId") if isinstance(body.get(key), str)]
        inner = [body.get(key) for key in ("target", "targetPrincipal")]
        names += [str(each.get("externalId")) for each in inner if isinstance(each, dict)]
        orns = [body.get(key) for key in ("targetResourceOrn", "targetPrincipalOrn")]
        names += [last_part(each) for each in orns if isinstance(each, str)]
    return names


def _app(tenant: Tenant, asked: str | None, of_call: str | None, pick: Pick) -> Row | None:
    if asked is not None:
        return tenant.row("SELECT * FROM apps WHERE id = ? OR label = ? ORDER BY id", asked, asked)
    if of_call is not None:
        return tenant.row("SELECT * FROM apps WHERE id = ?", of_call)
    found: Row | None = pick(
        "app", tenant.rows("SELECT * FROM apps WHERE management = 'ENABLED' ORDER BY id")
    )
    return found


def _users(tenant: Tenant, asked: str | None, of_call: str | None, okta_app: Row, pick: Pick) -> list[Row]:
    if asked is not None:
        return tenant.rows("SELECT * FROM users WHERE login_key = ?", asked.casefold())
    if of_call is not None:
        return tenant.rows("SELECT * FROM users WHERE id = ?", of_call)
    on_app = """SELECT user_id FROM app_users WHERE app_id = ?
      UNION SELECT user_id FROM grants WHERE app_id = ? ORDER BY user_id"""
    ids = [row["user_id"] for row in tenant.rows(on_app, okta_app["id"], okta_app["id"])]
    start = pick("user", range(len(ids))) or 0
    near = [*ids[start:], *ids[:start]][:_TRIED]
    return [row for each in near for row in tenant.rows("SELECT * FROM users WHERE id = ?", each)]
