"""The distinct cells of a column, numbered, and what follows from each: found once a cell, not once a row."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.source.frame import Frame

CELL, CODE, COUNT = "cell", "code", "count"
USER = "user"


@dataclass(frozen=True, slots=True)
class Cells:
    """``codes``: a number for the cell of each row. ``distinct``: CODE, CELL (as it stands) and COUNT."""

    codes: pl.Series
    distinct: pl.DataFrame

    def lookup(self, answers: pl.DataFrame, column: str, rows: pl.Series | None = None) -> pl.Series:
        """For each row, or each of ``rows``, ``column`` of the row of ``answers`` that has its CODE."""
        size = int(self.distinct.get_column(CODE).max() or 0) + 1  # type: ignore[arg-type]
        codes = pl.DataFrame({CODE: pl.int_range(size, dtype=pl.UInt32, eager=True)})
        by_code = codes.join(answers.select(CODE, column), on=CODE, how="left", maintain_order="left")
        return by_code.get_column(column).gather(self.codes if rows is None else self.codes.gather(rows))


def read_cells(frame: Frame, user: str, columns: list[str]) -> tuple[pl.Series, dict[str, Cells]]:
    """The trimmed user of each row, and the cells of ``columns``, in one pass over the source."""
    table = frame.scan.select(
        pl.col(user).str.strip_chars().alias(USER),
        *(pl.col(name).cast(pl.Categorical).alias(f"cells of {name}") for name in columns),
    ).collect(engine="streaming")
    return table.get_column(USER), {name: _cells(table.get_column(f"cells of {name}")) for name in columns}


def _cells(column: pl.Series) -> Cells:
    counted = column.alias(CELL).value_counts(name=COUNT)
    distinct = counted.select(
        pl.col(CELL).to_physical().cast(pl.UInt32).alias(CODE), pl.col(CELL).cast(pl.String), COUNT
    )
    return Cells(column.to_physical().cast(pl.UInt32), distinct)
