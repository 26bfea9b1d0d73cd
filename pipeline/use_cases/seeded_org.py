"""An org file made of a snapshot: the slice of the tenant that a simulation runs against."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pipeline.changes.snapshot import GrantType, OktaEntitlement, OktaGrant, OktaUser, RiskRule, Snapshot
from pipeline.emulator.limits import OBSERVED
from pipeline.emulator.orgfile import UserStatus
from pipeline.okta.buckets import bucket_of, with_likely

TOKEN = "simulation"
OKTA_ID = re.compile(r"[0-9A-Za-z]{20}")
OTHERS = "not-in-the-plan.invalid"
"""Domain of the logins made up for people who have access and whom the plan does not name."""
OWNER = {"login": f"owner@{OTHERS}", "id": "0" * 20}
"""Whose token it is here; the emulator takes the ACTIVE user of the lowest id for that."""
EXAMPLE_CALLS = {
    "/api/v1/users": ("GET", "/api/v1/users"),
    "/api/v1/users/{id}": ("GET", "/api/v1/users/{id}"),
    "/api/v1/apps": ("GET", "/api/v1/apps/{id}/users"),
    "/api/v1/apps/{id}": ("GET", "/api/v1/apps/{id}"),
}
"""A call that draws on each of the emulator's buckets whose name has no method."""

Names = Mapping[tuple[str, str], tuple[str, str]]
"""From ids of entitlement and value to their externalValues."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """Plain data of an org file, and in words what of the tenant it does not show."""

    org: dict[str, Any]
    protected: tuple[str, ...]
    """Logins and e-mails of people from whom nothing is taken, the credential's own user among them."""
    unlike: tuple[str, ...]


def seeds_of(snapshot: Snapshot, subdomain: str) -> Seeds:
    """The org of ``snapshot``, at the rate limits and the latency that were seen while it was read."""
    logins = _logins(snapshot)
    names = {
        (entitlement.id, value.id): (entitlement.external_value, value.external_value)
        for entitlement in snapshot.entitlements
        for value in entitlement.values
    }
    listed = [grant for grants in snapshot.grants.values() for grant in grants]
    known = [grant for grant in listed if grant.type in set(GrantType)]
    call_ms = round(1000 * snapshot.reading.call_s)
    org = {
        "org": {"subdomain": subdomain, **_id(snapshot.org_id)},
        "tokens": [TOKEN],
        "users": [OWNER, *_people(snapshot), *_others(snapshot, logins)],
        "okta_apps": [_app(snapshot, known, names, logins)],
        "limits": _limits(snapshot.bucket_limits),
        "latency_ms": [call_ms, call_ms],
        "switches": {"additive_entitlements": True, "custom_post_replaces_additive": False},
    }
    protected = tuple(sorted(logins.get(each, each) for each in snapshot.protected))
    return Seeds(org, protected, tuple(_unlike(snapshot, listed, names)))


def _logins(snapshot: Snapshot) -> dict[str, str]:
    """By user id: of people of the plan their own, of everybody else one made up of the id."""
    own = {lookup.user.id: lookup.user.login for lookup in snapshot.people.values() if lookup.user}
    others = {*snapshot.grants, *snapshot.app_users} - own.keys()
    return own | {user_id: f"{user_id.casefold()}@{OTHERS}" for user_id in others}


def _people(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for lookup in snapshot.people.values():
        user = lookup.user
        if user is None or user.id in seen:
            continue
        seen.add(user.id)
        about = {"login": user.login, "email": user.email or user.login, "status": _status(user)}
        yield about | _id(user.id)


def _status(user: OktaUser) -> str:
    return user.status if user.status in get_args(UserStatus) else "ACTIVE"


def _others(snapshot: Snapshot, logins: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    own = {lookup.user.id for lookup in snapshot.people.values() if lookup.user}
    for user_id in sorted(logins.keys() - own):
        yield {"login": logins[user_id], **_id(user_id)}


def _app(
    snapshot: Snapshot, grants: list[OktaGrant], names: Names, logins: Mapping[str, str]
) -> dict[str, Any]:
    okta_app = snapshot.okta_app
    return {
        "label": okta_app.label,
        **_id(okta_app.id),
        "features": ["IMPORT_NEW_USERS"] if okta_app.has_provisioning else [],
        "implicit_assignment": okta_app.implicit_assignment,
        "assigned": [
            {"user": logins[row.user_id], "scope": "GROUP" if row.scope == "GROUP" else "USER"}
            for row in snapshot.app_users.values()
            if row.is_assigned
        ],
        "entitlements": [_entitlement(each) for each in snapshot.entitlements],
        "bundles": list(_bundles(grants, names)),
        "grants": [_grant(each, names, logins) for each in grants],
        "risk_rules": [_risk_rule(each, names) for each in snapshot.risk_rules if _can_be_met(each, names)],
    }


def _can_be_met(rule: RiskRule, names: Names) -> bool:
    """One that Okta calls INVALID, or that needs a value which is gone, forbids nothing."""
    return rule.is_active and all(
        side.values <= names.keys() if side.needs_all else side.values & names.keys() for side in rule.sides
    )


def _risk_rule(rule: RiskRule, names: Names) -> dict[str, Any]:
    criteria = [
        {
            "name": f"criterion {number}",
            "operation": "CONTAINS_ALL" if side.needs_all else "CONTAINS_ONE",
            "values": _values(side.values, names),
        }
        for number, side in enumerate(rule.sides, start=1)
    ]
    return {"name": rule.name, **_text(rule.description), "criteria": criteria} | _id(rule.id)


def _entitlement(found: OktaEntitlement) -> dict[str, Any]:
    about = {"name": found.name, "external_value": found.external_value, "description": found.description}
    values = [
        {"name": each.name, "external_value": each.external_value, **_text(each.description), **_id(each.id)}
        for each in found.values
    ]
    return {**about, **_text(found.description), "multi_value": found.multi_value, "values": values} | _id(
        found.id
    )


def _bundles(grants: list[OktaGrant], names: Names) -> Iterator[dict[str, Any]]:
    """Each bundle that somebody holds, with what its grants are listed with."""
    content: dict[str, set[tuple[str, str]]] = {}
    for grant in grants:
        if grant.type == GrantType.BUNDLE:
            content.setdefault(grant.bundle_id or "", set()).update(grant.values)
    for bundle_id, pairs in content.items():
        yield {"name": _bundle_name(bundle_id), "values": _values(pairs, names), **_id(bundle_id)}


def _bundle_name(bundle_id: str | None) -> str:
    return bundle_id or "without an id"


def _grant(grant: OktaGrant, names: Names, logins: Mapping[str, str]) -> dict[str, Any]:
    about = {"user": logins[grant.user_id], "type": grant.type, "expires": grant.expires, **_id(grant.id)}
    if grant.type == GrantType.BUNDLE:
        return about | {"bundle": _bundle_name(grant.bundle_id)}
    if grant.action != "ALLOW":
        return about | {"action": "DENY", "type": GrantType.CUSTOM}
    return about | {"values": _values(grant.values, names)}


def _values(pairs: Iterable[tuple[str, str]], names: Names) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for entitlement, value in sorted(names[pair] for pair in pairs if pair in names):
        values.setdefault(entitlement, []).append(value)
    return values


def _id(okta_id: str) -> dict[str, str]:
    return {"id": okta_id} if OKTA_ID.fullmatch(okta_id) else {}


def _text(description: str | None) -> dict[str, str | None]:
    return {"description": description or None}


def _limits(seen: Mapping[str, int]) -> dict[str, int]:
    """What was seen, by the emulator's names of buckets; the others keep the limits that were recorded."""
    limits = with_likely(seen)
    found: dict[str, int] = {}
    for name in OBSERVED:
        method, _, template = name.rpartition(" ")
        bucket = bucket_of(*EXAMPLE_CALLS.get(name, (method, template)))
        if limits.get(bucket):
            found[name] = limits[bucket]
    return found


def _unlike(snapshot: Snapshot, grants: list[OktaGrant], names: Names) -> Iterator[str]:
    def people(count: int) -> str:
        return "1 person" if count == 1 else f"{count} people"

    lost = sum(
        lookup.user is None and lookup.status != "user_not_found" for lookup in snapshot.people.values()
    )
    if lost:
        yield f"{people(lost)} that cannot be told apart or looked up: here nobody has these names."
    policy = sum(grant.type == GrantType.POLICY for grant in grants)
    if policy:
        yield f"{policy} POLICY grants keep the values they have now: the policy itself is not known."
    empty = {grant.bundle_id for grant in grants if grant.type == GrantType.BUNDLE and not grant.values}
    if empty:
        yield f"{len(empty)} bundles whose content is not listed: here they give nothing."
    unknown = sum(grant.type not in set(GrantType) for grant in grants)
    if unknown:
        yield f"{unknown} grants of a type that this version does not know are left out."
    strange = sum(any(pair not in names for pair in grant.values) for grant in grants)
    if strange:
        yield f"{strange} grants hold values that the app does not list: these values are left out."
    if snapshot.risk_rules_unread:
        yield "Okta's risk rules could not be read: here there are none."
    if any(not GrantType(grant.type).is_base for grant in grants if grant.type in set(GrantType)):
        yield "Here a CUSTOM grant leaves bundles and ENTITLEMENT grants alone; Okta tells by the first one."
    yield "The rest of the directory is not known, so listing all of it takes no calls here."
