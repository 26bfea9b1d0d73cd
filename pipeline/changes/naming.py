"""Matching what the plan names with what the tenant has: externalValue, then unique name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

_ZERO_WIDTH = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD])


class Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def external_value(self) -> str: ...


T = TypeVar("T", bound=Named)


def look(text: str) -> str:
    """How a text looks to a person: equal for texts that differ only in case, blanks or Unicode form."""
    plain = unicodedata.normalize("NFKC", text).translate(_ZERO_WIDTH)
    return " ".join(plain.split()).casefold()


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """The one thing meant (``found``), or the several it may be (``near`` or ``same_name``), or nothing."""

    found: T | None = None
    same_name: tuple[T, ...] = ()
    near: tuple[T, ...] = ()

    @property
    def is_absent(self) -> bool:
        """Nothing in the tenant is it or looks like it, so it may be created."""
        return self.found is None and not self.same_name and not self.near


class Index(Generic[T]):
    """Lookup in one listing of the tenant."""

    def __init__(self, listed: Iterable[T]) -> None:
        self._by_external_value: dict[str, T] = {}
        self._by_name: dict[str, list[T]] = {}
        self._by_look: dict[str, list[T]] = {}
        for each in listed:
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
        near = [
            *self._by_look.get(look(wanted.external_value), []),
            *self._by_look.get(look(wanted.name), []),
        ]
        return Match(near=tuple({each.external_value: each for each in near}.values()))
