"""Names of columns: every column gets one of its own, whatever the header says."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.source.dialect import Dialect
from pipeline.source.frame import ROW


@dataclass(frozen=True, slots=True)
class Header:
    """``renamed``: columns that the header calls otherwise, and how, as in `Frame`."""

    columns: tuple[str, ...]
    renamed: dict[str, str]
    findings: tuple[Finding, ...]


def read_header(dialect: Dialect, shown: str) -> Header:
    """A blank name becomes ``column 3``, the second ``Role`` becomes ``Role (2)``; findings say so."""
    columns: list[str] = []
    unnamed: list[str] = []
    repeated: dict[str, str] = {}
    cells = [cell.strip() for cell in dialect.header]
    taken = {*cells, ROW}
    for number, cell in enumerate(cells, start=1):
        name = cell
        if not cell:
            name = _free(f"column {number}", taken)
            unnamed.append(name)
        elif cell in columns or cell == ROW:
            name = _free(f"{cell} ({cells[:number].count(cell)})", taken)
            repeated[name] = cell
        columns.append(name)
    return Header(
        tuple(columns),
        repeated | dict.fromkeys(unnamed, ""),
        tuple(_findings(unnamed, repeated, dialect.header_line + 1, shown)),
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def _findings(unnamed: list[str], repeated: dict[str, str], line: int, shown: str) -> list[Finding]:
    place = Location(shown, line)
    found = []
    if unnamed:
        detail = f"Columns without a name are read as {', '.join(unnamed)} and never used."
        found.append(
            Finding(FindingCode.BLANK_HEADER, Severity.NOTE, "A column has no name", detail, place, (line,))
        )
    if repeated:
        detail = f"Names that stand in the header before are read as {', '.join(repeated)}."
        summary = "A column name stands more than once"
        found.append(Finding(FindingCode.REPEATED_HEADER, Severity.WARNING, summary, detail, place, (line,)))
    return found
