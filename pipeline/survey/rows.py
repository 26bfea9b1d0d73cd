"""Each row is used, excluded or rejected with a reason; the first reason below that holds counts.

1. ``ragged_row``, ``broken_quotes`` (found while reading)  2. ``no_user``  3. ``bad_user``
4. ``unknown_access_status``  5. ``denied`` (excluded)  6. ``no_value`` (excluded)
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.address import principal_key
from pipeline.plan.model import Mapping
from pipeline.source.frame import LINE, Frame, RejectedRow

USER, VERDICT, STATUS, ENTITLEMENT, VALUE = "user", "verdict", "status", "entitlement", "value"
USED, DENIED, NO_VALUE = "used", "denied", "no_value"
REJECTIONS = {
    "no_user": "The user column is empty.",
    "bad_user": "The user column holds blanks or control characters inside.",
    "unknown_access_status": "The access status is neither Permitted nor Denied.",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """``judged`` has a verdict, a line and the user's canonical spelling for each row of the table;
    ``pairs`` one row for each (line, user, entitlement, value) of used and denied rows.
    """

    judged: pl.DataFrame
    pairs: pl.DataFrame
    rejected: tuple[RejectedRow, ...]

    def count(self, verdict: str) -> int:
        return self.judged.filter(pl.col(VERDICT) == verdict).height


def judge_rows(frame: Frame, mapping: Mapping) -> Rows:
    """The verdict on each row, and what its cells say."""
    table = frame.table.with_columns(pl.col(mapping.user.column).str.strip_chars().alias("__user__"))
    spelling = _spellings(table.get_column("__user__"))
    values = _value_lists(table, mapping)
    judged = pl.DataFrame(
        {
            LINE: table.get_column(LINE),
            USER: table.get_column("__user__").replace_strict(spelling, return_dtype=pl.String),
            VERDICT: _verdicts(table, mapping, values),
        }
    )
    pairs = _pairs(judged, values)
    rejected = judged.filter(pl.col(VERDICT).is_in(list(REJECTIONS)))
    reasons = [
        RejectedRow(line, reason, REJECTIONS[reason])
        for line, reason in rejected.select(LINE, VERDICT).iter_rows()
    ]
    everything = sorted((*frame.rejected, *reasons), key=lambda each: each.line)
    return Rows(judged, pairs, tuple(everything))


def _spellings(users: pl.Series) -> dict[str, str]:
    """Each spelling of a user -> the one that stands for all that are equal case-folded: the smallest, so
    that the order of the rows does not matter.
    """
    canonical: dict[str, str] = {}
    distinct = sorted(users.unique().to_list())
    for user in distinct:
        canonical.setdefault(principal_key(user), user)
    return {user: canonical[principal_key(user)] for user in distinct}


def _value_lists(table: pl.DataFrame, mapping: Mapping) -> dict[str, pl.Series]:
    """Each row's values by column: split and trimmed once for each distinct cell, not for each row."""
    lists: dict[str, pl.Series] = {}
    for column in mapping.entitlements:
        name, element = column.column, pl.element().str.strip_chars()
        cells = table.select(name)
        split = pl.col(name).str.split(column.separator) if column.separator else pl.concat_list(name)
        values = split.list.eval(element.filter(element != "")).list.unique().list.sort()
        distinct = cells.unique().with_columns(values.alias(VALUE))
        lists[name] = cells.join(distinct, on=name, how="left", maintain_order="left").get_column(VALUE)
    return lists


def _verdicts(table: pl.DataFrame, mapping: Mapping, values: dict[str, pl.Series]) -> pl.Series:
    user = pl.col("__user__")
    verdict = (
        pl.when(user == "")
        .then(pl.lit("no_user"))
        .when(user.str.contains(r"[\s\p{C}]"))
        .then(pl.lit("bad_user"))
    )
    if mapping.rows is not None:
        status = pl.col(mapping.rows.column).str.strip_chars().str.to_lowercase()
        use, deny = ([text.casefold() for text in texts] for texts in (mapping.rows.use, mapping.rows.deny))
        verdict = (
            verdict.when(~status.is_in([*use, *deny]))
            .then(pl.lit("unknown_access_status"))
            .when(status.is_in(deny))
            .then(pl.lit(DENIED))
        )
    empty = pl.all_horizontal(*(series.list.len() == 0 for series in values.values()))
    chosen = verdict.when(empty).then(pl.lit(NO_VALUE)).otherwise(pl.lit(USED))
    return table.select(chosen.alias(VERDICT)).to_series()


def _pairs(judged: pl.DataFrame, values: dict[str, pl.Series]) -> pl.DataFrame:
    parts = [
        judged.with_columns(pl.lit(name).alias(ENTITLEMENT), lists.alias(VALUE))
        .filter(pl.col(VERDICT).is_in([USED, DENIED]) & (pl.col(VALUE).list.len() > 0))
        .explode(VALUE)
        for name, lists in values.items()
    ]
    return pl.concat(parts)
