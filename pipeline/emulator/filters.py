"""The grammar of `search` and `filter`: attr op "value", and / or, parentheses, escapes in quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATORS = frozenset({"eq", "sw", "co", "pr", "gt", "ge", "lt", "le"})
MAX_TERMS = 200
"""Okta only says that overly complex searches fail (okta-api.md 1.2); this bounds an SQL statement."""

_TOKEN = re.compile(r'\s*(?:(?P<paren>[()])|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()"]+))', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class FilterError(Exception):
    """The expression does not follow the grammar."""


@dataclass(frozen=True, slots=True)
class Comparison:
    attribute: str
    operator: str
    value: str
    """Empty for `pr`."""


@dataclass(frozen=True, slots=True)
class Joined:
    word: str
    """and / or."""
    terms: tuple[Expression, ...]


Expression = Comparison | Joined


class _Token(NamedTuple):
    kind: str
    text: str


def parse(text: str) -> Expression:
    """`and` binds tighter than `or`; both words in any case, as Okta takes AND and and alike."""
    tokens = _Tokens(list(_tokens(text)))
    expression = _either(tokens)
    if tokens.peek() is not None:
        raise FilterError("words are left over after the expression")
    if sum(1 for _ in comparisons(expression)) > MAX_TERMS:
        raise FilterError(f"the expression has more than {MAX_TERMS} terms")
    return expression


def comparisons(expression: Expression) -> Iterator[Comparison]:
    if isinstance(expression, Comparison):
        yield expression
        return
    for term in expression.terms:
        yield from comparisons(term)


def quoted(value: str) -> str:
    """A value as it stands in an expression."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise FilterError("a quote is not closed")
        part = found[found.lastgroup]
        is_escaped = found.lastgroup == "text" and "\\" in part
        yield _Token(found.lastgroup, _ESCAPE.sub(r"\1", part) if is_escaped else part)
        at = found.end()


class _Tokens:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def take(self, kind: str) -> str:
        token = self.peek()
        if token is None or token.kind != kind:
            raise FilterError(f"expected a {kind}" + (f" before {token.text!r}" if token else " at the end"))
        self._at += 1
        return token.text

    def take_if(self, kind: str, text: str) -> bool:
        token = self.peek()
        if token is None or token.kind != kind or token.text.lower() != text:
            return False
        self._at += 1
        return True


def _either(tokens: _Tokens, depth: int = 0) -> Expression:
    terms = [_both(tokens, depth)]
    while tokens.take_if("word", "or"):
        terms.append(_both(tokens, depth))
    return terms[0] if len(terms) == 1 else Joined("or", tuple(terms))


def _both(tokens: _Tokens, depth: int) -> Expression:
    terms = [_term(tokens, depth)]
    while tokens.take_if("word", "and"):
        terms.append(_term(tokens, depth))
    return terms[0] if len(terms) == 1 else Joined("and", tuple(terms))


_MAX_DEPTH = 20


def _term(tokens: _Tokens, depth: int) -> Expression:
    if not tokens.take_if("paren", "("):
        return _comparison(tokens)
    if depth == _MAX_DEPTH:
        raise FilterError("parentheses are nested too deep")
    inner = _either(tokens, depth + 1)
    if not tokens.take_if("paren", ")"):
        raise FilterError("a parenthesis is not closed")
    return inner


def _comparison(tokens: _Tokens) -> Comparison:
    attribute = tokens.take("word")
    operator = tokens.take("word").lower()
    if operator not in OPERATORS:
        raise FilterError(f"there is no operator {operator!r}")
    return Comparison(attribute, operator, "" if operator == "pr" else tokens.take("text"))
