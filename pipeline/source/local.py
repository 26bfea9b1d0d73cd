"""CSV files of the workspace: comma separated UTF-8, quoted as RFC 4180 says, every line accounted for."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.source.frame import LINE, Frame, RejectedRow

FINISHED = ("processed", "processed_and_assigned")
"""Folders of csv/ that hold sources already dealt with."""
CELL_CHARACTERS_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One line of the numbered list; ``path`` is relative to the workspace."""

    number: int
    path: str
    size_bytes: int


def list_sources(workspace: Path) -> tuple[SourceFile, ...]:
    """The CSV files below ``csv/``, sorted, without those in the folders of finished ones."""
    folder = workspace / "csv"
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() == ".csv"
        and path.is_file()
        and path.relative_to(folder).parts[0] not in FINISHED
    )
    return tuple(
        SourceFile(number, path.relative_to(workspace).as_posix(), path.stat().st_size)
        for number, path in enumerate(found, start=1)
    )


def read_local(workspace: Path, path: Path) -> Frame:
    """The frame of the CSV at ``path``: relative to the workspace, or a bare name in ``csv/``.

    Rows with too few or too many cells, or with broken quotes, are rejected with their line. Raises
    InputError where the file is missing, empty, not UTF-8, outside of the workspace, or has a header that
    names a column twice or not at all.
    """
    found = _find(workspace, path)
    shown = found.relative_to(workspace).as_posix()
    content = _bytes(found, shown)
    text = _decoded(content, shown)
    columns, rows, rejected = _parse(text, shown)
    table = pl.DataFrame(
        {name: [cells[index] for _, cells in rows] for index, name in enumerate(columns)}
        | {LINE: [line for line, _ in rows]},
        schema=dict.fromkeys(columns, pl.String) | {LINE: pl.Int64},
    )
    return Frame(shown, hashlib.sha256(content).hexdigest(), columns, table, rejected)


def _find(workspace: Path, path: Path) -> Path:
    root = workspace.resolve()
    names = [path] if path.suffix else [path, path.with_name(f"{path.name}.csv")]
    for candidate in [root / name for name in names] + [root / "csv" / name for name in names]:
        found = candidate.resolve()
        if not found.is_relative_to(root):
            raise InputError(
                ErrorCode.OUTSIDE_WORKSPACE,
                "The path leads out of the workspace",
                f"{path} is not inside the workspace.",
                next_step="Copy the file into csv/ of the workspace.",
            )
        if found.is_file():
            return found
    raise _not_found(root, path)


def _not_found(root: Path, path: Path) -> InputError:
    names = {each.path: each.path for each in list_sources(root)}
    names |= {Path(each.path).name: each.path for each in list_sources(root)}
    near = dict.fromkeys(names[name] for name in difflib.get_close_matches(path.name, names, n=3))
    hint = f"Did you mean {' or '.join(near)}?" if near else "`okta-plan files` lists the sources in csv/."
    return InputError(
        ErrorCode.FILE_NOT_FOUND,
        "The source file was not found",
        f"There is no file {path} in the workspace or its csv/ folder.",
        location=Location(str(path)),
        next_step=hint,
    )


def _bytes(found: Path, shown: str) -> bytes:
    try:
        content = found.read_bytes()
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNREADABLE,
            "The source file cannot be read",
            f"{shown} cannot be read: {error.strerror or error}.",
            location=Location(shown),
            next_step="Correct its permissions.",
        ) from error
    if not content.strip(b"\xef\xbb\xbf\r\n\t "):
        raise _empty(shown, "holds nothing")
    return content


def _decoded(content: bytes, shown: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            ErrorCode.NOT_UTF8,
            "The source file is not UTF-8",
            f"{shown} has a byte that is not UTF-8 on line {line} (byte {error.start}).",
            location=Location(shown, line),
            next_step='Save it as UTF-8 (in Excel: "CSV UTF-8").',
        ) from error
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise InputError(
            ErrorCode.NOT_UTF8,
            "The source file is not UTF-8 text",
            f"{shown} holds a NUL character on line {line}; it may be UTF-16.",
            location=Location(shown, line),
            next_step='Save it as UTF-8 (in Excel: "CSV UTF-8").',
        )
    return text


Rows = list[tuple[int, list[str]]]


def _parse(text: str, shown: str) -> tuple[tuple[str, ...], Rows, tuple[RejectedRow, ...]]:
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    records = _records(text)
    try:
        first_line, header = next(records)
    except StopIteration:
        raise _empty(shown, "holds nothing") from None
    if isinstance(header, str):
        raise _bad_header(shown, first_line, header)
    columns = _columns(header, shown, first_line)
    rows: Rows = []
    rejected: list[RejectedRow] = []
    for line, cells in records:
        if isinstance(cells, str):
            rejected.append(RejectedRow(line, "broken_quotes", cells))
        elif len(cells) != len(columns):
            detail = f"It has {len(cells)} cells, the header has {len(columns)}."
            rejected.append(RejectedRow(line, "ragged_row", detail))
        else:
            rows.append((line, cells))
    if not rows and not rejected:
        raise _empty(shown, "holds a header and no rows")
    return columns, rows, tuple(rejected)


def _records(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each record with the line it starts on; text in place of cells says why it could not be parsed.

    After a record with broken quotes parsing goes on at the next physical line.
    """
    lines = io.StringIO(text, newline="").readlines()
    start = 0
    while start < len(lines):
        reader = csv.reader(iter(lines[start:]), strict=True)
        used = 0
        try:
            for cells in reader:
                line = start + used + 1
                used = reader.line_num
                if cells:
                    yield line, cells
        except csv.Error as error:
            yield start + used + 1, f"Its quotes do not fit: {error}."
            start += used + 1
        else:
            return


def _columns(header: list[str], shown: str, line: int) -> tuple[str, ...]:
    columns = tuple(name.strip() for name in header)
    blank = [str(index) for index, name in enumerate(columns, start=1) if not name]
    if blank:
        raise _bad_header(shown, line, f"column {', '.join(blank)} has no name")
    twice = sorted({name for name in columns if columns.count(name) > 1 or name == LINE})
    if twice:
        raise _bad_header(shown, line, f"the name {', '.join(twice)} stands in it more than once")
    return columns


def _bad_header(shown: str, line: int, why: str) -> InputError:
    return InputError(
        ErrorCode.DUPLICATE_COLUMN,
        "The header cannot be used",
        f"The header of {shown}: {why}.",
        location=Location(shown, line),
        next_step="Give every column a name of its own.",
    )


def _empty(shown: str, what: str) -> InputError:
    return InputError(
        ErrorCode.FILE_EMPTY,
        "The source file is empty",
        f"{shown} {what}.",
        location=Location(shown),
        next_step="Export it again; nothing is ever concluded from an empty file.",
    )
