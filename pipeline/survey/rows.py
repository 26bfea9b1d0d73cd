"""Each row is used, excluded or rejected with a reason; the first reason below that holds counts.

1. ``ragged_row``, ``broken_quotes`` (found while reading)  2. ``blank_row``, ``title_line`` (excluded)
3. ``no_user``  4. ``bad_user``  5. ``unknown_access_status``  6. ``bad_date``
7. ``expired``, ``not_yet_valid`` (excluded)  8. ``denied`` (excluded)  9. ``no_value`` (excluded)
10. ``overruled`` by another row (excluded)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from pipeline.plan.model import EntitlementColumn, Mapping, RowsMapping
from pipeline.source.frame import ROW, Frame, RejectedRow
from pipeline.survey.cells import CELL, CODE, KEY, PERSON, USER, Cells, Users, casefolded
from pipeline.survey.layout import WIDE_SEPARATOR, is_wide
from pipeline.survey.sets import NUMBER, ValueSets, value_sets
from pipeline.survey.validity import BAD_DATE, EXPIRED, NOT_YET_VALID, judge_dates

VERDICT, ENTITLEMENT, VALUE = "verdict", "entitlement", "value"
USED, DENIED, NO_VALUE, BLANK, TITLE = "used", "denied", "no_value", "blank_row", "title_line"
OVERRULED = "overruled"
EXCLUSIONS = (BLANK, TITLE, EXPIRED, NOT_YET_VALID, DENIED, NO_VALUE, OVERRULED)
REJECTIONS = {
    "no_user": "The user column is empty.",
    "bad_user": "The user column holds blanks or hidden characters inside; it has to name one person.",
    "unknown_access_status": "The access status neither grants nor denies; 'rows' in a mapping file decides.",
    BAD_DATE: "A date that decides cannot be read; write it as 2026-01-31.",
}
VERDICTS = pl.Enum([USED, *EXCLUSIONS, *REJECTIONS])

_DATE_RULES = (BAD_DATE, EXPIRED, NOT_YET_VALID)
ROWS_AT_ONCE = 2_000_000
"""So many rows are looked at together: what all of them list would take more memory than the file."""
_BAD_IN_USER = r"[\s\p{C}]"
_BYTE_ORDER_MARK = "\ufeff"
"""Where files were put together, also before the header of the second."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the people with ``keys`` get, of whom rows disagree: KEY, USER, ENTITLEMENT, VALUE and END of each
    value, sorted.
    """

    keys: pl.Series
    settled: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Rows:
    """``judged``: PERSON and VERDICT of each row of the table, in its order, and its END and DATE where these
    decide. ``held``: PERSON, KEY, USER and the columns of all ``sets`` for each person, as the used rows give
    them; for the people of ``decided`` that decides instead.
    """

    users: Users
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
        """ROW and PERSON of ``rows``, and what their cells list as the columns of all sets."""
        columns = [
            column
            for each in self.sets
            for column in self.cells[each.entitlement].lookups(each.by_cell, each.names, rows)
        ]
        return pl.DataFrame([rows.alias(ROW), self.judged.get_column(PERSON).gather(rows), *columns])

    def rejected_keys(self) -> frozenset[str]:
        """The keys of the people with a row that was rejected."""
        is_rejected = self.judged.get_column(VERDICT).is_in(list(REJECTIONS))
        return frozenset(self.users.of(KEY, is_rejected.arg_true()).unique())

    def of(self, verdict: str) -> pl.Series:
        """The rows with this verdict."""
        return (self.judged.get_column(VERDICT) == verdict).arg_true()

    def pairs(self, rows: pl.Series) -> pl.DataFrame:
        """ROW, USER, KEY, VERDICT, ENTITLEMENT and VALUE of each value that ``rows`` list."""
        names = [self.users.of(column, rows) for column in (USER, KEY)]
        chosen = self.judged[rows].drop(PERSON).with_columns(rows.alias(ROW), *names)
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


def judge_rows(frame: Frame, mapping: Mapping, users: Users, cells: dict[str, Cells]) -> Rows:
    """The verdict on each row, and what the used ones give to whom."""
    sets = tuple(value_sets(_split_as(each, mapping), cells[each.column]) for each in mapping.entitlements)
    dates = judge_dates(mapping, cells)
    verdicts = _verdicts(frame, users, mapping, cells, sets, dates)
    judged = pl.DataFrame({PERSON: users.of(PERSON), VERDICT: verdicts})
    judged = judged.with_columns(dates.get_columns()).drop(*_DATE_RULES, strict=False)
    rows = Rows(users, judged, cells, sets, pl.DataFrame(), ())
    return replace(rows, held=_people(rows), rejected=_rejected(frame, judged))


def _split_as(column: EntitlementColumn, mapping: Mapping) -> EntitlementColumn:
    if is_wide(mapping, column.column):
        return column.model_copy(update={"separator": WIDE_SEPARATOR})
    return column


def _people(rows: Rows) -> pl.DataFrame:
    """PERSON, KEY, USER and the columns of all sets for each person of the used rows, sorted by KEY."""
    joined = [expression for each in rows.sets for expression in each.join()]
    used = rows.of(USED)
    parts = [
        _of_persons(rows.listing(used.slice(start, ROWS_AT_ONCE)), joined)
        for start in range(0, max(1, len(used)), ROWS_AT_ONCE)
    ]
    each = parts[0] if len(parts) == 1 else _of_persons(pl.concat(parts), joined)
    each = each.sort(PERSON)
    names = _names(rows.users, used, each.get_column(PERSON))
    return each.with_columns(names.select(KEY, USER)).select(PERSON, KEY, USER, *rows.set_names)


def _of_persons(table: pl.DataFrame, joined: list[pl.Expr]) -> pl.DataFrame:
    # With millions of people the streaming engine takes a tenth of the time that the other one takes.
    return table.lazy().group_by(PERSON).agg(joined).collect(engine="streaming")


def _names(users: Users, used: pl.Series, persons: pl.Series) -> pl.DataFrame:
    """KEY and USER of the ``persons`` of the ``used`` rows, who are sorted. Of several spellings the smallest
    stands for all, so that the order of the rows does not matter.
    """
    if users.are_persons:
        return users.distinct[persons]
    spellings = users.spellings.gather(used).unique().sort()
    return users.distinct[spellings].unique(PERSON, keep="first", maintain_order=True)


def _verdicts(
    frame: Frame,
    users: Users,
    mapping: Mapping,
    cells: dict[str, Cells],
    sets: tuple[ValueSets, ...],
    dates: pl.DataFrame,
) -> pl.Series:
    empty = [cells[each.entitlement].lookup(each.by_cell, "is_empty") for each in sets]
    table = pl.DataFrame([users.spellings, *(series.alias(f"empty {n}") for n, series in enumerate(empty))])
    rules = {
        reason: pl.col(users.spellings.name).is_in(spellings.implode())
        for reason, spellings in _unusable(users.distinct.get_column(USER)).items()
    }
    table = table.with_columns(dates.get_columns())
    of_dates = {name: pl.col(name) for name in _DATE_RULES if name in dates.columns}
    if mapping.rows is None:
        rules |= of_dates
    else:
        statuses = cells[mapping.rows.column]
        known = statuses.distinct.select(CODE, _kinds(statuses.distinct, mapping.rows).alias("kind"))
        table = table.with_columns(statuses.lookup(known, "kind").alias("kind"))
        rules["unknown_access_status"] = pl.col("kind") == "unknown"
        rules |= of_dates
        rules[DENIED] = pl.col("kind") == "deny"
    rules[NO_VALUE] = pl.all_horizontal(pl.col("^empty .*$"))
    verdict = pl.lit(USED, VERDICTS)
    for reason, holds in reversed(rules.items()):
        verdict = pl.when(holds).then(pl.lit(reason, VERDICTS)).otherwise(verdict)
    verdicts = table.lazy().select(verdict.alias(VERDICT)).collect(engine="streaming").to_series()
    is_blank = pl.all_horizontal(pl.col(frame.columns).str.strip_chars() == "")
    blank = _those_that(is_blank, frame, (verdicts == "no_user").arg_true())
    verdicts = verdicts.scatter(blank, BLANK) if len(blank) else verdicts
    titles = _those_that(
        _is_header(frame, mapping), frame, _called_as_column(frame, mapping.user.column, users)
    )
    return verdicts.scatter(titles, TITLE) if len(titles) else verdicts


def _unusable(users: pl.Series) -> dict[str, pl.Series]:
    """By reason, the numbers of the ``users`` who cannot be one; only of those that there are."""
    found = {"no_user": users == "", "bad_user": users.str.contains(_BAD_IN_USER)}
    numbers = {reason: holds.arg_true() for reason, holds in found.items()}
    return {reason: each for reason, each in numbers.items() if len(each)}


def _kinds(distinct: pl.DataFrame, rows: RowsMapping) -> pl.Series:
    """Whether each of the ``distinct`` cells of the status grants (``use``), denies, or is ``unknown``."""
    granting, denying = ({each.strip().casefold() for each in words} for words in (rows.use, rows.deny))
    text = pl.lit(casefolded(distinct.get_column(CELL).str.strip_chars()))
    kind = pl.when(text.is_in(granting)).then(pl.lit("use")).when(text.is_in(denying)).then(pl.lit("deny"))
    return pl.select(kind.otherwise(pl.lit("unknown"))).to_series()


def _those_that(hold: pl.Expr, frame: Frame, rows: pl.Series) -> pl.Series:
    """Those of ``rows`` of which ``hold`` is true: spreadsheets leave blank rows below a table; pages of a
    report, and files put together, repeat the header.
    """
    if rows.is_empty():
        return rows
    found = (
        frame.scan.filter(hold).select(pl.col(ROW).cast(pl.UInt32)).collect(engine="streaming").to_series()
    )
    return found.filter(found.is_in(rows.implode()))


def _called_as_column(frame: Frame, column: str, users: Users) -> pl.Series:
    """The rows whose user is called as the user column is."""
    name = frame.header_name(column)
    spellings = users.distinct.get_column(USER).is_in([name, f"{_BYTE_ORDER_MARK}{name}"]).arg_true()
    return users.spellings.is_in(spellings.implode()).arg_true() if len(spellings) else spellings


def _is_header(frame: Frame, mapping: Mapping) -> pl.Expr:
    """Whether all columns of the source, of which the layout makes more, hold what the header calls them."""
    made = {*(mapping.named_values.names if mapping.named_values else ())}
    made |= {mapping.wide.entitlement} if mapping.wide else set()
    return pl.all_horizontal(
        pl.col(name).str.strip_chars().str.strip_chars(_BYTE_ORDER_MARK) == frame.header_name(name)
        for name in frame.columns
        if name not in made
    )


def _rejected(frame: Frame, judged: pl.DataFrame) -> tuple[RejectedRow, ...]:
    found = judged.with_row_index(ROW).filter(pl.col(VERDICT).is_in(list(REJECTIONS)))
    lines = frame.lines.of(found.get_column(ROW).to_list())
    reasons = [
        RejectedRow(line, reason, REJECTIONS[reason])
        for line, reason in zip(lines, found.get_column(VERDICT).to_list(), strict=True)
    ]
    return tuple(sorted((*frame.rejected, *reasons), key=lambda each: each.line))
