"""Instants as Okta writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache


def parse_instant(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 date-time; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def management_instant(at: float) -> str:
    """Core API: always .000Z (okta-api.md 1.3)."""
    return f"{_whole_second(int(at))}.000Z"


def governance_instant(at: float) -> str:
    """Governance reads: whole seconds (okta-api.md 4.2)."""
    return f"{_whole_second(int(at))}Z"


def precise_instant(at: float) -> str:
    """Governance answers to a POST: milliseconds (okta-api.md 4.2)."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(at: float) -> str:
    return _http_date(int(at))


# Rows of one listing mostly carry the same instants, and many answers leave within one second.
@lru_cache(maxsize=4096)
def _whole_second(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}"


@lru_cache(maxsize=16)
def _http_date(at: int) -> str:
    return format_datetime(datetime.fromtimestamp(at, UTC), usegmt=True)
