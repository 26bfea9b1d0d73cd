"""Texts to instants: dates as exports write them, with the order of day and month by evidence."""

from __future__ import annotations

from typing import Literal

import polars as pl

from pipeline.survey.cells import CELL, CODE

INSTANT, IS_DAY, KIND = "instant", "is_day", "kind"
NONE, KNOWN, BAD = "none", "known", "bad"
DateOrder = Literal["dmy", "mdy"]

_TIME = r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?)?"
_YEAR_FIRST = rf"^(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}$"
_COMPACT = r"^(\d{4})(\d\d)(\d\d)$"
_DOTTED = rf"^(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}){_TIME}$"
_SLASHED = rf"^(\d{{1,2}})[/-](\d{{1,2}})[/-](\d{{4}}){_TIME}$"
_NEVER = r"^(?:0*|9999.*|.*\b9999\b.*)$"
"""No date, or the end of time as SAP (99991231) and others write it."""


def read_instants(distinct: pl.DataFrame, order: DateOrder | None) -> pl.DataFrame:
    """CODE, KIND, INSTANT (UTC) and IS_DAY (no time is given) of each of the ``distinct`` cells.

    KIND is ``none`` where the cell is empty or means no date, ``bad`` where it is no date that can be read.
    """
    text = pl.col(CELL).str.strip_chars()
    first, second = (3, 2, 1), (3, 1, 2)
    layouts = [(_YEAR_FIRST, (1, 2, 3)), (_COMPACT, (1, 2, 3)), (_DOTTED, first)]
    if order:
        layouts.append((_SLASHED, first if order == "dmy" else second))
    day = pl.coalesce(
        pl.concat_str([text.str.extract(pattern, group).str.zfill(2) for group in groups], separator="-")
        for pattern, groups in layouts
    )
    timed = (_YEAR_FIRST, _DOTTED, _SLASHED)
    hour, minute, second_, zone = (
        pl.coalesce([text.str.extract(pattern, group) for pattern in timed]) for group in (4, 5, 6, 7)
    )
    clock = pl.concat_str(
        [hour.fill_null("00"), minute.fill_null("00"), second_.fill_null("00")], separator=":"
    )
    local = pl.concat_str([day, clock], separator=" ").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
    digits = zone.str.replace(":", "", literal=True)
    offset = (
        pl.when(digits.str.len_chars() == 5)  # noqa: PLR2004 - a sign and four digits
        .then(
            (
                digits.str.slice(1, 2).cast(pl.Int64, strict=False) * 60
                + digits.str.slice(3, 2).cast(pl.Int64, strict=False)
            )
            * pl.when(digits.str.starts_with("-")).then(-1).otherwise(1)
        )
        .otherwise(0)
    )
    is_none = text.str.contains(_NEVER)
    instant = pl.when(~is_none).then(local - pl.duration(minutes=offset))
    return distinct.select(
        CODE,
        pl.when(is_none)
        .then(pl.lit(NONE))
        .when(instant.is_null())
        .then(pl.lit(BAD))
        .otherwise(pl.lit(KNOWN))
        .alias(KIND),
        instant.alias(INSTANT),
        hour.is_null().alias(IS_DAY),
    )


def find_order(distinct: pl.DataFrame) -> tuple[DateOrder | None, str | None]:
    """Which of day and month stands first where both are numbers, and the cell that proves it.

    (None, None) where no cell needs to know; (None, cell) where cells contradict or leave it open.
    """
    text = pl.col(CELL).str.strip_chars()
    slashed = (
        distinct.select(
            text.alias(CELL),
            text.str.extract(_SLASHED, 1).cast(pl.Int32, strict=False).alias("first"),
            text.str.extract(_SLASHED, 2).cast(pl.Int32, strict=False).alias("second"),
        )
        .filter(pl.col("first").is_not_null())
        .sort(CELL)
    )
    if slashed.is_empty():
        return None, None
    proofs: dict[DateOrder, pl.DataFrame] = {
        "dmy": slashed.filter(pl.col("first") > 12),  # noqa: PLR2004 - months
        "mdy": slashed.filter(pl.col("second") > 12),  # noqa: PLR2004
    }
    shown = [order for order, cells in proofs.items() if cells.height]
    if len(shown) != 1:
        return None, str(slashed.get_column(CELL)[0])
    return shown[0], str(proofs[shown[0]].get_column(CELL)[0])
