"""The review: what happens, to how many, what deserves a look first, and each person's before and after.

Data only, made of views (`pipeline.review.of_changes` and its neighbours), rendered by `pipeline.report`.
Texts are as they stand in the view: whoever renders them makes them visible and escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How much something asks for attention; never the only sign of it."""

    TAKES = "takes"
    RISK = "risk"
    GIVES = "gives"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Count:
    label: str
    number: int
    tone: Tone = Tone.QUIET


@dataclass(frozen=True, slots=True)
class GrantedValue:
    """A value of an entitlement, both by externalValue."""

    entitlement: str
    value: str
    is_privileged: bool = False
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be said of one person: a hold, an outcome, a remark. ``wants`` and ``unwants`` are the sets
    of values that a held or failed change would have added and removed.
    """

    kind: str
    """held, refused, unresolved, or remark."""
    reason: str
    text: str
    wants: int = 0
    unwants: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """People to whom the same happens. Numbers of sets index `People.sets`; 0 is the empty one."""

    standing: str
    """Where they stand now, in a few words; "" where that is not known."""
    gains: int
    loses: int
    drops: int
    """What is no longer given, and yet not taken away (comparisons of plans only)."""
    wants: int
    """What is held back or failed."""
    held: str
    """Why it is; "" where nothing is."""
    ends: str
    stays: int
    """(person, value) pairs that they hold before and after."""
    people: int
    first: tuple[str, ...]
    """The first few of them."""

    @property
    def weight(self) -> int:
        """What to look at first has the least."""
        if self.loses:
            return 0
        return 1 if self.held else 2 if self.drops else 3


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody of whom something is to be said, in columns: two hundred thousand of them are two lists.

    What to look at first stands first. ``cohort_of`` and ``keeps_of`` are as long as ``names``.
    """

    values: tuple[GrantedValue, ...]
    sets: tuple[tuple[int, ...], ...]
    cohorts: tuple[Cohort, ...]
    names: tuple[str, ...]
    cohort_of: tuple[int, ...]
    keeps_of: tuple[int, ...]
    notes: Mapping[int, tuple[Note, ...]]
    also: Mapping[int, tuple[str, ...]]
    """Other names that the source has for the person."""

    def held(self, number: int) -> dict[str, list[GrantedValue]]:
        """The values of a set by entitlement, in order."""
        found: dict[str, list[GrantedValue]] = {}
        for index in self.sets[number]:
            found.setdefault(self.values[index].entitlement, []).append(self.values[index])
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRow:
    what: str
    count: int
    who: tuple[str, ...] = ()
    """The first few of the people, where it is about people."""
    values: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One thing to look at before anything else. ``count`` is the sum of ``rows``, the largest part first."""

    key: str
    title: str
    unit: str
    count: int
    why: str
    rows: tuple[RiskRow, ...]
    tone: Tone = Tone.RISK


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A plain table. ``numbers`` are the columns that hold numbers; ``bar`` is the one to draw as bars."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    bar: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    kind: str
    """plan, change set, comparison, run or runs."""
    title: str
    lead: str
    """The whole in one or two sentences."""
    facts: tuple[tuple[str, str], ...]
    counts: tuple[Count, ...] = ()
    risks: tuple[Risk, ...] = ()
    people: People | None = None
    tables: tuple[Table, ...] = ()
    next: tuple[str, ...] = ()
    """Commands that go on from here."""


FIRST = 5
"""How many of many people are named."""
