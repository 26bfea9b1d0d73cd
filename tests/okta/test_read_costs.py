"""The way of finding people that costs least, and that every way finds the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from urllib.parse import parse_qs

import httpx
import pytest

from pipeline.changes.people import resolve_person
from pipeline.changes.snapshot import Lookup, LookupStatus, OktaUser
from pipeline.okta.people import find_people
from pipeline.okta.read_costs import LOOK_UPS, SEARCHES, Choice, Way, cheapest
from pipeline.okta.reads import Reads
from tests.okta.test_people import body, terms
from tests.okta.wired import with_client

LIMITS = {SEARCHES: 300, LOOK_UPS: 1000}


@pytest.mark.parametrize(
    ("people", "searches", "may_look_up", "expected"),
    [
        (1, 1, True, Choice(Way.LOOK_UP, 1, 1 / 1000)),
        (3, 1, True, Choice(Way.LOOK_UP, 3, 3 / 1000)),
        (4, 1, True, Choice(Way.SEARCH, 1, 1 / 300)),
        (1, 1, False, Choice(Way.SEARCH, 1, 1 / 300)),
        (120, 8, False, Choice(Way.DIRECTORY, 2, 2 / 300)),
        (105, 7, False, Choice(Way.SEARCH, 7, 7 / 300)),
        (100_000, 6667, False, Choice(Way.DIRECTORY, 1666, 1666 / 300)),
        (100_000, 3334, True, Choice(Way.DIRECTORY, 833, 833 / 300)),
    ],
)
def test_calls_divided_by_the_limit_decide(
    people: int, searches: int, may_look_up: bool, expected: Choice
) -> None:
    assert cheapest(people, searches, LIMITS, may_look_up=may_look_up) == expected


def test_learned_limits_decide_before_the_defaults() -> None:
    slow_search = {SEARCHES: 10}
    assert cheapest(50, 2, slow_search, may_look_up=True).way is Way.LOOK_UP
    assert cheapest(50, 2, {}, may_look_up=True).way is Way.SEARCH


class Org:
    """An org that lists, filters and searches its users as Okta does, by pages of 200."""

    def __init__(self, users: Sequence[OktaUser]) -> None:
        self.users = users
        self.calls = Counter[str]()

    def answer(self, request: httpx.Request) -> httpx.Response:
        query = {key: values[0] for key, values in parse_qs(request.url.query.decode()).items()}
        if not request.url.path.endswith("/users"):
            self.calls["look-up"] += 1
            login = request.url.path.rpartition("/")[2]
            found = [each for each in self.users if each.login.casefold() == login.casefold()]
            return httpx.Response(200, json=body(found[0])) if found else httpx.Response(404, json={})
        kind = next((each for each in ("search", "filter") if each in query), "list")
        self.calls[kind] += 1
        return self._page(request, self._found(kind, query), int(query.get("after", "0")))

    def _found(self, kind: str, query: dict[str, str]) -> list[OktaUser]:
        if kind == "search":
            values = {value.casefold() for _, value in terms(query["search"])}
            return [each for each in self.users if {each.login.casefold(), each.email.casefold()} & values]
        assert query.get("filter") in (None, 'status eq "DEPROVISIONED"')
        return [each for each in self.users if each.is_deprovisioned == (kind == "filter")]

    def _page(self, request: httpx.Request, found: list[OktaUser], start: int) -> httpx.Response:
        more = start + 200 < len(found)
        link = {"link": f'<{request.url.copy_set_param("after", start + 200)}>; rel="next"'} if more else {}
        return httpx.Response(200, json=[body(each) for each in found[start : start + 200]], headers=link)

    def find(
        self, principals: Sequence[str], match: tuple[str, ...], known: Sequence[OktaUser] = ()
    ) -> dict[str, Lookup]:
        return with_client(
            self.answer, lambda client: find_people(Reads(client), principals, match, known=known)
        )


def crowd(rng: random.Random, size: int) -> list[OktaUser]:
    """Users some of whom share e-mails, carry another's login as e-mail, or are DEPROVISIONED."""
    users = []
    for number in range(size):
        email = f"P{rng.randrange(number + 1)}@x" if rng.random() < 0.2 else f"p{number}@x"
        status = "DEPROVISIONED" if rng.random() < 0.1 else "ACTIVE"
        login = f"p{number}@x" if rng.random() < 0.9 else f"other{number}@x"
        users.append(OktaUser(f"00u{number:017}", login, email, status))
    return users


@pytest.mark.parametrize("match", [("login", "email"), ("email",), ("login",), ("email", "login")])
@pytest.mark.parametrize("people", [2, 40, 300])
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_way_is_taken_the_same_people_are_found(
    match: tuple[str, ...], people: int, seed: int
) -> None:
    rng = random.Random(seed)
    org = Org(crowd(rng, 350))
    principals = [f"p{number}@X" for number in rng.sample(range(400), people)]
    expected = {each.casefold(): resolve_person(each, match, org.users) for each in principals}
    assert org.find(principals, match) == expected, f"seed {seed}"
    ways = {2: "look-up" if match == ("login",) else "search", 40: "search"}
    if len(match) == 2:
        ways[300] = "list"
    assert org.calls[ways.get(people, "search")] > 0
    assert not {"list", "search"} <= set(org.calls)


def test_a_directory_that_is_too_long_is_given_up_and_its_people_searched_for() -> None:
    org = Org([OktaUser(f"00u{n}", f"p{n}@x", f"p{n}@x", "ACTIVE") for n in range(5000)])
    found = org.find([f"p{number}@x" for number in range(150)], ("login", "email"))
    assert {each.status for each in found.values()} == {LookupStatus.FOUND}
    assert org.calls == {"list": 2, "search": 10}


def test_who_is_known_by_login_is_not_looked_for_but_e_mails_need_all_users() -> None:
    users = [OktaUser(f"00u{n}", f"p{n}@x", f"p{n}@x", "ACTIVE") for n in range(30)]
    logins = [user.login for user in users]
    org = Org([*users, OktaUser("00u-twin", "twin@x", "p3@x", "ACTIVE")])
    found = org.find(logins, ("login",), known=users[:28])
    assert {each.status for each in found.values()} == {LookupStatus.FOUND}
    assert org.calls == {"look-up": 2}
    found = org.find(logins, ("login", "email"), known=users)
    assert found["p3@x"].status is LookupStatus.AMBIGUOUS
