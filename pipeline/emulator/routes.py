"""Which view answers which path, and which bucket counts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.emulator import (
    access_views,
    app_user_writes,
    app_views,
    bundle_views,
    bundle_writes,
    entitlement_replacing,
    entitlement_settings,
    entitlement_views,
    entitlement_writes,
    grant_views,
    grant_writes,
    history_views,
    operations,
    revoking,
    risk_assessments,
    risk_rule_views,
    risk_rule_writes,
    signing_in,
    user_views,
)
from pipeline.emulator.errors import BAD_METHOD, NO_SUCH_PATH, OktaError
from pipeline.emulator.limits import OTHER

if TYPE_CHECKING:
    from pipeline.emulator.answers import Answer, Call
    from pipeline.emulator.tenant import Tenant

View = Callable[["Tenant", "Call"], "Answer"]

_GOV = "/governance/api/v1"
_REVOKE = "/governance/api/v2/revoke-principal-access"
_SETTINGS = "/governance/api/v2/resources/{orn}/entitlement-settings"
_VALUES_BUCKET = f"GET {_GOV}/entitlements"
"""List and value reads share one bucket (okta-api.md 8.5)."""
_BUNDLES_BUCKET = f"GET {_GOV}/entitlement-bundles"


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    template: str
    view: View
    bucket: str
    area: str = ""
    """What its scopes begin with (`security` in Okta's API descriptions; okta-api.md section 10)."""
    public: bool = False
    takes_form: bool = False
    reads: bool = False
    """A POST that changes nothing, for which the scope to read is enough."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """Any of these lets a service app in, the least one first; `manage` serves for reading too.

        So says Okta's support article on insufficient_scope. A route without an area lets none in.
        """
        manage = (f"{self.area}.manage",) if self.area else ()
        reads = self.area and (self.reads or self.method == "GET")
        return (f"{self.area}.read", *manage) if reads else manage


_ORGS, _USERS, _APPS, _ENTITLEMENTS = "okta.orgs", "okta.users", "okta.apps", "okta.governance.entitlements"
_OPERATIONS, _RISK_RULES = "okta.governance.operations", "okta.governance.riskRule"


def _governed(method: str, path: str, view: View, bucket: str = "", area: str = _ENTITLEMENTS) -> Route:
    template = f"{_GOV}{path}"
    return Route(method, template, view, bucket or f"{method} {re.sub(r'{[a-z]+}', '{id}', template)}", area)


ROUTES = (
    Route("GET", "/.well-known/okta-organization", user_views.well_known, OTHER, public=True),
    Route(
        "POST",
        signing_in.TOKEN_PATH,
        signing_in.issue_token,
        signing_in.TOKEN_PATH,
        public=True,
        takes_form=True,
    ),
    Route("GET", "/api/v1/org", user_views.show_org, "/api/v1/org", _ORGS),
    Route("GET", "/api/v1/users", user_views.list_users, "/api/v1/users", _USERS),
    Route("GET", "/api/v1/users/me", user_views.show_me, "/api/v1/users/{id}", _USERS),
    Route("GET", "/api/v1/users/{user}", user_views.show_user, "/api/v1/users/{id}", _USERS),
    Route("GET", "/api/v1/apps", app_views.list_apps, "/api/v1/apps", _APPS),
    Route("GET", "/api/v1/apps/{app}", app_views.show_app, "/api/v1/apps/{id}", _APPS),
    Route("GET", "/api/v1/apps/{app}/users", app_views.list_app_users, "/api/v1/apps", _APPS),
    Route("POST", "/api/v1/apps/{app}/users", app_user_writes.assign_user, "/api/v1/apps", _APPS),
    Route("GET", "/api/v1/apps/{app}/users/{user}", app_views.show_app_user, "/api/v1/apps", _APPS),
    Route("POST", "/api/v1/apps/{app}/users/{user}", app_user_writes.update_app_user, "/api/v1/apps", _APPS),
    Route("DELETE", "/api/v1/apps/{app}/users/{user}", app_user_writes.unassign_user, "/api/v1/apps", _APPS),
    _governed("GET", "/entitlements", entitlement_views.list_entitlements),
    _governed("POST", "/entitlements", entitlement_writes.create_entitlement),
    _governed("GET", "/entitlements/values", entitlement_views.list_all_values, _VALUES_BUCKET),
    _governed("GET", "/entitlements/{entitlement}", entitlement_views.show_entitlement),
    _governed("PATCH", "/entitlements/{entitlement}", entitlement_writes.patch_entitlement),
    _governed("PUT", "/entitlements/{entitlement}", entitlement_replacing.replace_entitlement),
    _governed("DELETE", "/entitlements/{entitlement}", entitlement_replacing.delete_entitlement),
    _governed("GET", "/entitlements/{entitlement}/values", entitlement_views.list_values, _VALUES_BUCKET),
    _governed(
        "GET", "/entitlements/{entitlement}/values/{value}", entitlement_views.show_value, _VALUES_BUCKET
    ),
    _governed("GET", "/grants", grant_views.list_grants),
    _governed("POST", "/grants", grant_writes.create_grant),
    _governed("GET", "/grants/{grant}", grant_views.show_grant),
    _governed("PUT", "/grants/{grant}", grant_writes.replace_grant),
    _governed("PATCH", "/grants/{grant}", grant_writes.patch_grant),
    _governed("GET", "/principal-access", access_views.show_access),
    _governed("GET", "/principal-entitlements", access_views.list_principal_entitlements),
    _governed("GET", "/principal-entitlements/history", history_views.show_history),
    _governed("GET", "/principal-entitlements-changes/{change}", history_views.show_change),
    _governed("GET", "/entitlement-bundles", bundle_views.list_bundles),
    _governed("POST", "/entitlement-bundles", bundle_writes.create_bundle),
    _governed("GET", "/entitlement-bundles/{bundle}", bundle_views.show_bundle, _BUNDLES_BUCKET),
    _governed("PUT", "/entitlement-bundles/{bundle}", bundle_writes.replace_bundle),
    _governed("DELETE", "/entitlement-bundles/{bundle}", bundle_writes.delete_bundle),
    _governed("GET", "/operations/{operation}", operations.show_operation, area=_OPERATIONS),
    _governed("GET", "/risk-rules", risk_rule_views.list_rules, area=_RISK_RULES),
    _governed("POST", "/risk-rules", risk_rule_writes.create_rule, area=_RISK_RULES),
    _governed("GET", "/risk-rules/{rule}", risk_rule_views.show_rule, area=_RISK_RULES),
    _governed("PUT", "/risk-rules/{rule}", risk_rule_writes.replace_rule, area=_RISK_RULES),
    _governed("DELETE", "/risk-rules/{rule}", risk_rule_writes.delete_rule, area=_RISK_RULES),
    replace(
        _governed("POST", "/risk-rule-assessments", risk_assessments.assess, area=_RISK_RULES), reads=True
    ),
    Route("GET", _SETTINGS, entitlement_settings.show_settings, f"GET {_SETTINGS}", _ENTITLEMENTS),
    Route("PATCH", _SETTINGS, entitlement_settings.update_settings, f"PATCH {_SETTINGS}", _ENTITLEMENTS),
    Route("POST", _REVOKE, revoking.revoke_access, f"POST {_REVOKE}", _ENTITLEMENTS),
)


@dataclass(frozen=True, slots=True)
class Match:
    route: Route
    parts: dict[str, str]


def match(method: str, path: str) -> Match:
    """Raises OktaError: 404 for an unknown path, 405 for a known one with another method (okta-api.md 9)."""
    known = False
    for pattern, route in _patterns():
        found = pattern.fullmatch(path)
        if found and route.method == method:
            return Match(route, found.groupdict())
        known = known or found is not None
    raise OktaError(BAD_METHOD if known else NO_SUCH_PATH)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], Route], ...]:
    # Fixed paths stand before variable ones in the table: /users/me before /users/{user}.
    return tuple((re.compile(re.sub(r"{([a-z]+)}", r"(?P<\1>[^/]+)", r.template)), r) for r in ROUTES)
