"""``python -m tests.simulation SEED``: one seed, told step by step, and the rules it broke."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.simulation.swarm import workspace_folder
from tests.simulation.trial import Evidence, Happened, carry_out
from tests.simulation.witness import breaches
from tests.simulation.world import World, world_of
from tests.virtual_time import EPOCH_S


def main(seed: int) -> int:
    """Prints everything; 1 where a rule was broken."""
    world = world_of(seed)
    say(*told_world(world))
    with tempfile.TemporaryDirectory(dir=workspace_folder()) as folder:
        evidence = carry_out(world, Path(folder))
        broken = breaches(evidence)
        say(*timeline(evidence))
    for number, happened in enumerate(evidence.steps):
        say(f"step {number}: {ending(happened)}")
    say(*(broken or ["All rules hold."]))
    return 1 if broken else 0


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def told_world(world: World) -> Iterator[str]:
    yield f"# seed {world.seed}, pages of {world.page_size or 'any length'}"
    yield yaml.safe_dump({"org": world.org, "plan": world.plan}, sort_keys=False, width=110)
    for number, step in enumerate(world.steps):
        yield f"step {number}: {step}"


def timeline(evidence: Evidence) -> Iterator[str]:
    """Calls as the org had them, changes of the admin, and lines of the journals, by time."""
    lines = [(each["at"], 0, _called(each)) for each in evidence.requests]
    lines += [(each["at"], 1, f"    ADMIN {json.dumps(each)}") for each in evidence.changes]
    for journal in sorted((evidence.workspace / "plans" / ".runs").glob("2*/journal.jsonl")):
        for line in journal.read_text("utf-8").splitlines():
            # Torn where the process was cut.
            if line.endswith("}"):
                at, text = _journaled(journal.parent.name, line)
                lines.append((at, 2, text))
    lines += [(each.ended_at, 3, f"==== end of step {n}") for n, each in enumerate(evidence.steps)]
    for at, _, text in sorted(lines, key=lambda each: each[0]):
        yield f"{at - EPOCH_S:9.2f} {text}"


def _called(row: dict[str, Any]) -> str:
    body = f" {json.dumps(row['body'])}" if row["body"] else ""
    unseen = " (never arrived)" if row["client"] == "unseen" else ""
    return f"{row['n']:4} {row['status']:3} {row['method']} {row['path']}?{row['query'][-80:]}{body}{unseen}"


def _journaled(run: str, line: str) -> tuple[float, str]:
    from tests.simulation.access import instant

    entry = json.loads(line)
    shown = {key: value for key, value in entry.items() if key not in ("n", "at", "prev") and value != ""}
    return instant(entry["at"].replace("Z", "+00:00")), f"    {run[-4:]} {json.dumps(shown)}"


def ending(happened: Happened) -> str:
    if happened.error is not None:
        return f"{happened.error.code}: {happened.error.detail}"
    if happened.view is None:
        return "the process was cut"
    held = [f"{each.principal}: {each.reason}" for each in happened.view.held]
    halt = f" {happened.view.error.summary}" if happened.view.error else ""
    return f"exit {happened.view.exit_code}{halt} {happened.view.outcomes} held {held}"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
