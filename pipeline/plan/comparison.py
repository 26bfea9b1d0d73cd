"""Two plans compared by meaning: by person and value, not by line. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from pipeline.address import principal_key
from pipeline.plan.cohorts import Pair, by_entitlement
from pipeline.plan.model import Cohort, Entitlement, Plan

NOTHING: frozenset[Pair] = frozenset()
_BY_PERSON = {"access", "removals", "entitlements", "findings", "totals"}
_REASON = re.compile(r"(?:^|\.)mapping\.entitlements\[\d+\]\.why$")
_IGNORED = re.compile(r"(?:^|\.)mapping\.ignored\.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one plan wants of one person. ``terms`` are the parts of ``given`` by when they end ("" is never),
    ``taken`` what shall go, ``is_named`` whether the person stands in ``assignments.users``.
    """

    name: str
    terms: tuple[tuple[str, frozenset[Pair]], ...] = ()
    taken: frozenset[Pair] = NOTHING
    is_named: bool = False

    @property
    def given(self) -> frozenset[Pair]:
        return self.terms[0][1] if len(self.terms) == 1 else NOTHING.union(*(held for _, held in self.terms))

    @property
    def ends(self) -> tuple[str, ...]:
        """When it ends, and what, where not all of it ends at once."""
        if len(self.terms) == 1:
            return (self.terms[0][0],) if self.terms[0][0] else ()
        return tuple(f"{until or 'no end'} for {_listed(held)}" for until, held in self.terms)


@dataclass(frozen=True, slots=True)
class PersonDifference:
    """One person of whom the plans do not want the same. Absent from one of them is wanting nothing there."""

    name: str
    old: Wanted
    new: Wanted


@dataclass(frozen=True, slots=True)
class RuleDifference:
    """A setting of the plan; None where it does not stand."""

    rule: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """``same``: people of whom both plans want the same. Values are (entitlement, value) pairs."""

    people: tuple[PersonDifference, ...]
    same: int
    values_added: tuple[Pair, ...]
    values_gone: tuple[Pair, ...]
    rules: tuple[RuleDifference, ...]


def compare_plans(old: Plan, new: Plan) -> PlanDifference:
    """What changes between two plans, people in canonical order."""
    before, after = wanted_by_person(old), wanted_by_person(new)
    different: list[PersonDifference] = []
    same = 0
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key), after.get(key)
        if one is not None and other is not None and _meaning(one) == _meaning(other):
            same += 1
            continue
        name = (other or one or Wanted(key)).name
        different.append(PersonDifference(name, one or Wanted(name), other or Wanted(name)))
    known, wanted = declared(old.entitlements), declared(new.entitlements)
    return PlanDifference(
        people=tuple(different),
        same=same,
        values_added=tuple(sorted(wanted - known)),
        values_gone=tuple(sorted(known - wanted)),
        rules=tuple(_rules(old, new)),
    )


def wanted_by_person(plan: Plan) -> dict[str, Wanted]:
    """By canonical key, what the plan wants of everybody it names."""
    found: dict[str, Wanted] = {}
    for cohort in plan.access:
        terms = ((cohort.expires or "", pairs_of(cohort)),)
        for user in cohort.users:
            key = principal_key(user)
            known = found.get(key)
            found[key] = replace(known, terms=_joined(known.terms, terms)) if known else Wanted(user, terms)
    for cohort in plan.removals:
        pairs = pairs_of(cohort)
        for user in cohort.users:
            known = found.get(principal_key(user)) or Wanted(user)
            found[principal_key(user)] = replace(known, taken=known.taken | pairs)
    for user in plan.assignments.users:
        known = found.get(principal_key(user)) or Wanted(user)
        found[principal_key(user)] = replace(known, is_named=True)
    return found


def _joined(*several: tuple[tuple[str, frozenset[Pair]], ...]) -> tuple[tuple[str, frozenset[Pair]], ...]:
    joined: dict[str, frozenset[Pair]] = {}
    for until, held in chain(*several):
        joined[until] = joined.get(until, NOTHING) | held
    return tuple(sorted(joined.items()))


def _listed(pairs: frozenset[Pair]) -> str:
    return "; ".join(f"{name}: {', '.join(values)}" for name, values in by_entitlement(pairs).items())


def pairs_of(cohort: Cohort) -> frozenset[Pair]:
    return frozenset(
        (entitlement, value) for entitlement, values in cohort.values.items() for value in values
    )


def declared(entitlements: Iterable[Entitlement]) -> set[Pair]:
    """All values that the entitlements have, by externalValue."""
    return {(each.external_value, value.external_value) for each in entitlements for value in each.values}


def rules_of(plan: Plan) -> dict[str, str]:
    """Whatever the plan says that is about no single person: dotted key -> JSON. Without reasons, findings
    and totals, which change nothing.
    """
    fields = plan.model_dump(mode="json", by_alias=True, exclude=_BY_PERSON)
    fields["assignments"].pop("users")
    fields["limits"]["privileged"].sort()
    rules = {
        rule: '"ignored"' if _IGNORED.search(rule) else content
        for rule, content in _flat("", fields)
        if not _REASON.search(rule)
    }
    for each in plan.entitlements:
        texts = each.model_dump(mode="json", exclude={"values"})
        rules |= dict(_flat(f"entitlements.{each.external_value}", texts))
        for value in each.values:
            if value.name != value.external_value or value.description is not None:
                place = f"entitlements.{each.external_value}.values.{value.external_value}"
                rules |= dict(_flat(place, value.model_dump(mode="json", exclude={"external_value"})))
    return rules


def _rules(old: Plan, new: Plan) -> Iterator[RuleDifference]:
    before, after = rules_of(old), rules_of(new)
    for rule in sorted(before.keys() | after.keys()):
        if before.get(rule) != after.get(rule) and not (
            _opened(rule, before, after) or _opened(rule, after, before)
        ):
            yield RuleDifference(rule, before.get(rule), after.get(rule))


def _opened(rule: str, empty: Mapping[str, str], filled: Mapping[str, str]) -> bool:
    """Whether a setting that holds nothing on one side is told by what it holds on the other."""
    if empty.get(rule) not in ("{}", "[]"):
        return False
    return any(each.startswith((f"{rule}.", f"{rule}[")) for each in filled)


def _flat(place: str, content: object) -> Iterator[tuple[str, str]]:
    match content:
        case Mapping() if content:
            for key, each in content.items():
                yield from _flat(f"{place}.{key}" if place else str(key), each)
        case list() if any(isinstance(each, dict) for each in content):
            for number, each in enumerate(content):
                yield from _flat(f"{place}[{number}]", each)
        case None:
            return
        case _:
            yield place, json.dumps(content, ensure_ascii=False, sort_keys=True)


def _meaning(wanted: Wanted) -> tuple[object, ...]:
    return wanted.terms, wanted.taken, wanted.is_named
