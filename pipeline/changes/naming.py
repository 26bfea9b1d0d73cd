"""Matching what the plan names with what the tenant has: externalValue, then unique name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pipeline.lookalike import look


class Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def external_value(self) -> str: ...


T = TypeVar("T", bound=Named)
W = TypeVar("W", bound=Named)


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """The one thing meant (``found``); or what stands in the way of saying so; or nothing at all."""

    found: T | None = None
    same_name: tuple[T, ...] = ()
    """Several have the wanted name."""
    near: tuple[T, ...] = ()
    """They look like what is wanted, but are not it."""
    taken: T | None = None
    """Has the wanted name, but something else in the plan means it too."""

    @property
    def is_absent(self) -> bool:
        """Nothing in the tenant is it or looks like it, so it may be created."""
        return self == Match()


def match_all(wanted: Sequence[W], listed: Iterable[T]) -> list[tuple[W, Match[T]]]:
    """Each of ``wanted`` with what it means among ``listed``; no two of them mean the same thing."""
    index = _Index(listed)
    matches = [(each, index.match(each)) for each in wanted]
    claims = Counter(match.found.external_value for _, match in matches if match.found)
    return [(each, _unless_taken(each, match, claims)) for each, match in matches]


def _unless_taken(wanted: Named, match: Match[T], claims: Counter[str]) -> Match[T]:
    """A match by name gives way where another one claims the same thing."""
    if match.found is None or match.found.external_value == wanted.external_value:
        return match
    return Match(taken=match.found) if claims[match.found.external_value] > 1 else match


class _Index(Generic[T]):
    """Look-up in one listing of the tenant."""

    def __init__(self, listed: Iterable[T]) -> None:
        self._by_external_value: dict[str, T] = {}
        self._by_name: dict[str, list[T]] = {}
        self._by_look: dict[str, list[T]] = {}
        for each in sorted(listed, key=lambda each: each.external_value):
            self._by_external_value[each.external_value] = each
            self._by_name.setdefault(each.name, []).append(each)
            for form in {look(each.external_value), look(each.name)}:
                self._by_look.setdefault(form, []).append(each)

    def match(self, wanted: Named) -> Match[T]:
        """externalValue first, then unique name (okta-api.md 12.12); case rules are unknown (12.14)."""
        exact = self._by_external_value.get(wanted.external_value)
        if exact is not None:
            return Match(found=exact)
        same_name = self._by_name.get(wanted.name, [])
        if len(same_name) == 1:
            return Match(found=same_name[0])
        if same_name:
            return Match(same_name=tuple(same_name))
        near = {
            each.external_value: each
            for form in (look(wanted.external_value), look(wanted.name))
            for each in self._by_look.get(form, [])
        }
        return Match(near=tuple(near[key] for key in sorted(near)))
