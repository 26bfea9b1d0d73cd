"""All benchmarks, one after the other, as they measure the same machine. Those with _ are shared."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from benchmarks._timing import show


def main() -> None:
    names = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    print(f"{machine}, Python {platform.python_version()}")
    rows: list[tuple[str, str, str]] = []
    total_s = 0.0
    for name in names:
        print(f"\n## {name}", flush=True)
        started_s = perf_counter()
        ended = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]], check=False)
        took_s = perf_counter() - started_s
        total_s += took_s
        rows.append((name, f"{took_s:.0f} s", "NO" if ended.returncode else "yes"))
    missed = any(row[2] == "NO" for row in rows)
    show("Time", ("benchmark", "took", "targets met"), [*rows, ("all", f"{total_s:.0f} s", "")])
    sys.exit(int(missed))


if __name__ == "__main__":
    main()
