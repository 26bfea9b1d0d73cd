"""What a person has of the app, as an emulated org tells it in its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import Any

from tests.simulation.structure import Pair

BUNDLE, ENTITLEMENT = "ENTITLEMENT-BUNDLE", "ENTITLEMENT"
ADDITIVE = (BUNDLE, ENTITLEMENT)


@dataclass(frozen=True, slots=True)
class Base:
    """The one base grant of a person."""

    type: str
    action: str
    pairs: frozenset[Pair]
    ends_at: float = inf


@dataclass(frozen=True, slots=True)
class Beside:
    """A grant that only adds."""

    type: str
    pairs: frozenset[Pair]
    ends_at: float = inf


@dataclass(frozen=True, slots=True)
class Access:
    """What one person has of the app."""

    base: Base | None = None
    beside: tuple[Beside, ...] = ()
    assigned: str | None = None
    """The scope of the row in the app."""

    def at(self, now: float) -> Access:
        """Without what has ended by then."""
        base = None if self.base is not None and self.base.ends_at <= now else self.base
        return replace(self, base=base, beside=tuple(each for each in self.beside if each.ends_at > now))

    def ends(self) -> set[float]:
        """When something of it ends by itself."""
        grants: tuple[Base | Beside, ...] = (self.base, *self.beside) if self.base else self.beside
        return {each.ends_at for each in grants}

    def without(self, pairs: frozenset[Pair], of: Iterable[str]) -> Access:
        """Without ``pairs`` in grants of those types; a base grant that is left empty stays."""
        base = self.base
        if base is not None and base.type in of:
            base = replace(base, pairs=base.pairs - pairs)
        beside = (
            replace(each, pairs=each.pairs - pairs) if each.type in of else each for each in self.beside
        )
        return replace(self, base=base, beside=tuple(each for each in beside if each.pairs))

    @property
    def base_pairs(self) -> frozenset[Pair]:
        return self.base.pairs if self.base is not None and self.base.action == "ALLOW" else frozenset()

    @property
    def beside_pairs(self) -> frozenset[Pair]:
        return frozenset[Pair]().union(*(each.pairs for each in self.beside))

    @property
    def pairs(self) -> frozenset[Pair]:
        return self.base_pairs | self.beside_pairs


def access_of(state: Mapping[str, Any], name: Callable[[Pair], Pair]) -> dict[str, Access]:
    """Everybody who has a row or a grant, each pair by its ``name``."""
    found: dict[str, Access] = {}
    for row in state["okta_apps"][0]["assigned"]:
        found[row["user"]] = Access(assigned=row["scope"])
    bundles = {each["name"]: each["values"] for each in state["okta_apps"][0]["bundles"]}
    for grant in active_grants(state, -inf):
        had = found.get(grant["user"], Access())
        values = bundles[grant["bundle"]] if grant["bundle"] else grant["values"]
        pairs, ends_at = frozenset(name(pair) for pair in named_pairs(values)), instant(grant["expires"])
        if grant["type"] in ADDITIVE:
            beside = (*had.beside, Beside(grant["type"], pairs, ends_at))
            found[grant["user"]] = replace(had, beside=beside)
        elif had.base is None or had.base.ends_at < ends_at:
            base = Base(grant["type"], grant["action"], pairs, ends_at)
            found[grant["user"]] = replace(had, base=base)
    return found


def active_grants(state: Mapping[str, Any], at: float) -> Iterator[dict[str, Any]]:
    for grant in state["okta_apps"][0]["grants"]:
        if grant["status"] == "ACTIVE" and instant(grant["expires"]) > at:
            yield grant


def named_pairs(values: Mapping[str, Iterable[str]]) -> frozenset[Pair]:
    return frozenset((name, value) for name, held in values.items() for value in held)


def end_of(body: Mapping[str, Any]) -> float:
    """When the grant that a body describes ends."""
    return instant((body.get("scheduleSettings") or {}).get("expirationDate"))


def instant(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else inf
