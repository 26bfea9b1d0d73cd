"""What a reviewer should know about the rows: conflicts, repeats, values that only look different."""

from __future__ import annotations

import polars as pl

from pipeline.findings import Finding, FindingCode, Severity
from pipeline.lookalike import look
from pipeline.source.frame import LINE, Frame
from pipeline.survey.rows import ENTITLEMENT, USED, USER, VALUE, VERDICT, Rows


def find_problems(frame: Frame, rows: Rows) -> tuple[Finding, ...]:
    """All findings, ordered by code and content."""
    return (*_duplicates(frame), *_collisions(rows), *_conflicts(rows))


def _conflicts(rows: Rows) -> list[Finding]:
    """A value that the same person has in a permitted and in a denied row: granted, and said so."""
    keys = [USER, ENTITLEMENT, VALUE]
    both = (
        rows.pairs.group_by(keys)
        .agg(pl.col(LINE).unique().sort(), pl.col(VERDICT).n_unique().alias("verdicts"))
        .filter(pl.col("verdicts") > 1)
        .sort(keys)
    )
    return [
        Finding(
            FindingCode.PERMITTED_AND_DENIED,
            Severity.WARNING,
            "A value is both permitted and denied",
            f"{user}: {entitlement} {value} is granted, though another row denies it.",
            rows=tuple(lines),
        )
        for user, entitlement, value, lines in both.select(*keys, LINE).iter_rows()
    ]


def _duplicates(frame: Frame) -> list[Finding]:
    copies = (
        frame.table.group_by(list(frame.columns))
        .agg(pl.col(LINE).sort())
        .filter(pl.col(LINE).list.len() > 1)
        .get_column(LINE)
        .to_list()
    )
    lines = tuple(sorted(line for group in copies for line in group))
    if not lines:
        return []
    detail = f"{len(lines)} rows are exact copies of one another ({len(copies)} different ones)."
    return [
        Finding(FindingCode.DUPLICATE_ROWS, Severity.NOTE, "Rows stand more than once", detail, rows=lines)
    ]


def _collisions(rows: Rows) -> list[Finding]:
    """Values of one entitlement that a person could not tell apart; they are kept apart, never merged."""
    granted = rows.pairs.filter(pl.col(VERDICT) == USED)
    looks: dict[tuple[str, str], list[str]] = {}
    for entitlement, value in (
        granted.select(ENTITLEMENT, VALUE).unique().sort(ENTITLEMENT, VALUE).iter_rows()
    ):
        looks.setdefault((entitlement, look(value)), []).append(value)
    return [
        Finding(
            FindingCode.NEAR_COLLISION,
            Severity.WARNING,
            "Values differ only in case, blanks or Unicode form",
            f"{entitlement}: {', '.join(repr(each) for each in alike)} become values of their own; "
            "if they are one, correct the source.",
            rows=_lines(granted, entitlement, alike),
        )
        for (entitlement, _), alike in looks.items()
        if len(alike) > 1
    ]


def _lines(pairs: pl.DataFrame, entitlement: str, values: list[str]) -> tuple[int, ...]:
    found = pairs.filter((pl.col(ENTITLEMENT) == entitlement) & pl.col(VALUE).is_in(values))
    return tuple(found.get_column(LINE).unique().sort().to_list())
