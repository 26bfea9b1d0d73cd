"""Texts to instants: dates as exports write them, with the order of day and month by evidence."""

from __future__ import annotations

from typing import Literal

import polars as pl

from pipeline.survey.cells import CELL, CODE
from pipeline.survey.damage import NOTHING

INSTANT, IS_DAY, KIND = "instant", "is_day", "kind"
NONE, KNOWN, BAD = "none", "known", "bad"
DateOrder = Literal["dmy", "mdy"]

_TIME = r"[T ]\s*(?<hour>\d{1,2}):(?<minute>\d\d)(?::(?<second>\d\d)(?:\.\d+)?)?\s*(?<half>(?i:[ap]\.?m\.?))?"
_ZONE = r"\s*(?<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?"
_DAY_AND_TIME = rf"^(?<day>.*?)(?:{_TIME}{_ZONE})?$"
_YEAR_FIRST = r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$"
_COMPACT = r"^(\d{4})(\d\d)(\d\d)$"
_DOTTED = r"^(\d{1,2})\.(\d{1,2})\.(\d{4})$"
_SLASHED = r"^(\d{1,2})[/-](\d{1,2})[/-](\d{4})$"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBERS = {name: f"{number}" for number, name in enumerate(_MONTHS, start=1)}
_MONTH = rf"(?i:({'|'.join(_MONTHS)})(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?)\.?"
"""In English, and no word that only begins so: the Finnish marraskuu is November."""
_DAY_AND_NAME = rf"^(\d{{1,2}})[- ]{_MONTH}[- ,]+(\d{{4}})$"
_NAME_AND_DAY = rf"^{_MONTH} (\d{{1,2}}),? (\d{{4}})$"
_NEVER = r"^(?:[0./-]*|9999|\d{1,2}[/-]\d{1,2}[/-]9999)$"
"""What databases and SAP write where there is no date, or the end of time in whichever order."""
_NEVER_TEXTS = NOTHING | {"never", "never expires", "does not expire", "none", "permanent", "unlimited"}
_LAST_YEAR = 9999
"""The end of time, as SAP (99991231) and others write it."""


def read_instants(distinct: pl.DataFrame, order: DateOrder | None) -> pl.DataFrame:
    """CODE, KIND, INSTANT (UTC) and IS_DAY (no time is given) of each of the ``distinct`` cells.

    KIND is ``none`` where the cell is empty or means no date, ``bad`` where it is no date that can be read.
    """
    parts = distinct.select(
        CODE, pl.col(CELL).str.strip_chars().str.extract_groups(_DAY_AND_TIME).alias("parts")
    )
    parts = parts.unnest("parts")
    days = _read_days(parts.get_column("day").unique(), order)
    parts = parts.join(days, on="day", how="left", nulls_equal=True, maintain_order="left")
    instant = pl.col("date").cast(pl.Datetime("us")) + _time_of_day() - _offset()
    instant = pl.when(~pl.col(NONE)).then(instant)
    kind = pl.when(NONE).then(pl.lit(NONE)).when(instant.is_null()).then(pl.lit(BAD)).otherwise(pl.lit(KNOWN))
    is_day = pl.col("hour").is_null()
    return parts.select(CODE, kind.alias(KIND), instant.alias(INSTANT), is_day.alias(IS_DAY))


def _read_days(days: pl.Series, order: DateOrder | None) -> pl.DataFrame:
    """``day`` (the text), ``date`` (null where it is none) and NONE (whether it means that there is none)."""
    first, second = (3, 2, 1), (3, 1, 2)
    layouts = [(_YEAR_FIRST, (1, 2, 3)), (_COMPACT, (1, 2, 3)), (_DOTTED, first)]
    if order:
        layouts.append((_SLASHED, first if order == "dmy" else second))
    layouts += [(_DAY_AND_NAME, first), (_NAME_AND_DAY, second)]
    text = pl.col("day")
    found = pl.coalesce(_year_first(text, pattern, groups) for pattern, groups in layouts)
    date = found.str.to_date("%Y-%m-%d", strict=False)
    is_never = text.str.contains(_NEVER) | text.str.to_lowercase().is_in(_NEVER_TEXTS)
    is_last = (date.dt.year() == _LAST_YEAR).fill_null(value=False)
    return pl.DataFrame({"day": days}).select(text, date.alias("date"), (is_never | is_last).alias(NONE))


def _year_first(text: pl.Expr, pattern: str, groups: tuple[int, int, int]) -> pl.Expr:
    """Year, month and day of what matches ``pattern``, which has them in ``groups``; months may be names."""
    year, month, day = (text.str.extract(pattern, group) for group in groups)
    number = month.str.to_lowercase().replace(_NUMBERS)
    return pl.concat_str([year, number.str.zfill(2), day.str.zfill(2)], separator="-")


def _time_of_day() -> pl.Expr:
    """Of the columns ``hour``, ``minute``, ``second`` and ``half``; null where no clock shows it."""
    hour, minute, second = (
        pl.col(name).cast(pl.Int64, strict=False).fill_null(0) for name in ("hour", "minute", "second")
    )
    of_afternoon = pl.when(pl.col("half").str.to_lowercase().str.starts_with("p")).then(12).otherwise(0)
    is_halved = pl.col("half").is_not_null()
    is_shown = pl.when(is_halved).then(hour.is_between(1, 12)).otherwise(hour < 24)  # noqa: PLR2004 - hours
    hours = pl.when(is_halved).then(hour % 12 + of_afternoon).otherwise(hour)
    time = pl.duration(hours=hours, minutes=minute, seconds=second)
    return pl.when(is_shown & (minute < 60) & (second < 60)).then(time)  # noqa: PLR2004 - of an hour, a minute


def _offset() -> pl.Expr:
    """Of the column ``zone``, as east of Greenwich."""
    digits = pl.col("zone").str.replace(":", "", literal=True)
    hours, minutes = (digits.str.slice(at, 2).cast(pl.Int64, strict=False).fill_null(0) for at in (1, 3))
    sign = pl.when(digits.str.starts_with("-")).then(-1).otherwise(1)
    return pl.duration(minutes=(hours * 60 + minutes) * sign)


def find_order(distinct: pl.DataFrame) -> tuple[DateOrder | None, str | None]:
    """Which of day and month stands first where both are numbers, and the cell that proves it.

    (None, None) where no cell needs to know; (None, cell) where cells contradict or leave it open.
    """
    text = pl.col(CELL).str.strip_chars()
    day = text.str.extract(_DAY_AND_TIME, 1)
    slashed = (
        distinct.select(
            text.alias(CELL),
            day.str.extract(_SLASHED, 1).cast(pl.Int32, strict=False).alias("first"),
            day.str.extract(_SLASHED, 2).cast(pl.Int32, strict=False).alias("second"),
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
