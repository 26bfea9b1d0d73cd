"""Small applies by the thousand, with every fault, cut anywhere and gone on with: the eight rules hold."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.emulator.fault_kinds import FaultSet
from tests.effort import examples
from tests.simulation.swarm import reproduce, seeds_from, try_one, try_some
from tests.simulation.trouble import ADMIN_CHANGES, KINDS

SEEDS, SEEDS_SOAKED = 2_000, 50_000
CHUNK = 50
BASE = 20261125
"""OKTA_PLAN_SEED takes its place, to try others."""
SEEDS_THAT_MEET_ALL, LEAST = 2_000, 3
"""In so many seeds, everything that can go wrong does so often."""
NOT_TO_BE_HAD = {"unknown_grant_type", "several_base_grants", "ambiguous_name", "not_supported"}
"""Hold reasons that the emulator, or an org so small, cannot bring about."""

ONCE_BROKEN = (985302063, 107889500, 252826466, 262703186, 115343374)
"""Seeds that did, in the order in which they were found."""

COUNT = examples(SEEDS, soaked=SEEDS_SOAKED)


@pytest.fixture(scope="session")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test run share: what occurred, a file for each chunk."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / "swarm"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("start", range(0, COUNT, CHUNK))
def test_whatever_happens_the_eight_rules_hold(start: int, counts: Path) -> None:
    base = int(os.environ.get("OKTA_PLAN_SEED", str(BASE)))
    judged = try_some(seeds_from(base, COUNT)[start : start + CHUNK])
    told = ["\n".join([f"seed {seed}: {reproduce(seed)}", *lines]) for seed, lines in judged.broken.items()]
    assert not told, "\n\n".join(told)
    unfinished = counts / f"{start}.part"
    unfinished.write_text(json.dumps(judged.seen), "utf-8")
    unfinished.replace(counts / f"{start}.json")
    # Whoever comes last, in whichever process, sees all.
    told = [path.read_text("utf-8") for path in counts.glob("*.json")]
    if len(told) * CHUNK >= COUNT >= SEEDS_THAT_MEET_ALL:
        seen = sum((Counter[str](json.loads(text)) for text in told), Counter[str]())
        assert not too_rare(seen), (
            f"what should occur {LEAST} times or more, but in all {COUNT} seeds: {seen}"
        )


@pytest.mark.parametrize("seed", ONCE_BROKEN)
def test_what_once_broke_a_rule_holds(seed: int) -> None:
    _, told = try_one(seed)
    assert not told, reproduce(seed)


def too_rare(seen: Counter[str]) -> dict[str, int]:
    """What should have occurred LEAST times or more, and how often it did."""
    return {what: seen[what] for what in expected() if seen[what] < LEAST}


def expected() -> Iterator[str]:
    from pipeline.changes.model import Action, HoldReason
    from pipeline.run.result import Outcome

    yield from (f"fault: {kind}" for kind in KINDS)
    yield from (f"admin: {change}" for change in ADMIN_CHANGES)
    yield from (f"action: {action}" for action in Action if action is not Action.KEEP)
    yield from (f"hold: {reason}" for reason in HoldReason if reason not in NOT_TO_BE_HAD)
    yield from (f"outcome: {outcome}" for outcome in Outcome)
    yield from (f"type: {each}" for each in ("custom", "additive", "hold", "canary", "convert"))
    yield from ("step: cut", "step: resumed", "step: settled another", "wire: lost write", "wire: asleep")
    yield from ("exit: 0", "exit: 3", "exit: 5", "halt: canary_failed", "outcome: not_started")


def test_every_kind_of_fault_takes_part() -> None:
    schema = FaultSet.model_json_schema()
    assert set(schema["properties"]["faults"]["items"]["discriminator"]["mapping"]) == set(KINDS)
