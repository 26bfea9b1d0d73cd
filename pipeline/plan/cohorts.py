"""People with the same values together: how access and removals stand in a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from pipeline.address import principal_key
from pipeline.plan.model import Cohort

Pair = tuple[str, str]
"""An entitlement and one of its values, by externalValue."""


def cohorts_of(given: Mapping[str, AbstractSet[Pair]]) -> tuple[Cohort, ...]:
    """The cohorts of people and their pairs: most people first, then by content."""
    users: dict[frozenset[Pair], list[str]] = {}
    for user in sorted(given, key=principal_key):
        users.setdefault(frozenset(given[user]), []).append(user)
    ordered = sorted(users.items(), key=lambda item: (-len(item[1]), sorted(item[0])))
    return tuple(Cohort(values=by_entitlement(pairs), users=tuple(each)) for pairs, each in ordered)


def by_entitlement(pairs: Iterable[Pair]) -> dict[str, tuple[str, ...]]:
    """The values of each entitlement, both sorted."""
    grouped: dict[str, tuple[str, ...]] = {}
    for entitlement, value in sorted(pairs):
        grouped[entitlement] = (*grouped.get(entitlement, ()), value)
    return grouped
