"""Gathers what happens to people, in any order and in several parts, into the columns of `People`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.address import principal_key
from pipeline.review.model import FIRST, Cohort, GrantedValue, Note, People

Lists = Mapping[str, Sequence[str]]
"""Entitlement -> values, as views have them."""
_EMPTY: frozenset[int] = frozenset()
_LOSES, _NOTED, _PRIVILEGED, _PLAIN = range(4)


@dataclass(slots=True)
class _Draft:
    name: str
    standing: str = ""
    gains: int = 0
    loses: int = 0
    drops: int = 0
    keeps: int = 0
    ends: str = ""
    notes: list[Note] = field(default_factory=list)
    also: tuple[str, ...] = ()


_Key = tuple[str, int, int, int, int, str, str]


class Gathering:
    """``privileged`` names values as ``Entitlement/value``; ``new`` are values that do not exist yet."""

    def __init__(self, *, privileged: Iterable[str] = (), new: Lists | None = None) -> None:
        self._privileged = frozenset(privileged)
        self._new = {(entitlement, each) for entitlement, values in (new or {}).items() for each in values}
        self._values: dict[tuple[str, str], int] = {}
        self._sets: dict[frozenset[int], int] = {_EMPTY: 0}
        self._listed: list[frozenset[int]] = [_EMPTY]
        self._seen: dict[tuple[tuple[str, tuple[str, ...]], ...], int] = {}
        self._drafts: dict[str, _Draft] = {}

    def values(self, lists: Lists) -> int:
        """The number of the set of these values."""
        if not lists:
            return 0
        key = tuple([(entitlement, tuple(values)) for entitlement, values in lists.items()])
        number = self._seen.get(key)
        if number is None:
            number = self._seen[key] = self._number(
                frozenset(
                    self._values.setdefault((entitlement, value), len(self._values))
                    for entitlement, values in lists.items()
                    for value in values
                )
            )
        return number

    def enter(
        self,
        who: str,
        *,
        gains: int = 0,
        loses: int = 0,
        drops: int = 0,
        keeps: int = 0,
        standing: str = "",
        ends: str = "",
        also: tuple[str, ...] = (),
    ) -> None:
        """Something that happens to ``who``; several parts of one person are joined."""
        draft = self._draft(who)
        draft.gains = self._joined(draft.gains, gains)
        draft.loses = self._joined(draft.loses, loses)
        draft.drops = self._joined(draft.drops, drops)
        draft.keeps = self._joined(draft.keeps, keeps)
        draft.standing = draft.standing or standing
        draft.ends = draft.ends or ends
        draft.also = draft.also or also

    def note(self, who: str, note: Note) -> None:
        self._draft(who).notes.append(note)

    def people(self) -> People:
        """The columns: who loses something first, then whose change is held or failed, then who gets a
        privileged value; within each by name.
        """
        places = self._places()
        privileged = {self._values[pair] for pair in self._values if self._is_privileged(pair)}
        touching = {n for n, each in enumerate(self._listed) if each & privileged}
        ranked: tuple[list[_Draft], ...] = ([], [], [], [])
        for who in sorted(self._drafts):
            draft = self._drafts[who]
            ranked[_rank(draft, touching)].append(draft)
        drafts = [draft for each in ranked for draft in each]
        keys = [self._key(draft) for draft in drafts]
        cohorts, numbers = _cohorts(keys, drafts, [len(each) for each in self._listed])
        return People(
            values=tuple(
                GrantedValue(*pair, is_privileged=self._is_privileged(pair), is_new=pair in self._new)
                for pair in sorted(self._values)
            ),
            sets=tuple(tuple(sorted(places[index] for index in each)) for each in self._listed),
            cohorts=cohorts,
            names=tuple([draft.name for draft in drafts]),
            cohort_of=tuple([numbers[key] for key in keys]),
            keeps_of=tuple([draft.keeps for draft in drafts]),
            notes={n: tuple(draft.notes) for n, draft in enumerate(drafts) if draft.notes},
            also={n: draft.also for n, draft in enumerate(drafts) if draft.also},
        )

    def _places(self) -> list[int]:
        """Where each value stands once they are sorted."""
        places = [0] * len(self._values)
        for place, pair in enumerate(sorted(self._values)):
            places[self._values[pair]] = place
        return places

    def _draft(self, who: str) -> _Draft:
        key = principal_key(who)
        draft = self._drafts.get(key)
        if draft is None:
            draft = self._drafts[key] = _Draft(who)
        return draft

    def _number(self, values: frozenset[int]) -> int:
        number = self._sets.get(values)
        if number is None:
            number = self._sets[values] = len(self._listed)
            self._listed.append(values)
        return number

    def _joined(self, one: int, other: int) -> int:
        if one == other or not other:
            return one
        return self._number(self._listed[one] | self._listed[other]) if one else other

    def _key(self, draft: _Draft) -> _Key:
        if not draft.notes:
            return (draft.standing, draft.gains, draft.loses, draft.drops, 0, "", draft.ends)
        stopped = [note for note in draft.notes if note.kind != "remark"]
        wants = 0
        for note in stopped:
            wants = self._joined(wants, note.wants)
        held = ", ".join(
            sorted({f"{note.kind}: {note.reason}" if note.reason else note.kind for note in stopped})
        )
        return (draft.standing, draft.gains, draft.loses, draft.drops, wants, held, draft.ends)

    def _is_privileged(self, pair: tuple[str, str]) -> bool:
        return "/".join(pair) in self._privileged


def _rank(draft: _Draft, touching: Collection[int]) -> int:
    if draft.loses:
        return _LOSES
    if any(note.kind != "remark" for note in draft.notes):
        return _NOTED
    return _PRIVILEGED if draft.gains in touching else _PLAIN


def _cohorts(
    keys: Sequence[_Key], drafts: Sequence[_Draft], sizes: Sequence[int]
) -> tuple[tuple[Cohort, ...], dict[_Key, int]]:
    """What to look at first, then the largest; and the number of each. ``sizes`` are those of the sets."""
    counts: dict[_Key, int] = {}
    stays: dict[_Key, int] = {}
    first: dict[_Key, list[str]] = {}
    for key, draft in zip(keys, drafts, strict=True):
        counts[key] = counts.get(key, 0) + 1
        stays[key] = stays.get(key, 0) + sizes[draft.keeps]
        if counts[key] <= FIRST:
            first.setdefault(key, []).append(draft.name)
    made = {
        key: Cohort(
            standing=key[0],
            gains=key[1],
            loses=key[2],
            drops=key[3],
            wants=key[4],
            held=key[5],
            ends=key[6],
            stays=stays[key],
            people=count,
            first=tuple(first[key]),
        )
        for key, count in counts.items()
    }
    ordered = sorted(made, key=lambda key: (made[key].weight, -counts[key], first[key]))
    return tuple(made[key] for key in ordered), {key: number for number, key in enumerate(ordered)}
