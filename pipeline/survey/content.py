"""What the cells say about the role of a column: a name alone makes nothing access, a status or a date."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.plan.model import DateOrder
from pipeline.plan.pins import Pins
from pipeline.source.frame import Frame
from pipeline.survey.cells import CELL, COUNT, Cells
from pipeline.survey.columns import Column, no_entitlements
from pipeline.survey.damage import means_nothing
from pipeline.survey.dates import BAD, KIND, KNOWN, find_order, read_instants
from pipeline.survey.packs import Role
from pipeline.survey.separators import PART, find_separation, split_cells
from pipeline.survey.status import settle_status

IS_EMPTY = "its cells are empty"
IDENTIFYING_MIN = 20
"""So many rows, each with a cell of its own, are names of things rather than access."""


def settle_columns(
    frame: Frame, columns: tuple[Column, ...], cells: dict[str, Cells], pins: Pins
) -> tuple[Column, ...]:
    """The columns with what their ``cells`` say: separators, words that grant, the order of dates.

    What is known by a pack's name alone and has other content is ignored, with the reason.
    """
    settled = []
    for column in columns:
        distinct = cells[column.name].distinct if column.name in cells else None
        if distinct is None or column.role is Role.IGNORED:
            settled.append(column)
        elif column.role is Role.ENTITLEMENT:
            settled.append(_entitlement(column, distinct, pins))
        elif column.role is Role.STATUS:
            settled.append(settle_status(column, distinct, pins))
        else:
            settled.append(_date(frame, column, distinct, pins))
    if not any(column.role is Role.ENTITLEMENT for column in settled):
        raise no_entitlements(frame)
    return tuple(settled)


def _entitlement(column: Column, distinct: pl.DataFrame, pins: Pins) -> Column:
    filled = distinct.with_columns(pl.col(CELL).str.strip_chars()).filter(pl.col(CELL) != "")
    pin = column.pin
    is_known_by_pack = column.confidence == "likely"
    if is_known_by_pack and (other := _what_else(filled)):
        return Column(column.name, Role.IGNORED, f"{column.reason}, but {other}", "likely")
    if pins.wide and column.name == pins.wide.entitlement:
        separator, why, doubt = None, column.reason, None
    elif pin is not None and "separator" in pin.model_fields_set:
        separator, why, doubt = pin.separator, pin.why or column.reason, None
    else:
        found = find_separation(distinct)
        separator, why, doubt = found.separator, found.why, found.doubt
        why = f"{column.reason}; {why}" if column.reason else why
    if pin is not None and pin.nothing is not None:
        nothing = tuple(sorted({each.casefold() for each in pin.nothing}))
    else:
        values = split_cells(distinct, separator).get_column(PART).unique().to_list()
        nothing = tuple(sorted({each.casefold() for each in values if means_nothing(each)}))
    return replace(column, reason=why, separator=separator, doubt=doubt, nothing=nothing)


def _what_else(filled: pl.DataFrame) -> str | None:
    if filled.is_empty():
        return IS_EMPTY
    rows = int(filled.get_column(COUNT).sum())
    if filled.filter(pl.col(CELL).str.contains(r"^[^\s@]+@[^\s@]+$")).height * 2 > filled.height:
        return "its cells are addresses"
    dated = read_instants(filled, "dmy").filter(pl.col(KIND) == KNOWN)
    if dated.height == filled.height:
        return "its cells are dates"
    numbers = filled.filter(pl.col(CELL).str.contains(r"^\d+$")).height
    if filled.height == rows >= IDENTIFYING_MIN and numbers == filled.height:
        return "each row has a number of its own"
    return None


def _date(frame: Frame, column: Column, distinct: pl.DataFrame, pins: Pins) -> Column:
    order: DateOrder | None = pins.date_order
    reason = column.reason
    if order is None:
        order, shown = find_order(distinct)
        if order is None and shown is not None:
            raise _unclear(frame, column, shown)
        reason += (
            f"; {shown!r} shows that {'days' if order == 'dmy' else 'months'} come first" if shown else ""
        )
    kinds = read_instants(distinct, order).get_column(KIND)
    if not column.is_pinned and column.role is not Role.DATE and len(kinds) and (kinds == BAD).all():
        raise _unreadable(frame, column, str(distinct.get_column(CELL).min()))
    return replace(column, reason=reason if not column.is_pinned else column.reason, date_order=order)


def _unclear(frame: Frame, column: Column, shown: str) -> InputError:
    return InputError(
        ErrorCode.DATE_ORDER_UNKNOWN,
        "The order of day and month is unknown",
        f"Dates in {column.name} of {frame.path}, such as {shown!r}, can be read in two ways; no cell shows "
        "which, or cells contradict each other.",
        location=Location(frame.path),
        next_step="Say 'date_order: dmy' (day first) or 'mdy' in a mapping file (--mapping).",
    )


def _unreadable(frame: Frame, column: Column, shown: str) -> InputError:
    """Without its ends, access that has ended would be given for good."""
    return InputError(
        ErrorCode.BAD_CELLS,
        "A column of dates cannot be read",
        f"{column.name} of {frame.path} says by its name how long access is valid, but none of its cells, "
        f"such as {shown!r}, is a date that can be read.",
        location=Location(frame.path, subject=column.name),
        next_step="Write them as 2026-01-31, or say 'validity: null' in a mapping file (--mapping).",
    )
