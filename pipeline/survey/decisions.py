"""Who gets what where rows of one person disagree: on whether, or on until when. Others are not looked at."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from pipeline.plan.model import Mapping
from pipeline.source.frame import ROW
from pipeline.survey.cells import KEY, PERSON, USER
from pipeline.survey.rows import DENIED, ENTITLEMENT, OVERRULED, USED, VALUE, VERDICT, Decided, Rows
from pipeline.survey.validity import DATE, END

_PAIR = [KEY, ENTITLEMENT, VALUE]


def decide(rows: Rows, mapping: Mapping) -> Rows:
    """``rows`` with what people of whom rows disagree get in the end, and the rows that give nothing."""
    keys = _disagreeing(rows, mapping)
    if keys.is_empty():
        return rows
    persons = rows.held.filter(pl.col(KEY).is_in(keys.implode())).get_column(PERSON)
    is_concerned = pl.col(VERDICT).is_in([USED, DENIED]) & pl.col(PERSON).is_in(persons.implode())
    pairs = rows.pairs(rows.judged.select(is_concerned.arg_true()).to_series())
    on_conflict = mapping.rows.on_conflict if mapping.rows else "filter"
    settled, kept = settle(pairs, on_conflict, rows.held.select(KEY, USER))
    used = pairs.filter(pl.col(VERDICT) == USED)
    overruled = used.filter(~pl.col(ROW).is_in(kept.get_column(ROW).unique().implode())).get_column(ROW)
    verdicts = rows.judged.get_column(VERDICT).clone().scatter(overruled.unique(), OVERRULED)
    return replace(
        rows, judged=rows.judged.with_columns(verdicts.alias(VERDICT)), decided=Decided(keys, settled)
    )


def settle(pairs: pl.DataFrame, on_conflict: str, names: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """KEY, USER, ENTITLEMENT, VALUE and END of each value that is given, sorted; and those of the used
    ``pairs`` that give it. ``names``: the USER of each KEY.
    """
    kept = pairs.filter(pl.col(VERDICT) == USED).join(_denied(pairs, on_conflict), on=_PAIR, how="anti")
    is_open = pl.col(END).is_null().any()
    end = pl.when(is_open).then(None).otherwise(pl.col(END).max()) if END in kept.columns else pl.lit(None)
    settled = kept.group_by(_PAIR).agg(end.cast(pl.String).alias(END)).join(names, on=KEY).sort(_PAIR)
    return settled, kept


def _disagreeing(rows: Rows, mapping: Mapping) -> pl.Series:
    """The keys of people with a row that ends, or with a denied row where that may decide."""
    verdict = pl.col(VERDICT)
    matters = pl.lit(value=False)
    if END in rows.judged.columns:
        matters = matters | ((verdict == USED) & pl.col(END).is_not_null())
    if mapping.rows is not None and mapping.rows.on_conflict != "filter":
        matters = matters | (verdict == DENIED)
    found = rows.judged.lazy().filter(matters).select(PERSON).unique().collect().to_series()
    return rows.held.filter(pl.col(PERSON).is_in(found.implode())).get_column(KEY)


def _denied(pairs: pl.DataFrame, on_conflict: str) -> pl.DataFrame:
    """The pairs that are not given, by ``on_conflict``; of two rows of the same time Denied wins."""
    denied = pairs.filter(pl.col(VERDICT) == DENIED)
    if on_conflict == "filter":
        return denied.clear()
    if on_conflict == "deny_wins":
        return denied
    newest = pairs.group_by(_PAIR).agg(pl.col(DATE).max().alias("newest"))
    return denied.join(newest, on=_PAIR).filter(pl.col(DATE) == pl.col("newest"))
