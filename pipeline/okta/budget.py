"""The allowance of calls, decided without I/O: windows learned from headers, requests in flight counted.

Windows are fixed and start with their first request; ``X-Rate-Limit-Reset`` minus ``Date`` says how long the
present one lasts, whatever the local clock shows (okta-api.md 8.1). Several values of one header occur with
nested limits: the smallest remaining and the latest reset count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

POLL_S = 0.05
"""How soon to ask again when only a request in flight stands in the way."""
CONCURRENCY_BACKOFF_S = 1.0
SUCCESSES_TO_WIDEN = 20
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Header:
    """The rate headers of one answer; ``lasts_s`` is Reset minus Date."""

    limit: int
    remaining: int
    reset: int
    lasts_s: float
    date_s: float


@dataclass(frozen=True, slots=True)
class BucketStatus:
    bucket: str
    limit: int
    remaining: int
    reset_s: float


@dataclass(slots=True)
class _Bucket:
    limit: int | None = None
    remaining: int = 0
    reset: int = 0
    ends_at_s: float = 0.0
    closed_until_s: float = 0.0
    in_flight: int = 0
    calls: int = field(default=0)


class Budget:
    """At most ``share`` of what each bucket's header allows, at most ``concurrency`` calls at a time."""

    def __init__(self, share: float = 0.70, concurrency: int = 10) -> None:
        self._share = share
        self._concurrency = concurrency
        self._parallel = concurrency
        self._in_flight = 0
        self._successes = 0
        self._buckets: dict[str, _Bucket] = {}

    def wait_s(self, bucket: str, now_s: float) -> float:
        """0.0 when a call may be sent now, else the seconds after which to ask again."""
        if self._in_flight >= self._parallel:
            return POLL_S
        state = self._buckets.setdefault(bucket, _Bucket())
        if now_s < state.closed_until_s:
            return state.closed_until_s - now_s
        if state.limit is None:
            return POLL_S if state.in_flight else 0.0
        if now_s >= state.ends_at_s:
            state.remaining = state.limit
        if self._room(state) > 0:
            return 0.0
        return POLL_S if state.in_flight else max(POLL_S, state.ends_at_s - now_s)

    def reserve(self, bucket: str, now_s: float) -> float:
        """As ``wait_s``, but 0.0 also counts the call as in flight until ``release``."""
        wait_s = self.wait_s(bucket, now_s)
        if wait_s == 0.0:
            self._buckets[bucket].in_flight += 1
            self._buckets[bucket].calls += 1
            self._in_flight += 1
        return wait_s

    def allowance(self, bucket: str, now_s: float) -> int:
        """How many calls may be under way now, those in flight included; 1 while the limit is unknown."""
        state = self._buckets.setdefault(bucket, _Bucket())
        if now_s < state.closed_until_s:
            return 0
        if state.limit is None:
            return 1
        if now_s >= state.ends_at_s:
            state.remaining = state.limit
        return max(0, self._room(state) + state.in_flight)

    def release(self, bucket: str, now_s: float, status: int | None, header: Header | None) -> None:
        """The call ended; ``status`` None means no answer came."""
        state = self._buckets[bucket]
        state.in_flight -= 1
        self._in_flight -= 1
        if status is None:
            state.remaining = max(0, state.remaining - 1)
        if header is None:
            return
        if header.limit == 0:
            self._narrow(state, now_s)
            return
        self._learn(state, header, now_s)
        if status == TOO_MANY_REQUESTS:
            state.closed_until_s = now_s + header.lasts_s + 1.0
        else:
            self._widen()

    def limits(self) -> dict[str, int]:
        """Calls per minute by bucket, of all buckets whose header was seen."""
        return {name: state.limit for name, state in self._buckets.items() if state.limit is not None}

    def calls(self) -> dict[str, int]:
        """Calls sent so far by bucket."""
        return {name: state.calls for name, state in sorted(self._buckets.items())}

    def status(self, now_s: float) -> list[BucketStatus]:
        """What is known of each bucket now."""
        return [
            BucketStatus(name, state.limit, state.remaining, max(0.0, state.ends_at_s - now_s))
            for name, state in sorted(self._buckets.items())
            if state.limit is not None
        ]

    def _room(self, state: _Bucket) -> int:
        """How many more calls fit: the share is left to others whoever used the rest."""
        limit = state.limit or 0
        allowed = max(1, math.floor(self._share * limit + 1e-9))
        return state.remaining - state.in_flight - (limit - allowed)

    def _learn(self, state: _Bucket, header: Header, now_s: float) -> None:
        if header.reset < state.reset:
            return
        if header.reset > state.reset or now_s >= state.ends_at_s:
            state.remaining = header.remaining
            state.ends_at_s = now_s + header.lasts_s + 1.0
        else:
            state.remaining = min(state.remaining, header.remaining)
        state.reset = header.reset
        state.limit = header.limit

    def _narrow(self, state: _Bucket, now_s: float) -> None:
        """Concurrency 429 (limit 0): fewer calls at a time, a short pause; its Reset is only a hint."""
        self._parallel = max(1, self._parallel // 2)
        self._successes = 0
        state.closed_until_s = max(state.closed_until_s, now_s + CONCURRENCY_BACKOFF_S)

    def _widen(self) -> None:
        self._successes += 1
        if self._successes >= SUCCESSES_TO_WIDEN and self._parallel < self._concurrency:
            self._parallel += 1
            self._successes = 0


def read_header(headers: Mapping[str, list[str]]) -> Header | None:
    """The rate headers of an answer, or None where they are absent or not numbers.

    ``headers`` maps lower-case names to all values of that name.
    """
    try:
        limit = min(_numbers(headers["x-rate-limit-limit"]))
        remaining = min(_numbers(headers["x-rate-limit-remaining"]))
        reset = max(_numbers(headers["x-rate-limit-reset"]))
    except (KeyError, ValueError):
        return None
    date_s = read_date(headers)
    return None if date_s is None else Header(limit, remaining, reset, max(0.0, reset - date_s), date_s)


def read_date(headers: Mapping[str, list[str]]) -> float | None:
    """The answer's ``Date`` in seconds since the epoch, or None where there is none that can be read."""
    try:
        return parsedate_to_datetime(headers["date"][0]).timestamp()
    except (KeyError, ValueError, IndexError):
        return None


def _numbers(values: list[str]) -> list[int]:
    return [int(part) for value in values for part in value.split(",")]
