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
    """Where these people stand, what holds them back, when it ends, what stays; "" where that is nothing."""
    stays = counted(cohort.stays, "value stays", "values stay") if cohort.stays else ""
    return ", ".join(filter(None, (cohort.standing, cohort.held, cohort.ends, stays)))


def some(texts: Sequence[str], most: int = SHOWN) -> str:
    """The first of ``texts``, and how many more there are."""
    rest = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + rest


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


_ONE = {
    "values": "value",
    "changes": "change",
    "people": "person",
    "settings": "setting",
    "findings": "finding",
    "differences": "difference",
    "rows": "row",
    "guards": "guard",
    "cohorts": "cohort",
    "change": "changes",
    "differ": "differs",
}
"""Words of labels and units as they are of one; the last two are what people do."""


def worded(number: int, label: str) -> str:
    """``label``, which is of many, as it is of ``number``."""
    first, *rest = label.split(" ")
    if number != 1 or first not in _ONE:
        return label
    last = [_ONE.get(each, each) if each in {"change", "differ"} else each for each in rest]
    return " ".join([_ONE[first], *last])


def people_counted(number: int) -> str:
    return counted(number, "person", "people")
