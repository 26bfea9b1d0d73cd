"""CSV to plan on disk, against polars' bare scan of the same file; that plan loaded and checked, against the
bare parse of its YAML. Time and peak memory, in the same run.

Five rows a person, 300 job profiles with 2 % random extras, ``;`` lists of roles, a tenth of the rows Denied.
Each measurement is a process of its own, so that its peak memory is its own; imports do not count.
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

from benchmarks._timing import Target, hold, peak_mb, show

RUNS = {1_000_000: 7, 10_000_000: 3}
SCANS_MAX = {1_000_000: 4, 10_000_000: 6}
PARSES_MAX = 5
PEAK_GB_MAX = 3
HEADER = "Email,User_ID,Access_Date,Action_Type,Role,Permission_Set,Effective_Access\n"
ROLES = [f"Role {number:02d}" for number in range(40)]
EXTRA, DENIED = 0.02, 0.1
PERMISSIONS = [f"PERM_{number:03d}" for number in range(200)]


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


def scan(path: Path) -> float:
    """Seconds of polars' streaming scan that touches three columns."""
    import polars as pl

    started = time.perf_counter()
    columns = [pl.col(name).str.len_bytes().sum() for name in ("Email", "Role", "Permission_Set")]
    pl.scan_csv(path, infer_schema=False).select(columns).collect(engine="streaming")
    return time.perf_counter() - started


def generate(path: Path) -> float:
    """Seconds from the bytes of the source to the plan on disk, with every check and the plan's digest."""
    from pipeline.plan.digest import plan_digest
    from pipeline.plan.file import write_plan
    from pipeline.plan.model import OktaAppRef
    from pipeline.source.local import read_local
    from pipeline.survey.draft import draft_plan
    from pipeline.survey.survey import survey

    started = time.perf_counter()
    plan = draft_plan(survey(read_local(path.parent, path)), okta_app=OktaAppRef(label="ERP"), name="bench")
    write_plan(path.with_suffix(".yaml"), plan, force=True)
    plan_digest(plan)
    return time.perf_counter() - started


def parse(path: Path) -> float:
    """Seconds of the bare parse of a plan: its bytes to the events of the C parser."""
    import yaml

    started = time.perf_counter()
    for _ in yaml.parse(path.read_text("utf-8"), Loader=yaml.CBaseLoader):
        pass
    return time.perf_counter() - started


def load(path: Path) -> float:
    """Seconds from the bytes of a plan to the plan, with every check."""
    from pipeline.plan.file import load_plan

    started = time.perf_counter()
    load_plan(path)
    return time.perf_counter() - started


WORKS = {each.__name__: each for each in (scan, generate, parse, load)}


@dataclass(frozen=True, slots=True)
class Measured:
    """Of several processes: seconds of those that were hardly disturbed, and the most memory."""

    seconds: float
    peak_gb: float


def measure(what: str, path: Path) -> tuple[float, float]:
    """Seconds and peak gigabytes of one process."""
    command = [sys.executable, "-m", "benchmarks.generate", "--measure", what, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(ended.stdout)
    return answer["seconds"], answer["peak_mb"] * 2**20 / 1e9


def take_turns(path: Path, runs: int) -> dict[str, Measured]:
    """All works on the source at ``path`` and the plan made of it, in turns."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in WORKS}
    for _ in range(runs):
        for name in ("scan", "generate"):
            found[name].append(measure(name, path))
        for name in ("parse", "load"):
            found[name].append(measure(name, path.with_suffix(".yaml")))
    return {
        name: Measured(sorted(s for s, _ in each)[len(each) // 5], max(gb for _, gb in each))
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
        (f"{source}: CSV to plan", "scan", "generate", SCANS_MAX[rows]),
        (f"{plan}: plan loaded and checked", "parse", "load", PARSES_MAX),
    ):
        ratio = of[whole].seconds / of[bare].seconds
        times = f"{of[bare].seconds:.2f} s", f"{of[whole].seconds:.2f} s"
        lines.append((name, *times, f"{ratio:.1f}", f"{of[whole].peak_gb:.2f} GB"))
        targets += [
            Target(f"{name}, to the {bare}", ratio, most),
            Target(f"{name}, GB", of[whole].peak_gb, PEAK_GB_MAX, margin=1),
        ]
    return lines, targets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one million rows only")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, path = options.measure
        print(json.dumps({"seconds": WORKS[what](Path(path)), "peak_mb": peak_mb() or 0}))
        return
    shapes = [(1_000_000, False), (1_000_000, True), *([] if options.quick else [(10_000_000, False)])]
    lines: list[tuple[str, ...]] = []
    targets: list[Target] = []
    for rows, quoted in shapes:
        found = compare(rows, quoted=quoted, runs=RUNS[rows])
        lines += found[0]
        targets += found[1]
    show("CSV to plan on disk, and back", ("what", "bare", "whole", "ratio", "peak memory"), lines)
    hold(targets)


if __name__ == "__main__":
    main()
