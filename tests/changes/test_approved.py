"""What an approval has to name, and under which action of it a live change counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.address import Address, Kind
from pipeline.changes.approved import counted, counted_as
from pipeline.changes.duties import to_name
from pipeline.changes.model import Action, Change, Holding, PersonTarget, holding
from pipeline.plan.duties import Conflict, Rule
from tests.builders import change_set

ANN = "ann@acme.example.com"


def change(kind: Kind, action: Action, before: set[str], after: set[str]) -> Change:
    person = PersonTarget(principals=(ANN,), user_id="ann", login=ANN)
    return Change(
        address=Address(kind, ANN),
        action=action,
        message="",
        before=roles(before),
        after=roles(after),
        person=person,
    )


def roles(values: set[str]) -> Holding:
    return holding({"Role": values} if values else {})


EXCHANGE = change(Kind.REMOVAL, Action.REVOKE, {"Admin"}, {"Clerk"})
TAKING = change(Kind.REMOVAL, Action.REVOKE, {"Admin", "Clerk"}, {"Clerk"})
EXTEND = change(Kind.GRANT, Action.EXTEND, {"Boss"}, {"Boss", "Clerk"})
GRANT = change(Kind.GRANT, Action.GRANT, set(), {"Clerk"})


@pytest.mark.parametrize(
    ("approved", "live", "action"),
    [
        ((EXCHANGE,), EXCHANGE, "revoke"),
        ((EXCHANGE,), EXTEND, "revoke"),
        ((EXCHANGE,), GRANT, "grant"),
        ((EXCHANGE, EXTEND), EXTEND, "extend"),
        ((TAKING,), EXTEND, "extend"),
        ((), EXTEND, "extend"),
        ((replace(EXCHANGE, address=Address(Kind.REMOVAL, "bob@acme.example.com")),), EXTEND, "extend"),
    ],
)
def test_only_the_rest_of_an_exchange_counts_as_what_was_approved(
    approved: tuple[Change, ...], live: Change, action: str
) -> None:
    assert counted_as(change_set(*approved))(live) == action


def test_what_takes_away_is_counted_first() -> None:
    assert list(counted((GRANT, EXTEND, TAKING)).items()) == [("revoke", 1), ("grant", 1), ("extend", 1)]


def test_only_new_conflicts_that_hold_must_be_named() -> None:
    def conflict(rule: str, *, warns: bool = False) -> list[tuple[str, Conflict]]:
        return [(ANN, Conflict(Rule(id=rule, why="", place="p:1", sides=(), warns=warns), ()))]

    found = {
        ("pays", True): conflict("pays"),
        ("buys", True): conflict("buys"),
        ("asks", True): conflict("asks", warns=True),
        ("was", False): conflict("was"),
    }
    assert to_name(found) == ("buys", "pays")
