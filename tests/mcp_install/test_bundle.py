"""The MCP server as a bundle, and what the official tools are told of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mcp_tools import bundle
from mcp_tools.calls import AFTER_THE_RUN, BEFORE_THE_RUN
from mcp_tools.node import HERE, ToolMissingError, tool
from pipeline import __version__


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    laid_out = tmp_path_factory.mktemp("bundle") / "mcpb"
    bundle.lay_out(laid_out)
    return laid_out


def test_the_bundle_asks_for_the_workspace_and_for_nothing_secret() -> None:
    manifest = bundle.manifest()
    assert list(manifest["user_config"]) == ["workspace"]
    assert manifest["server"]["mcp_config"]["env"] == {"OKTA_PLAN_HOME": "${user_config.workspace}"}
    assert manifest["version"] == __version__


def test_every_tool_is_in_the_manifest_and_is_called_by_the_check() -> None:
    listed = {each["name"] for each in bundle.listed_tools()}
    assert {each["name"] for each in bundle.manifest()["tools"]} == listed
    assert {each.tool for each in (*BEFORE_THE_RUN, *AFTER_THE_RUN)} == listed


def test_the_bundle_names_the_locked_version_of_all_that_is_needed(folder: Path) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    locked = (bundle.ROOT / "requirements.lock").read_text("utf-8")
    assert len(project["dependencies"]) == locked.count("==") - len(re.findall(r";.*==", locked))
    assert all(re.match(r"[\w.-]+==[\w.+-]+( ; .+)?$", each) for each in project["dependencies"])


def test_the_bundle_holds_the_package_and_no_leftovers(folder: Path) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"manifest.json", "pyproject.toml", "server.py", "LICENSE", "pipeline/help.txt"} <= names
    sources = {path.relative_to(bundle.ROOT).as_posix() for path in (bundle.ROOT / "pipeline").rglob("*.py")}
    assert sources <= names
    assert not [name for name in names if "__pycache__" in name or "/." in name]


def test_the_bundle_starts_a_server_that_ends_with_its_client(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(folder / "server.py")], cwd=folder, input=b"", capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, b""), ended.stderr


def test_the_official_tool_accepts_the_manifest(folder: Path) -> None:
    try:
        command = tool("mcpb")
    except ToolMissingError as missing:
        pytest.skip(str(missing))
    ended = subprocess.run([*command, "validate", str(folder)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_official_tools_are_pinned_and_their_lock_names_no_registry() -> None:
    wanted = json.loads((HERE / "package.json").read_text("utf-8"))["devDependencies"]
    packages = json.loads((HERE / "package-lock.json").read_text("utf-8"))["packages"]
    assert wanted
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in each for name, each in packages.items() if name)
    assert not [name for name, each in packages.items() if "resolved" in each]
