"""What happens to a cohort, in words that every format shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.review.model import Cohort, People

SHOWN = 12
"""Values of one entitlement that are named; the page names all."""


def effects(people: People, cohort: Cohort) -> Iterator[tuple[str, str]]:
    """Signs and values: ``-`` is taken away, ``+`` is given, ``~`` is no longer given, ``!`` is held back."""
    for sign, number in (
        ("-", cohort.loses),
        ("+", cohort.gains),
        ("~", cohort.drops),
        ("!", cohort.wants),
    ):
        for entitlement, values in people.held(number).items():
            yield sign, f"{entitlement}: {some([each.value for each in values])}"


def about(cohort: Cohort) -> str:
    """Where these people stand, what holds them back, when it ends; "" where there is nothing to say."""
    return ", ".join(filter(None, (cohort.standing, cohort.held, cohort.ends)))


def some(texts: Sequence[str], most: int = SHOWN) -> str:
    """The first of ``texts``, and how many more there are."""
    rest = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + rest


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def people_counted(number: int) -> str:
    return counted(number, "person", "people")
