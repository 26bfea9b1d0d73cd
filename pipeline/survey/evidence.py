"""Why a plan gives somebody something: the rows of a source that say so, and those that say otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.address import principal_key
from pipeline.plan.model import Mapping
from pipeline.plan.pins import pins_of
from pipeline.source.frame import ROW, Frame
from pipeline.survey.cells import KEY, PERSON
from pipeline.survey.rows import ENTITLEMENT, VALUE, VERDICT
from pipeline.survey.survey import read_rows
from pipeline.survey.validity import END


@dataclass(frozen=True, slots=True)
class Witness:
    """A row that names a value: its line, and what became of it (``used``, ``denied``, ``expired``, ...)."""

    entitlement: str
    value: str
    line: int
    verdict: str
    ends: str | None = None


def witnesses(frame: Frame, mapping: Mapping, user: str) -> tuple[Witness, ...]:
    """The rows of ``frame``, read as ``mapping`` says, that name values for ``user``; by value, then line."""
    read = read_rows(frame, pins_of(mapping), as_of=mapping.as_of)
    users = read.rows.users.distinct
    persons = users.filter(pl.col(KEY) == principal_key(user)).get_column(PERSON)
    mine = read.rows.judged.get_column(PERSON).is_in(persons.implode()).arg_true()
    pairs = read.rows.pairs(mine).sort(ENTITLEMENT, VALUE, ROW)
    ends = pairs.get_column(END).to_list() if END in pairs.columns else [None] * pairs.height
    columns = pairs.select(ENTITLEMENT, VALUE, VERDICT).iter_rows()
    lines = frame.lines.of(pairs.get_column(ROW).to_list())
    return tuple(
        Witness(entitlement, value, line, str(verdict), end)
        for (entitlement, value, verdict), line, end in zip(columns, lines, ends, strict=True)
    )
