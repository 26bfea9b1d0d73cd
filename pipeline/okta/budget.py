"""The allowance of calls, decided without I/O: windows learned from headers, requests in flight counted.

Windows are fixed and start with their first request; ``X-Rate-Limit-Reset`` minus ``Date`` says how long the
present one lasts, whatever the local clock shows (okta-api.md 8.1). Several values of one header occur with
nested limits: the smallest remaining and the latest reset count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

WINDOW_S = 60.0
RESET_MARGIN_S = 1.0
"""Okta's own wait after a window's end (okta-api.md 8.1): its hosts' clocks differ."""
CONCURRENCY_BACKOFF_S = 1.0
CONCURRENCY_BACKOFF_MAX_S = 4.0
SUCCESSES_TO_WIDEN = 20
UNTOLD_PAUSE_S = 5.0
"""After a 429 that tells no window, such as one of the edge before Okta."""
WAIT_MAX_S = 600
"""No header makes us wait for longer, whatever it says."""
NUMBER_MAX = 10**15
"""A greater number in a header is none."""
OTHERS_REMEMBERED_S = 180.0
"""So long after another client was last seen in a bucket we keep giving way in it."""
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Header:
    """The rate headers of one answer; ``lasts_s`` is Reset minus Date, a whole window without Date."""

    limit: int
    remaining: int
    reset: int
    lasts_s: float


@dataclass(frozen=True, slots=True)
class BucketStatus:
    bucket: str
    limit: int
    remaining: int
    reset_s: float


@dataclass(slots=True)
class _Window:
    """One window of the server's, known by its reset. ``own`` are our calls it answered. ``before`` are the
    calls of others when we first saw it: an earlier command of ours, perhaps, and no sign of more to come.
    ``seen_at_s`` is when the last of our calls was sent: what its answer told may be as old as that.
    """

    limit: int
    remaining: int
    ends_at_s: float
    before: int
    first_at_s: float
    own: int = 0
    seen_at_s: float = 0.0


@dataclass(slots=True)
class _Bucket:
    limit: int | None = None
    windows: dict[int | None, _Window] = field(default_factory=dict)
    """By reset. Where what we take for one bucket is two, each shows its own, and all bound us."""
    closed_until_s: float = 0.0
    others_until_s: float = 0.0
    others_per_s: float = 0.0
    in_flight: int = 0
    calls: int = 0
    crowded: int = 0
    """How many pauses in a row ended in a concurrency 429 again."""

    def open_windows(self, now_s: float) -> list[_Window]:
        return [each for each in self.windows.values() if each.ends_at_s > now_s]


class Budget:
    """At most ``share`` of what each bucket's header allows, at most ``concurrency`` calls at a time."""

    def __init__(self, share: float = 0.70, concurrency: int = 10) -> None:
        self._share = share
        self._concurrency = concurrency
        self._parallel = concurrency
        self._in_flight = 0
        self._successes = 0
        self._buckets: dict[str, _Bucket] = {}

    @property
    def parallel(self) -> int:
        """How many calls may be under way at a time now: fewer after a concurrency 429."""
        return self._parallel

    def wait_s(self, bucket: str, now_s: float) -> float:
        """0.0 when a call may be sent now, else the seconds after which to ask again, or as soon as a call
        ended: ``inf`` where only that can make room.
        """
        if self._in_flight >= self._parallel:
            return math.inf
        state = self._buckets.setdefault(bucket, _Bucket())
        return self._room_s(state, state.in_flight + 1, now_s)

    def reserve(self, bucket: str, now_s: float) -> float:
        """As ``wait_s``, but 0.0 also counts the call as in flight until ``release``."""
        wait_s = self.wait_s(bucket, now_s)
        if wait_s == 0.0:
            state = self._buckets[bucket]
            state.in_flight += 1
            state.calls += 1
            self._in_flight += 1
        return wait_s

    def room_s(self, bucket: str, under_way: int, now_s: float) -> float:
        """The seconds until so many calls of ``bucket`` may be under way at once; as ``wait_s`` otherwise."""
        return self._room_s(self._buckets.setdefault(bucket, _Bucket()), under_way, now_s)

    def release(
        self,
        bucket: str,
        now_s: float,
        status: int | None,
        header: Header | None,
        *,
        took_s: float = 0.0,
        retry_after_s: float | None = None,
    ) -> None:
        """The call ended after ``took_s``; ``status`` None means no answer came. ``retry_after_s`` is the
        wait that a 429 asked for: Okta's own ask for none (okta-api.md 8.1), those of its edge may.
        """
        state = self._buckets[bucket]
        state.in_flight -= 1
        self._in_flight -= 1
        if status == TOO_MANY_REQUESTS and (header is None or retry_after_s is not None):
            pause_s = UNTOLD_PAUSE_S if retry_after_s is None else retry_after_s
            state.closed_until_s = max(state.closed_until_s, now_s + pause_s)
        if header is None:
            _count_unseen(state, now_s)
        elif header.limit == 0:
            self._narrow(state, now_s)
        else:
            _learn(state, header, now_s, took_s)
            if status == TOO_MANY_REQUESTS:
                window_ends_s = now_s + header.lasts_s + RESET_MARGIN_S
                state.closed_until_s = max(state.closed_until_s, window_ends_s)
            else:
                state.crowded = 0
                self._widen()

    def limits(self) -> dict[str, int]:
        """Calls per minute by bucket, of all buckets whose header was seen."""
        return {name: state.limit for name, state in self._buckets.items() if state.limit is not None}

    def calls(self) -> dict[str, int]:
        """Calls sent so far by bucket."""
        return {name: state.calls for name, state in sorted(self._buckets.items())}

    def status(self, now_s: float) -> list[BucketStatus]:
        """What is known of each bucket now."""
        found = []
        for name, state in sorted(self._buckets.items()):
            if state.limit is not None:
                windows = state.open_windows(now_s)
                remaining = min((each.remaining for each in windows), default=state.limit)
                reset_s = max((each.ends_at_s - now_s for each in windows), default=0.0)
                found.append(BucketStatus(name, state.limit, remaining, reset_s))
        return found

    def _room_s(self, state: _Bucket, under_way: int, now_s: float) -> float:
        if now_s < state.closed_until_s:
            return state.closed_until_s - now_s
        if state.limit is None:
            # Nothing is known: one call at a time until a header tells.
            return 0.0 if under_way <= 1 else math.inf
        others_per_s = state.others_per_s if now_s < state.others_until_s else 0.0
        windows = state.open_windows(now_s)
        if not windows:
            # Another client may have used up the new window before our first call.
            fit = self._allowed(state.limit) if others_per_s == 0.0 else 1
            return 0.0 if under_way <= fit else math.inf
        full = [each for each in windows if under_way > self._free(each, others_per_s, now_s)]
        if not full:
            return 0.0
        return max(each.ends_at_s for each in full) - now_s

    def _free(self, window: _Window, others_per_s: float, now_s: float) -> int:
        """How many calls fit, those under way included: the share is left to others whoever used the rest.

        Beside another client what it may have taken since the last answer is left to it, twice and one more,
        and never more than half of what fits goes at once, since its next calls may come first.
        """
        fit = window.remaining - (window.limit - self._allowed(window.limit))
        if others_per_s == 0.0:
            return fit
        taken = math.ceil(2 * others_per_s * (now_s - window.seen_at_s)) + 1
        return (fit - taken + 1) // 2

    def _allowed(self, limit: int) -> int:
        return max(1, math.floor(self._share * limit + 1e-9))

    def _narrow(self, state: _Bucket, now_s: float) -> None:
        """Concurrency 429 (limit 0): fewer calls at a time, and a pause that is short but for a crowd that
        stays; its Reset is only a hint. Of calls that were refused together the first counts.
        """
        self._parallel = max(1, self._parallel // 2)
        self._successes = 0
        if now_s >= state.closed_until_s:
            pause_s = min(CONCURRENCY_BACKOFF_S * 2.0**state.crowded, CONCURRENCY_BACKOFF_MAX_S)
            state.closed_until_s = now_s + pause_s
            state.crowded += 1

    def _widen(self) -> None:
        self._successes += 1
        if self._successes >= SUCCESSES_TO_WIDEN and self._parallel < self._concurrency:
            self._parallel += 1
            self._successes = 0


def _learn(state: _Bucket, header: Header, now_s: float, took_s: float) -> None:
    """``Date`` is cut to whole seconds, so each answer tells an end that is too late by up to one: the
    earliest of them is the best.
    """
    ends_at_s = now_s + header.lasts_s + RESET_MARGIN_S
    state.windows = {reset: each for reset, each in state.windows.items() if each.ends_at_s > now_s}
    window = state.windows.get(header.reset)
    if window is None:
        before = max(0, header.limit - header.remaining - 1 - state.in_flight)
        window = _Window(header.limit, header.remaining, ends_at_s, before, now_s)
        state.windows[header.reset] = window
        state.windows.pop(None, None)
    window.remaining = min(window.remaining, header.remaining)
    window.ends_at_s = min(window.ends_at_s, ends_at_s)
    window.limit = state.limit = header.limit
    window.own += 1
    window.seen_at_s = now_s - took_s
    used_by_others = window.limit - window.remaining - window.own - state.in_flight - window.before
    if used_by_others > 0:
        state.others_per_s = used_by_others / max(1.0, now_s - window.first_at_s)
        state.others_until_s = now_s + OTHERS_REMEMBERED_S


def _count_unseen(state: _Bucket, now_s: float) -> None:
    """A call without a header may have been counted all the same."""
    if state.limit is None:
        return
    if not state.open_windows(now_s):
        state.windows[None] = _Window(
            state.limit, state.limit, now_s + WINDOW_S + RESET_MARGIN_S, before=0, first_at_s=now_s
        )
    for each in state.open_windows(now_s):
        each.remaining = max(0, each.remaining - 1)


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
    lasts_s = WINDOW_S if date_s is None else min(max(0.0, reset - date_s), WAIT_MAX_S)
    return Header(limit, remaining, reset, lasts_s)


def read_date(headers: Mapping[str, list[str]]) -> float | None:
    """The answer's ``Date`` in seconds since the epoch, or None where there is none that can be read."""
    try:
        date = parsedate_to_datetime(headers["date"][0])
    except (KeyError, ValueError, IndexError, OverflowError):
        return None
    # without a zone, or with one that is not told, it is UTC (RFC 5322, 3.3)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def read_retry_after(headers: Mapping[str, list[str]]) -> float | None:
    """The seconds that ``Retry-After`` asks to wait, at most WAIT_MAX_S; None where there is none, or
    it is no number of seconds.
    """
    try:
        return float(min(max(0, int(headers["retry-after"][0])), WAIT_MAX_S))
    except (KeyError, ValueError, IndexError):
        return None


def _numbers(values: list[str]) -> list[int]:
    numbers = [int(part) for value in values for part in value.split(",")]
    if any(abs(each) > NUMBER_MAX for each in numbers):
        raise ValueError("a header holds no number that can be meant")
    return numbers
