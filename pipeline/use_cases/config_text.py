"""One value set inside a JSON text; every other byte of it stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_BLANKS = re.compile(r"[ \t\r\n]*")
_FIRST_INDENT = re.compile(r"\n([ \t]+)\S")
INDENT = "  "


class NotPlainJsonError(Exception):
    """The text cannot be edited without guessing; ``where`` is a line and column, from 1, or None."""

    def __init__(self, why: str, where: tuple[int, int] | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.where = where


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    start: int
    """Of its value; ``end`` is behind it."""
    end: int


def read_object(text: str) -> dict[str, Any]:
    """The object that ``text`` is; a blank text is an empty one. Raises NotPlainJsonError."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise NotPlainJsonError(error.msg, (error.lineno, error.colno)) from error
    except RecursionError as error:
        raise NotPlainJsonError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise NotPlainJsonError("it is not a JSON object")
    return found


def with_value(text: str, keys: tuple[str, ...], value: Mapping[str, Any]) -> str:
    """``text`` with ``value`` at ``keys``; objects on the way there that are missing are made.

    Line ends and indentation follow the text. Raises NotPlainJsonError where the text is no JSON object
    (comments make it none), where something on the way is no object, or stands there twice.
    """
    read_object(text)
    if not text.strip():
        text = "{}\n"
    newline = "\r\n" if "\r\n" in text else "\n"
    found = _FIRST_INDENT.search(text)
    unit = found[1] if found else INDENT
    start = end = _skip(text, 0)
    for depth, key in enumerate(keys):
        if text[start] != "{":
            raise NotPlainJsonError(f"{'.'.join(keys[:depth])} is not an object")
        same = [each for each in _members(text, start) if each.name == key]
        if len(same) > 1:
            raise NotPlainJsonError(f"{key} stands there twice")
        if not same:
            nested: Any = value
            for missing in reversed(keys[depth + 1 :]):
                nested = {missing: nested}
            return _inserted(text, start, key, nested, unit=unit, newline=newline)
        start, end = same[0].start, same[0].end
    if "\n" in text.strip():
        written = _dump(value, _indent_of(text, start), unit=unit, newline=newline)
    else:
        written = json.dumps(value, ensure_ascii=False)
    return text[:start] + written + text[end:]


def _inserted(text: str, start: int, key: str, value: Any, *, unit: str, newline: str) -> str:  # noqa: ANN401
    """``text`` with one more member at the end of the object that starts at ``start``."""
    name = json.dumps(key, ensure_ascii=False)
    members = list(_members(text, start))
    if not members:
        own = _indent_of(text, start)
        end = _skip(text, start + 1) + 1
        inner = own + unit
        body = f"{inner}{name}: {_dump(value, inner, unit=unit, newline=newline)}"
        return f"{text[:start]}{{{newline}{body}{newline}{own}}}{text[end:]}"
    behind = members[-1].end
    gap = text[start + 1 : _skip(text, start + 1)]
    if "\n" not in gap:
        return f"{text[:behind]}, {name}: {json.dumps(value, ensure_ascii=False)}{text[behind:]}"
    inner = gap.rpartition("\n")[2]
    body = f"{inner}{name}: {_dump(value, inner, unit=unit, newline=newline)}"
    return f"{text[:behind]},{newline}{body}{text[behind:]}"


def _members(text: str, start: int) -> Iterator[_Member]:
    """The members of the object at ``start`` of a text that is known to be JSON."""
    decoder = json.JSONDecoder()
    at = _skip(text, start + 1)
    while text[at] != "}":
        name, at = decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        _, end = decoder.raw_decode(text, at)
        yield _Member(name, at, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _indent_of(text: str, at: int) -> str:
    """The blanks that the line of ``at`` begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _dump(value: Any, indent: str, *, unit: str, newline: str) -> str:  # noqa: ANN401 - JSON
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", newline + indent)
