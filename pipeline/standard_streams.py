"""stdout and stderr as others set them up: any encoding, a reader who leaves, a disk that is full."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TextIO

from pipeline.errors import ErrorCode, InputError


def accept_any_text() -> None:
    """Show what the encoding of a stream lacks as an escape, e.g. on a console of Windows or in LC_ALL=C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write_utf8(text: str) -> None:
    """Write ``text`` for machines on stdout: JSON, Markdown and pages are UTF-8 wherever they are made."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(text)


def to_stdout(write: Callable[[], object]) -> None:
    """Call ``write`` and have all of it written. A reader who has left had enough. Raises InputError where it
    cannot be written.
    """
    try:
        write()
        sys.stdout.flush()
    except BrokenPipeError:
        forget(sys.stdout)
    except OSError as error:
        forget(sys.stdout)
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "The answer cannot be written",
            f"Writing to stdout failed: {error.strerror or error}. What the command did stays done.",
            next_step="Make room or send the output elsewhere. What an apply did, `okta-plan runs` tells.",
        ) from error


def forget(stream: TextIO) -> None:
    """Send the rest nowhere: Python would try it once more at its exit, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
