"""Sets of values as bits: what each distinct cell lists, joined into what each person holds.

One bit for each value of an entitlement, in as many 64-bit words as it takes; with very many values, sorted
lists of numbers instead. Both are exact. Rows never become lists of texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from pipeline.plan.model import EntitlementColumn
from pipeline.survey.cells import CODE, Cells
from pipeline.survey.separators import PART, split_cells

WORD_BITS = 64
WORDS_MAX = 32
"""Above so many words a person's bits take more memory than the list of what the person holds."""
NUMBER, VALUES = "number", "values"


@dataclass(frozen=True, slots=True)
class ValueSets:
    """The values that the cells of one entitlement column list. ``values`` are sorted; ``by_cell`` has for
    each CODE the columns ``names``: words of bits, or one list of numbers; ``is_empty``: it lists nothing.
    """

    entitlement: str
    values: tuple[str, ...]
    listed: pl.DataFrame
    by_cell: pl.DataFrame
    names: tuple[str, ...]
    decoded: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    """What was decoded before: index and bits of a word to its values."""

    @property
    def are_bits(self) -> bool:
        return len(self.values) <= WORD_BITS * WORDS_MAX

    def join(self) -> list[pl.Expr]:
        """What a group of rows holds together."""
        if self.are_bits:
            return [pl.col(name).bitwise_or() for name in self.names]
        return [pl.col(name).explode().drop_nulls().unique().sort() for name in self.names]

    def decode(self, sets: pl.DataFrame) -> list[tuple[str, ...]]:
        """The values of each row of ``sets``, which has the columns ``names``."""
        if self.are_bits:
            # Each set of bits is decoded once, however many rows have it.
            each = sets.select(self.names).unique().with_row_index(NUMBER)
            decoded = [self._decoded(words) for words in each.select(self.names).iter_rows()]
            found = sets.select(self.names).join(each, on=self.names, maintain_order="left")
            return [decoded[place] for place in found.get_column(NUMBER)]
        return [
            tuple(self.values[number] for number in numbers)
            for numbers in sets.get_column(self.names[0]).to_list()
        ]

    def _decoded(self, words: tuple[int, ...]) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        for place in enumerate(words):
            if not place[1]:
                continue
            if place not in self.decoded:
                self.decoded[place] = tuple(self._values_of(*place))
            found += self.decoded[place]
        return found

    def _values_of(self, index: int, word: int) -> Iterator[str]:
        while word:
            yield self.values[index * WORD_BITS + (word & -word).bit_length() - 1]
            word &= word - 1


def value_sets(column: EntitlementColumn, cells: Cells) -> ValueSets:
    """Split, trim and number the values of the distinct cells of a column, but those that mean nothing."""
    entitlement = column.column
    listed = (
        split_cells(cells.distinct, column.separator)
        .select(CODE, pl.col(PART).alias(VALUES))
        .filter(~pl.col(VALUES).str.to_lowercase().is_in(list(column.nothing or ())))
        .with_columns(pl.col(VALUES).replace(column.values or {}))
        .unique()
    )
    values = listed.get_column(VALUES).unique().sort()
    numbers = pl.DataFrame({VALUES: values, NUMBER: pl.int_range(len(values), dtype=pl.UInt32, eager=True)})
    listed = listed.join(numbers, on=VALUES).select(CODE, NUMBER)
    if len(values) <= WORD_BITS * WORDS_MAX:
        by_cell = _words(entitlement, listed, len(values))
    else:
        by_cell = listed.group_by(CODE).agg(pl.col(NUMBER).sort().alias(f"{entitlement} numbers"))
    by_cell = cells.distinct.select(CODE).join(by_cell, on=CODE, how="left")
    names = tuple(name for name in by_cell.columns if name != CODE)
    by_cell = by_cell.with_columns(pl.col(pl.UInt64).fill_null(0)).with_columns(
        (~pl.col(CODE).is_in(listed.get_column(CODE).unique().implode())).alias("is_empty")
    )
    return ValueSets(entitlement, tuple(values.to_list()), listed, by_cell, names)


def _words(entitlement: str, listed: pl.DataFrame, count: int) -> pl.DataFrame:
    bit = pl.lit(2, pl.UInt64).pow(pl.col(NUMBER) % WORD_BITS).cast(pl.UInt64)
    words = max(1, -(-count // WORD_BITS))
    return listed.group_by(CODE).agg(
        pl.when(pl.col(NUMBER) // WORD_BITS == index)
        .then(bit)
        .otherwise(pl.lit(0, pl.UInt64))
        .bitwise_or()
        .alias(f"{entitlement} word {index}")
        for index in range(words)
    )
