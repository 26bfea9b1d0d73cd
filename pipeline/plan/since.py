"""What an older plan gave and a newer one does not: removals for review, never removals by absence alone."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pipeline.address import principal_key
from pipeline.plan.cohorts import Pair, by_entitlement, cohorts_of
from pipeline.plan.model import Entitlement, Plan, Value
from pipeline.plan.model import Mapping as PlanMapping


@dataclass(frozen=True, slots=True)
class Proposal:
    """``plan`` with the removals. Pairs that are gone too and not proposed: ``not_ours``, as no run of ours
    added them; ``doubted``, as rows of that person were rejected.
    """

    plan: Plan
    removals: int
    not_ours: int
    doubted: int


def propose_removals(
    old: Plan, new: Plan, added: Mapping[str, AbstractSet[Pair]] | None, doubted: AbstractSet[str]
) -> Proposal:
    """``new`` with removals of what ``old`` gave and it does not. ``added``: what runs of ours gave, by the
    keys of people; None proposes whatever is gone. ``doubted``: keys of people of whom rows were rejected.
    """
    names = {principal_key(user): user for cohort in old.access for user in cohort.users}
    given, kept = _pairs(old), _pairs(new)
    gone = {key: pairs - kept.get(key, set()) for key, pairs in given.items()}
    certain = {key: pairs for key, pairs in gone.items() if key not in doubted}
    ours = {key: pairs if added is None else pairs & added.get(key, set()) for key, pairs in certain.items()}
    removals = {names[key]: pairs for key, pairs in ours.items() if pairs}
    count = sum(map(len, removals.values()))
    plan = new.model_copy(
        update={
            "removals": cohorts_of(removals),
            "entitlements": _with_removed(old, new, {pair for pairs in removals.values() for pair in pairs}),
        }
    )
    certain_count = sum(map(len, certain.values()))
    return Proposal(plan, count, certain_count - count, sum(map(len, gone.values())) - certain_count)


def why_not(old: Plan, new: Plan) -> str | None:
    """Why what is gone may be a matter of how the sources were made: a sentence; None where it is not."""
    if old.totals is None or new.totals is None:
        return f"Plan {old.name} does not say how many rows its sources had."
    was, now = _columns(old), _columns(new)
    for what, columns in was.items():
        if lost := sorted(columns - now[what]):
            return f"Plan {old.name} has {what} {', '.join(lost)}, and the sources now have not."
    rows_before, rows = old.totals.rows, new.totals.rows
    percent = (rows_before - rows) * 100 / rows_before if rows_before else 0
    if percent > old.limits.revoked_percent_max:
        return (
            f"The sources of plan {old.name} had {rows_before:,} rows, and now {rows:,}: {percent:.1f} % are "
            f"gone, and its limits.revoked_percent_max is {old.limits.revoked_percent_max:g}."
        )
    return None


def _pairs(plan: Plan) -> dict[str, set[Pair]]:
    pairs: dict[str, set[Pair]] = {}
    for cohort in plan.access:
        held = {(name, value) for name, values in cohort.values.items() for value in values}
        for user in cohort.users:
            pairs.setdefault(principal_key(user), set()).update(held)
    return pairs


def _columns(plan: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {
        "the user column": set(),
        "the column of access": set(),
        "the status column": set(),
        "the column of validity": set(),
    }
    mappings: list[PlanMapping | None] = [plan.mapping, *(source.mapping for source in plan.sources)]
    for mapping in filter(None, mappings):
        found["the user column"].add(mapping.user.column)
        found["the column of access"] |= {each.column for each in mapping.entitlements}
        found["the column of access"] |= {*mapping.wide.columns} if mapping.wide else set()
        found["the status column"] |= {mapping.rows.column} if mapping.rows else set()
        if mapping.validity:
            found["the column of validity"] |= {*filter(None, (mapping.validity.start, mapping.validity.end))}
    return found


def _with_removed(old: Plan, new: Plan, pairs: AbstractSet[Pair]) -> tuple[Entitlement, ...]:
    """The entitlements of ``new``, with those values that are only taken away."""
    known = {each.external_value: each for each in new.entitlements}
    before = {each.external_value: each for each in old.entitlements}
    for name, values in by_entitlement(pairs).items():
        stated = known.get(name) or before[name].model_copy(update={"values": ()})
        of_old = {each.external_value: each for each in before[name].values}
        here = {each.external_value: each for each in stated.values}
        here |= {value: of_old.get(value) or Value(name=value, external_value=value) for value in values}
        known[name] = stated.model_copy(update={"values": tuple(here[value] for value in sorted(here))})
    return tuple(known[name] for name in sorted(known))
