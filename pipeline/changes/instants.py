"""Instants as Okta and plans write them: compared by what they mean, not by how they are written."""

from __future__ import annotations

from datetime import UTC, datetime


def instant_s(text: str) -> float:
    """Epoch seconds of an ISO 8601 instant; one without a zone is UTC, as Okta writes it.

    Raises ValueError where ``text`` is no instant.
    """
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def in_utc(text: str) -> str:
    """The same instant to the second, as ``2027-01-01T00:00:00Z``. Raises ValueError as ``instant_s``."""
    return datetime.fromtimestamp(int(instant_s(text)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def same_instant(left: str | None, right: str | None) -> bool:
    """Whether two ends are one, to the second, in whatever precision or zone they are written
    (okta-api.md 12.31). What cannot be read as an instant equals only itself.
    """
    if left is None or right is None or left == right:
        return left == right
    try:
        return int(instant_s(left)) == int(instant_s(right))
    except ValueError:
        return False
