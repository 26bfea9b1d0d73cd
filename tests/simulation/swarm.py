"""Many seeds: carried out, judged, counted."""

from __future__ import annotations

import os
import random
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.trial import Evidence, carry_out
from tests.simulation.witness import breaches
from tests.simulation.world import world_of

MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one, an fsync costs nothing


@dataclass(slots=True)
class Judged:
    """What came of some seeds. ``seen`` counts what occurred, as ``what: which``."""

    seen: Counter[str] = field(default_factory=Counter)
    broken: dict[int, list[str]] = field(default_factory=dict)


def workspace_folder() -> str | None:
    """Where workspaces of trials cost least; None: wherever temporary files are kept."""
    return str(MEMORY) if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None


def try_one(seed: int) -> tuple[Evidence | None, list[str]]:
    """One seed, and the rules it broke. What no door would know how to tell is a broken rule as well."""
    with tempfile.TemporaryDirectory(dir=workspace_folder(), prefix="okta-plan-swarm-") as folder:
        try:
            evidence = carry_out(world_of(seed), Path(folder))
            return evidence, breaches(evidence)
        except Exception:  # noqa: BLE001 - whatever it is, the seed that shows it must be told
            return None, [traceback.format_exc()]


def try_some(seeds: Sequence[int], *, stop_at: int = 5) -> Judged:
    """``seeds`` one after the other, up to so many that broke a rule."""
    judged = Judged()
    for seed in seeds:
        evidence, broken = try_one(seed)
        if broken:
            judged.broken[seed] = broken
        if evidence is not None:
            judged.seen.update(what_occurred(evidence))
        if len(judged.broken) >= stop_at:
            break
    return judged


def seeds_from(base: int, count: int) -> Sequence[int]:
    """``count`` seeds that are the same for the same ``base``."""
    return random.Random(base).sample(range(10**9), count)


def what_occurred(evidence: Evidence) -> Iterator[str]:
    """What the trial went through, each as often as it occurred."""
    yield from (f"admin: {each['change']}" for each in evidence.changes)
    for happened in evidence.steps:
        for fault in happened.faults:
            yield from [f"fault: {fault['kind']}"] * fault["fired"]
        yield from [f"step: {'resumed' if happened.resumed else 'afresh'}"]
        if happened.was_cut:
            yield "step: cut"
        if happened.error is not None:
            yield f"error: {happened.error.code}"
        if happened.view is not None:
            yield f"exit: {happened.view.exit_code}"
            yield from (f"action: {name}" for name in happened.view.counts)
            yield from (f"outcome: {name}" for name in happened.view.outcomes)
            yield from (f"hold: {reason}" for reason in {each.reason for each in happened.view.held})
            yield from ("step: settled another" for each in happened.view.earlier if each.settled)
            if happened.view.error is not None:
                yield f"halt: {happened.view.error.code}"
    yield from (f"type: {each}" for each in dict.fromkeys(evidence.world.plan["grants"].values()))
    yield from ("wire: asleep" for _ in evidence.naps)
    yield from ("wire: lost write" for each in evidence.sent if each.is_write and each.is_lost)


def reproduce(seed: int) -> str:
    """The command that shows one seed again."""
    return f".venv/bin/python -m tests.simulation {seed}"
