"""Checked reading of JSON request bodies: the first fault answers 400 with its place and reason."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from pipeline.emulator.errors import BAD_JSON, OktaError, invalid

_DEPTH = 100
"""No request of Okta's is nearly so deep; an end keeps every later walk over a body safe."""


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object of a governance request, and where it stands."""

    values: dict[str, Any]
    at: str = ""
    domain: str = "governance"

    def fault(self, key: str, cause: str, reason: str) -> OktaError:
        return invalid(f"{self.at}/{key}", cause, reason, domain=self.domain)

    def has(self, key: str) -> bool:
        return self.values.get(key) is not None

    def required(self, key: str) -> Any:  # noqa: ANN401  JSON
        if not self.has(key):
            raise self.fault(key, "must have required field", "REQUIRED_PROPERTY_MISSING")
        return self.values[key]

    def text(self, key: str, most: int) -> str:
        value = self.required(key)
        if not isinstance(value, str):
            raise self.fault(key, "must be a string", "INVALID_DATA_TYPE")
        if not value:
            raise self.fault(key, "must not be shorter than 1 character", "INVALID_STRING_LENGTH_UNDER_MIN")
        if len(value) > most:
            raise self.fault(
                key, f"must not be longer than {most} characters", "INVALID_STRING_LENGTH_OVER_MAX"
            )
        return value

    def optional_text(self, key: str, most: int) -> str | None:
        return self.text(key, most) if self.has(key) else None

    def word(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = default if default is not None and not self.has(key) else self.required(key)
        if value not in allowed:
            raise self.fault(key, f"must be one of {', '.join(allowed)}", "INVALID_ENUM_VALUE")
        return str(value)

    def flag(self, key: str) -> bool:
        value = self.required(key)
        if not isinstance(value, bool):
            raise self.fault(key, "must be a boolean", "INVALID_DATA_TYPE")
        return value

    def inner(self, key: str) -> Fields:
        return self._object(self.required(key), key)

    def items(self, key: str, least: int, most: int | None = None) -> list[Fields]:
        items = self.array(key, least, most)
        return [self._object(item, f"{key}/{n}") for n, item in enumerate(items)]

    def array(self, key: str, least: int, most: int | None = None) -> list[Any]:
        value = self.required(key)
        if not isinstance(value, list):
            raise self.fault(key, "must be an array", "INVALID_DATA_TYPE")
        if len(value) < least:
            raise self.fault(key, f"must have at least {least} items", "INVALID_ARRAY_LENGTH_UNDER_MIN")
        if most is not None and len(value) > most:
            raise self.fault(key, f"must have at most {most} items", "INVALID_ARRAY_LENGTH_OVER_MAX")
        return value

    def texts(self, key: str, least: int, most: int, longest: int) -> list[str]:
        items = self.array(key, least, most)
        return [
            Fields({str(n): item}, f"{self.at}/{key}", self.domain).text(str(n), longest)
            for n, item in enumerate(items)
        ]

    def _object(self, value: object, key: str) -> Fields:
        if not isinstance(value, dict):
            raise self.fault(key, "must be an object", "INVALID_DATA_TYPE")
        return Fields(value, f"{self.at}/{key}", self.domain)


def read_json(raw: bytes) -> Any:  # noqa: ANN401  JSON
    """JSON as RFC 8259 has it, without what it leaves to chance; raises ValueError.

    Refused beside malformed text: another encoding than UTF-8, a name that appears twice in an object, NaN,
    numbers beyond a double, half a surrogate pair, nesting beyond 100. None for an empty body.
    """
    if not raw:
        return None
    text = raw.decode("utf-8")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if text.count("[") + text.count("{") > _DEPTH:
        _check_depth(value)
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name appears twice in an object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is beyond a double")
    return number


def _no_number(text: str) -> Any:  # noqa: ANN401  never returns
    raise ValueError(f"{text} is no JSON")


def _check_depth(value: Any) -> None:  # noqa: ANN401  JSON
    level = [value]
    for _ in range(_DEPTH + 1):
        inner = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [item for each in inner if isinstance(each, list) for item in each]
        if not level:
            return
    raise ValueError("nested too deep")


def body_fields(body: Any, domain: str = "governance") -> Fields:  # noqa: ANN401  JSON
    if not isinstance(body, dict):
        raise OktaError(BAD_JSON)
    return Fields(body, domain=domain)
