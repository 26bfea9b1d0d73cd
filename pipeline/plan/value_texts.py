"""How files name values: "Entitlement/value", with * for any text, compared without case."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

Pair = tuple[str, str]
"""(entitlement externalValue, value externalValue)."""
Texts = frozenset[str]


@dataclass(frozen=True, slots=True)
class ValuePattern:
    """One entry of a file that names values. Only ``*`` means more than itself, and any text, none too."""

    text: str
    _expression: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> ValuePattern:
        parts = map(re.escape, text.strip().casefold().split("*"))
        return cls(text, re.compile(".*".join(parts), re.DOTALL))

    def matches(self, texts: Texts) -> bool:
        """Whether one of ``texts``, which are case-folded, is meant."""
        return any(map(self._expression.fullmatch, texts))


class Named(Protocol):
    """What has a name for people and one for machines: an entitlement or a value, of a plan or a tenant."""

    @property
    def name(self) -> str: ...

    @property
    def external_value(self) -> str: ...


def texts_of(entitlement: Named, value: Named) -> Texts:
    """All ways to name ``value`` in full, case-folded: each of both by its name or its externalValue."""
    return frozenset(
        f"{of}/{what}".strip().casefold()
        for of in {entitlement.name, entitlement.external_value}
        for what in {value.name, value.external_value}
    )


def bare_texts_of(value: Named) -> Texts:
    """The ways to name ``value`` without its entitlement, case-folded."""
    return frozenset({value.name.strip().casefold(), value.external_value.strip().casefold()})


def merged(texts: Iterable[tuple[Pair, Texts]]) -> Mapping[Pair, Texts]:
    """All texts of each pair."""
    found: dict[Pair, Texts] = {}
    for pair, more in texts:
        found[pair] = found.get(pair, frozenset()) | more
    return found
