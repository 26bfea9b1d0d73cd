"""What each column is read as, by the documented names, with the reason that a reviewer reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.lookalike import look
from pipeline.plan.model import EntitlementColumn, Mapping, RowsMapping, UserMapping
from pipeline.source.frame import Frame
from pipeline.survey.cells import CELL, COUNT, Cells
from pipeline.survey.damage import means_nothing

USER_NAMES = ("email", "user_email", "login", "username")
ENTITLEMENT_NAMES = ("role", "permission_set")
STATUS_NAME = "effective_access"
DATE_NAME = "access_date"
USER_ID_NAME = "user_id"
SEPARATOR = ";"


@dataclass(frozen=True, slots=True)
class Column:
    """``role`` is user, entitlement, status, date or ignored."""

    name: str
    role: str
    reason: str
    separator: str | None = None
    nothing: tuple[str, ...] = ()


def read_columns(frame: Frame) -> tuple[Column, ...]:
    """The role of every column by its name, in the order of the source.

    Raises InputError where no column names the people or none names access, or where two columns have the
    name that decides.
    """
    looks = {name: look(frame.repeated.get(name, name)) for name in frame.columns}
    user = _user_column(frame, looks)
    columns = tuple(_column(name, looks[name], user) for name in frame.columns)
    _refuse_repeated(frame, looks, user)
    if not any(column.role == "entitlement" for column in columns):
        raise _missing(
            frame,
            ErrorCode.NO_ENTITLEMENT_COLUMN,
            "The source has no entitlement column",
            "Role or Permission_Set",
        )
    return columns


def read_separators(columns: tuple[Column, ...], cells: dict[str, Cells]) -> tuple[Column, ...]:
    """The same columns with what separates values in the cells of those that are entitlements, and why."""
    return tuple(
        _separated(column, cells[column.name].distinct) if column.role == "entitlement" else column
        for column in columns
    )


def mapping_of(columns: tuple[Column, ...]) -> Mapping:
    """How the rows were read, as it stands in the plan; independent of the order of the columns."""
    by_role: dict[str, list[Column]] = {}
    for column in sorted(columns, key=lambda each: each.name):
        by_role.setdefault(column.role, []).append(column)
    status = by_role.get("status")
    dates = by_role.get("date")
    return Mapping(
        user=UserMapping(column=by_role["user"][0].name),
        rows=RowsMapping(column=status[0].name) if status else None,
        date=dates[0].name if dates else None,
        entitlements=tuple(
            EntitlementColumn(
                column=each.name, separator=each.separator, nothing=each.nothing or None, why=each.reason
            )
            for each in by_role["entitlement"]
        ),
        ignored={each.name: each.reason for each in by_role.get("ignored", [])},
    )


def _user_column(frame: Frame, looks: dict[str, str]) -> str:
    for known in USER_NAMES:
        for name in frame.columns:
            if looks[name] == known:
                return name
    raise _missing(frame, ErrorCode.NO_USER_COLUMN, "The source has no user column", "Email")


def _refuse_repeated(frame: Frame, looks: dict[str, str], user: str) -> None:
    """Which of two columns decides who gets what is nothing to guess."""
    for known in (looks[user], *ENTITLEMENT_NAMES, STATUS_NAME):
        alike = [name for name in frame.columns if looks[name] == known]
        if len(alike) > 1:
            raise InputError(
                ErrorCode.DUPLICATE_COLUMN,
                "A column that decides stands more than once",
                f"{frame.path} has the columns {', '.join(alike)}; which of them counts?",
                location=Location(frame.path, frame.read_as.header_line),
                next_step="Give each a name of its own in the source, or take out all but one.",
            )


def _column(name: str, known: str, user: str) -> Column:
    if name == user:
        return Column(name, "user", "names the person; matched as login, then as e-mail")
    if known in ENTITLEMENT_NAMES:
        return Column(name, "entitlement", "")
    if known == STATUS_NAME:
        return Column(name, "status", "rows with Permitted are used, rows with Denied are left out")
    if known == DATE_NAME:
        return Column(name, "date", "when the row was recorded; decides nothing by default")
    if known == USER_ID_NAME:
        return Column(name, "ignored", "an id of the source system; people are matched by " + user)
    return Column(name, "ignored", "not named as access")


def _separated(column: Column, distinct: pl.DataFrame) -> Column:
    filled = distinct.with_columns(pl.col(CELL).str.strip_chars()).filter(pl.col(CELL) != "")
    lists = filled.filter(pl.col(CELL).str.contains(SEPARATOR, literal=True)).get_column(COUNT).sum()
    cells = filled.get_column(CELL).unique()
    values = cells.str.split(SEPARATOR).explode().str.strip_chars() if lists else cells
    values = values.filter(values != "").unique()
    nothing = tuple(sorted({each.casefold() for each in values.to_list() if means_nothing(each)}))
    column = replace(column, nothing=nothing)
    if not lists:
        return replace(column, reason=f"{len(values)} distinct values, no separator")
    count = filled.get_column(COUNT).sum()
    why = f"{lists} of {count} cells hold '{SEPARATOR}' lists drawn from {len(values)} values"
    return replace(column, reason=why, separator=SEPARATOR)


def _missing(frame: Frame, code: ErrorCode, summary: str, wanted: str) -> InputError:
    return InputError(
        code,
        summary,
        f"{frame.path} has the columns {', '.join(frame.columns)}; none of them is called {wanted}.",
        location=Location(frame.path, frame.read_as.header_line),
        next_step=f"Name the column {wanted} in the source.",
    )
