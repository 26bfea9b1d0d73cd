"""How long the program takes to start, to Python doing nothing, and the MCP server until it lists its tools,
to importing ``mcp``. ``--quick`` takes fewer turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks._timing import Target, Times, hold, show

ROUNDS = 25
MOST = 5.0
"""DESIGN, section 5."""
BARE = "python -c pass"
MCP, MCP_BARE, MCP_MOST = "okta-plan mcp until tools/list", "python -c 'import mcp'", 1.5


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
    for _ in range(max(3, rounds // 5)):
        with times.of(MCP_BARE):
            subprocess.run((python, "-c", "import mcp"), check=True)
        _list_tools((okta_plan, "--workspace", ".", "mcp"), times)
    mcp_ratio = times.quick_s(MCP) / times.quick_s(MCP_BARE)
    took_s = {name: times.quick_s(name) for name in commands}
    bare_s = took_s[BARE]
    rows = [(f"`{name}`", f"{each * 1000:.0f} ms", f"{each / bare_s:.1f}") for name, each in took_s.items()]
    show("Start-up", ("command", "time", "to python -c pass"), rows)
    mcp_rows = [(f"`{name}`", f"{times.quick_s(name) * 1000:.0f} ms") for name in (MCP_BARE, MCP)]
    show("Start-up of the MCP server", ("command", "time"), mcp_rows)
    held = ("okta-plan --help", "okta-plan --version")
    hold(
        [
            *(Target(f"{name} to {BARE}", took_s[name] / bare_s, MOST) for name in held),
            Target(f"{MCP} to {MCP_BARE}", mcp_ratio, MCP_MOST),
        ]
    )


def _list_tools(command: tuple[str, ...], times: Times) -> None:
    client = {"name": "bench", "version": "1"}
    asked = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    frames = (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    )
    text = "".join(json.dumps(frame) + "\n" for frame in frames)
    with times.of(MCP):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the server has no pipes")
        process.stdin.write(text)
        process.stdin.flush()
        answers = [process.stdout.readline() for _ in range(2)]
    process.communicate()
    if '"tools"' not in answers[1]:
        raise RuntimeError("the server did not list its tools")


if __name__ == "__main__":
    main()
