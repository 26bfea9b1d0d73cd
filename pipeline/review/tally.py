"""What a review says of values: how many people gain, lose and keep each, and what of that is a risk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipeline.review.model import FIRST, Cohort, GrantedValue, People, Risk, RiskRow, Tone


@dataclass(frozen=True, slots=True)
class Tally:
    """People by what becomes of one value."""

    value: GrantedValue
    gains: int
    loses: int
    drops: int
    keeps: int
    wants: int


def tallies(people: People) -> tuple[Tally, ...]:
    """One for each value that somebody gains, loses or is held back from; most concerned first."""
    by_cohort = [
        _spread(people, lambda each, field=field: getattr(each, field))  # type: ignore[misc]
        for field in ("gains", "loses", "drops", "wants")
    ]
    keeps: Counter[int] = Counter()
    for number, count in Counter(people.keeps_of).items():
        for index in people.sets[number]:
            keeps[index] += count
    gains, loses, drops, wants = by_cohort
    found = [
        Tally(value, gains[n], loses[n], drops[n], keeps[n], wants[n])
        for n, value in enumerate(people.values)
        if gains[n] or loses[n] or drops[n] or wants[n]
    ]
    return tuple(sorted(found, key=lambda each: (-each.loses, -(each.gains + each.wants + each.drops))))


def pairs(people: People | None, part: Callable[[Cohort], int]) -> int:
    """How many (person, value) pairs the sets that ``part`` names hold together."""
    return sum(len(people.sets[part(each)]) * each.people for each in people.cohorts) if people else 0


def concerned(people: People | None, part: Callable[[Cohort], object]) -> int:
    """How many people are in cohorts of which ``part`` is true."""
    return sum(each.people for each in people.cohorts if part(each)) if people else 0


def by_value(
    people: People, part: Callable[[Cohort], int], only: Callable[[GrantedValue], bool] = lambda _: True
) -> tuple[RiskRow, ...]:
    """A row for each value in the sets that ``part`` names, most people first, with the first of them."""
    counts = _spread(people, part)
    who: dict[int, list[str]] = {}
    for cohort in people.cohorts:
        for index in people.sets[part(cohort)]:
            who.setdefault(index, []).extend(cohort.first)
    chosen = [index for index in counts if only(people.values[index])]
    return tuple(
        RiskRow(what=named(people.values[index]), count=counts[index], who=tuple(who[index][:FIRST]))
        for index in sorted(chosen, key=lambda each: (-counts[each], each))
    )


def risk_of(
    key: str, title: str, unit: str, why: str, rows: Iterable[RiskRow], tone: Tone = Tone.RISK
) -> Iterable[Risk]:
    """The risk of these rows; none where there are none."""
    listed = tuple(rows)
    if listed:
        count = sum(row.count for row in listed)
        yield Risk(key=key, title=title, unit=unit, count=count, why=why, rows=listed, tone=tone)


def named(value: GrantedValue) -> str:
    return f"{value.entitlement}: {value.value}"


def _spread(people: People, part: Callable[[Cohort], int]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for cohort in people.cohorts:
        for index in people.sets[part(cohort)]:
            counts[index] += cohort.people
    return counts
