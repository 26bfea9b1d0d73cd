"""One redacted line for each call to Okta: when, in which run, what was called, how it was answered."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from pipeline.clock import Clock
from pipeline.errors import ErrorCode, InputError
from pipeline.okta.client import CallRecord
from pipeline.run.journal import iso_utc


@contextmanager
def call_log(
    path: Path | None, clock: Clock, run: str | None, *, also: TextIO | None = None
) -> Iterator[Callable[[CallRecord], None] | None]:
    """Appends to ``path`` (mode 0600) and writes to ``also``; None where no log is wanted. Raises InputError
    where it cannot be opened. A record holds no query, body or credential.
    """
    with ExitStack() as open_files:
        logs = [open_files.enter_context(_opened(path))] if path is not None else []
        logs += [also] if also is not None else []

        def log(record: CallRecord) -> None:
            line = json.dumps({"at": iso_utc(clock.now()), "run": run, **asdict(record)})
            for each in logs:
                each.write(f"{line}\n")
                each.flush()

        yield log if logs else None


def _opened(path: Path) -> TextIO:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "The log file cannot be written",
            f"{path} cannot be written: {error.strerror or error}.",
            next_step="Name another file with --log-file.",
        ) from error
    return os.fdopen(descriptor, "a", encoding="utf-8")
