"""The MCP clients whose configuration can be written: which file, under which key, in which shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.errors import ErrorCode, InputError, UsageError

WORKSPACE_VARIABLE = "OKTA_PLAN_HOME"
READ_ONLY = "--read-only"


class McpClient(StrEnum):
    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    VSCODE = "vscode"
    CURSOR = "cursor"


class Scope(StrEnum):
    USER = "user"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where this runs: ``system`` as sys.platform says it, and how okta-plan is started."""

    system: str
    home: Path
    environment: Mapping[str, str]
    command: tuple[str, ...]
    """Absolute path of the program, and arguments that come before the command."""


@dataclass(frozen=True, slots=True)
class Shape:
    """``title`` for people; ``servers`` is the key of its list; ``typed``: entries name their transport."""

    title: str
    servers: str
    typed: bool
    workspace_file: str | None
    reload: str


SHAPES: dict[McpClient, Shape] = {
    McpClient.CLAUDE_DESKTOP: Shape(
        "Claude Desktop",
        "mcpServers",
        typed=False,
        workspace_file=None,
        reload="Quit Claude Desktop (closing its window is not enough) and start it again.",
    ),
    McpClient.CLAUDE_CODE: Shape(
        "Claude Code",
        "mcpServers",
        typed=True,
        workspace_file=".mcp.json",
        reload="Start a new session of Claude Code; /mcp shows the server.",
    ),
    McpClient.VSCODE: Shape(
        "VS Code",
        "servers",
        typed=True,
        workspace_file=".vscode/mcp.json",
        reload="In VS Code, run `MCP: List Servers` from the command palette and start the server.",
    ),
    McpClient.CURSOR: Shape(
        "Cursor",
        "mcpServers",
        typed=False,
        workspace_file=".cursor/mcp.json",
        reload="In Cursor's settings, under MCP, switch the server on.",
    ),
}


def config_file(client: McpClient, scope: Scope, machine: Machine, workspace: Path) -> Path:
    """The file that ``client`` reads. Raises UsageError where it has none in a workspace, and InputError
    where more than one could be meant.
    """
    if scope is Scope.WORKSPACE:
        inside = SHAPES[client].workspace_file
        if inside is None:
            raise UsageError(
                ErrorCode.USAGE,
                "This client has no configuration in a workspace",
                f"{SHAPES[client].title} reads one file for each user.",
                next_step="Leave --scope out.",
            )
        return workspace / inside
    match client:
        case McpClient.CLAUDE_DESKTOP:
            return _claude_folder(machine) / "claude_desktop_config.json"
        case McpClient.CLAUDE_CODE:
            return Path(machine.environment.get("CLAUDE_CONFIG_DIR") or machine.home) / ".claude.json"
        case McpClient.VSCODE:
            return _settings_folder(machine) / "Code" / "User" / "mcp.json"
        case McpClient.CURSOR:
            return machine.home / ".cursor" / "mcp.json"


def entry_for(client: McpClient, machine: Machine, workspace: Path, *, read_only: bool) -> dict[str, Any]:
    """What a client is told of this server. It names no tenant and holds no secret: these stay in the
    workspace's ``.env``, which the server reads itself.
    """
    program, *before = machine.command
    arguments = [*before, "mcp", *([READ_ONLY] if read_only else [])]
    return {
        **({"type": "stdio"} if SHAPES[client].typed else {}),
        "command": program,
        "args": arguments,
        "env": {WORKSPACE_VARIABLE: str(workspace)},
    }


def _settings_folder(machine: Machine) -> Path:
    """Where desktop programs keep the settings of a user."""
    match machine.system:
        case "win32":
            return Path(machine.environment.get("APPDATA") or machine.home / "AppData" / "Roaming")
        case "darwin":
            return machine.home / "Library" / "Application Support"
        case _:
            return Path(machine.environment.get("XDG_CONFIG_HOME") or machine.home / ".config")


def _claude_folder(machine: Machine) -> Path:
    """Windows keeps the files of a packaged (MSIX) Claude Desktop apart: it never reads the usual folder."""
    usual = _settings_folder(machine) / "Claude"
    if machine.system != "win32":
        return usual
    local = Path(machine.environment.get("LOCALAPPDATA") or machine.home / "AppData" / "Local")
    packaged = sorted(path for path in (local / "Packages").glob("Claude_*/LocalCache") if path.is_dir())
    if len(packaged) > 1:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "More than one Claude Desktop is installed",
            f"{local / 'Packages'} holds {len(packaged)} folders of packaged Claude Desktops."
            " Which of them is in use cannot be told.",
            next_step="Name the file of the one you use with --file.",
        )
    return packaged[0] / "Roaming" / "Claude" if packaged else usual


def running_command(program: str, python: str) -> tuple[str, ...]:
    """How the running okta-plan is started again, by absolute paths: clients do not have a shell's PATH.

    ``program`` is what sys.argv calls it; Windows leaves the ending away there.
    """
    path = Path(program).absolute()
    for each in (path, path.with_name(f"{path.name}.exe")):
        if each.stem == "okta-plan" and each.is_file():
            return (str(each),)
    return (str(Path(python).absolute()), "-m", "pipeline")


def client_named(name: str) -> McpClient:
    """Raises UsageError for a client that is not known."""
    if name not in {each.value for each in McpClient}:
        raise UsageError(
            ErrorCode.USAGE,
            "This client is not known",
            f"Known are {', '.join(McpClient)}.",
            next_step="For another client with such a configuration, name one of these and --file FILE.",
        )
    return McpClient(name)


def scope_named(name: str) -> Scope:
    """Raises UsageError for what is no scope."""
    if name not in {each.value for each in Scope}:
        raise UsageError(ErrorCode.USAGE, "There is no such scope", "--scope is user or workspace.")
    return Scope(name)
