"""Bytes to frame: unpack, decode, find the dialect, account for every line."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import polars as pl

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.source import REJECTS_MAX
from pipeline.source.compression import plain_bytes
from pipeline.source.dialect import (
    NAMES,
    SAMPLE_BYTES,
    Dialect,
    find_dialect,
    line_end_of,
    trailer_start,
)
from pipeline.source.encoding import UTF8, Decoded, decode
from pipeline.source.frame import ROW, Format, Frame, RejectedRow
from pipeline.source.header import read_header
from pipeline.source.records import Body, Rows, TooManyRejectsError, find_rows

_SHOWN_MAX = 5
_FILLED = re.compile(rb"[^\r\n\t ,;|^]")
_SWAP = bytes.maketrans(b"\r\n", b"\n\r")


@dataclass(frozen=True, slots=True)
class _Table:
    """Where the table is in the text: its dialect, the text up to the totals below, and those lines."""

    dialect: Dialect
    body: Body
    trailer_lines: tuple[int, ...]
    is_swapped: bool


def read_bytes(content: bytes, shown: str, *, rejects_max: int = REJECTS_MAX) -> Frame:
    """The frame of a source's bytes; ``shown`` is its name in messages.

    Raises InputError where it is empty, damaged, in an unknown encoding, has a header that cannot be used, or
    more than ``rejects_max`` rows that cannot be read.
    """
    with ThreadPoolExecutor(1) as beside:
        sha256 = beside.submit(lambda: hashlib.sha256(content).hexdigest())
        plain, compression = plain_bytes(content, shown)
        decoded = decode(plain, shown)
        decoded, table = _table(decoded, shown)
        header = read_header(table.dialect, shown)
        try:
            rows = find_rows(table.body, rejects_max)
        except TooManyRejectsError as error:
            rejected = _with_source_bytes(error.rejected, decoded)
            raise _too_many(shown, rejected, rejects_max, table.dialect) from None
        excluded = {"title_line": len(table.dialect.title_lines), "total_line": len(table.trailer_lines)}
        if rows.height <= 0 and not rows.rejected:
            raise _empty(shown, "holds a header and no rows")
        dialect = table.dialect
        return Frame(
            path=shown,
            sha256=sha256.result(),
            columns=header.columns,
            scan=_scan(rows, header.columns, table),
            height=rows.height,
            lines=rows.lines,
            rejected=_with_source_bytes(rows.rejected, decoded),
            excluded={reason: count for reason, count in excluded.items() if count},
            read_as=Format(compression, decoded.encoding, dialect.delimiter, dialect.header_line + 1),
            findings=(*_how_it_was_read(decoded, table), *header.findings),
            renamed=header.renamed,
        )


def _table(decoded: Decoded, shown: str) -> tuple[Decoded, _Table]:
    if not _FILLED.search(decoded.text):
        raise _empty(shown, "holds nothing")
    decoded = decoded.with_single_returns()
    sample = _sample(decoded.text)
    is_swapped = line_end_of(sample) == "\r"
    if is_swapped:
        decoded = replace(decoded, text=decoded.text.translate(_SWAP))
        sample = _sample(decoded.text)
    dialect = find_dialect(sample)
    if dialect is None or dialect.broken_line is not None:
        line = dialect.broken_line or 0 if dialect else 0
        raise _bad_header(shown, line + 1, "its quotes do not fit")
    text = decoded.text
    if text.endswith((b"\n\n", b"\n\r\n")):
        text = text.rstrip(b"\r\n")
    end, trailers = trailer_start(text, dialect.delimiter, len(dialect.header))
    first = text.count(b"\n", 0, end) if trailers else 0
    lines = tuple(
        first + index
        for index, line in enumerate(text[end:].split(b"\n"))
        if line.strip(b"\r\n\t " + dialect.delimiter.encode())
    )
    body = Body(text[:end] if trailers else text, dialect.body_line, len(dialect.header), dialect.delimiter)
    return decoded, _Table(dialect, body, lines, is_swapped)


def _sample(text: bytes) -> str:
    """The beginning of the text, up to the end of a line where it is not all of it."""
    if len(text) <= SAMPLE_BYTES:
        return text.decode(UTF8)
    end = max(text.rfind(b"\n", 0, SAMPLE_BYTES), text.rfind(b"\r", 0, SAMPLE_BYTES)) + 1
    if end == 0:
        found = [place for place in (text.find(b"\n"), text.find(b"\r")) if place >= 0]
        end = min(found, default=len(text) - 1) + 1
    return text[:end].decode(UTF8)


def _scan(rows: Rows, columns: tuple[str, ...], table: _Table) -> pl.LazyFrame:
    body = rows.body
    if rows.height == 0:
        return pl.LazyFrame(schema={ROW: pl.UInt32} | dict.fromkeys(columns, pl.String))
    scan = pl.scan_csv(
        body.text,
        has_header=False,
        skip_lines=body.line,
        separator=body.delimiter,
        schema=dict.fromkeys(columns, pl.String),
        row_index_name=ROW,
        empty_string_is_null=False,
        quote_char='"' if b'"' in body.text else None,
    )
    if table.is_swapped and b'"' in body.text:
        scan = scan.with_columns(pl.col(columns).str.replace_many({"\r": "\n", "\n": "\r"}))
    return scan


def _how_it_was_read(decoded: Decoded, table: _Table) -> list[Finding]:
    found: list[Finding] = []
    if decoded.evidence and decoded.encoding != UTF8:
        name = "Windows-1252" if decoded.is_guess else decoded.encoding.upper()
        severity = Severity.WARNING if decoded.is_guess else Severity.NOTE
        detail = f"Read as {name}: {decoded.evidence}."
        if decoded.is_guess:
            detail += " Check the names in the plan, or save the file as UTF-8."
        found.append(Finding(FindingCode.ENCODING, severity, "The source is not UTF-8", detail))
    dialect = table.dialect
    if dialect.delimiter != ",":
        name = NAMES.get(dialect.delimiter, dialect.delimiter)
        detail = f"Cells are separated by {name}: {dialect.evidence}."
        found.append(
            Finding(FindingCode.DELIMITER, Severity.NOTE, "Cells are not separated by commas", detail)
        )
    for lines, where in ((dialect.title_lines, "above the header"), (table.trailer_lines, "below the table")):
        if lines:
            detail = f"{len(lines)} lines {where} are no rows."
            rows = tuple(line + 1 for line in lines)
            found.append(
                Finding(FindingCode.LINES_LEFT_OUT, Severity.NOTE, "Lines are left out", detail, rows=rows)
            )
    return found


def _with_source_bytes(rejected: tuple[RejectedRow, ...], decoded: Decoded) -> tuple[RejectedRow, ...]:
    places = decoded.source_bytes([row.byte or 0 for row in rejected])
    return tuple(replace(row, byte=place) for row, place in zip(rejected, places, strict=True))


def _too_many(
    shown: str, rejected: tuple[RejectedRow, ...], rejects_max: int, dialect: Dialect
) -> InputError:
    listed = " ".join(f"Line {row.line} (byte {row.byte}): {row.detail}" for row in rejected[:_SHOWN_MAX])
    name = NAMES.get(dialect.delimiter, dialect.delimiter)
    return InputError(
        ErrorCode.TOO_MANY_REJECTS,
        "Too many rows of the source cannot be read",
        f"{shown}, with {name} between cells, has more than {rejects_max} such rows. The first: {listed}",
        location=Location(shown, rejected[0].line),
        next_step="Correct or export the file again, or allow more with --rejects-max.",
    )


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
