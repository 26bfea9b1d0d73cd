"""Rate limits as Okta counts them: fixed windows per bucket and client. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW_S = 60
UNLIMITED = 1_000_000
"""What `none` announces: more than any client sends in a minute, so the headers stay well-formed."""

OTHER = "other"

OBSERVED: dict[str, int] = {
    # Core: half of the org totals of okta-api.md 8.4, as a token's default share (8.3).
    "/api/v1/org": 50,
    "/api/v1/users": 300,
    "/api/v1/users/{id}": 1000,
    "/api/v1/apps": 50,
    "/api/v1/apps/{id}": 250,
    OTHER: 600,
    # Recorded with service apps (pysdk__TestDPoPIntegration.test_dpop_api_request).
    "/oauth2/v1/token": 150,
    # Governance: recorded reads share as okta-api.md 8.5 says; unrecorded ones are planned at 50 there.
    "GET /governance/api/v1/entitlements": 50,
    "POST /governance/api/v1/entitlements": 50,
    "GET /governance/api/v1/entitlements/{id}": 50,
    "PATCH /governance/api/v1/entitlements/{id}": 50,
    "PUT /governance/api/v1/entitlements/{id}": 50,
    "DELETE /governance/api/v1/entitlements/{id}": 50,
    "GET /governance/api/v1/grants": 50,
    "POST /governance/api/v1/grants": 50,
    "GET /governance/api/v1/grants/{id}": 50,
    "PUT /governance/api/v1/grants/{id}": 50,
    "PATCH /governance/api/v1/grants/{id}": 50,
    "GET /governance/api/v1/principal-access": 50,
    "GET /governance/api/v1/principal-entitlements": 50,
    "GET /governance/api/v2/resources/{orn}/entitlement-settings": 50,
}


class LimitsError(Exception):
    """The message names the bad key."""


def limits_by_bucket(setting: str | Mapping[str, int]) -> dict[str, int]:
    """The limit of every bucket for a `limits` setting: observed, none, or a mapping over the observed ones.

    In a mapping, `default` replaces every observed number that the mapping does not name itself.
    """
    if setting == "observed":
        return dict(OBSERVED)
    if setting == "none":
        return dict.fromkeys(OBSERVED, UNLIMITED)
    if isinstance(setting, str):
        raise LimitsError(f"{setting!r} is neither observed, none nor a mapping")
    return _mapped(setting)


def _mapped(setting: Mapping[str, int]) -> dict[str, int]:
    for name, limit in setting.items():
        if name != "default" and name not in OBSERVED:
            raise LimitsError(f"there is no bucket {name!r}; the buckets are {', '.join(OBSERVED)}")
        if limit < 1:
            raise LimitsError(f"the limit of {name!r} must be at least 1")
    start = dict.fromkeys(OBSERVED, setting["default"]) if "default" in setting else dict(OBSERVED)
    return {**start, **{name: limit for name, limit in setting.items() if name != "default"}}


@dataclass(frozen=True, slots=True)
class Admission:
    """What one call was told about its bucket."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> list[tuple[str, str]]:
        return [
            ("X-Rate-Limit-Limit", str(self.limit)),
            ("X-Rate-Limit-Remaining", str(self.remaining)),
            ("X-Rate-Limit-Reset", str(self.reset)),
        ]


@dataclass(slots=True)
class _Window:
    reset: int
    used: int = 0


@dataclass(slots=True)
class Windows:
    """A window starts with its first call and lasts 60 s (okta-api.md 8.1)."""

    limits: dict[str, int]
    _open: dict[tuple[str, str], _Window] = field(default_factory=dict)

    def admit(self, client: str, bucket: str, now: float) -> Admission:
        limit = self.limits[bucket]
        window = self._open.get((client, bucket))
        if window is None or now >= window.reset:
            window = self._open[client, bucket] = _Window(reset=int(now) + WINDOW_S)
        allowed = window.used < limit
        window.used += allowed
        return Admission(allowed, limit, limit - window.used, window.reset)

    def clear(self) -> None:
        self._open.clear()
