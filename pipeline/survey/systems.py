"""Columns that say of which system the access of a row is: a plan is for one app."""

from __future__ import annotations

import polars as pl

from pipeline.findings import Finding, FindingCode, Severity
from pipeline.survey.cells import CELL, CODE
from pipeline.survey.columns import Column
from pipeline.survey.packs import SYSTEM_KEYS, Role, name_key
from pipeline.survey.rows import USED, VERDICT, Rows

_SHOWN_MAX = 3


def may_be_system(column: Column) -> bool:
    """Whether exports name the system in a column of this name, and no mapping file says what it is."""
    is_free = column.role is Role.IGNORED and not column.is_pinned
    return is_free and name_key(column.name) in SYSTEM_KEYS


def several_systems(columns: tuple[Column, ...], rows: Rows) -> list[Finding]:
    """One finding for each such column of which the used rows name several."""
    used = (rows.judged.get_column(VERDICT) == USED).arg_true()
    found = []
    for column in sorted(filter(may_be_system, columns), key=lambda each: each.name):
        cells = rows.cells.get(column.name)
        if cells is None:
            continue
        codes = cells.codes.gather(used).unique()
        named = cells.distinct.filter(
            pl.col(CODE).is_in(codes.implode()), pl.col(CELL).str.strip_chars() != ""
        )
        systems = named.get_column(CELL).str.strip_chars().unique().sort().to_list()
        if len(systems) > 1:
            shown = ", ".join(map(repr, systems[:_SHOWN_MAX])) + (
                ", ..." if len(systems) > _SHOWN_MAX else ""
            )
            detail = (
                f"{column.name}: used rows are of {len(systems)} systems ({shown}), and all of them count. "
                "Export one alone, or say with 'rows' in a mapping file which to use and which to leave out."
            )
            summary = "Rows are of several systems"
            found.append(Finding(FindingCode.SEVERAL_SYSTEMS, Severity.WARNING, summary, detail))
    return found
