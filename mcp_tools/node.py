"""Where the official tools are, and a Node that is new enough for them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
NODE_MIN = (22, 19)
_SCRIPTS = {
    "mcpb": "@anthropic-ai/mcpb/dist/cli/cli.js",
    "inspector": "@modelcontextprotocol/inspector/clients/launcher/build/index.js",
    "conformance": "@modelcontextprotocol/conformance/dist/index.js",
}


class ToolMissingError(Exception):
    """What is not there, and how to get it."""


def tool(name: str) -> list[str]:
    """The command of an official tool. Raises ToolMissingError."""
    script = HERE / "node_modules" / _SCRIPTS[name]
    if not script.is_file():
        raise ToolMissingError(f"{name} is not installed: run `make mcp-tools` (needs npm and a registry)")
    return [str(_node()), str(script)]


def _node() -> Path:
    """The system's Node, else the one that the browser driver of the tests brings along."""
    for each in (shutil.which("node"), _drivers_node()):
        if each and _version(each) >= NODE_MIN:
            return Path(each)
    wanted = ".".join(map(str, NODE_MIN))
    raise ToolMissingError(
        f"no Node of version {wanted} or newer: install one, or the development dependencies"
    )


def _drivers_node() -> str | None:
    try:
        import playwright
    except ImportError:
        return None
    found = sorted((Path(playwright.__file__).parent / "driver").glob("node*"))
    return str(found[0]) if found else None


def _version(node: str) -> tuple[int, ...]:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(each) for each in re.findall(r"\d+", told)[:2])
