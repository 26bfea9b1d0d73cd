"""What each part of a run did, as its journal tells it."""

from __future__ import annotations

import pytest

from pipeline.run.entries import Begin, Closed, End, Entry, Held, Note
from pipeline.run.result import Outcome
from pipeline.run.tally import tallies
from tests.run.scenario import header

ANN, BOB, CID = "grant/ann", "grant/bob", "grant/cid"


def begin(address: str) -> Begin:
    return Begin(address=address, action="grant", attempt=1)


def end(address: str, outcome: Outcome = Outcome.APPLIED) -> End:
    return End(address=address, action="grant", attempt=1, outcome=outcome)


def held(address: str) -> Held:
    return Held(address=address, action="grant", reason="drifted")


@pytest.mark.parametrize("how", ["stopped", "halted"])
def test_what_a_later_run_settles_belongs_to_no_part(how: str) -> None:
    over = Note(what="stopped") if how == "stopped" else Note(what="halted")
    entries: list[Entry] = [header(), begin(ANN), end(ANN), begin(BOB), over, end(BOB), Closed(counts={})]
    (only,) = tallies(entries)
    assert set(only.ended) == {ANN}
    assert only.outcomes == {"applied": 1}


def test_what_is_read_back_when_a_run_goes_on_was_done_before() -> None:
    resumed = Note(what="resumed")
    entries: list[Entry] = [
        header(), begin(ANN), begin(BOB), begin(CID), resumed,
        end(ANN), Note(what="no_effect", address=BOB), end(CID, Outcome.UNRESOLVED),
        begin(BOB), end(BOB), begin(CID), end(CID),
    ]  # fmt: skip
    first, second = tallies(entries)
    assert (first.ended, first.held) == ({}, {})
    assert second.before == {ANN: Outcome.APPLIED, CID: Outcome.UNRESOLVED}
    assert set(second.ended) == {BOB, CID}
    assert (second.done_before, second.counts_before) == (1, {"applied": 1, "unresolved": 1})
    assert second.done_by_action == {"grant": 2}
    assert second.problems == set()


def test_what_is_said_last_of_a_change_counts() -> None:
    entries: list[Entry] = [
        header(),
        held(ANN),
        end(ANN),
        end(BOB, Outcome.REFUSED),
        held(BOB),
        end(CID, Outcome.REFUSED),
    ]
    (only,) = tallies(entries)
    assert only.held == {BOB: "drifted"}
    assert set(only.ended) == {ANN, CID}
    assert only.problems == {(CID, "refused")}
    assert only.done_by_action == {"grant": 1}
