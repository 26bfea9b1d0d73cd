"""Each row is used, excluded or rejected with a reason; the first reason below that holds counts.

1. ``ragged_row``, ``broken_quotes`` (found while reading)  2. ``blank_row`` (excluded)  3. ``no_user``
4. ``bad_user``  5. ``unknown_access_status``  6. ``bad_date``  7. ``expired``, ``not_yet_valid`` (excluded)
8. ``denied`` (excluded)  9. ``no_value`` (excluded)  10. ``overruled`` by another row (excluded)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from pipeline.plan.model import EntitlementColumn, Mapping
from pipeline.source.frame import ROW, Frame, RejectedRow
from pipeline.survey.cells import CODE, USER, Cells
from pipeline.survey.layout import WIDE_SEPARATOR, is_wide
from pipeline.survey.sets import NUMBER, ValueSets, value_sets
from pipeline.survey.validity import BAD_DATE, EXPIRED, NOT_YET_VALID, judge_dates

KEY, VERDICT, ENTITLEMENT, VALUE = "key", "verdict", "entitlement", "value"
USED, DENIED, NO_VALUE, BLANK = "used", "denied", "no_value", "blank_row"
OVERRULED = "overruled"
EXCLUSIONS = (BLANK, EXPIRED, NOT_YET_VALID, DENIED, NO_VALUE, OVERRULED)
REJECTIONS = {
    "no_user": "The user column is empty.",
    "bad_user": "The user column holds blanks or control characters inside.",
    "unknown_access_status": "The access status neither grants nor denies.",
    BAD_DATE: "A date that decides cannot be read.",
}
VERDICTS = pl.Enum([USED, *EXCLUSIONS, *REJECTIONS])

_DATE_RULES = (BAD_DATE, EXPIRED, NOT_YET_VALID)
ROWS_AT_ONCE = 2_000_000
"""So many rows are looked at together: what all of them list would take more memory than the file."""
_ODD_IN_USER = r"[\x00-\x20\x7f]|[^\x00-\x7f]"
"""Quick to look for; only where it matches can `_BAD_IN_USER`, which knows all of Unicode."""
_BAD_IN_USER = r"[\s\p{C}]"


@dataclass(frozen=True, slots=True)
class Decided:
    """What the people with ``keys`` get, of whom rows disagree: KEY, USER, ENTITLEMENT, VALUE and END of each
    value, sorted.
    """

    keys: pl.Series
    settled: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Rows:
    """``judged``: USER (trimmed) and VERDICT of each row of the table, in its order, and its END and DATE
    where these decide. ``held``: KEY, USER and the columns of all ``sets`` for each person, as the used rows
    give them; for the people of ``decided`` that decides instead.
    """

    judged: pl.DataFrame
    cells: dict[str, Cells]
    sets: tuple[ValueSets, ...]
    held: pl.DataFrame
    rejected: tuple[RejectedRow, ...]
    decided: Decided | None = None

    def count(self, verdict: str) -> int:
        return int((self.judged.get_column(VERDICT) == verdict).sum())

    @property
    def set_names(self) -> list[str]:
        return [name for each in self.sets for name in each.names]

    def granted(self) -> dict[str, list[str]]:
        """The values that somebody holds, sorted, for each entitlement with any."""
        undisputed = self.undisputed()
        found = self._listed_by(undisputed) if undisputed.height else {}
        if self.decided:
            settled = self.decided.settled.group_by(ENTITLEMENT).agg(pl.col(VALUE).unique())
            for entitlement, values in settled.iter_rows():
                found[entitlement] = sorted({*found.get(entitlement, ()), *values})
        return found

    def undisputed(self) -> pl.DataFrame:
        """``held`` without the people of ``decided``."""
        if self.decided is None:
            return self.held
        return self.held.filter(~pl.col(KEY).is_in(self.decided.keys.implode()))

    def _listed_by(self, held: pl.DataFrame) -> dict[str, list[str]]:
        everything = held.select(
            expression if each.are_bits else expression.implode()
            for each in self.sets
            for expression in each.join()
        )
        found = {each.entitlement: list(each.decode(everything)[0]) for each in self.sets if each.values}
        return {entitlement: values for entitlement, values in found.items() if values}

    def listing(self, rows: pl.Series) -> pl.DataFrame:
        """ROW and USER of ``rows``, and what their cells list as the columns of all sets."""
        columns = [
            self.cells[each.entitlement].lookup(each.by_cell, name, rows).alias(name)
            for each in self.sets
            for name in each.names
        ]
        return pl.DataFrame([rows.alias(ROW), self.judged.get_column(USER).gather(rows), *columns])

    def of(self, verdict: str) -> pl.Series:
        """The rows with this verdict."""
        return (self.judged.get_column(VERDICT) == verdict).arg_true()

    def pairs(self, rows: pl.Series) -> pl.DataFrame:
        """ROW, USER, KEY, VERDICT, ENTITLEMENT and VALUE of each value that ``rows`` list."""
        chosen = self.judged[rows].with_columns(rows.alias(ROW), person_key(pl.col(USER)))
        parts = [
            chosen.with_columns(self.cells[each.entitlement].codes.gather(rows).alias(CODE))
            .join(each.listed, on=CODE)
            .with_columns(
                pl.lit(each.entitlement).alias(ENTITLEMENT),
                pl.lit(pl.Series(each.values, dtype=pl.String)).gather(pl.col(NUMBER)).alias(VALUE),
            )
            .drop(CODE, NUMBER)
            for each in self.sets
        ]
        return pl.concat(parts)

    def rows_listing(self, entitlement: str, values: Sequence[str]) -> pl.Series:
        """The used rows whose cell lists one of ``values``."""
        sets = next((each for each in self.sets if each.entitlement == entitlement), None)
        if sets is None:
            return pl.Series(dtype=pl.UInt32)
        numbers = [number for number, value in enumerate(sets.values) if value in set(values)]
        codes = sets.listed.filter(pl.col(NUMBER).is_in(numbers)).get_column(CODE).unique()
        is_listed = self.cells[entitlement].codes.is_in(codes.implode()) & (
            self.judged.get_column(VERDICT) == USED
        )
        return is_listed.arg_true()


def judge_rows(frame: Frame, mapping: Mapping, users: pl.Series, cells: dict[str, Cells]) -> Rows:
    """The verdict on each row, and what the used ones give to whom."""
    sets = tuple(value_sets(_split_as(each, mapping), cells[each.column]) for each in mapping.entitlements)
    dates = judge_dates(mapping, cells)
    verdicts = _verdicts(frame, users, mapping, cells, sets, dates)
    judged = pl.DataFrame({USER: users, VERDICT: verdicts})
    judged = judged.with_columns(dates.get_columns()).drop(*_DATE_RULES, strict=False)
    rows = Rows(judged, cells, sets, pl.DataFrame(), ())
    return replace(rows, held=_people(rows), rejected=_rejected(frame, judged))


def _split_as(column: EntitlementColumn, mapping: Mapping) -> EntitlementColumn:
    if is_wide(mapping, column.column):
        return column.model_copy(update={"separator": WIDE_SEPARATOR})
    return column


def _people(rows: Rows) -> pl.DataFrame:
    """KEY, USER and the columns of all sets for each person of the used rows, sorted by KEY.

    Of several spellings the smallest stands for all, so that the order of the rows does not matter.
    """
    joined = [expression for each in rows.sets for expression in each.join()]
    used = rows.of(USED)
    parts = [
        rows.listing(used.slice(start, ROWS_AT_ONCE))
        .lazy()
        .group_by(USER)
        .agg(joined)
        .collect(engine="streaming")
        for start in range(0, max(1, len(used)), ROWS_AT_ONCE)
    ]
    each = pl.concat(parts) if len(parts) == 1 else pl.concat(parts).group_by(USER).agg(joined)
    each = each.with_columns(person_key(pl.col(USER)))
    is_folded = (each.get_column(KEY) == each.get_column(USER)).all()
    if not is_folded and each.get_column(KEY).n_unique() < each.height:
        each = each.group_by(KEY).agg(pl.col(USER).min(), *joined)
    return each.select(KEY, USER, *rows.set_names).sort(KEY)


def person_key(user: pl.Expr) -> pl.Expr:
    """`principal_key` of trimmed users; only letters beyond ASCII fold otherwise than in lower case."""
    is_ascii = user.str.len_bytes() == user.str.len_chars()
    folded = user.map_batches(
        lambda users: pl.Series([str(each).casefold() for each in users], dtype=pl.String),
        pl.String,
        is_elementwise=True,
    )
    return pl.when(is_ascii).then(user.str.to_lowercase()).otherwise(folded).alias(KEY)


def _verdicts(
    frame: Frame,
    users: pl.Series,
    mapping: Mapping,
    cells: dict[str, Cells],
    sets: tuple[ValueSets, ...],
    dates: pl.DataFrame,
) -> pl.Series:
    empty = [cells[each.entitlement].lookup(each.by_cell, "is_empty") for each in sets]
    table = pl.DataFrame([users, *(series.alias(f"empty {n}") for n, series in enumerate(empty))])
    rules = {
        "no_user": pl.col(USER) == "",
        "bad_user": pl.col(USER).is_in(_bad_users(users).implode()),
    }
    table = table.with_columns(dates.get_columns())
    of_dates = {name: pl.col(name) for name in _DATE_RULES if name in dates.columns}
    if mapping.rows is None:
        rules |= of_dates
    else:
        statuses = cells[mapping.rows.column]
        known = statuses.distinct.with_columns(_status(mapping.rows.use, mapping.rows.deny).alias("kind"))
        table = table.with_columns(statuses.lookup(known, "kind").alias("kind"))
        rules["unknown_access_status"] = pl.col("kind") == "unknown"
        rules |= of_dates
        rules[DENIED] = pl.col("kind") == "deny"
    rules[NO_VALUE] = pl.all_horizontal(pl.col("^empty .*$"))
    verdict = pl.lit(USED, VERDICTS)
    for reason, holds in reversed(rules.items()):
        verdict = pl.when(holds).then(pl.lit(reason, VERDICTS)).otherwise(verdict)
    verdicts = table.select(verdict.alias(VERDICT)).to_series()
    blank = _blank_rows(frame, (verdicts == "no_user").arg_true())
    return verdicts.scatter(blank, BLANK) if len(blank) else verdicts


def _bad_users(users: pl.Series) -> pl.Series:
    odd = users.filter(users.str.contains(_ODD_IN_USER)).unique()
    return odd.filter(odd.str.contains(_BAD_IN_USER))


def _status(use: Sequence[str], deny: Sequence[str]) -> pl.Expr:
    text = pl.col("cell").str.strip_chars().str.to_lowercase()
    granting, denying = ([each.casefold() for each in texts] for texts in (use, deny))
    return (
        pl.when(text.is_in(granting)).then(pl.lit("use")).when(text.is_in(denying)).then(pl.lit("deny"))
    ).otherwise(pl.lit("unknown"))


def _blank_rows(frame: Frame, rows: pl.Series) -> pl.Series:
    """Those of ``rows`` that hold nothing in any column, as spreadsheets leave below a table."""
    if rows.is_empty():
        return rows
    is_blank = pl.all_horizontal(pl.col(frame.columns).str.strip_chars() == "")
    found = (
        frame.scan.filter(is_blank)
        .select(pl.col(ROW).cast(pl.UInt32))
        .collect(engine="streaming")
        .to_series()
    )
    return found.filter(found.is_in(rows.implode()))


def _rejected(frame: Frame, judged: pl.DataFrame) -> tuple[RejectedRow, ...]:
    found = judged.with_row_index(ROW).filter(pl.col(VERDICT).is_in(list(REJECTIONS)))
    lines = frame.lines.of(found.get_column(ROW).to_list())
    reasons = [
        RejectedRow(line, reason, REJECTIONS[reason])
        for line, reason in zip(lines, found.get_column(VERDICT).to_list(), strict=True)
    ]
    return tuple(sorted((*frame.rejected, *reasons), key=lambda each: each.line))
