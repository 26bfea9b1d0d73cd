"""A source as a table: all text, with the line each row starts on, and what could not be a row."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

LINE = "__line__"
"""The column of physical 1-based line numbers; no source column can have this name."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that cannot be used, with the line it starts on. ``reason`` is a short fixed word."""

    line: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Frame:
    """``table``: a text column for each of ``columns``, and LINE. ``path``: relative to the workspace."""

    path: str
    sha256: str
    columns: tuple[str, ...]
    table: pl.DataFrame
    rejected: tuple[RejectedRow, ...]

    @property
    def rows(self) -> int:
        """All rows of the source: those of the table and the rejected ones."""
        return self.table.height + len(self.rejected)
