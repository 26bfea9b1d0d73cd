"""What pydantic cannot see: names in an org file that must exist, and things that must be unique."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.emulator.csvfiles import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.emulator.csvfiles import T
    from pipeline.emulator.orgfile import Grant, OktaApp, OrgFile, RiskRule

BASE_TYPES = ("CUSTOM", "POLICY")


class OrgFileError(Exception):
    """The message names the file and the key, or the line of a CSV file."""


class Place(Protocol):
    """Where an entry stands; put into words only when it is wrong, as a large org has many."""

    def at(self, key: str = "", /, *held: str) -> str:
        """Of one of its keys, for `values` with the entitlement and the value that are meant."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a list in the org file."""

    where: str
    n: int

    def __str__(self) -> str:
        return f"{self.where}[{self.n}]"

    def at(self, key: str = "", /, *held: str) -> str:
        return ".".join(part for part in (str(self), key, *held[:1]) if part)


def _placed(entries: list[T] | Sheet[T], where: str) -> Iterator[tuple[Place, T]]:
    if isinstance(entries, Sheet):
        return iter(entries.placed())
    return ((_Entry(where, n), entry) for n, entry in enumerate(entries))


def check_references(org: OrgFile) -> None:
    logins = _logins(org)
    _unique(org.tokens, "tokens", "token", secret=True)
    _unique(org.given_ids(), "org file", "id")
    for n, okta_app in enumerate(org.okta_apps):
        _check_app(okta_app, f"okta_apps[{n}]", logins)
    rules = (rule.name for okta_app in org.okta_apps for rule in okta_app.risk_rules)
    _unique(rules, "risk_rules", "name")
    _check_operations(org)


def _logins(org: OrgFile) -> set[str]:
    seen: set[str] = set()
    for place, user in _placed(org.users, "users"):
        login = user.login.casefold()
        if login in seen:
            raise OrgFileError(f"{place.at('login')}: the same login appears twice: {login}")
        seen.add(login)
    return seen


def _unique(names: Iterable[str], where: str, what: str, *, secret: bool = False) -> set[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise OrgFileError(f"{where}: the same {what} appears twice" + ("" if secret else f": {name}"))
        seen.add(name)
    return seen


def _check_app(okta_app: OktaApp, where: str, logins: set[str]) -> None:
    allowed = {
        e.external_value: _unique(
            (v.external_value for v in e.values), f"{where}.entitlements[{n}].values", "external_value"
        )
        for n, e in enumerate(okta_app.entitlements)
    }
    _unique((e.external_value for e in okta_app.entitlements), f"{where}.entitlements", "external_value")
    living = (b.name for b in okta_app.bundles if b.status == "ACTIVE")
    bundles = _unique(living, f"{where}.bundles", "name")
    _check_assigned(okta_app, where, logins)
    for n, bundle in enumerate(okta_app.bundles):
        _check_values(bundle.values, _Entry(f"{where}.bundles", n), allowed)
    for n, rule in enumerate(okta_app.risk_rules):
        _check_risk_rule(rule, f"{where}.risk_rules[{n}]", allowed)
    _check_grants(okta_app, where, logins, allowed, bundles)


def _check_assigned(okta_app: OktaApp, where: str, logins: set[str]) -> None:
    seen: set[str] = set()
    for place, assignment in _placed(okta_app.assigned, f"{where}.assigned"):
        login = assignment.user.casefold()
        _check_user(assignment.user, place, logins)
        if login in seen:
            raise OrgFileError(f"{place.at()}: the same user appears twice: {login}")
        seen.add(login)


def _check_operations(org: OrgFile) -> None:
    """One that runs belongs to an app that is on its way."""
    ways = {okta_app.id: okta_app.entitlement_management for okta_app in org.okta_apps}
    running: set[str] = set()
    for n, operation in enumerate(org.operations):
        at = f"operations[{n}]"
        if operation.okta_app not in ways:
            raise OrgFileError(f"{at}.okta_app: there is no app with the id {operation.okta_app!r}")
        if operation.status == "COMPLETED":
            continue
        way = "ENABLING" if operation.target == "OPTED_IN" else "DISABLING"
        if ways[operation.okta_app] != way or operation.okta_app in running:
            raise OrgFileError(f"{at}.status: the one running operation of an app needs {way} there")
        running.add(operation.okta_app)


def _check_risk_rule(rule: RiskRule, where: str, allowed: Mapping[str, set[str]]) -> None:
    for n, criterion in enumerate(rule.criteria):
        place = _Entry(f"{where}.criteria", n)
        _check_values(criterion.values, place, allowed)
        if rule.status == "ACTIVE" and not criterion.values:
            why = "name at least one value; only an INVALID rule may have lost its own"
            raise OrgFileError(f"{place.at('values')}: {why}")


def _check_grants(
    okta_app: OktaApp, where: str, logins: set[str], allowed: Mapping[str, set[str]], bundles: set[str]
) -> None:
    single = {e.external_value for e in okta_app.entitlements if not e.multi_value}
    based: set[str] = set()
    for place, grant in _placed(okta_app.grants, f"{where}.grants"):
        _check_user(grant.user, place, logins, "user")
        _check_values(grant.values, place, allowed)
        _check_single(grant, place, single)
        _check_shape(grant, place, bundles)
        if grant.type in BASE_TYPES and grant.status == "ACTIVE":
            _check_one_base(grant, place, based)


def _check_one_base(grant: Grant, place: Place, based: set[str]) -> None:
    # Okta keeps one base grant per user and app (okta-api.md 5.3).
    if grant.user.casefold() in based:
        why = f"{grant.user} already has a base grant (CUSTOM or POLICY) on this app"
        raise OrgFileError(f"{place.at()}: {why}")
    based.add(grant.user.casefold())


def _check_shape(grant: Grant, place: Place, bundles: set[str]) -> None:
    if (grant.type == "ENTITLEMENT-BUNDLE") != (grant.bundle is not None):
        raise OrgFileError(f"{place.at('bundle')}: belongs to the type ENTITLEMENT-BUNDLE and only to it")
    if grant.bundle is not None and grant.bundle not in bundles:
        raise OrgFileError(f"{place.at('bundle')}: there is no bundle named {grant.bundle!r} in this app")
    if grant.bundle is not None and grant.values:
        raise OrgFileError(f"{place.at('values')}: a bundle grant has the values of its bundle")
    if grant.action == "DENY" and (grant.type != "CUSTOM" or grant.values):
        raise OrgFileError(f"{place.at('action')}: DENY belongs to a CUSTOM grant without values")


def _check_user(login: str, place: Place, logins: set[str], key: str = "") -> None:
    if login.casefold() not in logins:
        raise OrgFileError(f"{place.at(key)}: there is no user with the login {login!r}")


def _check_single(grant: Grant, place: Place, single: set[str]) -> None:
    for name in single & grant.values.keys():
        if len(grant.values[name]) > 1:
            at = place.at("values", name, grant.values[name][1])
            raise OrgFileError(f"{at}: this entitlement takes one value")


def _check_values(values: Mapping[str, list[str]], place: Place, allowed: Mapping[str, set[str]]) -> None:
    for name, wanted in values.items():
        if name not in allowed:
            why = f"there is no entitlement with the external_value {name!r} in this app"
            raise OrgFileError(f"{place.at('values', name)}: {why}")
        if not allowed[name].issuperset(wanted):
            unknown = next(value for value in wanted if value not in allowed[name])
            raise OrgFileError(f"{place.at('values', name, unknown)}: there is no value {unknown!r}")
        if not wanted or len(set(wanted)) < len(wanted):
            again = [value for value in wanted if wanted.count(value) > 1][:1]
            raise OrgFileError(f"{place.at('values', name, *again)}: name at least one value, each once")
