"""Which rate bucket a call draws on (okta-api.md 8.4 and 8.5)."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_LIMIT_PER_MIN = 50
"""For buckets not seen yet: what every recorded governance bucket allows a token at half share."""

_SHARED = {
    ("GET", "/governance/api/v1/entitlements"): "governance entitlements list",
    ("GET", "/governance/api/v1/entitlements/values"): "governance entitlements list",
    ("GET", "/governance/api/v1/entitlements/{id}/values"): "governance entitlements list",
    ("GET", "/governance/api/v1/entitlements/{id}"): "governance entitlement",
    ("POST", "/governance/api/v1/entitlements"): "governance entitlements write",
    ("PATCH", "/governance/api/v1/entitlements/{id}"): "governance entitlements write",
    ("GET", "/governance/api/v1/grants"): "governance grants read",
    ("GET", "/governance/api/v1/grants/{id}"): "governance grants read",
    ("POST", "/governance/api/v1/grants"): "governance grants write",
    ("PUT", "/governance/api/v1/grants/{id}"): "governance grants write",
    ("PATCH", "/governance/api/v1/grants/{id}"): "governance grants write",
    ("POST", "/governance/api/v2/revoke-principal-access"): "governance revoke",
    ("GET", "/governance/api/v1/principal-access"): "governance principal access",
    ("GET", "/governance/api/v1/risk-rules"): "governance risk rules",
    ("GET", "/api/v1/apps"): "app users",
    ("GET", "/api/v1/apps/{id}"): "app",
    ("GET", "/api/v1/apps/{id}/users"): "app users",
    ("POST", "/api/v1/apps/{id}/users"): "app users",
    ("GET", "/api/v1/apps/{id}/users/{id}"): "app users",
    ("GET", "/api/v1/users"): "users",
    ("GET", "/api/v1/users/{id}"): "user",
    ("POST", "/oauth2/v1/token"): "access token",
}

_LIKELY = {
    "governance grants write": "governance grants read",
    "governance entitlements write": "governance entitlements list",
    "governance revoke": "governance grants read",
    "governance principal access": "governance grants read",
}
"""All recorded governance buckets have one limit, which follows the credential's share (okta-api.md 8.5)."""


def with_likely(seen: Mapping[str, int]) -> dict[str, int]:
    """``seen`` limits and, for a bucket of writes not met yet, the limit of the reads beside it."""
    return {**{bucket: seen[like] for bucket, like in _LIKELY.items() if like in seen}, **seen}


def bucket_of(method: str, template: str) -> str:
    """The bucket of a call, by method and path template (``{id}`` for every identifier).

    Which grants endpoints share a bucket is not recorded anywhere; where we think two buckets are one or one
    is two, the headers of each answer still bound what is sent.
    """
    return _SHARED.get((method, template), f"{method} {template}")
