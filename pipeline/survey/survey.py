"""Frame to survey: roles of columns, entitlements, cohorts, totals that balance, findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import polars as pl

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Finding, Location
from pipeline.plan.model import Cohort, Entitlement, Mapping, SourceRef, Totals, Value
from pipeline.source.frame import LINE, Frame, RejectedRow
from pipeline.survey.columns import Column, mapping_of, read_columns
from pipeline.survey.findings import find_problems
from pipeline.survey.rows import DENIED, ENTITLEMENT, NO_VALUE, USED, USER, VALUE, VERDICT, Rows, judge_rows

NAME_CHARACTERS_MAX = 255
"""okta-api.md 4.2: the longest name of an entitlement value."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Measured facts about one source; everything but ``findings`` and ``rejected`` is independent of the
    order of its rows and columns.
    """

    source: SourceRef
    columns: tuple[Column, ...]
    mapping: Mapping
    entitlements: tuple[Entitlement, ...]
    cohorts: tuple[Cohort, ...]
    totals: Totals
    findings: tuple[Finding, ...]
    rejected: tuple[RejectedRow, ...]


def survey(frame: Frame) -> Survey:
    """Survey ``frame``. Raises InputError where a needed column is missing, a value is too long for Okta, or
    no row gives anybody anything.
    """
    columns = read_columns(frame)
    mapping = mapping_of(columns)
    rows = judge_rows(frame, mapping)
    granted = rows.pairs.filter(pl.col(VERDICT) == USED)
    if granted.height == 0:
        raise _nothing(frame, rows)
    _refuse_over_long(frame, granted)
    entitlements = _entitlements(mapping, granted)
    cohorts = _cohorts(granted)
    return Survey(
        source=SourceRef(path=frame.path, sha256=frame.sha256, rows=frame.rows),
        columns=columns,
        mapping=mapping,
        entitlements=entitlements,
        cohorts=cohorts,
        totals=_totals(frame, rows, entitlements, cohorts),
        findings=find_problems(frame, rows),
        rejected=rows.rejected,
    )


def _entitlements(mapping: Mapping, granted: pl.DataFrame) -> tuple[Entitlement, ...]:
    """One for each column that grants something. multi_value cannot be changed later (okta-api.md 4.2), so
    it is true unless a person decides otherwise in the plan.
    """
    values = granted.select(ENTITLEMENT, VALUE).unique().sort(ENTITLEMENT, VALUE)
    grouped: dict[str, list[str]] = {}
    for name, value in values.iter_rows():
        grouped.setdefault(name, []).append(value)
    return tuple(
        Entitlement(
            name=column.column,
            external_value=column.column,
            multi_value=True,
            values=tuple(Value(name=each, external_value=each) for each in grouped[column.column]),
        )
        for column in mapping.entitlements
        if column.column in grouped
    )


def _cohorts(granted: pl.DataFrame) -> tuple[Cohort, ...]:
    """People with the same values, largest group first, then by content."""
    people = (
        granted.select(USER, ENTITLEMENT, VALUE)
        .unique()
        .sort(ENTITLEMENT, VALUE)
        .group_by(USER, maintain_order=True)
        .agg(ENTITLEMENT, VALUE)
    )
    groups = people.group_by(ENTITLEMENT, VALUE).agg(USER)
    cohorts = [
        Cohort(values=_values(entitlements, values), users=tuple(sorted(users, key=_user_order)))
        for entitlements, values, users in groups.iter_rows()
    ]
    cohorts.sort(key=lambda each: (-len(each.users), sorted(each.values.items())))
    return tuple(cohorts)


def _values(entitlements: list[str], values: list[str]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, tuple[str, ...]] = {}
    for entitlement, value in zip(entitlements, values, strict=True):
        grouped[entitlement] = (*grouped.get(entitlement, ()), value)
    return grouped


def _user_order(user: str) -> tuple[str, str]:
    return user.casefold(), user


def _totals(
    frame: Frame, rows: Rows, entitlements: tuple[Entitlement, ...], cohorts: tuple[Cohort, ...]
) -> Totals:
    excluded = {verdict: rows.count(verdict) for verdict in (DENIED, NO_VALUE)}
    rejected = Counter(row.reason for row in rows.rejected)
    return Totals(
        rows=frame.rows,
        used=rows.count(USED),
        excluded={reason: count for reason, count in excluded.items() if count},
        rejected=dict(sorted(rejected.items())),
        users=sum(len(cohort.users) for cohort in cohorts),
        values=sum(len(entitlement.values) for entitlement in entitlements),
        cohorts=len(cohorts),
    )


def _refuse_over_long(frame: Frame, granted: pl.DataFrame) -> None:
    long = granted.filter(pl.col(VALUE).str.len_chars() > NAME_CHARACTERS_MAX).sort(LINE)
    if long.height == 0:
        return
    lines = long.get_column(LINE).unique().sort().to_list()
    shown = ", ".join(map(str, lines[:10])) + (" ..." if len(lines) > 10 else "")  # noqa: PLR2004
    raise InputError(
        ErrorCode.BAD_CELLS,
        "A value is too long for Okta",
        f"{frame.path} has values longer than {NAME_CHARACTERS_MAX} characters on line {shown}.",
        location=Location(frame.path, lines[0]),
        next_step="Shorten them in the source; a list may need its separator.",
    )


def _nothing(frame: Frame, rows: Rows) -> InputError:
    left_out = {DENIED: rows.count(DENIED), NO_VALUE: rows.count(NO_VALUE), "rejected": len(rows.rejected)}
    counts = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
    return InputError(
        ErrorCode.NO_USABLE_ROWS,
        "No row of the source gives anybody anything",
        f"Of the {frame.rows} rows of {frame.path} none can be used: {counts}.",
        location=Location(frame.path),
        next_step="See `okta-plan analyze` on a source that has permitted rows, or correct this one.",
    )
