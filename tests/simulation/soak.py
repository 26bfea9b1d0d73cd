"""``python -m tests.simulation.soak LOG [COUNT]``: the seeds of a soak on all cores, which may be stopped and
gone on with: what stands in LOG, a line of JSON for each chunk, is not judged again.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.simulation.swarm import Judged, reproduce, seeds_from, try_some
from tests.simulation.test_swarm import BASE, CHUNK, SEEDS_SOAKED, too_rare


def main(log: Path, count: int) -> int:
    """Judges what is left and tells about all; 1 where a rule was broken or something hardly occurred."""
    known = judged_before(log)
    left = [(start, count) for start in range(0, count, CHUNK) if start not in known]
    with multiprocessing.Pool() as pool, log.open("a", encoding="utf-8") as file:
        for start, judged in pool.imap_unordered(judge, left):
            line = {"start": start, "broken": judged.broken, "seen": judged.seen}
            file.write(f"{json.dumps(line)}\n")
            file.flush()
            say(*(f"{reproduce(seed)}: {lines[0]}" for seed, lines in judged.broken.items()))
    chunks = judged_before(log).values()
    broken = {seed for each in chunks for seed in each["broken"]}
    seen = sum((Counter[str](each["seen"]) for each in chunks), Counter[str]())
    rare = too_rare(seen)
    say(f"{len(chunks) * CHUNK} seeds, {len(broken)} broke a rule: {sorted(broken)}; too rare: {rare}")
    return 1 if broken or rare else 0


def judge(part: tuple[int, int]) -> tuple[int, Judged]:
    """The chunk that starts there, of so many seeds."""
    start, count = part
    return start, try_some(seeds_from(BASE, count)[start : start + CHUNK], stop_at=CHUNK)


def judged_before(log: Path) -> dict[int, dict[str, Any]]:
    """By its start, what the log says of each chunk; a line that was cut is left out."""
    lines = log.read_text("utf-8").splitlines() if log.is_file() else []
    found = [json.loads(line) for line in lines if line.endswith("}}")]
    return {each["start"]: each for each in found}


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else SEEDS_SOAKED))
