"""CSV to plan on disk, against polars' bare scan of the same file; that plan loaded and checked, against the
bare parse of its YAML. Time and peak memory, in the same run.

Five rows a person, 300 job profiles with 2 % random extras, ``;`` lists of roles, a tenth of the rows Denied.
Each measurement is a process of its own, so that its peak memory is its own; imports do not count. Of loading
the plan, which one thread does alone, CPU time is taken; the table has that of the whole way too.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks._timing import Target, hold, peak_mb, show

RUNS = {1_000_000: 7, 10_000_000: 3}
SCANS_MAX = {1_000_000: 4, 10_000_000: 6}
PARSES_MAX = 5
PEAK_GB_MAX = 3
HEADER_OF_TABLE = ("what", "bare", "whole", "ratio", "of CPU time", "peak memory")
HEADER = "Email,User_ID,Access_Date,Action_Type,Role,Permission_Set,Effective_Access\n"
ROLES = [f"Role {number:02d}" for number in range(40)]
EXTRA, DENIED = 0.02, 0.1
PERMISSIONS = [f"PERM_{number:03d}" for number in range(200)]
Seconds: TypeAlias = tuple[float, float]
"""Of the clock, and of CPU time."""


def write_export(path: Path, rows: int, *, quoted: bool) -> None:
    """An export of so many rows; always the same for the same arguments."""
    rng = random.Random(1)
    profiles = [(rng.sample(ROLES, rng.randint(1, 4)), rng.sample(PERMISSIONS, 5)) for _ in range(300)]
    quote = '"' if quoted else ""
    between = f"{quote},{quote}"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        for user in range(rows // 5):
            roles, permissions = rng.choice(profiles)
            email = f"first{user}.last{user % 977}@acme.example.com"
            for number, permission in enumerate(permissions):
                extra = [rng.choice(ROLES)] if rng.random() < EXTRA else []
                status = "Denied" if rng.random() < DENIED else "Permitted"
                held = "; ".join([*roles, *extra])
                date = f"2025-0{number + 1}-1{number}T07:00:00Z"
                cells = (email, f"U{user:07d}", date, "CREATE", held, permission, status)
                file.write(f"{quote}{between.join(cells)}{quote}\n")


class Watch:
    """Seconds since it was made: of the clock, and of CPU time in all threads."""

    def __init__(self) -> None:
        self._started = time.perf_counter(), time.process_time()

    def __call__(self) -> Seconds:
        return time.perf_counter() - self._started[0], time.process_time() - self._started[1]


def scan(path: Path) -> Seconds:
    """Polars' streaming scan that touches three columns."""
    import polars as pl

    watch = Watch()
    columns = [pl.col(name).str.len_bytes().sum() for name in ("Email", "Role", "Permission_Set")]
    pl.scan_csv(path, infer_schema=False).select(columns).collect(engine="streaming")
    return watch()


def generate(path: Path) -> Seconds:
    """From the bytes of the source to the plan on disk, with every check and the plan's digest."""
    from pipeline.plan.digest import plan_digest
    from pipeline.plan.file import write_plan
    from pipeline.plan.model import OktaAppRef
    from pipeline.source.local import read_local
    from pipeline.survey.draft import draft_plan
    from pipeline.survey.survey import survey

    watch = Watch()
    plan = draft_plan(survey(read_local(path.parent, path)), okta_app=OktaAppRef(label="ERP"), name="bench")
    write_plan(path.with_suffix(".yaml"), plan, force=True)
    plan_digest(plan)
    return watch()


def parse(path: Path) -> Seconds:
    """The bare parse of a plan: its bytes to the events of the C parser."""
    import yaml

    watch = Watch()
    for _ in yaml.parse(path.read_text("utf-8"), Loader=yaml.CBaseLoader):
        pass
    return watch()


def load(path: Path) -> Seconds:
    """From the bytes of a plan to the plan, with every check."""
    from pipeline.plan.file import load_plan

    watch = Watch()
    load_plan(path)
    return watch()


WORKS = {each.__name__: each for each in (scan, generate, parse, load)}


@dataclass(frozen=True, slots=True)
class Measured:
    """Of several processes: seconds of those that were hardly disturbed, and the most memory."""

    seconds: float
    cpu_s: float
    peak_gb: float


def measure(what: str, path: Path) -> Measured:
    """One process."""
    command = [sys.executable, "-m", "benchmarks.generate", "--measure", what, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return Measured(**json.loads(ended.stdout))


def take_turns(path: Path, runs: int) -> dict[str, Measured]:
    """All works on the source at ``path`` and the plan made of it, in turns."""
    found: dict[str, list[Measured]] = {name: [] for name in WORKS}
    for _ in range(runs):
        for name in ("scan", "generate"):
            found[name].append(measure(name, path))
        for name in ("parse", "load"):
            found[name].append(measure(name, path.with_suffix(".yaml")))
    quick = runs // 5
    return {
        name: Measured(
            seconds=sorted(one.seconds for one in each)[quick],
            cpu_s=sorted(one.cpu_s for one in each)[quick],
            peak_gb=max(one.peak_gb for one in each),
        )
        for name, each in found.items()
    }


def compare(rows: int, *, quoted: bool, runs: int) -> tuple[list[tuple[str, ...]], list[Target]]:
    """Two lines of a table each: the source to its plan, the plan loaded; and how the targets stand."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        write_export(path, rows, quoted=quoted)
        of = take_turns(path, runs)
    source = f"{rows:,} rows{', every cell in quotes' if quoted else ''}"
    plan = f"{rows // 5:,} people"
    lines: list[tuple[str, ...]] = []
    targets: list[Target] = []
    for name, bare, whole, most in (
        (f"{source}: CSV to plan", of["scan"], of["generate"], SCANS_MAX[rows]),
        (f"{plan}: plan loaded and checked", of["parse"], of["load"], PARSES_MAX),
    ):
        ratio, of_cpu = whole.seconds / bare.seconds, whole.cpu_s / bare.cpu_s
        times = f"{bare.seconds:.2f} s", f"{whole.seconds:.2f} s"
        lines.append((name, *times, f"{ratio:.1f}", f"{of_cpu:.1f}", f"{whole.peak_gb:.2f} GB"))
        targets.append(Target(name, of_cpu if most == PARSES_MAX else ratio, most))
        targets.append(Target(f"{name}, GB", whole.peak_gb, PEAK_GB_MAX, margin=1))
    return lines, targets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one million rows only")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, path = options.measure
        seconds, cpu_s = WORKS[what](Path(path))
        peak_gb = (peak_mb() or 0) * 2**20 / 1e9
        print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "peak_gb": peak_gb}))
        return
    shapes = [(1_000_000, False), (1_000_000, True), *([] if options.quick else [(10_000_000, False)])]
    lines: list[tuple[str, ...]] = []
    targets: list[Target] = []
    for rows, quoted in shapes:
        found = compare(rows, quoted=quoted, runs=RUNS[rows])
        lines += found[0]
        targets += found[1]
    show("CSV to plan on disk, and back", HEADER_OF_TABLE, lines)
    hold(targets)


if __name__ == "__main__":
    main()
