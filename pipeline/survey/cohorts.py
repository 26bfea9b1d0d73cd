"""People with the same values together, as they stand in the plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from operator import neg
from typing import TypeAlias

from pipeline.address import principal_key
from pipeline.plan.many_people import uncollected
from pipeline.plan.model import Cohort
from pipeline.survey.cells import KEY, USER
from pipeline.survey.rows import ENTITLEMENT, VALUE, Rows
from pipeline.survey.validity import END

Held: TypeAlias = tuple[tuple[str, ...], ...]
"""The values of each entitlement, in the order of their names."""
People: TypeAlias = tuple[str, ...]


@uncollected()
def cohorts_of(rows: Rows) -> tuple[Cohort, ...]:
    """People with the same values, largest group first, then by content; people by their keys."""
    names = _names(rows)
    held, ends, users = _groups(rows, names)
    sizes, instants = map(neg, map(len, users)), (end or "" for end in ends)
    order = sorted(zip(sizes, *_ranks(held, len(names)), instants, range(len(users)), strict=True))
    return tuple(
        Cohort.known(
            {name: values for name, values in zip(names, held[at], strict=True) if values},
            ends[at],
            users[at],
        )
        for *_, at in order
    )


def _names(rows: Rows) -> list[str]:
    """The entitlements, sorted; people of several sources hold what this one has no column for."""
    settled = rows.decided.settled.get_column(ENTITLEMENT).unique().to_list() if rows.decided else []
    return sorted({*settled, *(each.entitlement for each in rows.sets)})


def _groups(rows: Rows, names: Sequence[str]) -> tuple[list[Held], list[str | None], list[People]]:
    """What the people of each cohort hold, until when, and who they are."""
    groups = rows.undisputed().lazy().group_by(rows.set_names).agg(USER).collect()
    everybody = tuple(groups.get_column(USER).explode().to_list())
    places = pairwise(accumulate(groups.get_column(USER).list.len().to_list(), initial=0))
    users = [everybody[start:end] for start, end in places]
    nothing: list[tuple[str, ...]] = [()] * len(users)
    decoded = {each.entitlement: each.decode(groups) for each in rows.sets}
    held: list[Held] = list(zip(*(decoded.get(name, nothing) for name in names), strict=True))
    if rows.decided is None:
        return held, [None] * len(held), users
    users_of: dict[tuple[Held, str | None], People] = {
        (each, None): who for each, who in zip(held, users, strict=True)
    }
    for who, each, end in _settled(rows, names):
        others = users_of.get((each, end))
        users_of[each, end] = tuple(sorted((*others, *who), key=principal_key)) if others else tuple(who)
    return [each for each, _ in users_of], [end for _, end in users_of], list(users_of.values())


def _settled(rows: Rows, names: Sequence[str]) -> Iterator[tuple[list[str], Held, str | None]]:
    """The people of whom rows disagree, by what they get until when."""
    if rows.decided is None:
        return
    people = rows.decided.settled.group_by(KEY, USER, END, maintain_order=True).agg(ENTITLEMENT, VALUE)
    groups = people.group_by(ENTITLEMENT, VALUE, END, maintain_order=True).agg(USER)
    for entitlements, values, end, users in groups.select(ENTITLEMENT, VALUE, END, USER).iter_rows():
        held: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
        for name, value in zip(entitlements, values, strict=True):
            held[name] = (*held[name], value)
        yield users, tuple(held.values()), end


def _ranks(held: Sequence[Held], count: int) -> list[list[int]]:
    """For each of ``count`` entitlements a number for each of ``held``; the rows of numbers are in the order
    of what is held as (name, values) of those entitlements of which there are any. Numbers sort several
    times as fast.
    """
    found: list[list[int]] = []
    is_last = [True] * len(held)
    for index in reversed(range(count)):
        column = [each[index] for each in held]
        ranks = {values: rank for rank, values in enumerate(sorted({*column} - {()}), start=1)}
        # Where there is nothing, the name of the next entitlement with values stands, or what ends first.
        behind = len(ranks) + 1
        with_last = list(zip(column, is_last, strict=True))
        found.append([ranks.get(values) or (0 if last else behind) for values, last in with_last])
        is_last = [last and not values for values, last in with_last]
    return found[::-1]
