"""The org and its users (okta-api.md section 1)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer
from pipeline.emulator.conditions import Condition, attribute, condition_of
from pipeline.emulator.errors import BAD_FILTER, BAD_SEARCH, ErrorKind, OktaError, not_found
from pipeline.emulator.filters import FilterError, parse
from pipeline.emulator.ids import okta_id
from pipeline.emulator.paging import (
    Listing,
    Page,
    fetch_page,
    management_after,
    management_answer,
    management_limit,
    shown_until,
)
from pipeline.emulator.times import management_instant
from pipeline.emulator.user_links import user_links

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.emulator.answers import Call
    from pipeline.emulator.conditions import Attribute
    from pipeline.emulator.tenant import Row, Tenant

_PAGE, _Q_PAGE = 200, 10
_TEXT = ("eq", "sw", "pr", "gt", "ge", "lt", "le")
_TIME = ("eq", "pr", "gt", "ge", "lt", "le")
_CREATED = attribute("created", *_TIME, instant=True)
_PROFILE_FIELDS = re.compile(r"profile:\(([^)]*)\)")
_PROFILE_NAME = re.compile(r"profile\.([A-Za-z][A-Za-z0-9_]*)")

_SEARCHED: dict[str, Attribute] = {
    "id": attribute("id", *_TIME),
    # `lt ... or gt ...` stands for "not equal", as the API description of `search` explains with statuses.
    "status": attribute("fold(status)", *_TEXT, folded=True),
    "created": _CREATED,
    "activated": attribute("CASE WHEN status = 'STAGED' THEN NULL ELSE created END", *_TIME, instant=True),
    "statusChanged": _CREATED,
    "lastUpdated": _CREATED,
    "profile.login": attribute("login_key", *_TEXT, "co", folded=True),
    "profile.email": attribute("email_key", *_TEXT, "co", folded=True),
}
_FILTERED: dict[str, Attribute] = {
    "id": attribute("id", "eq"),
    "status": attribute("status", "eq"),
    "lastUpdated": attribute("created", "eq", "gt", "ge", "lt", "le", instant=True),
    "profile.login": attribute("login", "eq"),
    "profile.email": attribute("email", "eq"),
    "profile.firstName": attribute("json_extract(profile, '$.firstName')", "eq"),
    "profile.lastName": attribute("json_extract(profile, '$.lastName')", "eq"),
}


def well_known(tenant: Tenant, _call: Call) -> Answer:
    """Needs no token (recording TestAccDataSourceOktaAppUserAssignments_read)."""
    off = ("omEnabled", "pssoEnabled", "desktopMFAEnabled", "itpEnabled")
    settings = {"analyticsCollectionEnabled": False, "bugReportingEnabled": True, **dict.fromkeys(off, False)}
    links = {"organization": {"href": tenant.origin}}
    return Answer(
        {"id": tenant.org_id, "cell": "op3", "_links": links, "pipeline": "idx", "settings": settings}
    )


def show_org(tenant: Tenant, _call: Call) -> Answer:
    name = tenant.org.org.subdomain
    about = {"id": tenant.org_id, "subdomain": name, "companyName": name, "status": "ACTIVE"}
    return Answer({**about, "_links": {}})


def list_users(tenant: Tenant, call: Call) -> Answer:
    """With `q` ten at a time and no way on; only `search` can be sorted (description of listUsers)."""
    limit = management_limit(call, _Q_PAGE if _by_q(call) else _PAGE, _PAGE)
    show = _shown_as(tenant, call)
    listing, after = _listing(tenant, call), management_after(call)
    if "search" in call.query and after is not None:
        _keep_below_ceiling(tenant, listing, after)
    page = fetch_page(tenant, listing, after, limit)
    if _by_q(call):
        page = Page(page.rows, more=False)
    return management_answer(tenant, _without_idle_order(call), page, show, limit)


def _keep_below_ceiling(tenant: Tenant, listing: Listing, after: str) -> None:
    """Okta once refused to page a search beyond 50,000 results, and may still (okta-api.md 1.2)."""
    ceiling = tenant.switches.search_ceiling
    # Most orgs are too small for that, and counting is slow.
    may_reach = tenant.row("SELECT 1 FROM users LIMIT 1 OFFSET ?", ceiling)
    if may_reach and shown_until(tenant, listing, after) >= ceiling:
        cause = f"a search shows its first {ceiling} results; narrow it, or list without one"
        raise OktaError(BAD_SEARCH, causes=[{"errorSummary": cause}])


def _without_idle_order(call: Call) -> Call:
    """Links leave out an order of nothing (recording TestAccDataSourceOktaUsers_read, sortOrder=0)."""
    if "sortBy" in call.query or "sortOrder" not in call.query:
        return call
    return replace(call, query={key: value for key, value in call.query.items() if key != "sortOrder"})


def _by_q(call: Call) -> bool:
    return bool(call.query.get("q")) and "search" not in call.query and "filter" not in call.query


def _listing(tenant: Tenant, call: Call) -> Listing:
    wanted, sort_by = _wanted(tenant, call), call.query.get("sortBy")
    if "search" not in call.query or not sort_by:
        return Listing("users", wanted)
    sort_order = call.query.get("sortOrder", "asc").lower()
    found = _search_attribute(sort_by)
    if found is None or sort_order not in ("asc", "desc"):
        raise OktaError(BAD_SEARCH, causes=[{"errorSummary": f"cannot sort by {sort_by} {sort_order}"}])
    # A user without the attribute has a place too.
    order = ("id",) if sort_by == "id" else (f"coalesce({_sorted_by(sort_by, found)}, '')", "id")
    return Listing("users", wanted, order, descending=sort_order == "desc")


def _sorted_by(name: str, found: Attribute) -> str:
    """A list sorts by its text."""
    if found.wrap == "{}":
        return found.sql
    return f"fold(json_extract(profile, '$.{name.removeprefix('profile.')}'))"


def _shown_as(tenant: Tenant, call: Call) -> Callable[[Row], dict[str, Any]]:
    kept = _kept_fields(call.query["fields"]) if call.query.get("fields") else None
    omitted = _omitted(call.headers.get("content-type", ""))

    def show(row: Row) -> dict[str, Any]:
        body = {key: value for key, value in user_json(tenant, row).items() if key not in omitted}
        return body if kept is None else _projected(body, *kept)

    return show


_OMITTED_KEYS = {"omitCredentials": "credentials"}
"""Of the three words, one has an effect: the emulator sends no credential links, no transitioningToStatus."""


def _omitted(content_type: str) -> set[str]:
    """`application/json; okta-response=omitCredentials,...` (okta-api.md 1.2)."""
    _, _, words = content_type.partition("okta-response=")
    return {_OMITTED_KEYS[word] for word in words.strip('" ').split(",") if word in _OMITTED_KEYS}


def _kept_fields(text: str) -> tuple[set[str], set[str]]:
    """`id,status,profile:(login,email)`: names of the user, names of its profile; `id` always stays."""
    nested = _PROFILE_FIELDS.search(text)
    inner = {name.strip() for name in nested[1].split(",")} if nested else set()
    return {name.strip() for name in _PROFILE_FIELDS.sub("", text).split(",")} | {"id"}, inner


def _projected(body: dict[str, Any], outer: set[str], inner: set[str]) -> dict[str, Any]:
    kept = {key: value for key, value in body.items() if key in outer}
    profile = {key: value for key, value in body["profile"].items() if key in inner}
    return {**kept, "profile": profile} if inner else kept


def show_user(tenant: Tenant, call: Call) -> Answer:
    return _one(tenant, find_user(tenant, call.parts["user"]))


def show_me(tenant: Tenant, call: Call) -> Answer:
    """A service app is no user; how Okta refuses it is unknown (okta-api.md 1.1)."""
    if call.client_id is not None:
        raise not_found("me", "User")
    return _one(tenant, find_user(tenant, tenant.owner_id))


def find_user(tenant: Tenant, wanted: str) -> Row:
    """By id, by login, or by the part of a login before @ when only one user has it (okta-api.md 1.3)."""
    found = tenant.row("SELECT * FROM users WHERE id = ?", wanted)
    found = found or tenant.row("SELECT * FROM users WHERE login_key = ?", wanted.casefold())
    if found:
        return found
    short = tenant.rows("SELECT * FROM users WHERE short_key = ? LIMIT 2", wanted.casefold())
    if len(short) != 1:
        raise not_found(wanted, "User")
    return short[0]


def user_json(tenant: Tenant, row: Row) -> dict[str, Any]:
    """Keys as in the recording TestAccDataSourceOktaUsers_read."""
    created = management_instant(row["created"])
    return {
        "id": row["id"],
        "status": row["status"],
        "created": created,
        "activated": None if row["status"] == "STAGED" else created,
        "statusChanged": created,
        "lastLogin": None,
        "lastUpdated": created,
        "passwordChanged": created if row["status"] == "ACTIVE" else None,
        "type": {"id": _user_type_id(tenant.seed)},
        "profile": json.loads(row["profile"]),
        "credentials": _credentials(row),
        "_links": {"self": {"href": f"{tenant.origin}/api/v1/users/{row['id']}"}},
    }


@lru_cache(maxsize=8)
def _user_type_id(seed: int) -> str:
    return okta_id("oty", 0, seed)


def _credentials(row: Row) -> dict[str, Any]:
    """Who has come so far as to be ACTIVE has a password (recording test_ssws_auth_unchanged)."""
    provider = {"provider": {"type": "OKTA", "name": "OKTA"}}
    if row["status"] != "ACTIVE":
        return provider
    address = {"value": row["email"], "status": "VERIFIED", "type": "PRIMARY"}
    return {"password": {}, "emails": [address], **provider}


def _one(tenant: Tenant, row: Row) -> Answer:
    """With an ETag and with more links than in a list (recording TestAccDataSourceOktaUsers_read)."""
    body = user_json(tenant, row)
    body["_links"] = user_links(tenant, row["id"], row["status"], body["type"]["id"])
    tag = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return Answer(body, headers=(("ETag", f'W/"{tag}"'),))


def _wanted(tenant: Tenant, call: Call) -> Condition:
    if "search" in call.query:
        return _searched(tenant, call.query["search"])
    if "filter" in call.query:
        return _condition(call.query["filter"], _FILTERED.get, BAD_FILTER)
    shown = Condition("status <> 'DEPROVISIONED'")
    return _matching(call.query["q"], shown) if call.query.get("q") else shown


def _searched(tenant: Tenant, text: str) -> Condition:
    """The index is behind by `search_lag_s`: younger users are not found yet."""
    found = _condition(text, _search_attribute, BAD_SEARCH)
    indexed_until = tenant.now() - tenant.switches.search_lag_s
    return Condition(f"({found.sql}) AND created <= ?", (*found.values, indexed_until))


def _condition(text: str, find: Callable[[str], Attribute | None], kind: ErrorKind) -> Condition:
    try:
        return condition_of(parse(text), find)
    except FilterError as error:
        raise OktaError(kind, causes=[{"errorSummary": str(error)}]) from error


def _search_attribute(name: str) -> Attribute | None:
    """Any profile attribute; `co` only for four of them (okta-api.md 1.2).

    Of an attribute that is a list, one item must match (recording TestAccDataSourceOktaUser_read, array123).
    """
    if name in _SEARCHED:
        return _SEARCHED[name]
    matched = _PROFILE_NAME.fullmatch(name)
    if matched is None:
        return None
    if matched[1] in ("firstName", "lastName"):
        return attribute(f"fold(json_extract(profile, '$.{matched[1]}'))", *_TEXT, "co", folded=True)
    within = f"EXISTS (SELECT 1 FROM json_each(profile, '$.{matched[1]}') AS each WHERE {{}})"  # noqa: S608  a name
    return attribute("fold(each.value)", *_TEXT, folded=True, wrap=within)


def _matching(q: str, shown: Condition) -> Condition:
    names = ("json_extract(profile, '$.firstName')", "json_extract(profile, '$.lastName')", "email")
    starts = " OR ".join(f"substr(fold({name}), 1, ?) = ?" for name in names)
    folded = q.casefold()
    return Condition(f"{shown.sql} AND ({starts})", (len(folded), folded) * len(names))
