"""What a run gave, as its journal tells it: nothing that was there before, nothing without effect."""

from __future__ import annotations

import pytest

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, Holding, PersonTarget, holding
from pipeline.run.entries import Begin, End, Entry, Held, Note
from pipeline.run.result import Outcome
from pipeline.run.undo import Undo, undo_of
from tests.builders import change_set

ANN = "ann@acme.example.com"
GRANT = Address(Kind.GRANT, ANN)
ADMIN, CLERK = ("Role", "Admin"), ("Role", "Clerk")


def grant(action: Action = Action.GRANT) -> Change:
    person = PersonTarget(principals=(ANN,), user_id="ann", login=ANN)
    after = holding({"Role": {"Admin", "Clerk"}})
    return Change(address=GRANT, action=action, message="grant", before=(), after=after, person=person)


def begin(adds: Holding | None = None) -> Begin:
    return Begin(address=str(GRANT), action="grant", attempt=1, adds=adds)


def end(outcome: Outcome, okta_id: str | None = "gra1") -> End:
    return End(address=str(GRANT), action="grant", attempt=1, outcome=outcome, okta_id=okta_id)


def undone(*entries: Entry, action: Action = Action.GRANT) -> Undo:
    return undo_of(entries, change_set(grant(action)))


@pytest.mark.parametrize(
    ("entries", "given", "is_unsure"),
    [
        ((), set(), False),
        ((begin(),), set(), True),
        ((begin(), end(Outcome.APPLIED)), {ADMIN, CLERK}, False),
        ((begin(holding({"Role": {"Clerk"}})), end(Outcome.APPLIED)), {CLERK}, False),
        ((end(Outcome.APPLIED),), {ADMIN, CLERK}, False),
        ((end(Outcome.ALREADY_SO),), set(), False),
        ((begin(), end(Outcome.REFUSED)), set(), False),
        ((begin(), end(Outcome.UNRESOLVED)), set(), True),
        ((begin(), Note(what="no_effect", address=str(GRANT))), set(), False),
        ((Held(address=str(GRANT), action="grant", reason="drifted"),), set(), False),
        ((begin(), end(Outcome.UNRESOLVED), begin(), end(Outcome.APPLIED)), {ADMIN, CLERK}, False),
    ],
)
def test_only_what_took_effect_was_given(
    entries: tuple[Entry, ...], given: set[tuple[str, str]], is_unsure: bool
) -> None:
    undo = undone(*entries)
    assert undo.given == ({ANN: given} if given else {})
    assert undo.pairs == len(given)
    assert bool(undo.unsure) is is_unsure
    assert undo.grants == ({ANN: "gra1"} if given else {})


def test_a_grant_whose_id_was_not_told_is_not_listed() -> None:
    assert undone(begin(), end(Outcome.APPLIED, None)).grants == {}


@pytest.mark.parametrize("action", [Action.GRANT, Action.EXTEND, Action.CONVERT, Action.RETIME])
def test_what_stays_changed_beside_values_is_told(action: Action) -> None:
    undo = undone(begin(), end(Outcome.APPLIED), action=action)
    assert undo.reworked == (["grant"] if action in (Action.CONVERT, Action.RETIME) else [])
    assert bool(undo.grants) is (action is Action.GRANT)
