"""How one write ended, as far as the answer tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class ReturnedValue(NamedTuple):
    """A value of an entitlement as an answer shows it; "" where a part is missing or is no text."""

    id: str
    name: str
    external_value: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """Okta answered 2xx. ``body`` is the JSON object of the answer, empty where there was none."""

    status: int
    body: Mapping[str, Any]
    request_id: str | None

    @property
    def values(self) -> tuple[ReturnedValue, ...] | None:
        """The values of the entitlement that was written; None where the answer shows none in the shape that
        is known (okta-api.md 4.4).
        """
        listed = self.body.get("values")
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            return None
        return tuple(
            ReturnedValue(_text(each, "id"), _text(each, "name"), _text(each, "externalValue"))
            for each in listed
        )


def _text(body: Mapping[str, Any], key: str) -> str:
    found = body.get(key)
    return found if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Okta answered 4xx or 501: the write had no effect, but a PATCH of several values may be half done."""

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
