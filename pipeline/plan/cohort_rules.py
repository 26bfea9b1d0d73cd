"""What the cohorts of a plan must satisfy: usable users, known values, one grant a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import islice
from typing import TypeAlias

from pipeline.address import principal_key, principal_keys
from pipeline.findings import FindingCode, Severity
from pipeline.plan.many_people import all_visible
from pipeline.plan.model import Cohort, Entitlement
from pipeline.plan.problem import Path, Problem, Problems, repeated_values
from pipeline.plan.wording import did_you_mean, listed, shown

VALUES_PER_GRANT_MAX = 1_000

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_NOT_IN_A_USER = re.compile("[\\s\x00-\x20\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")

_Place: TypeAlias = tuple[int, int]
"""Index of the cohort, index of the user in it."""
_Pair: TypeAlias = tuple[str, str]


def people_of(cohorts: Sequence[Cohort]) -> frozenset[str]:
    """The keys of everybody in ``cohorts``."""
    return frozenset().union(*(principal_keys(cohort.users) for cohort in cohorts))


def check_cohorts(
    section: str, cohorts: Sequence[Cohort], people: AbstractSet[str], entitlements: Mapping[str, Entitlement]
) -> Problems:
    """What is wrong with the cohorts of ``access`` or ``removals``, in which ``people`` stand;
    ``entitlements`` by externalValue.
    """
    known = {key: {value.external_value: None for value in each.values} for key, each in entitlements.items()}
    for index, cohort in enumerate(cohorts):
        at: Path = (section, index)
        yield from _unusable_users((*at, "users"), cohort.users)
        yield from _cohort_values(at, cohort)
        yield from _references((*at, "values"), cohort.values, known)
        yield from _end(at, cohort)
        if section == "access":
            yield from _fits_one_grant((*at, "values"), cohort.values, entitlements)
    if len(people) < sum(len(cohort.users) for cohort in cohorts):
        yield from _repeated_users(section, cohorts)


def check_users(at: Path, users: Sequence[str]) -> Problems:
    """What is wrong with the list of users under the key ``users`` of ``at``."""
    yield from _unusable_users((*at, "users"), users)
    first: dict[str, int] = {}
    for index, user in enumerate(users):
        first_index = first.setdefault(principal_key(user), index)
        if first_index != index:
            yield _repeated_user(user, (*at, "users", index), (*at, "users", first_index))


def _unusable_users(at: Path, users: Sequence[str]) -> Problems:
    # One look at all of them is several times as fast as one at each.
    everybody = "".join(users)
    if all(users) and "#" not in everybody and all_visible(everybody):
        return
    for index, user in enumerate(users):
        if not user:
            yield Problem((*at, index), FindingCode.BAD_VALUE, "An empty text names no user; remove it.")
        elif _NOT_IN_A_USER.search(user):
            detail = f"{shown(user)} names no user: it holds blanks or control characters. One user a line."
            yield Problem((*at, index), FindingCode.BAD_VALUE, detail)
        elif user.startswith("#"):
            detail = f"{shown(user)} is read as a user: there are no comments among users. Is it one?"
            yield Problem((*at, index), FindingCode.BAD_VALUE, detail, Severity.WARNING)


def _cohort_values(at: Path, cohort: Cohort) -> Problems:
    if not cohort.values:
        detail = "The cohort names no values. Name some, or remove the cohort."
        yield Problem((*at, "values"), FindingCode.BAD_VALUE, detail)
    for key, values in cohort.values.items():
        if not values:
            detail = f"No value of {shown(key)} is named. Name some, or remove the key."
            yield Problem((*at, "values", key), FindingCode.BAD_VALUE, detail)
        yield from repeated_values((*at, "values", key), values)
    if not cohort.users:
        detail = "The cohort names no users, so it does nothing."
        yield Problem((*at, "users"), FindingCode.BAD_VALUE, detail, Severity.WARNING)


def _references(
    at: Path, values: Mapping[str, Sequence[str]], known_of: Mapping[str, Mapping[str, None]]
) -> Problems:
    for key, entries in values.items():
        known = known_of.get(key)
        if known is None:
            hint = did_you_mean(key, known_of) or " Add it under 'entitlements', or correct it here."
            detail = f"{shown(key)} is not the external_value of an entitlement of this plan.{hint}"
            yield Problem((*at, key), FindingCode.UNKNOWN_VALUE, detail)
            continue
        if known.keys() >= set(entries):
            continue
        for index, entry in enumerate(entries):
            if entry not in known:
                hint = did_you_mean(entry, known) or " Add it under 'entitlements', or correct it here."
                detail = f"{shown(entry)} is not the external_value of a value of {shown(key)}.{hint}"
                yield Problem((*at, key, index), FindingCode.UNKNOWN_VALUE, detail)


def _end(at: Path, cohort: Cohort) -> Problems:
    if cohort.expires is None:
        return
    at = (*at, "expires")
    if at[0] == "removals":
        yield Problem(at, FindingCode.BAD_VALUE, "A removal has no end; write 'expires: null' or nothing.")
    elif not _is_instant(cohort.expires):
        detail = f"{shown(cohort.expires)} is no instant with a zone, such as 2027-01-31T00:00:00Z."
        yield Problem(at, FindingCode.BAD_VALUE, detail)


def _is_instant(text: str) -> bool:
    if not _INSTANT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _fits_one_grant(
    at: Path, values: Mapping[str, Sequence[str]], entitlements: Mapping[str, Entitlement]
) -> Problems:
    count = sum(map(len, values.values()))
    if count > VALUES_PER_GRANT_MAX:
        detail = f"A grant here holds {count:,} values; Okta allows {VALUES_PER_GRANT_MAX:,}."
        yield Problem(at, FindingCode.TOO_MANY_VALUES, detail)
    for key, entries in values.items():
        entitlement = entitlements.get(key)
        if entitlement is not None and not entitlement.multi_value and len(set(entries)) > 1:
            named = listed([shown(entry) for entry in sorted(set(entries))[:3]])
            detail = f"{shown(key)} takes one value a person; {len(set(entries))} are given, such as {named}."
            yield Problem((*at, key), FindingCode.SINGLE_VALUE, detail)


def _places(cohorts: Sequence[Cohort]) -> Iterator[tuple[str, _Place]]:
    for index, cohort in enumerate(cohorts):
        for number, user in enumerate(cohort.users):
            yield principal_key(user), (index, number)


def _user_path(section: str, place: _Place) -> Path:
    return (section, place[0], "users", place[1])


def _repeated_users(section: str, cohorts: Sequence[Cohort]) -> Problems:
    places_of: dict[str, list[_Place]] = {}
    first: dict[str, _Place] = {}
    for key, place in _places(cohorts):
        earlier = first.setdefault(key, place)
        if earlier is not place:
            places_of.setdefault(key, [earlier]).append(place)
    for places in places_of.values():
        for number, place in enumerate(places[1:], start=1):
            yield _repeated_in_cohorts(section, cohorts, place, islice(places, number))


def _repeated_in_cohorts(
    section: str, cohorts: Sequence[Cohort], place: _Place, earlier: Iterable[_Place]
) -> Problem:
    """A person may stand in cohorts with different ends (diff holds it as mixed_expiry), else only once."""
    index, number = place
    user, expires = cohorts[index].users[number], cohorts[index].expires
    at = _user_path(section, place)
    for other in earlier:
        if other[0] == index or cohorts[other[0]].expires == expires:
            return _repeated_user(user, at, _user_path(section, other))
    detail = (
        f"{shown(user)} stands in several cohorts that end at different times; one person has one grant with"
        " one end, so this access will be held."
    )
    return Problem(at, FindingCode.DUPLICATE_USER, detail, Severity.WARNING)


def _repeated_user(user: str, at: Path, first: Path) -> Problem:
    detail = f"{shown(user)} already stands in this section (case does not count). Keep one."
    return Problem(at, FindingCode.DUPLICATE_USER, detail, first=first)


def granted_and_removed(access: Sequence[Cohort], removals: Sequence[Cohort]) -> Problems:
    """One problem for each user of ``removals`` to whom ``access`` gives what is to be removed."""
    removed = dict(_places(removals))
    pairs_removed = [_pairs(cohort) for cohort in removals]
    pairs_granted = [_pairs(cohort) for cohort in access]
    for key, place in _places(access):
        other = removed.get(key)
        both = pairs_granted[place[0]] & pairs_removed[other[0]] if other is not None else None
        if other is not None and both:
            named = listed([f"{shown(name)}: {shown(value)}" for name, value in sorted(both)[:3]])
            detail = (
                f"{shown(removals[other[0]].users[other[1]])} is both granted and to lose {named}."
                " Keep it in one of the two sections."
            )
            at, first = _user_path("removals", other), _user_path("access", place)
            yield Problem(at, FindingCode.GRANTED_AND_REMOVED, detail, first=first)


def _pairs(cohort: Cohort) -> frozenset[_Pair]:
    return frozenset((key, value) for key, entries in cohort.values.items() for value in entries)
