"""What --yes and a reviewed change set answer for, and what they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.changes.model import Action, Change
from pipeline.errors import ErrorCode, RefusedError
from pipeline.use_cases.reviewing import TAKING_AWAY, refuse_unreviewed, refuse_yes_alone
from tests.builders import change_set, grant_change


def of(action: Action, values: list[str]) -> Change:
    return replace(grant_change(after={"Role": values}), action=action)


@pytest.mark.parametrize("action", sorted(TAKING_AWAY))
def test_yes_never_answers_for_a_change_that_takes_people_out_of_something(action: Action) -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_yes_alone(change_set(of(action, ["Admin"])))
    assert (refused.value.code, int(refused.value.exit_code)) == (ErrorCode.NOT_CONFIRMED, 4)
    assert "--changes FILE" in str(refused.value.next_step)


@pytest.mark.parametrize("action", sorted(TAKING_AWAY))
def test_an_unreviewed_one_stops_the_run_and_a_reviewed_one_does_not(action: Action) -> None:
    live = change_set(of(action, ["Admin"]))
    refuse_unreviewed(change_set(of(action, ["Admin", "Auditor"])), live)
    for reviewed in (
        change_set(),
        change_set(of(Action.GRANT, ["Admin"])),
        change_set(of(action, ["Clerk"])),
    ):
        with pytest.raises(RefusedError) as refused:
            refuse_unreviewed(reviewed, live)
        assert int(refused.value.exit_code) == 4


def test_what_only_adds_may_be_sent_by_yes_and_be_left_out_when_unreviewed() -> None:
    for action in set(Action) - TAKING_AWAY:
        refuse_yes_alone(change_set(of(action, ["Admin"])))
        refuse_unreviewed(change_set(), change_set(of(action, ["Admin"])))
