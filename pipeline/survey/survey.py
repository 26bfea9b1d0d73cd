"""Frame to survey: roles of columns, entitlements, cohorts, totals that balance, findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Finding, Location
from pipeline.plan.model import Cohort, Entitlement, Mapping, SourceRef, Totals, Value
from pipeline.plan.pins import Pins
from pipeline.source.frame import Format, Frame, RejectedRow
from pipeline.survey.cells import KEY, USER, Cells, Users, read_cells
from pipeline.survey.cohorts import cohorts_of
from pipeline.survey.columns import Column, mapping_of, read_columns
from pipeline.survey.content import settle_columns
from pipeline.survey.decisions import decide
from pipeline.survey.findings import find_problems, suggestions
from pipeline.survey.layout import arrange
from pipeline.survey.packs import Role
from pipeline.survey.rows import EXCLUSIONS, USED, Rows, judge_rows
from pipeline.survey.status import may_be_status
from pipeline.survey.systems import may_be_system

NAME_CHARACTERS_MAX = 255
"""okta-api.md 4.2: the longest name of an entitlement value."""
NO_PINS = Pins()


@dataclass(frozen=True, slots=True)
class Survey:
    """Measured facts about a source, or several; everything but ``findings`` and ``rejected`` is independent
    of the order of rows and columns.
    """

    sources: tuple[SourceRef, ...]
    columns: tuple[Column, ...]
    mapping: Mapping
    entitlements: tuple[Entitlement, ...]
    cohorts: tuple[Cohort, ...]
    totals: Totals
    findings: tuple[Finding, ...]
    rejected: tuple[RejectedRow, ...]
    suggestions: dict[str, dict[str, str]]
    """By entitlement, values and what they may be meant to be."""
    doubted: frozenset[str]
    """Keys of the people with a row that was rejected: of them more may be meant than is known."""


@dataclass(frozen=True, slots=True)
class ReadRows:
    """A source by its layout: its table, its columns, how they are read, what became of each row."""

    frame: Frame
    columns: tuple[Column, ...]
    mapping: Mapping
    rows: Rows


def survey(frame: Frame, pins: Pins = NO_PINS, *, as_of: str | None = None) -> Survey:
    """Survey ``frame``, with what a mapping file pins; ``as_of`` is the day (ISO) on which access is valid.

    Raises InputError where a needed column is missing, a value is too long for Okta, or no row gives anybody
    anything.
    """
    return survey_of(read_rows(frame, pins, as_of=as_of))


def survey_of(read: ReadRows) -> Survey:
    """The survey of a source whose rows are read and decided. Raises InputError as `survey` does."""
    frame, columns, mapping, rows = read.frame, read.columns, read.mapping, read.rows
    granted = rows.granted()
    if not granted:
        raise _nothing(frame, rows)
    _refuse_over_long(frame, rows, granted)
    entitlements = _entitlements(mapping, granted)
    cohorts = cohorts_of(rows)
    mapping = _explained(mapping, cohorts)
    _refuse_several(frame, mapping, rows, cohorts)
    return Survey(
        sources=(_source(frame),),
        columns=columns,
        mapping=mapping,
        entitlements=entitlements,
        cohorts=cohorts,
        totals=_totals(frame, rows, entitlements, cohorts),
        findings=find_problems(frame, columns, mapping, rows),
        rejected=rows.rejected,
        suggestions=suggestions(rows),
        doubted=rows.rejected_keys(),
    )


def read_rows(frame: Frame, pins: Pins, *, as_of: str | None) -> ReadRows:
    """What each column and each row of ``frame`` is. Raises InputError where a needed column is missing."""
    read = judge(frame, pins, as_of=as_of)
    return replace(read, rows=decide(read.rows, read.mapping))


def judge(frame: Frame, pins: Pins, *, as_of: str | None) -> ReadRows:
    """The same, with nothing decided between rows that disagree."""
    frame, pins = arrange(frame, pins)
    named = read_columns(frame, pins)
    users, cells = _cells(frame, named, pins)
    columns = settle_columns(frame, named, cells, pins)
    mapping = mapping_of(columns, pins, as_of)
    _refuse_undated(frame, mapping)
    return ReadRows(frame, columns, mapping, judge_rows(frame, mapping, users, cells))


def _refuse_undated(frame: Frame, mapping: Mapping) -> None:
    if mapping.rows and mapping.rows.on_conflict == "latest" and mapping.date is None:
        raise InputError(
            ErrorCode.MAPPING_INVALID,
            "The newest row cannot be told",
            f"'on_conflict: latest' lets the newest row decide, and no column of {frame.path} has dates.",
            location=Location(frame.path),
            next_step="Name the column with 'date' in the mapping file, or take filter or deny_wins.",
        )


def _cells(frame: Frame, columns: tuple[Column, ...], pins: Pins) -> tuple[Users, dict[str, Cells]]:
    user = next(column.name for column in columns if column.role is Role.USER)
    deciding = {Role.ENTITLEMENT, Role.STATUS, Role.START, Role.END}
    if pins.rows and pins.rows.on_conflict == "latest":
        deciding.add(Role.DATE)
    read = [
        each.name
        for each in columns
        if each.role in deciding or may_be_status(each, pins) or may_be_system(each)
    ]
    return read_cells(frame, user, read)


def _source(frame: Frame) -> SourceRef:
    """How the bytes were read stands in the plan where it is not the default."""
    read, default = frame.read_as, Format()
    return SourceRef(
        path=frame.path,
        sha256=frame.sha256,
        rows=frame.rows,
        compression=read.compression,
        encoding=read.encoding if read.encoding != default.encoding else None,
        delimiter=read.delimiter if read.delimiter != default.delimiter else None,
        header_line=read.header_line if read.header_line != default.header_line else None,
    )


def _entitlements(mapping: Mapping, granted: dict[str, list[str]]) -> tuple[Entitlement, ...]:
    """One for each column that grants something. Okta cannot change multi_value later (okta-api.md 4.2). That
    people hold several values proves that it is true; that nobody does so today proves nothing. So it is true
    unless a person decides otherwise.
    """
    return tuple(
        Entitlement(
            name=column.column,
            external_value=column.column,
            multi_value=column.multi_value is not False,
            values=tuple(Value(name=each, external_value=each) for each in granted[column.column]),
        )
        for column in mapping.entitlements
        if column.column in granted
    )


SOME_HOLD_SEVERAL = "some people hold several"
NOBODY_HOLDS_SEVERAL = "nobody holds several, but multi_value stays true: Okta cannot make it so later"


def _explained(mapping: Mapping, cohorts: tuple[Cohort, ...]) -> Mapping:
    """``mapping`` with what the people say about multi_value, where no mapping file has decided it."""
    several = {name for cohort in cohorts for name, values in cohort.values.items() if len(values) > 1}
    columns = []
    for column in mapping.entitlements:
        if column.multi_value is None:
            found = SOME_HOLD_SEVERAL if column.column in several else NOBODY_HOLDS_SEVERAL
            why = f"{column.why}; {found}" if column.why else found
            columns.append(column.model_copy(update={"why": why}))
        else:
            columns.append(column)
    return mapping.model_copy(update={"entitlements": tuple(columns)})


def _totals(
    frame: Frame, rows: Rows, entitlements: tuple[Entitlement, ...], cohorts: tuple[Cohort, ...]
) -> Totals:
    excluded = _excluded(frame, rows)
    rejected = Counter(row.reason for row in rows.rejected)
    return Totals(
        rows=frame.rows,
        used=rows.count(USED),
        excluded=dict(sorted(excluded.items())),
        rejected=dict(sorted(rejected.items())),
        users=_people(rows, cohorts),
        values=sum(len(entitlement.values) for entitlement in entitlements),
        cohorts=len(cohorts),
    )


def _excluded(frame: Frame, rows: Rows) -> dict[str, int]:
    counts = Counter(frame.excluded) + Counter({verdict: rows.count(verdict) for verdict in EXCLUSIONS})
    return dict(counts)


def _people(rows: Rows, cohorts: tuple[Cohort, ...]) -> int:
    """Those whose access ends at several times stand in several cohorts."""
    if rows.decided is None:
        return sum(len(cohort.users) for cohort in cohorts)
    return rows.undisputed().height + rows.decided.settled.get_column(KEY).n_unique()


def _refuse_several(frame: Frame, mapping: Mapping, rows: Rows, cohorts: tuple[Cohort, ...]) -> None:
    """What the mapping file says takes one value takes one value."""
    for name in [each.column for each in mapping.entitlements if each.multi_value is False]:
        several = [each for each in cohorts if len(each.values.get(name, ())) > 1]
        if several:
            user, values = several[0].users[0], several[0].values[name]
            listing = rows.rows_listing(name, values)
            same = rows.users.of(USER, listing) == user
            lines = frame.lines.of(listing.filter(same).to_list())
            raise InputError(
                ErrorCode.BAD_CELLS,
                "Somebody has several values of what takes one",
                f"{user} has {len(values)} values of {name} in {frame.path}: {', '.join(values[:2])}; "
                f"{sum(len(each.users) for each in several)} people have several.",
                location=Location(frame.path, lines[0] if lines else None),
                next_step="Take 'multi_value: false' out of the mapping file, or correct the source.",
            )


def _refuse_over_long(frame: Frame, rows: Rows, granted: dict[str, list[str]]) -> None:
    long = {
        name: [each for each in values if len(each) > NAME_CHARACTERS_MAX] for name, values in granted.items()
    }
    found = {row for name, values in long.items() if values for row in rows.rows_listing(name, values)}
    if not found:
        return
    lines = frame.lines.of(sorted(found))
    shown = ", ".join(map(str, lines[:10])) + (" ..." if len(lines) > 10 else "")  # noqa: PLR2004
    raise InputError(
        ErrorCode.BAD_CELLS,
        "A value is too long for Okta",
        f"{frame.path} has values longer than {NAME_CHARACTERS_MAX} characters on line {shown}.",
        location=Location(frame.path, lines[0]),
        next_step="Shorten them in the source; a list may need its separator.",
    )


def _nothing(frame: Frame, rows: Rows) -> InputError:
    left_out = _excluded(frame, rows) | {"rejected": len(rows.rejected)}
    counts = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
    first = "".join(f" The first rejected is line {each.line}: {each.detail}" for each in rows.rejected[:1])
    return InputError(
        ErrorCode.NO_USABLE_ROWS,
        "No row of the source gives anybody anything",
        f"Of the {frame.rows} rows of {frame.path} none can be used: {counts}.{first}",
        location=Location(frame.path),
        next_step="Correct the source, or say how it is to be read in a mapping file (docs/csv.md).",
    )
