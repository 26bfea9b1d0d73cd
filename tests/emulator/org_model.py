"""What should be true of an emulated org, worked out without it: sets and dictionaries, no SQL, no paging.

Written from docs/emulator.md and okta-api.md 3 to 6. A change that Okta would refuse raises Refused and
leaves the model half changed: whoever may be refused changes a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

BASE = ("CUSTOM", "POLICY")
Pair: TypeAlias = tuple[str, str]
"""(app, user), both ids."""


class Refused(Exception):  # noqa: N818  an answer
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Entitlement:
    app: str
    name: str
    external_value: str
    multi: bool
    values: dict[str, Pair] = field(default_factory=dict)
    """Id -> (name, external value)."""


@dataclass
class Bundle:
    app: str
    name: str
    values: set[str]
    deleted: bool = False


@dataclass
class Grant:
    pair: Pair
    kind: str
    values: set[str]
    bundle: str | None = None
    action: str = "ALLOW"
    expires: str | None = None
    ends_at: float | None = None


@dataclass(frozen=True)
class Rules:
    """The switches of the org, which decide where Okta's behaviour is unproven."""

    custom_post_replaces_additive: bool = True
    custom_post_assigns_app: bool = True
    grant_needs_assignment: bool = False
    revoke_ends_empty_custom: bool = False


@dataclass
class OrgModel:
    rules: Rules
    apps: tuple[str, ...]
    users: dict[str, str]
    """Id -> login."""
    gone: set[str] = field(default_factory=set)
    """Users who are DEPROVISIONED."""
    entitlements: dict[str, Entitlement] = field(default_factory=dict)
    bundles: dict[str, Bundle] = field(default_factory=dict)
    assigned: dict[Pair, str] = field(default_factory=dict)
    """-> scope."""
    grants: dict[str, Grant] = field(default_factory=dict)
    """In the order they were made."""

    # Reading.

    def entitlement_of(self, value: str) -> str:
        return next(key for key, each in self.entitlements.items() if value in each.values)

    def values_of(self, app: str, *, only_single: bool = False) -> list[str]:
        mine = [each for each in self.entitlements.values() if each.app == app]
        return [value for each in mine if not (only_single and each.multi) for value in each.values]

    def ids(self) -> set[str]:
        """Of all that clients make."""
        values = (value for each in self.entitlements.values() for value in each.values)
        return {*self.entitlements, *values, *self.bundles, *self.grants}

    def live(self, grant: Grant, now: float) -> bool:
        return grant.ends_at is None or grant.ends_at > now

    def live_grants(self, app: str, now: float) -> dict[str, Grant]:
        return {
            key: each for key, each in self.grants.items() if each.pair[0] == app and self.live(each, now)
        }

    def held_by(self, grant: Grant) -> set[str]:
        return self.bundles[grant.bundle].values if grant.bundle else grant.values

    def effective(self, pair: Pair, now: float) -> set[str]:
        """All values of multi-value entitlements; else that of the newest additional grant, or base."""
        grants = [each for each in self.live_grants(pair[0], now).values() if each.pair == pair]
        ranked = [each for each in grants if each.kind in BASE] + [
            each for each in grants if each.kind not in BASE
        ]
        several: set[str] = set()
        one: dict[str, str] = {}
        for grant in ranked:
            for value in self.held_by(grant):
                key = self.entitlement_of(value)
                if self.entitlements[key].multi:
                    several.add(value)
                else:
                    one[key] = value
        return several | set(one.values())

    # Structure.

    def add_entitlement(self, key: str, made: Entitlement) -> None:
        taken = {each.external_value for each in self.entitlements.values() if each.app == made.app}
        if made.external_value in taken or _repeats(made.values.values()):
            raise Refused(400)
        self.entitlements[key] = made

    def put_value(self, key: str, value: str, named: Pair) -> None:
        """Add one, or change one."""
        values = self.entitlements[key].values
        if _repeats({**values, value: named}.values()):
            raise Refused(400)
        values[value] = named

    def remove_value(self, value: str) -> None:
        del self.entitlements[self.entitlement_of(value)].values[value]
        for grant in self.grants.values():
            grant.values.discard(value)
        for bundle in self.bundles.values():
            bundle.values.discard(value)

    def replace_values(self, key: str, wanted: Mapping[str, Pair]) -> None:
        for value in set(self.entitlements[key].values) - set(wanted):
            self.remove_value(value)
        if _repeats(wanted.values()):
            raise Refused(400)
        self.entitlements[key].values = dict(wanted)

    def delete_entitlement(self, key: str) -> None:
        for value in list(self.entitlements[key].values):
            self.remove_value(value)
        del self.entitlements[key]

    def put_bundle(self, key: str, made: Bundle) -> None:
        """Add one, or replace one."""
        others = [each for other, each in self.bundles.items() if other != key and not each.deleted]
        if key in self.bundles and self.bundles[key].deleted:
            raise Refused(409)
        self.check_values(made.app, made.values)
        if not made.values or made.name in {each.name for each in others if each.app == made.app}:
            raise Refused(400)
        self.bundles[key] = made

    def delete_bundle(self, key: str) -> None:
        bundle = self.bundles[key]
        if bundle.deleted:
            raise Refused(409)
        bundle.deleted, bundle.values = True, set()
        self._end(each for each, grant in self.grants.items() if grant.bundle == key)

    # Who may use an app.

    def assign(self, pair: Pair, scope: str) -> None:
        if pair[1] in self.gone:
            raise Refused(403)
        self.assigned[pair] = scope

    def convert(self, pair: Pair, scope: str) -> None:
        if pair not in self.assigned:
            raise Refused(404)
        if scope == "GROUP" and self.assigned[pair] == "USER":
            raise Refused(400)
        self.assigned[pair] = scope

    def unassign(self, pair: Pair) -> None:
        if pair not in self.assigned:
            raise Refused(404)
        if self.assigned[pair] == "GROUP":
            raise Refused(403)
        self.take_away(pair)

    def take_away(self, pair: Pair) -> None:
        self.assigned.pop(pair, None)
        self._end(key for key, grant in self.grants.items() if grant.pair == pair)

    def deprovision(self, user: str) -> None:
        for app in self.apps:
            self.take_away((app, user))
        self.gone.add(user)

    # Grants.

    def check_values(self, app: str, values: Iterable[str]) -> None:
        """Known ones of this app, one of each single-value entitlement."""
        wanted = list(values)
        if not set(wanted) <= set(self.values_of(app)):
            raise Refused(400)
        single = [key for key in map(self.entitlement_of, wanted) if not self.entitlements[key].multi]
        if len(single) > len(set(single)):
            raise Refused(400)

    def grant(self, key: str, made: Grant) -> None:
        app, user = made.pair
        if user in self.gone:
            raise Refused(403)
        if made.kind == "ENTITLEMENT" and not made.values:
            raise Refused(400)
        self.check_values(app, made.values)
        if made.action == "ALLOW" and made.pair not in self.assigned:
            if self.rules.grant_needs_assignment:
                raise Refused(400)
            if self.rules.custom_post_assigns_app and made.kind == "CUSTOM":
                self.assigned[made.pair] = "USER"
        if made.action == "DENY":
            self.take_away(made.pair)
        elif made.kind in BASE:
            all_kinds = made.kind == "CUSTOM" and self.rules.custom_post_replaces_additive
            self._end(
                each
                for each, grant in self.grants.items()
                if grant.pair == made.pair and (all_kinds or grant.kind in BASE)
            )
        self.grants[key] = made

    def put_grant(self, key: str, values: Iterable[str], now: float) -> None:
        grant = self.grants[key]
        if grant.kind != "CUSTOM" or grant.action != "ALLOW" or not self.live(grant, now):
            raise Refused(400)
        self.check_values(grant.pair[0], values)
        grant.values = set(values)

    def retime(self, key: str, expires: str | None, ends_at: float | None, now: float) -> None:
        grant = self.grants[key]
        if not self.live(grant, now):
            raise Refused(400)
        grant.expires, grant.ends_at = expires, ends_at

    def revoke_value(self, user: str, value: str, now: float) -> None:
        ended = []
        for key, grant in self.grants.items():
            if grant.pair[1] != user or value not in grant.values or not self.live(grant, now):
                continue
            grant.values.discard(value)
            if not grant.values and (grant.kind == "ENTITLEMENT" or self.rules.revoke_ends_empty_custom):
                ended.append(key)
        self._end(ended)

    def revoke_bundle(self, user: str, bundle: str, now: float) -> None:
        self._end(
            key
            for key, grant in self.grants.items()
            if grant.pair[1] == user and grant.bundle == bundle and self.live(grant, now)
        )

    def _end(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            del self.grants[key]

    # The state as an org file would say it.

    def told(self) -> dict[str, Any]:
        """Comparable with what `told_by` makes of /_emulator/state."""
        return {app: self._told(app) for app in self.apps} | {"gone": self.gone}

    def _told(self, app: str) -> dict[str, Any]:
        return {
            "assigned": {
                self.users[user]: scope for (each, user), scope in self.assigned.items() if each == app
            },
            "entitlements": {
                key: (each.name, each.external_value, each.multi, each.values)
                for key, each in self.entitlements.items()
                if each.app == app
            },
            "bundles": {
                key: (each.name, each.deleted, self._named(each.values))
                for key, each in self.bundles.items()
                if each.app == app
            },
            "grants": {
                key: (
                    *(self.users[each.pair[1]], each.kind, each.action, each.expires),
                    *(self.bundles[each.bundle].name if each.bundle else None, self._named(each.values)),
                )
                for key, each in self.grants.items()
                if each.pair[0] == app
            },
        }

    def _named(self, values: Iterable[str]) -> set[Pair]:
        holders = [(value, self.entitlements[self.entitlement_of(value)]) for value in values]
        return {(holder.external_value, holder.values[value][1]) for value, holder in holders}


def _repeats(named: Iterable[Pair]) -> bool:
    external = [each[1] for each in named]
    return len(external) > len(set(external))


def told_by(state: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts from /_emulator/state."""
    gone = {user["id"] for user in state["users"] if user["status"] == "DEPROVISIONED"}
    return {okta_app["id"]: _told_by(okta_app) for okta_app in state["okta_apps"]} | {"gone": gone}


def _told_by(okta_app: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "assigned": {each["user"]: each["scope"] for each in okta_app["assigned"]},
        "entitlements": {
            each["id"]: (
                *(each["name"], each["external_value"], each["multi_value"]),
                {value["id"]: (value["name"], value["external_value"]) for value in each["values"]},
            )
            for each in okta_app["entitlements"]
        },
        "bundles": {
            each["id"]: (each["name"], each["status"] == "DELETED", _pairs(each["values"]))
            for each in okta_app["bundles"]
        },
        "grants": {
            each["id"]: (
                *(each["user"], each["type"], each["action"], each["expires"]),
                *(each["bundle"], _pairs(each["values"])),
            )
            for each in okta_app["grants"]
        },
    }


def _pairs(values: Mapping[str, list[str]]) -> set[Pair]:
    pairs = [(entitlement, value) for entitlement, named in values.items() for value in named]
    assert len(pairs) == len(set(pairs)), "a value is held twice"
    return set(pairs)
