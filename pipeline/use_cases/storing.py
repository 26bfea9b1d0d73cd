"""Files that use cases leave behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.run.folder import make_private, write_private


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write ``document`` whole or not at all, for its owner only. Raises InputError where that fails."""
    try:
        make_private(path.parent)
        write_private(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "A file cannot be written",
            f"{path.name} cannot be written: {error.strerror or error}.",
            location=Location(str(path)),
            next_step="Make room or correct the folder's permissions.",
        ) from error
