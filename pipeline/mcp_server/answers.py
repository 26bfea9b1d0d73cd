"""How every tool answers: counts first, data apart from sentences, never above the budget.

A sentence in an answer is fixed wording of this package. What comes from sources, from Okta or from the
caller stands in fields of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, PrivateAttr

from pipeline.errors import ErrorCode, InputError
from pipeline.masking import Mask
from pipeline.mcp_server.untrusted import CHARACTERS_MAX, cleaned

CHARACTERS_MAX_ANSWER = 30_000
"""Of text and structured content together: 7,500 tokens at four characters each."""
ROWS = 20
"""Rows of a page."""
T = TypeVar("T")


class Shape(BaseModel):
    """Base of everything in an answer."""

    model_config = ConfigDict(extra="forbid")


class Answer(Shape):
    """Base of all structured outputs. Every field has a default, so that any of them can say that it is still
    at work.
    """

    state: Literal["done", "working"] = "done"
    next: str = ""
    cut: list[str] = []
    """Lists of this answer that were shortened to fit."""
    headline: ClassVar[str] = "Done."

    def in_words(self) -> str:
        """One or two sentences of fixed wording; numbers only, no data."""
        return self.headline


class Rows(Answer):
    """Base of outputs with a page of rows. ``first`` is the number, from 0, of the page's first row."""

    total: int = 0
    first: int = 0
    next_cursor: str | None = None
    _cursor_start: str = PrivateAttr(default="")

    def in_words(self) -> str:
        return f"{self.headline} {self.total} rows in all, from row {self.first} on."


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page starts; ``digest`` names the stored change set it pages through."""

    first: int = 0
    digest: str = ""

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        """Raises InputError for what no answer named."""
        if not text:
            return cls()
        digest, _, first = text.rpartition(":")
        is_known = first.isdecimal() and len(first) < 10 and (not digest or _is_digest(digest))  # noqa: PLR2004
        if not is_known:
            raise InputError(
                ErrorCode.USAGE,
                "The cursor is not one that an answer named",
                "A cursor is passed on as it stands in next_cursor.",
            )
        return cls(int(first), digest)


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)  # noqa: PLR2004 - sha256 in hex


def page_of(items: Sequence[T], cursor: Cursor) -> Sequence[T]:
    """The items of the page at ``cursor``."""
    return items[cursor.first : cursor.first + ROWS]


R = TypeVar("R", bound=Rows)


def paged(answer: R, cursor: Cursor) -> R:
    """``answer`` with the cursor of the page after it, where there is one."""
    start = f"{cursor.digest}:" if cursor.digest else ""
    answer._cursor_start = start  # noqa: SLF001 - of our own class
    answer.first = cursor.first
    after = cursor.first + len(getattr(answer, "rows", ()))
    answer.next_cursor = f"{start}{after}" if after < answer.total else None
    return answer


def result_of(answer: Answer, *, mask: Mask) -> CallToolResult:
    """The result that carries ``answer`` as structured content and, standing alone, as text."""
    characters_max = CHARACTERS_MAX
    if answer.state == "working":
        told = {"state": "working", "next": answer.next}
        waiting = f"Not done yet: it goes on without you.\n{json.dumps(told, separators=(',', ':'))}"
        return CallToolResult(content=[TextContent(text=waiting)], structured_content=told)
    body = answer.model_dump(mode="json")
    mask.learn_from(body)
    said = answer.in_words()
    start = answer._cursor_start if isinstance(answer, Rows) else ""  # noqa: SLF001 - of our own class
    sentence = body.pop("next")
    body = cleaned(body, mask=mask)
    while True:
        whole = {"state": body["state"], "next": sentence, **body}
        text = f"{said}\n{json.dumps(whole, ensure_ascii=False, separators=(',', ':'))}"
        if len(json.dumps([text, whole], ensure_ascii=False)) <= CHARACTERS_MAX_ANSWER:
            return CallToolResult(content=[TextContent(text=text)], structured_content=whole)
        if not _shorten(body, start):
            characters_max //= 2
            body = cleaned(body, mask=mask, characters_max=characters_max)


def _shorten(body: dict[str, Any], cursor_start: str) -> bool:
    """Halve the list that takes most room; False where no list has more than one entry."""
    lists = [(path, each) for path, each in lists_in(body) if len(each) > 1 and path != "cut"]
    if not lists:
        return False
    path, longest = max(lists, key=lambda pair: len(json.dumps(pair[1], ensure_ascii=False)))
    inner = [(p, e) for p, e in lists if p.startswith(f"{path}.")]
    if path == "rows" and len(longest) <= 4 and inner:  # noqa: PLR2004 - rather narrow rows than none
        path, longest = max(inner, key=lambda pair: len(json.dumps(pair[1], ensure_ascii=False)))
    del longest[(len(longest) + 1) // 2 :]
    if path == "rows":
        body["next_cursor"] = f"{cursor_start}{body['first'] + len(longest)}"
    elif path not in body["cut"]:
        body["cut"] = [*body["cut"], path]
    return True


def lists_in(value: Any, path: str = "") -> list[tuple[str, list[Any]]]:  # noqa: ANN401 - JSON
    """Every list of ``value`` (JSON) with its path, such as ``rows.values``; indices are no part of it."""
    found: list[tuple[str, list[Any]]] = []
    if isinstance(value, dict):
        for key, each in value.items():
            found += lists_in(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        found.append((path, value))
        for each in value:
            found += lists_in(each, path if not isinstance(each, list) else f"{path}.")
    return found
