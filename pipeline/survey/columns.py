"""What each column is read as, by the documented names, with the reason that a reviewer reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.plan.model import EntitlementColumn, Mapping, RowsMapping, UserMapping
from pipeline.source.frame import Frame

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


def read_columns(frame: Frame) -> tuple[Column, ...]:
    """The role of every column, in the order of the source.

    Raises InputError where no column names the people or none names access.
    """
    user = _user_column(frame)
    columns = tuple(_column(frame, name, user) for name in frame.columns)
    if not any(column.role == "entitlement" for column in columns):
        raise _missing(
            frame,
            ErrorCode.NO_ENTITLEMENT_COLUMN,
            "The source has no entitlement column",
            "Role or Permission_Set",
        )
    return columns


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
            EntitlementColumn(column=each.name, separator=each.separator, why=each.reason)
            for each in by_role["entitlement"]
        ),
        ignored={each.name: each.reason for each in by_role.get("ignored", [])},
    )


def _user_column(frame: Frame) -> str:
    by_name = {name.casefold(): name for name in frame.columns}
    for name in USER_NAMES:
        if name in by_name:
            return by_name[name]
    raise _missing(frame, ErrorCode.NO_USER_COLUMN, "The source has no user column", "Email")


def _column(frame: Frame, name: str, user: str) -> Column:
    known = name.casefold()
    if name == user:
        return Column(name, "user", "names the person; matched as login, then as e-mail")
    if known in ENTITLEMENT_NAMES:
        return _entitlement(frame, name)
    if known == STATUS_NAME:
        return Column(name, "status", "rows with Permitted are used, rows with Denied are left out")
    if known == DATE_NAME:
        return Column(name, "date", "when the row was recorded; decides nothing by default")
    if known == USER_ID_NAME:
        return Column(name, "ignored", "an id of the source system; people are matched by " + user)
    return Column(name, "ignored", "not named as access")


def _entitlement(frame: Frame, name: str) -> Column:
    column = Column(name, "entitlement", "")
    counted = (
        frame.scan.group_by(pl.col(name).str.strip_chars().alias("cell"))
        .agg(pl.len().alias("count"))
        .filter(pl.col("cell") != "")
        .collect(engine="streaming")
    )
    cells = counted.get_column("cell")
    lists = counted.filter(pl.col("cell").str.contains(SEPARATOR, literal=True)).get_column("count").sum()
    if not lists:
        return replace(column, reason=f"{len(cells)} distinct values, no separator")
    values = cells.str.split(SEPARATOR).explode().str.strip_chars()
    distinct = values.filter(values.str.len_chars() > 0).n_unique()
    filled = counted.get_column("count").sum()
    why = f"{lists} of {filled} cells hold '{SEPARATOR}' lists drawn from {distinct} values"
    return replace(column, reason=why, separator=SEPARATOR)


def _missing(frame: Frame, code: ErrorCode, summary: str, wanted: str) -> InputError:
    return InputError(
        code,
        summary,
        f"{frame.path} has the columns {', '.join(frame.columns)}; none of them is called {wanted}.",
        location=Location(frame.path, 1),
        next_step=f"Name the column {wanted} in the source.",
    )
