"""The distinct cells of a column, numbered, and what follows from each: found once a cell, not once a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.source.frame import Frame

CELL, CODE, COUNT = "cell", "code", "count"
USER, KEY, PERSON = "user", "key", "person"


@dataclass(frozen=True, slots=True)
class Cells:
    """``codes``: a number for the cell of each row. ``distinct``: CODE, CELL (as it stands) and COUNT."""

    codes: pl.Series
    distinct: pl.DataFrame

    def lookup(self, answers: pl.DataFrame, column: str, rows: pl.Series | None = None) -> pl.Series:
        """For each row, or each of ``rows``, ``column`` of the row of ``answers`` that has its CODE."""
        return self.lookups(answers, [column], rows)[0]

    def lookups(
        self, answers: pl.DataFrame, columns: Sequence[str], rows: pl.Series | None = None
    ) -> list[pl.Series]:
        """The same for each of ``columns``."""
        size = int(self.distinct.get_column(CODE).max() or 0) + 1  # type: ignore[arg-type]
        every = pl.DataFrame({CODE: pl.int_range(size, dtype=pl.UInt32, eager=True)})
        by_code = every.join(answers.select(CODE, *columns), on=CODE, how="left", maintain_order="left")
        codes = self.codes if rows is None else self.codes.gather(rows)
        return [by_code.get_column(column).gather(codes) for column in columns]


@dataclass(frozen=True, slots=True)
class Users:
    """``spellings``: a number for the trimmed user of each row. ``distinct`` has in the place of each such
    number USER (the text), KEY (`principal_key` of it) and PERSON; it is sorted by KEY, then USER, and PERSON
    numbers the keys in that order.
    """

    spellings: pl.Series
    distinct: pl.DataFrame

    def of(self, column: str, rows: pl.Series | None = None) -> pl.Series:
        """``column`` of ``distinct`` for each row, or each of ``rows``."""
        spellings = self.spellings if rows is None else self.spellings.gather(rows)
        return self.distinct.get_column(column).gather(spellings)

    @property
    def are_persons(self) -> bool:
        """Whether nobody is spelled in two ways."""
        return self.distinct.is_empty() or self.distinct.item(-1, PERSON) == self.distinct.height - 1


def read_cells(frame: Frame, user: str, columns: list[str]) -> tuple[Users, dict[str, Cells]]:
    """The users and the cells of ``columns``, in one pass over the source."""
    table = frame.scan.select(
        pl.col(user).cast(_numbered()).alias(USER),
        *(pl.col(name).cast(_numbered()).alias(f"cells of {name}") for name in columns),
    ).collect(engine="streaming")
    cells = {name: _cells(table.get_column(f"cells of {name}")) for name in columns}
    return _users(table.get_column(USER)), cells


def _numbered() -> pl.Categorical:
    """With numbers of its own, from 0: those that columns share would be as many as there are people."""
    return pl.Categorical(pl.Categories.random())


def _cells(column: pl.Series) -> Cells:
    # The streaming engine takes no memory for each row.
    counted = column.alias(CELL).to_frame().lazy().group_by(CELL).agg(pl.len().alias(COUNT))
    distinct = counted.collect(engine="streaming").select(
        pl.col(CELL).to_physical().cast(pl.UInt32).alias(CODE), pl.col(CELL).cast(pl.String), COUNT
    )
    return Cells(column.to_physical().cast(pl.UInt32), distinct)


def _users(column: pl.Series) -> Users:
    texts = column.unique()
    users = texts.cast(pl.String).str.strip_chars().alias(USER)
    distinct = pl.DataFrame([texts.to_physical().alias(CODE), users, casefolded(users).alias(KEY)])
    distinct = distinct.lazy().sort(KEY).collect(engine="streaming")
    distinct = distinct.with_columns(pl.col(KEY).rle_id().alias(PERSON))
    if distinct.height and distinct.item(-1, PERSON) != distinct.height - 1:
        distinct = distinct.sort(PERSON, USER)
    spellings = distinct.get_column(USER).rle_id()
    codes = distinct.get_column(CODE)
    size = int(codes.max() or 0) + 1  # type: ignore[arg-type]
    by_code = pl.zeros(size, pl.UInt32, eager=True).scatter(codes, spellings)
    distinct = distinct.filter(spellings != spellings.shift().fill_null(len(spellings)))
    return Users(by_code.gather(column.to_physical()), distinct.select(USER, KEY, PERSON))


def casefolded(texts: pl.Series) -> pl.Series:
    """As `principal_key` folds trimmed users; only letters beyond ASCII fold otherwise than in lower case."""
    folded = texts.str.to_lowercase()
    others = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    if others.is_empty():
        return folded
    return folded.scatter(others, [each.casefold() for each in texts.gather(others).to_list()])
