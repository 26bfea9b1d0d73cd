"""What one person holds on the app: the listed grants, by externalValue instead of ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.changes.snapshot import GrantType, OktaGrant, Snapshot
from pipeline.changes.structure import Pair

KNOWN_TYPES = frozenset(each.value for each in GrantType)
BASE_TYPES = frozenset(each.value for each in GrantType if each.is_base)


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """One grant. ``pairs`` are the values it holds that the listing of the app's values has."""

    grant: OktaGrant
    pairs: frozenset[Pair]

    @property
    def is_fully_known(self) -> bool:
        """Whether every value it holds has a name; if not, it cannot be rewritten without loss."""
        return len(self.pairs) == len(self.grant.values)


@dataclass(frozen=True, slots=True)
class Holdings:
    """All grants of one person, each of a known kind: at most one base grant, and what is added to it."""

    base: HeldGrant | None
    additive: tuple[HeldGrant, ...]

    @property
    def grants(self) -> tuple[HeldGrant, ...]:
        return (self.base, *self.additive) if self.base else self.additive

    @property
    def in_base(self) -> frozenset[Pair]:
        return self.base.pairs if self.base else frozenset()

    @property
    def pairs(self) -> frozenset[Pair]:
        return self.in_base.union(*(each.pairs for each in self.additive))

    @property
    def has_policy_base(self) -> bool:
        return self.base is not None and self.base.grant.type == GrantType.POLICY


class ValueNames:
    """(entitlement id, value id) -> both externalValues, for all that the listing of values has."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._names: dict[Pair, Pair] = {
            (entitlement.id, value.id): (entitlement.external_value, value.external_value)
            for entitlement in snapshot.entitlements
            for value in entitlement.values
        }

    def of(self, grant: OktaGrant) -> HeldGrant:
        names = self._names
        return HeldGrant(grant, frozenset(names[pair] for pair in grant.values if pair in names))

    def name(self, pair: Pair) -> Pair:
        """Both externalValues of (entitlement id, value id); the ids where no listing has them."""
        return self._names.get(pair, pair)

    def holdings(self, grants: Iterable[OktaGrant]) -> Holdings:
        """What ``grants`` hold; for people whose grants ``obstacles.strange`` has nothing against."""
        held = sorted((self.of(grant) for grant in grants), key=lambda each: each.grant.id)
        base = [each for each in held if each.grant.type in BASE_TYPES]
        additive = tuple(each for each in held if each.grant.type not in BASE_TYPES)
        return Holdings(base[0] if base else None, additive)
