"""How one write ended, as far as the answer tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Accepted:
    """Okta answered 2xx. ``body`` is the JSON object of the answer, empty where there was none."""

    status: int
    body: Mapping[str, Any]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Okta answered 4xx: the write had no effect, except that a PATCH of several values may be half done."""

    status: int
    code: str
    summary: str
    causes: tuple[str, ...]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer, or one that does not tell: the write may or may not have taken effect."""

    why: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The call could not leave in time: nothing took effect, and what it rests on must be read anew."""


WriteAnswer = Accepted | Refused | Lost | NotSent
