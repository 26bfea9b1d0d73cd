"""Several sources into one survey: people are the same by their keys, rows disagree across sources too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.model import Entitlement, Mapping, SourceRef, Totals
from pipeline.plan.pins import Pins
from pipeline.source.frame import ROW, Frame
from pipeline.survey.cells import KEY, USER
from pipeline.survey.decisions import settle
from pipeline.survey.rows import DENIED, ENTITLEMENT, OVERRULED, USED, VALUE, VERDICT, Decided
from pipeline.survey.survey import NO_PINS, ReadRows, Survey, judge, survey, survey_of
from pipeline.survey.validity import DATE, END

_PAIR = [KEY, ENTITLEMENT, VALUE]
_SOURCE = "source"


def survey_all(frames: Sequence[Frame], pins: Pins = NO_PINS, *, as_of: str | None = None) -> Survey:
    """What ``frames`` give together; in any order the same. Raises InputError as `survey` does, and where two
    of them have the same content.
    """
    if len(frames) == 1:
        return survey(frames[0], pins, as_of=as_of)
    frames = sorted(frames, key=lambda each: each.path)
    _refuse_twice(frames)
    reads = [judge(frame, pins, as_of=as_of) for frame in frames]
    pairs = pl.concat([_pairs(read, number) for number, read in enumerate(reads)], how="diagonal")
    on_conflict = next((each.mapping.rows.on_conflict for each in reads if each.mapping.rows), "filter")
    names = pairs.filter(pl.col(VERDICT) == USED).group_by(KEY).agg(pl.col(USER).min())
    settled, kept = settle(pairs, on_conflict, names)
    decided = Decided(names.get_column(KEY), settled)
    surveys = [
        survey_of(_decided(read, decided, kept.filter(pl.col(_SOURCE) == number).get_column(ROW)))
        for number, read in enumerate(reads)
    ]
    return _merged(surveys, _across(pairs, frames, kept))


def _pairs(read: ReadRows, number: int) -> pl.DataFrame:
    rows = read.rows
    naming = rows.judged.get_column(VERDICT).is_in([USED, DENIED]).arg_true()
    wanted = [ROW, USER, KEY, VERDICT, ENTITLEMENT, VALUE]
    pairs = rows.pairs(naming)
    dates = [name for name in (END, DATE) if name in pairs.columns]
    return pairs.select(*wanted, *dates, pl.lit(number).alias(_SOURCE))


def _decided(read: ReadRows, decided: Decided, kept: pl.Series) -> ReadRows:
    verdict = read.rows.judged.get_column(VERDICT)
    used = (verdict == USED).arg_true()
    overruled = used.filter(~used.is_in(kept.unique().implode()))
    judged = read.rows.judged.with_columns(verdict.clone().scatter(overruled, OVERRULED).alias(VERDICT))
    return replace(read, rows=replace(read.rows, judged=judged, decided=decided))


def _merged(surveys: Sequence[Survey], across: list[Finding]) -> Survey:
    first = surveys[0]
    entitlements: dict[str, Entitlement] = {}
    for each in (entitlement for found in surveys for entitlement in found.entitlements):
        known = entitlements.setdefault(each.name, each)
        entitlements[each.name] = known if not known.multi_value else each
    values = sum(len(each.values) for each in entitlements.values())
    excluded, rejected = Counter[str](), Counter[str]()
    for each_survey in surveys:
        excluded.update(each_survey.totals.excluded)
        rejected.update(each_survey.totals.rejected)
    return replace(
        first,
        sources=tuple(_with_mapping(each.sources[0], each.mapping, first.mapping) for each in surveys),
        entitlements=tuple(entitlements[name] for name in sorted(entitlements)),
        totals=Totals(
            rows=sum(each.totals.rows for each in surveys),
            used=sum(each.totals.used for each in surveys),
            excluded=dict(sorted(excluded.items())),
            rejected=dict(sorted(rejected.items())),
            users=first.totals.users,
            values=values,
            cohorts=len(first.cohorts),
        ),
        findings=(*(each for found in surveys for each in _of_source(found)), *across),
        doubted=frozenset().union(*(each.doubted for each in surveys)),
        rejected=tuple(
            replace(row, source=found.sources[0].path) for found in surveys for row in found.rejected
        ),
    )


def _with_mapping(source: SourceRef, mapping: Mapping, usual: Mapping) -> SourceRef:
    """``source`` with how its rows were read where that is not as in the first one."""
    return source if _meaning(mapping) == _meaning(usual) else source.model_copy(update={"mapping": mapping})


def _meaning(mapping: Mapping) -> dict[str, object]:
    fields = mapping.model_dump(exclude={"ignored": True, "entitlements": {"__all__": {"why"}}})
    return fields | {"ignored": set(mapping.ignored)}


_OF_VALUES = {FindingCode.SPREADSHEET_DAMAGE, FindingCode.NEAR_COLLISION, FindingCode.MOJIBAKE}


def _of_source(found: Survey) -> list[Finding]:
    """The findings of one of the sources, with its path; of values only those that it has."""
    place = Location(found.sources[0].path)
    return [
        replace(each, location=each.location or place)
        for each in found.findings
        if each.rows or each.code not in _OF_VALUES
    ]


def _across(pairs: pl.DataFrame, frames: Sequence[Frame], kept: pl.DataFrame) -> list[Finding]:
    """What one source permits and another denies, one finding for each that denies."""
    sides = pairs.with_columns((pl.col(VERDICT) == DENIED).alias(DENIED))
    of_pair = sides.group_by(_PAIR).agg(pl.col(DENIED).n_unique().alias("sides"), pl.col(USER).min())
    within = sides.group_by(*_PAIR, _SOURCE).agg(pl.col(DENIED).n_unique().alias("inside"))
    inside = within.filter(pl.col("inside") > 1).select(_PAIR).unique()
    torn = of_pair.filter(pl.col("sides") > 1).join(inside, on=_PAIR, how="anti").drop("sides")
    given = kept.select(_PAIR).unique().with_columns(pl.lit(value=True).alias("given"))
    found = (
        sides.filter(pl.col(DENIED))
        .drop(USER)
        .join(torn, on=_PAIR)
        .group_by(*_PAIR, _SOURCE, USER)
        .agg(pl.col(ROW).unique().sort())
        .join(given, on=_PAIR, how="left")
        .sort(*_PAIR, _SOURCE)
    )
    return [
        Finding(
            FindingCode.PERMITTED_AND_DENIED,
            Severity.WARNING,
            "A value is permitted by one source and denied by another",
            f"{user}: {entitlement} {value} is {'' if is_given else 'not '}granted; another source permits "
            "it, this one denies it.",
            location=Location(frames[source].path),
            rows=tuple(frames[source].lines.of(where)),
        )
        for user, entitlement, value, source, where, is_given in found.select(
            USER, ENTITLEMENT, VALUE, _SOURCE, ROW, "given"
        ).iter_rows()
    ]


def _refuse_twice(frames: Sequence[Frame]) -> None:
    known: dict[str, str] = {}
    for frame in frames:
        other = known.setdefault(frame.sha256, frame.path)
        if other is not frame.path or sum(each.path == frame.path for each in frames) > 1:
            raise InputError(
                ErrorCode.USAGE,
                "A source is given twice",
                f"{frame.path} has the same content as {other}.",
                location=Location(frame.path),
                next_step="Give each source once.",
            )
