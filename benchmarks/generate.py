"""CSV to plan on disk, against polars' bare scan of the same file in the same run: time and peak memory.

Five rows a person, 300 job profiles with 2 % random extras, ``;`` lists of roles, a tenth of the rows Denied.
Each measurement is a process of its own, so that its peak memory is its own; imports do not count.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = {1_000_000: 5, 10_000_000: 3}
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


def measured(what: str, path: Path) -> tuple[float, float]:
    """Seconds and peak gigabytes of one process."""
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.generate", "--measure", what, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(ended.stdout)
    return answer["seconds"], answer["peak_bytes"] / 1e9


def measure(what: str, path: Path) -> None:
    import resource

    seconds = {"scan": scan, "generate": generate}[what](path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": seconds, "peak_bytes": peak}))


def compare(rows: int, *, quoted: bool, runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        write_export(path, rows, quoted=quoted)
        pairs = [(measured("scan", path), measured("generate", path)) for _ in range(runs)]
    bare = statistics.median(floor[0] for floor, _ in pairs)
    whole = statistics.median(answer[0] for _, answer in pairs)
    peak = max(answer[1] for _, answer in pairs)
    name = f"{rows:,} rows{', every cell in quotes' if quoted else ''}"
    print(f"| {name} | {bare:.2f} s | {whole:.2f} s | {whole / bare:.1f} | {peak:.2f} GB |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one million rows only")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return
    print("### CSV to plan on disk\n")
    print("| source | polars' bare scan | CSV to plan | ratio | peak memory |")
    print("|---|---:|---:|---:|---:|")
    compare(1_000_000, quoted=False, runs=RUNS[1_000_000])
    compare(1_000_000, quoted=True, runs=RUNS[1_000_000])
    if not options.quick:
        compare(10_000_000, quoted=False, runs=RUNS[10_000_000])


if __name__ == "__main__":
    main()
