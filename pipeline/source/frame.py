"""A source as a table: all text, with the line each row starts on, and what could not be a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from pipeline.findings import Finding

ROW = "__row__"
"""The column of 0-based row numbers; no source column can have this name."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that cannot be used, with the 1-based line it starts on and, where reading it failed, the 0-based
    byte of the (unpacked) source. ``reason`` is a short fixed word.
    """

    line: int
    reason: str
    detail: str
    byte: int | None = None
    source: str | None = None
    """Its path, where there are several."""


@dataclass(frozen=True, slots=True)
class Format:
    """How the bytes were read, where that is not the default."""

    compression: str | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    header_line: int = 1


@dataclass(frozen=True, slots=True)
class Lines:
    """Physical 1-based lines of rows. ``first`` is the line below the header; ``others`` are, ascending, the
    lines from there on that begin no row: blank, rejected, or inside of a cell.
    """

    first: int
    others: pl.Series

    def of(self, rows: Sequence[int]) -> list[int]:
        """The line on which each of ``rows`` (0-based) starts."""
        if self.others.is_empty():
            return [self.first + row for row in rows]
        # The k-th such line (0-based) has others[k] - first - k rows above it.
        rows_above = self.others - self.first - pl.int_range(len(self.others), eager=True)
        skipped = rows_above.search_sorted(pl.Series(rows, dtype=pl.Int64), side="right")
        return [self.first + row + count for row, count in zip(rows, skipped, strict=True)]


@dataclass(frozen=True, slots=True)
class Frame:
    """``scan``: a text column for each of ``columns`` and ROW, read anew at each collect. ``path`` is
    relative to the workspace. ``excluded``: rows of the source that are none of the table, by reason.
    """

    path: str
    sha256: str
    columns: tuple[str, ...]
    scan: pl.LazyFrame
    height: int
    lines: Lines
    rejected: tuple[RejectedRow, ...] = ()
    excluded: dict[str, int] = field(default_factory=dict)
    read_as: Format = Format()
    findings: tuple[Finding, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    """Columns that the header calls otherwise, and how: whose name stood there before, or is empty."""

    def header_name(self, column: str) -> str:
        """What the header calls ``column``; empty where it has no name."""
        return self.renamed.get(column, column)

    @property
    def rows(self) -> int:
        """All rows of the source: those of the table, the excluded and the rejected ones."""
        return self.height + sum(self.excluded.values()) + len(self.rejected)
