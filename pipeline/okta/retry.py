"""What to do with an answer or its absence, decided without I/O (okta-api.md section 9, retry classes)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum, auto

import httpx

ATTEMPTS_MAX = 5
THROTTLED_MAX = 30
"""A 429 is not executed, so it may be repeated more often."""
BACKOFF_S = 1.0
BACKOFF_MAX_S = 30.0
_SERVER_TROUBLE = range(500, 600)
_NOT_SUPPORTED = 501
LATER_CODES = frozenset({"E0000112", "E0000145"})
"""409s that pass: the user is still being activated; the user schema is changing."""
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Verdict(Enum):
    """What an attempt means for the call."""

    ANSWERED = auto()
    AGAIN = auto()
    """It had no effect, or may safely be repeated."""
    UNKNOWN = auto()
    """It may have taken effect: read back before anything is sent again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP try: either an answer or the error that took its place."""

    is_read: bool
    status: int | None
    code: str | None = None
    error: Exception | None = None


def judge(attempt: Attempt) -> Verdict:
    """429 was not executed, so it is always sent again; what failed before it was sent, too; reads are
    repeated on server trouble; a write whose answer was lost or is a 5xx is unknown.
    """
    if attempt.status == 429:  # noqa: PLR2004 - Too Many Requests
        return Verdict.AGAIN
    if attempt.status is None:
        repeatable = attempt.is_read or isinstance(attempt.error, _NOT_SENT)
        return Verdict.AGAIN if repeatable else Verdict.UNKNOWN
    if is_server_trouble(attempt.status):
        return Verdict.AGAIN if attempt.is_read else Verdict.UNKNOWN
    if attempt.status == 409 and attempt.code in LATER_CODES:  # noqa: PLR2004 - Conflict
        return Verdict.AGAIN
    return Verdict.ANSWERED


def is_server_trouble(status: int) -> bool:
    """Whether the server or something before it broke down: any 5xx, since edges have numbers of their own
    (520 and more), but for 501, which says that there is no such operation (E0000060).
    """
    return status in _SERVER_TROUBLE and status != _NOT_SUPPORTED


def backoff_s(number: int, rng: random.Random) -> float:
    """Full-jitter wait before try ``number`` + 1."""
    return rng.uniform(0.5, 1.0) * min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** (number - 1))
