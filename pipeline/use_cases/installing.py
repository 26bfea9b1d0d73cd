"""The verb that makes this MCP server known to a client: mcp install."""

from __future__ import annotations

import difflib
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pipeline.errors import ErrorCode, InputError, RefusedError, UsageError
from pipeline.findings import Location
from pipeline.install_views import InstallView
from pipeline.use_cases.config_text import NotPlainJsonError, read_object, with_value
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.mcp_clients import (
    READ_ONLY,
    SHAPES,
    WORKSPACE_VARIABLE,
    Machine,
    McpClient,
    Scope,
    config_file,
    entry_for,
)

Ask = Callable[[InstallView], bool]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,48}")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(?P<is_key>\s*:)?')
_BOM = "\ufeff"
LINE_CHARACTERS_MAX = 160
WIDENED = "The entry was read-only; without --read-only the server can apply what a person approved."
SECRETS = ("OKTA_API_TOKEN", "OKTA_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True, slots=True)
class Wanted:
    client: McpClient
    scope: Scope = Scope.USER
    name: str = "okta-plan"
    file: Path | None = None
    """The configuration file, where it is not the usual one."""
    read_only: bool = False
    dry_run: bool = False
    yes: bool = False


def install(desk: Desk, wanted: Wanted, machine: Machine, ask: Ask | None) -> InstallView:
    """Write this server, with the desk's workspace, into the client's configuration, once ``ask`` or ``yes``
    agreed; everything else in the file stays byte for byte, and a numbered backup is kept beside it.

    Raises InputError where the file is not plain JSON or cannot be written, UsageError, and RefusedError
    where nobody agreed.
    """
    if not _NAME.fullmatch(wanted.name):
        raise UsageError(
            ErrorCode.USAGE,
            "The server cannot have that name",
            "Clients put it before the names of tools: letters, digits, - and _ only, at most 48 of them.",
        )
    _refuse_no_workspace(desk.workspace)
    given = wanted.file or config_file(wanted.client, wanted.scope, machine, desk.workspace)
    file = given.expanduser().resolve()
    before = _read(file)
    shape = SHAPES[wanted.client]
    entry = entry_for(wanted.client, machine, desk.workspace, read_only=wanted.read_only)
    view = InstallView(
        client=wanted.client.value, server=wanted.name, state="unchanged", file=str(file), entry=entry
    )
    text = before.decode("utf-8-sig") if before is not None else ""
    try:
        existing = _existing(read_object(text), shape.servers, wanted.name)
        merged = _merged(existing, entry)
        after = with_value(text, (shape.servers, wanted.name), merged)
    except NotPlainJsonError as error:
        _refuse_text(file, error, {shape.servers: {wanted.name: entry}})
    notes = [*_notes(desk, machine, file, existing), shape.reload]
    arguments = existing.get("args")
    if isinstance(arguments, list) and READ_ONLY in arguments and not wanted.read_only:
        notes.insert(0, WIDENED)
    if existing == merged:
        return view.model_copy(update={"notes": notes[:-1]})
    view = view.model_copy(update={"state": "shown", "diff": _diff(text, after, entry, file), "notes": notes})
    if wanted.dry_run:
        return view
    _refuse_unless_agreed(view, wanted, ask)
    mark = _BOM if before is not None and before.startswith(_BOM.encode()) else ""
    backup = _write(file, before, (mark + after).encode())
    return view.model_copy(update={"state": "written", "backup": str(backup) if backup else None})


def _refuse_no_workspace(workspace: Path) -> None:
    if any((workspace / each).exists() for each in (".env", "plans", "csv")):
        return
    raise InputError(
        ErrorCode.NO_WORKSPACE,
        "There is no workspace to write down",
        f"{workspace} holds neither .env nor plans/ nor csv/, so it is not taken for one.",
        next_step="Go to the folder with your csv/, or name it: okta-plan --workspace FOLDER mcp install ...",
    )


def _existing(document: Mapping[str, Any], servers: str, name: str) -> dict[str, Any]:
    listed = document.get(servers, {})
    if not isinstance(listed, dict):
        raise NotPlainJsonError(f"{servers} is not an object")
    entry = listed.get(name, {})
    if not isinstance(entry, dict):
        raise NotPlainJsonError(f"{servers}.{name} is not an object")
    if "url" in entry:
        raise NotPlainJsonError(
            f"{servers}.{name} is a server of another kind, with a url; choose another --name"
        )
    return entry


def _merged(existing: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a person added to the entry stays: environment, time-outs, switches."""
    environment = existing.get("env")
    kept = environment if isinstance(environment, dict) else {}
    return {**existing, **entry, "env": {**kept, **entry["env"]}}


def _notes(desk: Desk, machine: Machine, file: Path, existing: Mapping[str, Any]) -> list[str]:
    notes = []
    if not (desk.workspace / ".env").is_file():
        notes.append(
            "The workspace has no .env yet: the server reads the tenant and the credential from there."
        )
    shell = sorted(
        each for each in machine.environment if each.startswith("OKTA_") and each != WORKSPACE_VARIABLE
    )
    if shell:
        notes.append(
            f"Clients do not pass on what is set in this shell; .env has to have it: {', '.join(shell)}."
        )
    environment = existing.get("env")
    held = [each for each in SECRETS if isinstance(environment, dict) and each in environment]
    if held:
        notes.append(
            f"The entry holds {' and '.join(held)}: move that into the workspace's .env and delete it here."
        )
    if not file.parent.is_dir():
        notes.append(
            f"{file.parent} is not there yet and will be made; is the client installed for this user?"
        )
    return notes


def _diff(before: str, after: str, entry: Mapping[str, Any], file: Path) -> list[str]:
    """The change, as unified diff. Values of others may be secret: they are shown as ``"..."``."""
    own = {line.strip(" ,") for line in json.dumps(entry, indent=1, ensure_ascii=False).splitlines()}
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(file), f"{file} (new)", lineterm="", n=2
    )
    return [
        line if number < 2 else _masked(line, own)[:LINE_CHARACTERS_MAX]  # noqa: PLR2004 - two lines of head
        for number, line in enumerate(lines)
    ]


def _masked(line: str, own: set[str]) -> str:
    return line if line[1:].strip(" \t,") in own else _STRING.sub(_hidden, line)


def _hidden(found: re.Match[str]) -> str:
    return found[0] if found["is_key"] else '"..."'


def _refuse_text(file: Path, error: NotPlainJsonError, snippet: Mapping[str, Any]) -> NoReturn:
    place, line = "", None
    if error.where is not None:
        line, column = error.where
        place = f" (line {line}, column {column}). Comments or a comma behind the last entry would be lost"
    raise InputError(
        ErrorCode.FILE_UNREADABLE,
        "The client's configuration cannot be changed without guessing",
        f"{file}: {error.why}{place}. Nothing was written.",
        location=Location(str(file), line),
        next_step="Put this into it by hand:\n" + json.dumps(snippet, indent=2, ensure_ascii=False),
    ) from error


def _refuse_unless_agreed(view: InstallView, wanted: Wanted, ask: Ask | None) -> None:
    if wanted.yes:
        return
    if ask is None:
        raise RefusedError(
            ErrorCode.NOT_CONFIRMED,
            "Nobody confirmed the change",
            f"{view.file} would be changed, and there is no terminal to ask on.",
            next_step="Look at it with --dry-run, then use --yes.",
        )
    if not ask(view):
        raise RefusedError(
            ErrorCode.NOT_CONFIRMED,
            "The change was not confirmed",
            "The question was answered with no; nothing was written.",
        )


def _read(file: Path) -> bytes | None:
    try:
        content = file.read_bytes()
        content.decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise _unusable(file, ErrorCode.FILE_UNREADABLE, f"it is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise _unusable(file, ErrorCode.FILE_UNREADABLE, str(error.strerror or error)) from error
    return content


def _write(file: Path, before: bytes | None, after: bytes) -> Path | None:
    """Put ``after`` in place in one step; the backup of ``before``. Raises InputError, also where the file is
    no longer ``before``.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(file.stat().st_mode) if before is not None else 0o600
        backup = _backed_up(file, before, mode) if before is not None else None
        _put(draft, after, mode)
        if _read(file) != before:
            raise _unusable(file, ErrorCode.FILE_CHANGED, "another program changed it meanwhile")
        draft.replace(file)
    except OSError as error:
        raise _unusable(file, ErrorCode.FILE_UNWRITABLE, str(error.strerror or error)) from error
    finally:
        draft.unlink(missing_ok=True)
    return backup


def _backed_up(file: Path, content: bytes, mode: int) -> Path:
    """The content under the next free number; a backup is never written over. Raises OSError."""
    taken = [each.name.rpartition("-")[2] for each in file.parent.glob(f"{file.name}.backup-*")]
    number = max((int(each) for each in taken if each.isdecimal()), default=0) + 1
    while True:
        backup = file.with_name(f"{file.name}.backup-{number}")
        try:
            _put(backup, content, mode)
        except FileExistsError:
            number += 1
            continue
        return backup


def _put(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(mode)


def _unusable(file: Path, code: ErrorCode, why: str) -> InputError:
    return InputError(
        code,
        "The client's configuration cannot be used",
        f"{file}: {why}. It is as it was.",
        location=Location(str(file)),
        next_step="Correct that and run the command again, or paste what --dry-run shows.",
    )
