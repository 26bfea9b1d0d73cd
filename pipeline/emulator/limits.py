"""Rate limits as Okta counts them: fixed windows per bucket and client. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.emulator.errors import TOO_MANY, ErrorKind

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW_S = 60
UNLIMITED = 1_000_000
"""What `none` announces: more than any client sends in a minute, so the headers stay well-formed."""

OTHER = "other"

CONCURRENCY = "concurrency"
"""The key of a mapping that is no bucket: how many calls of the org may be in flight."""
OBSERVED_CONCURRENCY = 75
"""Of Workforce orgs (okta-api.md 8.2)."""

SHARES = 2
"""An org allows twice what it allows one client, whose default share is half (okta-api.md 8.3)."""

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
    "GET /governance/api/v1/principal-entitlements/history": 50,
    "GET /governance/api/v1/principal-entitlements-changes/{id}": 50,
    "GET /governance/api/v2/resources/{orn}/entitlement-settings": 50,
    "PATCH /governance/api/v2/resources/{orn}/entitlement-settings": 50,
    "GET /governance/api/v1/operations/{id}": 50,
    "GET /governance/api/v1/entitlement-bundles": 50,
    "POST /governance/api/v1/entitlement-bundles": 50,
    "PUT /governance/api/v1/entitlement-bundles/{id}": 50,
    "DELETE /governance/api/v1/entitlement-bundles/{id}": 50,
    "POST /governance/api/v2/revoke-principal-access": 50,
    "GET /governance/api/v1/risk-rules": 50,
    "POST /governance/api/v1/risk-rules": 50,
    "GET /governance/api/v1/risk-rules/{id}": 50,
    "PUT /governance/api/v1/risk-rules/{id}": 50,
    "DELETE /governance/api/v1/risk-rules/{id}": 50,
    "POST /governance/api/v1/risk-rule-assessments": 50,
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


def concurrency_of(setting: str | Mapping[str, int]) -> int | None:
    """How many calls may be in flight for a `limits` setting; None is any number."""
    if setting == "none":
        return None
    return (
        OBSERVED_CONCURRENCY if isinstance(setting, str) else setting.get(CONCURRENCY, OBSERVED_CONCURRENCY)
    )


def _mapped(setting: Mapping[str, int]) -> dict[str, int]:
    for name, limit in setting.items():
        if name not in ("default", CONCURRENCY) and name not in OBSERVED:
            raise LimitsError(f"there is no bucket {name!r}; the buckets are {', '.join(OBSERVED)}")
        if limit < 1:
            raise LimitsError(f"the limit of {name!r} must be at least 1")
    start = dict.fromkeys(OBSERVED, setting["default"]) if "default" in setting else dict(OBSERVED)
    return {**start, **{name: limit for name, limit in setting.items() if name in OBSERVED}}


@dataclass(frozen=True, slots=True)
class Admission:
    """What one call was told about its bucket."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    kind: ErrorKind = TOO_MANY
    """What a call that is not allowed is answered with."""

    def headers(self, skew_s: int = 0) -> list[tuple[str, str]]:
        return [
            ("X-Rate-Limit-Limit", str(self.limit)),
            ("X-Rate-Limit-Remaining", str(self.remaining)),
            ("X-Rate-Limit-Reset", str(self.reset + skew_s)),
        ]


def crowded(now: float) -> Admission:
    """Too many calls at once: both numbers are 0, and the reset means nothing (okta-api.md 8.2)."""
    return Admission(allowed=False, limit=0, remaining=0, reset=int(now) + WINDOW_S)


@dataclass(slots=True)
class InFlight:
    """Calls that have arrived and are not answered yet. What finds no place is refused, and takes none."""

    most: int | None
    count: int = 0

    def enter(self) -> bool:
        if self.most is not None and self.count >= self.most:
            return False
        self.count += 1
        return True

    def leave(self) -> None:
        self.count -= 1


@dataclass(slots=True)
class _Window:
    reset: int
    used: int = 0


_ORG = None
"""In place of a client: the window of the whole org."""


@dataclass(slots=True)
class Windows:
    """A window starts with its first call and lasts 60 s (okta-api.md 8.1).

    Each bucket has a window for each client and one for the org. A call needs room in both; the headers
    show the client's limit and the smaller remaining, with the reset of that window (8.1: of several values
    the smallest remaining counts).
    """

    limits: dict[str, int]
    _open: dict[tuple[str | None, str], _Window] = field(default_factory=dict)

    def admit(self, client: str, bucket: str, now: float) -> Admission:
        limit = self.limits[bucket]
        own, org = self._window(client, bucket, now), self._window(_ORG, bucket, now)
        own_left, org_left = limit - own.used, limit * SHARES - org.used
        if own_left <= 0 or org_left <= 0:
            full = own if own_left <= org_left else org
            return Admission(allowed=False, limit=limit, remaining=0, reset=full.reset)
        own.used += 1
        org.used += 1
        nearest = own if own_left <= org_left else org
        remaining = min(own_left, org_left) - 1
        return Admission(allowed=True, limit=limit, remaining=remaining, reset=nearest.reset)

    def refuse(self, client: str, bucket: str, now: float) -> Admission:
        """As if the window were used up, without counting."""
        limit = self.limits[bucket]
        return Admission(
            allowed=False, limit=limit, remaining=0, reset=self._window(client, bucket, now).reset
        )

    def take(self, bucket: str, now: float) -> None:
        """A call of a client that nobody looks at."""
        window = self._window(_ORG, bucket, now)
        window.used = min(window.used + 1, self.limits[bucket] * SHARES)

    def _window(self, client: str | None, bucket: str, now: float) -> _Window:
        window = self._open.get((client, bucket))
        if window is None or now >= window.reset:
            window = self._open[client, bucket] = _Window(reset=int(now) + WINDOW_S)
        return window

    def clear(self) -> None:
        self._open.clear()
