"""Files that use cases leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.run.folder import lines_of_json, make_private, write_private
from pipeline.use_cases.desk import Desk


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write ``document`` whole or not at all, for its owner only. Raises InputError where that fails."""
    _write(path, lines_of_json(document))


def write_text(desk: Desk, output: Path, text: str) -> str:
    """Write ``text`` to a file of the workspace as `write_json` does; the path as people write it."""
    path = desk.inside(output)
    _write(path, text)
    return desk.shown(path)


def _write(path: Path, text: str) -> None:
    try:
        make_private(path.parent)
        write_private(path, text)
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "A file cannot be written",
            f"{path.name} cannot be written: {error.strerror or error}.",
            location=Location(str(path)),
            next_step="Make room or correct the folder's permissions.",
        ) from error
