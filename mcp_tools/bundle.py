"""`make mcpb`: the MCP server as a bundle (.mcpb) for clients that install such files, in ``dist/``.

The bundle holds the sources of the package and the exact versions of what it needs, not these packages: they
differ by system. The client's `uv` fetches them, and a Python where there is none, at the first start.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from mcp_tools.node import HERE, ToolMissingError, tool
from pipeline import __version__
from pipeline.errors import ErrorCode, InputError
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.server import build_server
from pipeline.mcp_server.strict import StrictServer

ROOT = HERE.parent
DIST = ROOT / "dist"
ENTRY_POINT = "server.py"
_PIN = re.compile(r"^(?P<pin>[A-Za-z0-9._-]+==[^\s;]+)(?P<marker> *;[^\\]*)?", re.MULTILINE)
STARTER = '''"""Starts the MCP server of okta-plan; the workspace is in OKTA_PLAN_HOME."""

import sys

from pipeline.cli import main

sys.argv[1:] = ["mcp"]
main()
'''


def _no_desk() -> NoReturn:
    raise InputError(ErrorCode.NO_WORKSPACE, "There is no workspace", "Tools are listed, not called.")


def _no_launch(_desk: object, _run: str) -> int:
    raise AssertionError("tools are listed, not called")


def server_to_list() -> StrictServer:
    """The server, for looking at what it offers; its tools cannot be called."""
    return build_server(Door(_no_desk, _no_launch))


def listed_tools() -> list[dict[str, str]]:
    """Name and description of every tool of the server."""
    tools = asyncio.run(server_to_list().list_tools())
    return [{"name": each.name, "description": " ".join((each.description or "").split())} for each in tools]


def manifest() -> dict[str, Any]:
    """The manifest, made of the package's own description and tools."""
    project = _project()
    return {
        "manifest_version": "0.4",
        "name": project["name"],
        "display_name": "okta-plan",
        "version": __version__,
        "description": f"{project['description']}. Not an Okta product.",
        "long_description": (
            "Plans from CSV exports, change sets against your Okta org, applies of what a person approved."
            " Tenant and credential are read from .env in the workspace folder. The first start downloads"
            " Python packages."
        ),
        "author": {"name": project["authors"][0]["name"]},
        "license": project["license"],
        "keywords": project["keywords"],
        "server": {
            "type": "uv",
            "entry_point": ENTRY_POINT,
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", ENTRY_POINT],
                "env": {"OKTA_PLAN_HOME": "${user_config.workspace}"},
            },
        },
        "tools": listed_tools(),
        "prompts_generated": True,
        "user_config": {
            "workspace": {
                "type": "directory",
                "title": "Workspace",
                "description": "The folder with csv/, plans/, and .env with tenant and credential.",
                "required": True,
            }
        },
        "compatibility": {
            "platforms": ["darwin", "win32", "linux"],
            "runtimes": {"python": project["requires-python"]},
        },
    }


def bundle_project() -> str:
    """The pyproject.toml of the bundle: the package with the locked versions of what it needs."""
    project = _project()
    locked = (ROOT / "requirements.lock").read_text("utf-8")
    pins = [f"{each['pin']}{(each['marker'] or '').rstrip()}" for each in _PIN.finditer(locked)]
    lines = [
        "[build-system]",
        f"requires = {json.dumps(_pyproject()['build-system']['requires'])}",
        'build-backend = "hatchling.build"',
        "",
        "[project]",
        f"name = {json.dumps(project['name'])}",
        f"version = {json.dumps(__version__)}",
        f"requires-python = {json.dumps(project['requires-python'])}",
        f"dependencies = {json.dumps(pins, indent=2)}",
        "",
        "[project.scripts]",
        *(f"{name} = {json.dumps(target)}" for name, target in project["scripts"].items()),
        "",
        "[tool.hatch.build.targets.wheel]",
        'packages = ["pipeline"]',
        "",
    ]
    return "\n".join(lines)


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _project() -> dict[str, Any]:
    found: dict[str, Any] = _pyproject()["project"]
    return found


def lay_out(folder: Path) -> None:
    """Everything that is packed, in ``folder``; what was there before is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        ROOT / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    shutil.copy(ROOT / "LICENSE", folder)
    (folder / ENTRY_POINT).write_text(STARTER, encoding="utf-8")
    (folder / "pyproject.toml").write_text(bundle_project(), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest(), indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Lay out, validate and pack the bundle with the official tool."""
    folder, packed = DIST / "mcpb", DIST / f"okta-plan-{__version__}.mcpb"
    lay_out(folder)
    try:
        for words in (["validate", str(folder)], ["pack", str(folder), str(packed)], ["info", str(packed)]):
            subprocess.run([*tool("mcpb"), *words], check=True)
    except ToolMissingError as error:
        sys.stderr.write(f"mcpb: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
