from __future__ import annotations

import re
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.changes.people import resolve_person
from pipeline.changes.snapshot import Lookup, LookupStatus, OktaUser
from pipeline.okta.people import TERMS_MAX, find_people, search_text
from pipeline.okta.reads import Reads
from tests.okta.wired import Answering, with_client

MATCH = ("login", "email")


def person(login: str, email: str = "", status: str = "ACTIVE") -> OktaUser:
    return OktaUser(f"00u-{login}", login, email, status)


@pytest.mark.parametrize(
    ("users", "status", "login"),
    [
        ([], LookupStatus.NOT_FOUND, None),
        ([person("ann@x")], LookupStatus.FOUND, "ann@x"),
        ([person("ANN@X")], LookupStatus.FOUND, "ANN@X"),
        ([person("a1@x", "Ann@x")], LookupStatus.FOUND, "a1@x"),
        ([person("ann@x", "ann@x"), person("b@x", "b@x")], LookupStatus.FOUND, "ann@x"),
        ([person("ann@x"), person("b@x", "ann@x")], LookupStatus.AMBIGUOUS, None),
        ([person("a1@x", "ann@x"), person("a2@x", "ann@x")], LookupStatus.AMBIGUOUS, None),
        ([person("a1@x", "ann@x"), person("a2@x", "ann@x", "DEPROVISIONED")], LookupStatus.FOUND, "a1@x"),
        ([person("ann@x", status="DEPROVISIONED")], LookupStatus.DEPROVISIONED, None),
        ([person("a1@x", "ann@x", "DEPROVISIONED")], LookupStatus.DEPROVISIONED, None),
        ([person("ann@x", status="DEPROVISIONED"), person("b@x", "ann@x")], LookupStatus.AMBIGUOUS, None),
        ([person("ann@x", status="SUSPENDED")], LookupStatus.FOUND, "ann@x"),
        ([person("ann"), person("ann@y"), person("me")], LookupStatus.NOT_FOUND, None),
    ],
)
def test_who_is_meant(users: list[OktaUser], status: LookupStatus, login: str | None) -> None:
    for given_order in (users, users[::-1]):
        found = resolve_person("ann@x", MATCH, given_order)
        assert (found.status, found.user.login if found.user else None) == (status, login)


TERM = re.compile(r'(profile\.login|profile\.email) eq "((?:[^"\\]|\\.)*)"')


def terms(search: str) -> list[tuple[str, str]]:
    """An independent reading of a search: every term, and nothing between them but ``or``."""
    assert TERM.sub("", search).replace(" or ", "") == ""
    return [(key, re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)) for key, value in TERM.findall(search)]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_a_search_holds_exactly_the_terms_meant_whatever_a_cell_says(principals: list[str]) -> None:
    expected = [(f"profile.{key}", each.strip()) for each in principals for key in MATCH]
    assert terms(search_text(principals, MATCH)) == expected


def directory(
    *users: OktaUser, broken_above: int = 1000, in_index: bool = True
) -> tuple[Answering, list[str]]:
    """An org that searches as Okta does; searches of more terms than ``broken_above`` are refused."""
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        query = parse_qs(request.url.query.decode())
        if "search" not in query:
            calls.append("look-up")
            login = request.url.path.rpartition("/")[2]
            found = [each for each in users if each.login.casefold() == login.casefold()]
            return httpx.Response(200, json=body(found[0])) if found else httpx.Response(404, json={})
        asked = terms(query["search"][0])
        calls.append(f"search {len(asked)}")
        if len(asked) > broken_above:
            return httpx.Response(400, json={"errorCode": "E0000031"})
        values = {value.casefold() for _, value in asked}
        hits = [each for each in users if {each.login.casefold(), each.email.casefold()} & values]
        return httpx.Response(200, json=[body(each) for each in hits] if in_index else [])

    return answer, calls


def body(user: OktaUser) -> dict[str, object]:
    return {"id": user.id, "status": user.status, "profile": {"login": user.login, "email": user.email}}


def find(answering: Answering, *principals: str) -> dict[str, Lookup]:
    return with_client(answering, lambda client: find_people(Reads(client), principals, MATCH))


def test_people_are_searched_in_bounded_batches() -> None:
    users = [person(f"p{number}@example.com") for number in range(100)]
    answering, calls = directory(*users)
    found = find(answering, *(user.login for user in users))
    assert {look.status for look in found.values()} == {LookupStatus.FOUND}
    assert sum(int(call.removeprefix("search ")) for call in calls) == 200
    assert max(int(call.removeprefix("search ")) for call in calls) <= TERMS_MAX


def test_a_search_that_is_too_complex_is_halved() -> None:
    users = [person(f"p{number}@x") for number in range(8)]
    answering, calls = directory(*users, broken_above=4)
    assert {look.status for look in find(answering, *(user.login for user in users)).values()} == {
        LookupStatus.FOUND
    }
    assert calls == ["search 16", "search 8", "search 4", "search 4", "search 8", "search 4", "search 4"]


def test_who_is_not_in_the_index_yet_is_looked_up_by_login_before_not_found() -> None:
    answering, calls = directory(person("new@x"), in_index=False)
    found = find(answering, "New@x", "absent@x", "short")
    assert [found[key].status for key in ("new@x", "absent@x", "short")] == [
        LookupStatus.FOUND,
        LookupStatus.NOT_FOUND,
        LookupStatus.NOT_FOUND,
    ]
    assert calls.count("look-up") == 2


def test_a_failed_read_is_never_not_found() -> None:
    answering, _ = directory(broken_above=0)
    assert {look.status for look in find(answering, "a@x", "b@x").values()} == {LookupStatus.FAILED}
