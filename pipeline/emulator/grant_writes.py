"""Creating and changing grants, with the one-base-grant rule (okta-api.md sections 5.2 to 5.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.emulator.access_records import touch
from pipeline.emulator.answers import Answer
from pipeline.emulator.app_views import assign, find_app_user
from pipeline.emulator.bodies import Fields, body_fields
from pipeline.emulator.endings import delete_grants, take_away_app
from pipeline.emulator.errors import WRONG_USER_STATUS, OktaError, unknown_id
from pipeline.emulator.grant_views import GOVERNED, find_grant, grant_href, grant_json, status_now
from pipeline.emulator.times import parse_instant

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

TYPES = ("CUSTOM", "POLICY", "ENTITLEMENT", "ENTITLEMENT-BUNDLE")
ACTORS = ("API", "ACCESS_REQUEST", "ADMIN", "NONE")
_ID, _MOST_VALUES, _TIME_ZONE = 255, 1000, 64
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_PUT_REQUIRED = (
    *("grantType", "id", "created", "createdBy", "lastUpdated", "lastUpdatedBy", "action", "actor"),
    *("targetResourceOrn", "target", "targetPrincipalOrn", "targetPrincipal", "status", "_links"),
)
"""The API description's grant-full: a PUT wants the whole object back."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A grant as a request asks for it, every id checked."""

    grant_type: str
    okta_app: Row
    user: Row
    action: str
    actor: str
    value_ids: tuple[str, ...]
    bundle_id: str | None
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Schedule:
    expires: str | None = None
    time_zone: str | None = None

    @property
    def expires_at(self) -> float | None:
        return parse_instant(self.expires) if self.expires else None


def create_grant(tenant: Tenant, call: Call) -> Answer:
    wanted = _wanted(tenant, body_fields(call.body))
    _check_assignment(tenant, wanted)
    _make_room(tenant, wanted)
    row = _add(tenant, wanted)
    href = grant_href(tenant, row["id"])
    return Answer(grant_json(tenant, row, full=False), status=201, links=(("self", href),), location=href)


def replace_grant(tenant: Tenant, call: Call) -> Answer:
    """Only a CUSTOM grant's entitlements; touches no other grant (5.4)."""
    row = _known_grant(tenant, call.parts["grant"])
    fields = body_fields(call.body)
    for key in _PUT_REQUIRED:
        fields.required(key)
    _check_same(row, fields)
    if row["grant_type"] != "CUSTOM" or row["action"] != "ALLOW" or status_now(tenant, row) != "ACTIVE":
        raise fields.fault("grantType", "only an active CUSTOM grant can be replaced", "INVALID_ENUM_VALUE")
    _refuse_deprovisioned(tenant.row("SELECT * FROM users WHERE id = ?", row["user_id"]))
    value_ids = checked_values(tenant, fields, row["app_id"])
    touch(tenant, row["app_id"], [row["user_id"]])
    tenant.write("DELETE FROM grant_values WHERE grant_id = ?", row["id"])
    _add_values(tenant, row["id"], value_ids)
    return _touched(tenant, row["id"])


def patch_grant(tenant: Tenant, call: Call) -> Answer:
    """Only the expiry; values in a PATCH are refused (5.4). That an ended grant stays ended is our choice."""
    row = _known_grant(tenant, call.parts["grant"])
    fields = body_fields(call.body)
    for key in fields.values.keys() - {"id", "scheduleSettings"}:
        raise fields.fault(key, "cannot be changed by PATCH", "STRING_FORMAT_INVALID")
    if fields.required("id") != row["id"]:
        raise fields.fault("id", "must be the id of the path", "STRING_FORMAT_INVALID")
    fields.inner("scheduleSettings")
    schedule = _schedule(fields)
    if status_now(tenant, row) not in ("ACTIVE", "SCHEDULED"):
        cause = f"a grant with the status {status_now(tenant, row)} cannot be changed"
        raise fields.fault("id", cause, "OPERATION_STATUS_CONFLICT")
    touch(tenant, row["app_id"], [row["user_id"]])
    sql = "UPDATE grants SET expires = ?, expires_at = ?, time_zone = ? WHERE id = ?"
    tenant.write(sql, schedule.expires, schedule.expires_at, schedule.time_zone, row["id"])
    return _touched(tenant, row["id"])


def _touched(tenant: Tenant, grant_id: str) -> Answer:
    tenant.write("UPDATE grants SET last_updated = ? WHERE id = ?", tenant.now(), grant_id)
    body = grant_json(tenant, find_grant(tenant, grant_id), full=False)
    return Answer(body, links=(("self", grant_href(tenant, grant_id)),))


def _known_grant(tenant: Tenant, grant_id: str) -> Row:
    """PUT and PATCH document no 404: an unknown id answers 400 (sample grant-id-missing)."""
    found = tenant.row(f"SELECT * FROM grants WHERE id = ? AND {GOVERNED}", grant_id)  # noqa: S608  a constant
    if found is None:
        raise unknown_id("/grantId", grant_id)
    return found


def _check_same(row: Row, fields: Fields) -> None:
    same = {
        "id": fields.values["id"] == row["id"],
        "grantType": fields.values["grantType"] == row["grant_type"],
    }
    same["target"] = fields.inner("target").required("externalId") == row["app_id"]
    same["targetPrincipal"] = fields.inner("targetPrincipal").required("externalId") == row["user_id"]
    for key, holds in same.items():
        if not holds:
            raise fields.fault(key, "is read-only and differs from the grant", "STRING_FORMAT_INVALID")


def _wanted(tenant: Tenant, fields: Fields) -> Wanted:
    grant_type = _grant_type(tenant, fields)
    bundle = _bundle(tenant, fields) if grant_type == "ENTITLEMENT-BUNDLE" else None
    okta_app = _okta_app(tenant, fields, bundle)
    user = _user(tenant, fields)
    action = fields.word("action", ("ALLOW", "DENY"), default="ALLOW")
    return Wanted(
        grant_type=grant_type,
        okta_app=okta_app,
        user=user,
        action=action,
        actor=fields.word("actor", ACTORS, default="API"),
        value_ids=_value_ids(tenant, fields, grant_type, action, okta_app["id"]),
        bundle_id=bundle["id"] if bundle else None,
        schedule=_schedule(fields),
    )


def _grant_type(tenant: Tenant, fields: Fields) -> str:
    grant_type = fields.word("grantType", TYPES)
    if grant_type == "ENTITLEMENT" and not tenant.switches.additive_entitlements:
        raise fields.fault("grantType", "ENTITLEMENT is not enabled for this org", "INVALID_ENUM_VALUE")
    return grant_type


def _bundle(tenant: Tenant, fields: Fields) -> Row:
    bundle_id = fields.text("entitlementBundleId", _ID)
    found = tenant.row("SELECT * FROM bundles WHERE id = ? AND status = 'ACTIVE'", bundle_id)
    if found is None:
        raise unknown_id("/entitlementBundleId", bundle_id)
    return found


def _okta_app(tenant: Tenant, fields: Fields, bundle: Row | None) -> Row:
    """A bundle grant names no target: its bundle belongs to an app."""
    if bundle is not None:
        app_id = bundle["app_id"]
    else:
        target = fields.inner("target")
        target.word("type", ("APPLICATION",))
        app_id = target.text("externalId", _ID)
    found = tenant.row("SELECT * FROM apps WHERE id = ? AND management = 'ENABLED'", app_id)
    if found is None:
        raise unknown_id("/target/externalId", app_id)
    return found


def _user(tenant: Tenant, fields: Fields) -> Row:
    principal = fields.inner("targetPrincipal")
    principal.word("type", ("OKTA_USER",))
    user_id = principal.text("externalId", _ID)
    found = tenant.row("SELECT * FROM users WHERE id = ?", user_id)
    if found is None:
        raise unknown_id("/targetPrincipal/externalId", user_id)
    _refuse_deprovisioned(found)
    return found


def _refuse_deprovisioned(user: Row) -> None:
    if user["status"] == "DEPROVISIONED":
        raise OktaError(WRONG_USER_STATUS)


def _value_ids(tenant: Tenant, fields: Fields, grant_type: str, action: str, app_id: str) -> tuple[str, ...]:
    if action == "DENY" and (grant_type != "CUSTOM" or fields.values.get("entitlements")):
        raise fields.fault(
            "action", "DENY belongs to a CUSTOM grant without entitlements", "INVALID_ENUM_VALUE"
        )
    if grant_type in ("POLICY", "ENTITLEMENT-BUNDLE"):
        return ()
    if grant_type == "CUSTOM" and not fields.has("entitlements"):
        return ()
    if grant_type == "ENTITLEMENT" and not fields.required("entitlements"):
        raise fields.fault("entitlements", "must not be empty", "MISSING_ENTITLEMENTS")
    return checked_values(tenant, fields, app_id)


def checked_values(
    tenant: Tenant, fields: Fields, app_id: str, *, key: str = "entitlements", held_at_once: bool = True
) -> tuple[str, ...]:
    """The ids in `[{id, values: [{id}]}]`, all of this app; `held_at_once` if one user is to hold them."""
    found: dict[str, None] = {}
    singles: dict[str, set[str]] = {}
    for item in fields.items(key, 0) if fields.has(key) else []:
        entitlement_id = item.text("id", _ID)
        sql = "SELECT * FROM entitlements WHERE id = ? AND app_id = ?"
        entitlement = tenant.row(sql, entitlement_id, app_id)
        if entitlement is None:
            raise unknown_id(f"{item.at}/id", entitlement_id)
        held = _value_ids_of(tenant, entitlement, item.items("values", 1, _MOST_VALUES))
        # Whether Okta refuses or takes the last is unknown (4.6); refusing shows the mistake.
        if held_at_once and not entitlement["multi_value"]:
            singles.setdefault(entitlement_id, set()).update(held)
        if len(singles.get(entitlement_id, ())) > 1:
            raise item.fault("values", "the entitlement takes one value", "INVALID_ARRAY_LENGTH_OVER_MAX")
        found.update(dict.fromkeys(sorted(held)))
    return tuple(found)


def _value_ids_of(tenant: Tenant, entitlement: Row, values: list[Fields]) -> set[str]:
    asked = {value.text("id", _ID): value for value in values}
    rows = tenant.rows_of("SELECT id, entitlement_id FROM entitlement_values WHERE id IN ({})", asked)
    known = {row["id"] for row in rows if row["entitlement_id"] == entitlement["id"]}
    for value_id, value in asked.items():
        if value_id not in known:
            raise unknown_id(f"{value.at}/id", value_id)
    return known


def _schedule(fields: Fields) -> Schedule:
    if not fields.has("scheduleSettings"):
        return Schedule()
    settings = fields.inner("scheduleSettings")
    expires = settings.optional_text("expirationDate", _ID)
    if expires is not None and not _is_date_time(expires):
        raise settings.fault("expirationDate", "must be a date-time", "STRING_FORMAT_INVALID")
    return Schedule(expires, settings.optional_text("timeZone", _TIME_ZONE))


def _is_date_time(text: str) -> bool:
    """As RFC 3339 writes it, so never a date alone; the zone may be missing."""
    try:
        parse_instant(text)
    except ValueError:
        return False
    return _DATE_TIME.fullmatch(text) is not None


def _check_assignment(tenant: Tenant, wanted: Wanted) -> None:
    """Whether a grant needs, makes or ignores the assignment differs between reports (3): switches say."""
    app_id, user = wanted.okta_app["id"], wanted.user
    if (
        wanted.action == "DENY"
        or wanted.okta_app["implicit_assignment"]
        or find_app_user(tenant, app_id, user["id"])
    ):
        return
    if tenant.switches.grant_needs_assignment:
        raise unknown_id("/targetPrincipal/externalId", f"app assignment of {user['id']}")
    if tenant.switches.custom_post_assigns_app and wanted.grant_type == "CUSTOM":
        assign(tenant, app_id, user["id"], scope="USER", user_name=user["login"])


def _make_room(tenant: Tenant, wanted: Wanted) -> None:
    """One base grant for each user and app: a new one replaces the old and all it held (5.3)."""
    if wanted.grant_type not in ("CUSTOM", "POLICY"):
        return
    app_id, user_id = wanted.okta_app["id"], wanted.user["id"]
    if wanted.action == "DENY":
        take_away_app(tenant, app_id, user_id)
        return
    everything = wanted.grant_type == "CUSTOM" and tenant.switches.custom_post_replaces_additive
    kinds = TYPES if everything else ("CUSTOM", "POLICY")
    marks = ", ".join("?" * len(kinds))
    where = f"app_id = ? AND user_id = ? AND status = 'ACTIVE' AND grant_type IN ({marks})"
    gone = tenant.rows(f"SELECT id FROM grants WHERE {where}", app_id, user_id, *kinds)  # noqa: S608  marks
    delete_grants(tenant, [row["id"] for row in gone])


def _add(tenant: Tenant, wanted: Wanted) -> Row:
    grant_id, now, schedule = tenant.new_id("gra"), tenant.now(), wanted.schedule
    touch(tenant, wanted.okta_app["id"], [wanted.user["id"]])
    tenant.write(
        "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?, 'ACTIVE', ?, ?, ?, ?, ?)",
        *(grant_id, wanted.okta_app["id"], wanted.user["id"], wanted.grant_type, wanted.bundle_id),
        *(wanted.action, wanted.actor, schedule.expires, schedule.expires_at, schedule.time_zone, now, now),
    )
    _add_values(tenant, grant_id, wanted.value_ids)
    return find_grant(tenant, grant_id)


def _add_values(tenant: Tenant, grant_id: str, value_ids: tuple[str, ...]) -> None:
    tenant.db.executemany(
        "INSERT INTO grant_values VALUES (?, ?)", ((grant_id, value) for value in value_ids)
    )
