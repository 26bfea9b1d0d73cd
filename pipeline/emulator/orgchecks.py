"""What pydantic cannot see: names in an org file that must exist, and things that must be unique."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.emulator.orgfile import Bundle, Grant, OktaApp, OrgFile

BASE_TYPES = ("CUSTOM", "POLICY")


class OrgFileError(Exception):
    """The message names the file and the key."""


def check_references(org: OrgFile) -> None:
    logins = _unique((user.login.casefold() for user in org.users), "users", "login")
    _unique(org.tokens, "tokens", "token", secret=True)
    _unique(org.given_ids(), "org file", "id")
    for n, okta_app in enumerate(org.okta_apps):
        _check_app(okta_app, f"okta_apps[{n}]", logins)


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
    _unique((a.user.casefold() for a in okta_app.assigned), f"{where}.assigned", "user")
    bundles = _unique((b.name for b in okta_app.bundles), f"{where}.bundles", "name")
    for n, assignment in enumerate(okta_app.assigned):
        _check_user(assignment.user, f"{where}.assigned[{n}]", logins)
    for n, bundle in enumerate(okta_app.bundles):
        _check_bundle(bundle, f"{where}.bundles[{n}]", allowed)
    _check_grants(okta_app, where, logins, allowed, bundles)


def _check_bundle(bundle: Bundle, where: str, allowed: Mapping[str, set[str]]) -> None:
    _check_values(bundle.values, f"{where}.values", allowed)


def _check_grants(
    okta_app: OktaApp, where: str, logins: set[str], allowed: Mapping[str, set[str]], bundles: set[str]
) -> None:
    single = {e.external_value for e in okta_app.entitlements if not e.multi_value}
    based: set[str] = set()
    for n, grant in enumerate(okta_app.grants):
        at = f"{where}.grants[{n}]"
        _check_user(grant.user, f"{at}.user", logins)
        _check_values(grant.values, f"{at}.values", allowed)
        _check_single(grant, f"{at}.values", single)
        _check_shape(grant, at, bundles)
        if grant.type in BASE_TYPES and grant.status == "ACTIVE":
            _check_one_base(grant, at, based)


def _check_one_base(grant: Grant, at: str, based: set[str]) -> None:
    # Okta keeps one base grant per user and app (okta-api.md 5.3).
    if grant.user.casefold() in based:
        raise OrgFileError(f"{at}: {grant.user} already has a base grant (CUSTOM or POLICY) on this app")
    based.add(grant.user.casefold())


def _check_shape(grant: Grant, at: str, bundles: set[str]) -> None:
    if (grant.type == "ENTITLEMENT-BUNDLE") != (grant.bundle is not None):
        raise OrgFileError(f"{at}.bundle: belongs to the type ENTITLEMENT-BUNDLE and only to it")
    if grant.bundle is not None and grant.bundle not in bundles:
        raise OrgFileError(f"{at}.bundle: there is no bundle named {grant.bundle!r} in this app")
    if grant.bundle is not None and grant.values:
        raise OrgFileError(f"{at}.values: a bundle grant has the values of its bundle")
    if grant.action == "DENY" and (grant.type != "CUSTOM" or grant.values):
        raise OrgFileError(f"{at}.action: DENY belongs to a CUSTOM grant without values")


def _check_user(login: str, where: str, logins: set[str]) -> None:
    if login.casefold() not in logins:
        raise OrgFileError(f"{where}: there is no user with the login {login!r}")


def _check_single(grant: Grant, where: str, single: set[str]) -> None:
    for name in single & grant.values.keys():
        if len(grant.values[name]) > 1:
            raise OrgFileError(f"{where}.{name}: this entitlement takes one value")


def _check_values(values: Mapping[str, list[str]], where: str, allowed: Mapping[str, set[str]]) -> None:
    for name, wanted in values.items():
        if name not in allowed:
            raise OrgFileError(
                f"{where}: there is no entitlement with the external_value {name!r} in this app"
            )
        unknown = [value for value in wanted if value not in allowed[name]]
        if unknown:
            raise OrgFileError(f"{where}.{name}: there is no value {unknown[0]!r}")
        if not wanted or len(set(wanted)) < len(wanted):
            raise OrgFileError(f"{where}.{name}: name at least one value, each once")
