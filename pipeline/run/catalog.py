"""The app's entitlements as they are now: from externalValues to the ids Okta uses, and back."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.changes.model import Holding, holding
from pipeline.changes.snapshot import OktaEntitlement
from pipeline.run.tenant import Pairs


class Catalog:
    """Look-up by externalValue: the diff has turned the names a plan uses into the tenant's own."""

    def __init__(self, entitlements: Iterable[OktaEntitlement]) -> None:
        self._entitlements = tuple(entitlements)
        self._by_key = {each.external_value: each for each in self._entitlements}
        self._values = {
            each.id: {value.external_value: value for value in each.values} for each in self._entitlements
        }
        self._names = {
            (each.id, value.id): f"{each.external_value}: {value.external_value}"
            for each in self._entitlements
            for value in each.values
        }

    def entitlement(self, external_value: str) -> OktaEntitlement | None:
        return self._by_key.get(external_value)

    def has_value(self, entitlement: OktaEntitlement, external_value: str) -> bool:
        return external_value in self._values[entitlement.id]

    def resolve(self, held: Holding) -> tuple[Pairs, tuple[str, ...]]:
        """The id pairs of ``held``, and what of it has no id ("Role: Admin")."""
        pairs: set[tuple[str, str]] = set()
        missing: list[str] = []
        for external_value, values in held:
            entitlement = self.entitlement(external_value)
            for value in values:
                found = self._values[entitlement.id].get(value) if entitlement else None
                if entitlement is None or found is None:
                    missing.append(f"{external_value}: {value}")
                else:
                    pairs.add((entitlement.id, found.id))
        return frozenset(pairs), tuple(missing)

    def held(self, pairs: Pairs) -> Holding:
        """``pairs`` by externalValue; what the catalog does not have is left out."""
        found: dict[str, set[str]] = {}
        for entitlement in self._entitlements:
            for value in entitlement.values:
                if (entitlement.id, value.id) in pairs:
                    found.setdefault(entitlement.external_value, set()).add(value.external_value)
        return holding(found)

    def names(self, pairs: Iterable[tuple[str, str]]) -> str:
        """``pairs`` for people; ids where the catalog has no name."""
        return ", ".join(sorted(self._names.get(pair, f"{pair[0]}: {pair[1]}") for pair in pairs))
