"""Separation of duties: which of the values that somebody holds must not be held together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from pipeline.plan.model import OktaAppRef
from pipeline.plan.value_texts import Pair, Texts, ValuePattern


@dataclass(frozen=True, slots=True)
class Side:
    """One duty of a rule: by ``patterns`` where a policy file names it, by ``pairs`` where Okta does."""

    patterns: tuple[ValuePattern, ...] = ()
    pairs: frozenset[Pair] = frozenset()
    needs_all: bool = False
    """Whether only all of ``pairs`` together are the duty, not any one of them."""

    def names(self, pair: Pair, texts: Texts) -> bool:
        return pair in self.pairs or any(each.matches(texts) for each in self.patterns)

    def is_met(self, held: frozenset[Pair]) -> bool:
        """``held``: those of the held values that this side names."""
        return held >= self.pairs if self.needs_all else bool(held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Nobody may have two of the duties in ``sides``. ``place`` says for people where it stands."""

    id: str
    why: str
    place: str
    sides: tuple[Side, ...]
    okta_app: OktaAppRef | None = None
    """The only app it is about; None: any."""
    warns: bool = False
    """A conflict is told and holds nothing."""
    one_value_suffices: bool = False
    """Whether one value that stands on both sides is a conflict by itself, as Okta judges."""

    def is_about(self, app_id: str | None, label: str | None) -> bool:
        """Whether it is about the app with this id and label, as far as these are known."""
        wanted = self.okta_app
        if wanted is None:
            return True
        if wanted.id is not None and app_id is not None:
            return wanted.id == app_id
        return wanted.label is not None and wanted.label == label


@dataclass(frozen=True, slots=True)
class Conflict:
    """``pairs`` are all held values that take part in it, ``sides`` the same duty by duty."""

    rule: Rule
    sides: tuple[frozenset[Pair], ...]

    @property
    def pairs(self) -> frozenset[Pair]:
        return frozenset[Pair]().union(*self.sides)

    @property
    def told(self) -> str:
        """ "Role/Payer with Role/Approver"."""
        return " with ".join(" and ".join("/".join(pair) for pair in sorted(side)) for side in self.sides)


@dataclass(slots=True)
class Duties:
    """Rules to judge by. ``texts_of`` tells by which texts a value may be named."""

    rules: Sequence[Rule]
    texts_of: Callable[[Pair], Texts]
    _places: dict[Pair, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    _judged: dict[frozenset[Pair], tuple[Conflict, ...]] = field(default_factory=dict)

    def conflicts(self, held: Iterable[Pair]) -> tuple[Conflict, ...]:
        """What somebody who holds ``held`` must not hold together, in the order of the rules."""
        if not self.rules:
            return ()
        relevant = frozenset(pair for pair in held if self._places_of(pair))
        known = self._judged.get(relevant)
        if known is None:
            known = self._judged[relevant] = tuple(self._judge(relevant))
        return known

    def names(self, pair: Pair) -> bool:
        """Whether any rule names ``pair``."""
        return bool(self._places_of(pair))

    def _judge(self, relevant: frozenset[Pair]) -> Iterable[Conflict]:
        by_rule: dict[int, dict[int, set[Pair]]] = {}
        for pair in relevant:
            for place, side in self._places_of(pair):
                by_rule.setdefault(place, {}).setdefault(side, set()).add(pair)
        for number, sides in sorted(by_rule.items()):
            rule = self.rules[number]
            met = {
                side: frozenset(held)
                for side, held in sorted(sides.items())
                if rule.sides[side].is_met(frozenset(held))
            }
            against = {
                side
                for one, other in combinations(met, 2)
                if rule.one_value_suffices or len(met[one] | met[other]) > 1
                for side in (one, other)
            }
            if against:
                yield Conflict(rule, tuple(met[side] for side in sorted(against)))

    def _places_of(self, pair: Pair) -> tuple[tuple[int, int], ...]:
        """(rule, side) of every side that names ``pair``."""
        known = self._places.get(pair)
        if known is None:
            texts = self.texts_of(pair)
            known = self._places[pair] = tuple(
                (number, index)
                for number, rule in enumerate(self.rules)
                for index, side in enumerate(rule.sides)
                if side.names(pair, texts)
            )
        return known
