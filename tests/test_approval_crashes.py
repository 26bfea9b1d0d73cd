"""Runs under one approval, killed anywhere: together they apply no more than it says, and they can go on."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ErrorCode, RefusedError
from tests.approvals import COUNTS, HELD_AFTER, approve, forget_everything, status, tenant
from tests.effort import examples
from tests.in_process import Tenant
from tests.mortal import Killed, MortalTransport

WRITES = sum(COUNTS.values())
BY_PATH = {
    "PATCH entitlements": "add",
    "POST users": "assign",
    "POST grants": "grant",
    "PUT grants": "extend",
}

REFUSALS = {ErrorCode.APPROVAL_USED_UP, ErrorCode.APPROVAL_EXCEEDED, ErrorCode.RUN_CLOSED}


class Story:
    """One approval and all that was done with it."""

    def __init__(self, folder: Path) -> None:
        self.org = tenant(folder)
        self.org.diff()
        approve(self.org)
        self.before: Counter[str] = Counter()
        self.unseen: Counter[str] = Counter()
        """Writes that took effect when the process died, and were reverted before anybody read them back."""
        self.died_after = False

    def apply(self, *, resume: bool, dies_at: int = 0, after: bool = False) -> None:
        """With ``dies_at`` the process may die at that write. What the approval refuses is not sent."""
        if dies_at:
            self.org.wrap = lambda inner: MortalTransport(inner, dies_at=dies_at, after=after)
        unfinished = [each.name for each in runs_of(self.org)][-1:] if resume else []
        try:
            self.org.apply(require_approval=True, resume=unfinished[0] if unfinished else None)
        except RefusedError as refused:
            if refused.code not in REFUSALS:
                raise
        except BaseExceptionGroup as death:
            if death.split(Killed)[1] is not None:
                raise
            self.died_after = after
        else:
            self.died_after = False
        self.org.wrap = lambda inner: inner

    def revert(self) -> None:
        """An admin takes back everything."""
        self.before = self.sent()
        if self.died_after:
            self.unseen[actions_sent(self.org)[-1]] += 1
        self.died_after = False
        forget_everything(self.org)

    def sent(self) -> Counter[str]:
        return self.before + Counter(actions_sent(self.org))

    def play(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("kill", int(dies_at), bool(after), bool(resume)):
                self.apply(resume=resume, dies_at=dies_at, after=after)
            case ("apply", bool(resume)):
                self.apply(resume=resume)
            case _:
                self.revert()


def runs_of(org: Tenant) -> list[Path]:
    folder = org.workspace / "plans" / ".runs"
    return sorted(each for each in folder.iterdir() if each.name[0] == "2")


def actions_sent(org: Tenant) -> list[str]:
    """The approved action of each write that the org accepted since it was last reverted."""
    return [
        BY_PATH[
            f"{each['method']} {'users' if each['path'].endswith('/users') else each['path'].split('/')[4]}"
        ]
        for each in org.requests()
        if each["method"] != "GET" and each["status"] < 300
    ]


def drawn(seed: int) -> random.Random:
    return random.Random(f"approvals {seed}")


def a_kill(chance: random.Random) -> tuple[Any, ...]:
    return ("kill", chance.randint(1, WRITES), chance.random() < 0.5, chance.random() < 0.5)


def a_step(chance: random.Random) -> tuple[Any, ...]:
    others: list[tuple[Any, ...]] = [("apply", True), ("apply", False), ("revert",)]
    return chance.choice([a_kill(chance), a_kill(chance), *others])


@pytest.mark.parametrize("seed", range(examples(12)))
def test_all_runs_together_apply_no_more_than_was_approved(seed: int, tmp_path: Path) -> None:
    chance = drawn(seed)
    steps = [a_step(chance) for _ in range(chance.randint(2, 5))]
    story = Story(tmp_path)
    for step in steps:
        story.play(step)
    story.apply(resume=False)
    for action, count in story.sent().items():
        assert count <= COUNTS[action] + story.unseen[action], (action, steps)


@pytest.mark.parametrize("seed", range(examples(8)))
def test_killed_anywhere_the_rest_is_still_covered(seed: int, tmp_path: Path) -> None:
    chance = drawn(seed)
    steps = [a_kill(chance) for _ in range(chance.randint(1, 3))]
    story = Story(tmp_path)
    for step in steps:
        story.play(step)
    story.apply(resume=False)
    assert story.org.held() == HELD_AFTER, steps
    assert story.sent() == Counter(COUNTS), steps
    assert set(status(story.org).left.values()) == {0}, steps
