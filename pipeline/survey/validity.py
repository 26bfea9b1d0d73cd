"""Since when and until when rows count: judged on one given day, never on today."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_

import polars as pl

from pipeline.findings import Finding, FindingCode, Severity
from pipeline.plan.model import Mapping
from pipeline.survey.cells import Cells
from pipeline.survey.dates import INSTANT, IS_DAY, KIND, KNOWN, NONE, read_instants

END, DATE = "end", "date"
EXPIRED, NOT_YET_VALID, BAD_DATE = "expired", "not_yet_valid", "bad_date"


def judge_dates(mapping: Mapping, cells: dict[str, Cells]) -> pl.DataFrame:
    """Of each row whether it is EXPIRED, NOT_YET_VALID or has a BAD_DATE; END: its end as an instant (text,
    null for none), where ends are mapped; DATE: its instant, where the newest row decides. No columns where
    there is nothing of this.
    """
    columns: dict[str, pl.Series] = {}
    bad: list[pl.Series] = []
    day = datetime.fromisoformat(mapping.as_of) if mapping.as_of else None
    validity = mapping.validity
    if validity and validity.end:
        answers, of = _answers(cells[validity.end], mapping)
        text = pl.col(INSTANT).dt.to_string("%Y-%m-%dT%H:%M:%SZ")
        last = pl.col(INSTANT).dt.to_string("%Y-%m-%dT23:59:59Z")
        is_over = (pl.col(INSTANT) < day).fill_null(value=False) if day else pl.lit(value=False)
        answers = answers.with_columns(
            pl.when(pl.col(IS_DAY)).then(last).otherwise(text).alias(END), is_over.alias(EXPIRED)
        )
        columns |= {name: of.lookup(answers, name).alias(name) for name in (END, EXPIRED)}
        bad.append(of.lookup(answers, BAD_DATE))
    if validity and validity.start:
        answers, of = _answers(cells[validity.start], mapping)
        tomorrow = day + timedelta(days=1) if day else None
        is_ahead = (pl.col(INSTANT) >= tomorrow).fill_null(value=False) if day else pl.lit(value=False)
        answers = answers.with_columns(is_ahead.alias(NOT_YET_VALID))
        columns[NOT_YET_VALID] = of.lookup(answers, NOT_YET_VALID).alias(NOT_YET_VALID)
        bad.append(of.lookup(answers, BAD_DATE))
    if mapping.date and decides_by_date(mapping):
        answers, of = _answers(cells[mapping.date], mapping)
        columns[DATE] = of.lookup(answers, INSTANT).alias(DATE)
        bad.append(of.lookup(answers.with_columns((pl.col(KIND) != KNOWN).alias(BAD_DATE)), BAD_DATE))
    if bad:
        columns[BAD_DATE] = reduce(or_, bad).alias(BAD_DATE)
    return pl.DataFrame(columns)


def decides_by_date(mapping: Mapping) -> bool:
    """Whether the newest row of a person and value decides."""
    return mapping.rows is not None and mapping.rows.on_conflict == "latest"


def unjudged(mapping: Mapping, cells: dict[str, Cells]) -> list[Finding]:
    """What is to be said where rows have a beginning and no day is given to judge it by."""
    start = mapping.validity.start if mapping.validity else None
    if start is None or mapping.as_of:
        return []
    answers, _ = _answers(cells[start], mapping)
    latest = answers.get_column(INSTANT).max()
    if not isinstance(latest, date):
        return []
    return [
        Finding(
            FindingCode.VALIDITY,
            Severity.WARNING,
            "When access begins was not judged",
            f"{start} says when access begins, the latest on {latest:%Y-%m-%d}. Without --as-of DATE all of "
            "it counts as begun.",
        )
    ]


def _answers(cells: Cells, mapping: Mapping) -> tuple[pl.DataFrame, Cells]:
    answers = read_instants(cells.distinct, mapping.date_order)
    return answers.with_columns((~pl.col(KIND).is_in([KNOWN, NONE])).alias(BAD_DATE)), cells
