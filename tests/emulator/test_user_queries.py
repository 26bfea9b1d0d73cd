"""`search`, `filter` and `q` of the user list against an evaluator of a few lines."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.emulator.orgfile import org_file_from
from tests.effort import examples
from tests.emulator.org_room import Json, Room, within_room

URL = "/api/v1/users"
START_S = 1_767_225_600
Fact = str | float | list[str] | None
Person = dict[str, Fact]
"""Attribute -> what a client sees of it; instants as seconds."""

TEXTS = st.text(alphabet="aAbBßéÉ \"\\()'%_.", min_size=1, max_size=3)
INSTANTS = st.integers(START_S, START_S + 3)
STATUSES = ["ACTIVE", "STAGED", "SUSPENDED", "DEPROVISIONED"]
ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
SEARCHED = {
    "id": ("eq", "gt", "ge", "lt", "le", "pr"),
    "status": (*ORDERED, "sw", "pr"),
    "created": (*ORDERED, "pr"),
    "lastUpdated": (*ORDERED, "pr"),
    **dict.fromkeys(
        ("profile.login", "profile.email", "profile.firstName", "profile.lastName"),
        (*ORDERED, "sw", "co", "pr"),
    ),
    "profile.site": (*ORDERED, "sw", "pr"),
    "profile.sites": (*ORDERED, "sw", "pr"),
}
FILTERED = {
    **dict.fromkeys(("id", "status", "profile.login", "profile.email"), ("eq",)),
    **dict.fromkeys(("profile.firstName", "profile.lastName"), ("eq",)),
    "lastUpdated": tuple(ORDERED),
}
INSTANT = {"created", "lastUpdated"}


@dataclass(frozen=True)
class Term:
    attribute: str
    op: str
    value: Fact


@dataclass(frozen=True)
class AllOf:
    parts: tuple[Question, ...]


@dataclass(frozen=True)
class AnyOf:
    parts: tuple[Question, ...]


Question = Term | AllOf | AnyOf


def terms(allowed: dict[str, tuple[str, ...]]) -> st.SearchStrategy[Question]:
    def of(attribute: str) -> st.SearchStrategy[Question]:
        values: st.SearchStrategy[Fact] = TEXTS | st.sampled_from(
            ["a@x.y", "A@X.Y", "active", "ACTIVE", "00u"]
        )
        values = INSTANTS if attribute in INSTANT else values
        return st.builds(Term, st.just(attribute), st.sampled_from(allowed[attribute]), values)

    return st.sampled_from(sorted(allowed)).flatmap(of)


def questions(allowed: dict[str, tuple[str, ...]]) -> st.SearchStrategy[Question]:
    def joined(inner: st.SearchStrategy[Question]) -> st.SearchStrategy[Question]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.builds(AllOf, several) | st.builds(AnyOf, several)

    return st.recursive(terms(allowed), joined, max_leaves=5)


def holds(question: Question, person: Person, *, folded: bool) -> bool:
    if isinstance(question, AllOf):
        return all(holds(part, person, folded=folded) for part in question.parts)
    if isinstance(question, AnyOf):
        return any(holds(part, person, folded=folded) for part in question.parts)
    held = person[question.attribute]
    facts = held if isinstance(held, list) else [held]
    return any(_fits(question, fact, folded=folded) for fact in facts if fact is not None)


def _fits(term: Term, fact: str | float, *, folded: bool) -> bool:
    if term.op == "pr":
        return True
    given_, wanted = (
        each.casefold() if folded and isinstance(each, str) else each for each in (fact, term.value)
    )
    if term.op in ORDERED:
        return ORDERED[term.op](given_, wanted)
    return str(given_).startswith(str(wanted)) if term.op == "sw" else str(wanted) in str(given_)


def instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def written(question: Question, style: int) -> str:
    """In one of several spellings that mean the same."""
    if isinstance(question, Term):
        op = question.op.upper() if style % 3 == 1 else question.op
        if question.op == "pr":
            return f"{question.attribute} {op}"
        value = question.value
        text = value if isinstance(value, str) else instant(float(str(value)))
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'{question.attribute}{" " * (1 + style % 2)}{op} "{escaped}"'
    word = ("and", "AND")[style % 2] if isinstance(question, AllOf) else ("or", "Or")[style % 2]
    return f" {word} ".join(_inner(question, part, style + n) for n, part in enumerate(question.parts))


def _inner(outer: Question, part: Question, style: int) -> str:
    needed = isinstance(outer, AllOf) and isinstance(part, AnyOf)
    wrapped = needed or style % 4 == 3
    return f"({written(part, style)})" if wrapped else written(part, style)


PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(STATUSES),
            "created": st.tuples(INSTANTS, st.sampled_from([0, 0.5])).map(sum),
        },
        optional={
            **dict.fromkeys(("email", "firstName", "lastName", "site"), TEXTS),
            "sites": st.lists(TEXTS, max_size=2),
        },
    ),
    min_size=1,
    max_size=6,
)
LOGINS = ["a@x.y", "b@x.y", "ß@x.y", "É@x.y", "a.b@x.y", "C@x.y"]


def room_of(people: list[dict[str, Any]]) -> Room:
    users = [
        {**person, "login": login, "created": instant(person["created"])}
        for login, person in zip(LOGINS, people, strict=False)
    ]
    return Room(
        org_file_from({"org": {"subdomain": "acme"}, "tokens": ["good"], "limits": "none", "users": users})
    )


async def seen(room: Room) -> dict[str, Person]:
    """Everybody by id, as the org shows them."""
    shown = await room.ok(URL, search="id pr")
    return {user["id"]: _person(user) for user in shown}


def _person(user: Json) -> Person:
    stamps = {name: datetime.fromisoformat(user[name]).timestamp() for name in INSTANT}
    named = ("login", "email", "firstName", "lastName", "site", "sites")
    profile = {f"profile.{name}": user["profile"].get(name) for name in named}
    return {"id": user["id"], "status": user["status"], **stamps, **profile}


async def listed(room: Room, **params: Json) -> list[str]:
    """Ids over all pages."""
    found: list[str] = []
    answer = await room.get(URL, **params)
    while True:
        assert answer.status_code == 200, answer.text
        found += [user["id"] for user in answer.json()]
        if "next" not in answer.links:
            return found
        answer = await room.client.get(answer.links["next"]["url"].removeprefix("https://acme.okta.com"))


@settings(max_examples=examples(60), deadline=None)
@given(
    people=PEOPLE,
    asked=st.lists(
        st.tuples(questions(SEARCHED), st.integers(0, 11), st.integers(1, 4)), min_size=1, max_size=4
    ),
)
def test_a_search_finds_who_fits(
    people: list[dict[str, Any]], asked: list[tuple[Question, int, int]]
) -> None:
    async def story(room: Room) -> None:
        everybody = await seen(room)
        assert len(everybody) == len(people)
        for question, style, limit in asked:
            found = await listed(room, search=written(question, style), limit=limit)
            fits = [key for key, person in everybody.items() if holds(question, person, folded=True)]
            assert found == sorted(fits), written(question, style)

    within_room(story, room_of(people))


@settings(max_examples=examples(25), deadline=None)
@given(people=PEOPLE, name=st.sampled_from(sorted(SEARCHED)), order=st.sampled_from(["asc", "desc"]))
def test_a_sorted_search_shows_everybody_once_in_order(
    people: list[dict[str, Any]], name: str, order: str
) -> None:
    async def story(room: Room) -> None:
        everybody = await seen(room)
        found = await listed(room, search="id pr", sortBy=name, sortOrder=order, limit=2)
        assert sorted(found) == sorted(everybody)
        if name != "profile.sites":
            keys = [_key(everybody[key][name]) for key in found]
            assert keys == sorted(keys, reverse=order == "desc")

    within_room(story, room_of(people))


def _key(fact: Fact) -> tuple[float, str]:
    """Who lacks the attribute comes first."""
    return (fact, "") if isinstance(fact, float) else (0, str(fact or "").casefold())


@settings(max_examples=examples(25), deadline=None)
@given(people=PEOPLE, asked=st.lists(questions(FILTERED), min_size=1, max_size=4))
def test_a_filter_minds_case(people: list[dict[str, Any]], asked: list[Question]) -> None:
    async def story(room: Room) -> None:
        everybody = await seen(room)
        for question in asked:
            found = await listed(room, filter=written(question, 0), limit=3)
            assert found == sorted(_fitting(question, everybody.values())), written(question, 0)

    within_room(story, room_of(people))


def _fitting(question: Question, people: Iterable[Person]) -> list[str]:
    return [str(person["id"]) for person in people if holds(question, person, folded=False)]


@settings(max_examples=examples(25), deadline=None)
@given(people=PEOPLE, q=TEXTS)
def test_q_finds_the_living_by_the_start_of_a_name(people: list[dict[str, Any]], q: str) -> None:
    async def story(room: Room) -> None:
        names = ("profile.firstName", "profile.lastName", "profile.email")
        fits = [
            key
            for key, person in (await seen(room)).items()
            if person["status"] != "DEPROVISIONED"
            and any(str(person[name] or "").casefold().startswith(q.casefold()) for name in names)
        ]
        assert await listed(room, q=q) == sorted(fits)

    within_room(story, room_of(people))
