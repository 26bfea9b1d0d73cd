"""How long the program takes to start, to Python doing nothing. ``--quick`` takes fewer turns."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks._timing import Target, Times, hold, show

ROUNDS = 25
MOST = 5.0
"""DESIGN, section 5."""
BARE = "python -c pass"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rounds = ROUNDS // 3 if parser.parse_args().quick else ROUNDS
    python, okta_plan = sys.executable, str(Path(sys.executable).with_name("okta-plan"))
    commands = {
        BARE: (python, "-c", "pass"),
        "okta-plan --help": (okta_plan, "--help"),
        "okta-plan --version": (okta_plan, "--version"),
        "okta-plan files --help": (okta_plan, "files", "--help"),
        "python -c 'import typer'": (python, "-c", "import typer"),
    }
    times = Times()
    for _ in range(rounds):
        for name, command in commands.items():
            with times.of(name):
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    took_s = {name: times.quick_s(name) for name in commands}
    bare_s = took_s[BARE]
    rows = [(f"`{name}`", f"{each * 1000:.0f} ms", f"{each / bare_s:.1f}") for name, each in took_s.items()]
    show("Start-up", ("command", "time", "to python -c pass"), rows)
    held = ("okta-plan --help", "okta-plan --version")
    hold(Target(f"{name} to {BARE}", took_s[name] / bare_s, MOST) for name in held)


if __name__ == "__main__":
    main()
