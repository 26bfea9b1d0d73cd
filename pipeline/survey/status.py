"""Which rows grant access: the column of the status, its words, and statuses that are not heeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from pipeline.findings import Finding, FindingCode, Severity
from pipeline.plan.pins import Pins
from pipeline.source.frame import Frame
from pipeline.survey.cells import CELL, CODE, casefolded
from pipeline.survey.columns import Column
from pipeline.survey.packs import DENYING, GRANTING, KNOWN, NEGATED_KEYS, Role, name_key
from pipeline.survey.rows import USED, VERDICT, Rows

DOCUMENTED_USE, DOCUMENTED_DENY = ("Permitted",), ("Denied",)


def may_be_status(column: Column, pins: Pins) -> bool:
    """Whether exports call a status as ``column`` is called, and no mapping file says what it is."""
    is_decided = column.is_pinned or (pins.pins("rows") and not (pins.rows and not pins.rows.column))
    return _is_called_status(column) and not is_decided


def settle_status(column: Column, distinct: pl.DataFrame, pins: Pins) -> Column:
    """``column`` with the words of its ``distinct`` cells that grant and deny; ignored where none decides.

    Where some cell denies, the column decides whatever the others hold: rows with unknown words are rejected
    rather than granted.
    """
    pinned = pins.rows
    use, deny = (pinned.use, pinned.deny) if pinned else (None, None)
    if column.confidence == "certain" and not column.is_pinned:
        use, deny = use or DOCUMENTED_USE, deny if deny is not None else DOCUMENTED_DENY
    if use is not None:
        reason = column.reason if column.is_pinned else _reason(use, deny or ())
        return replace(column, use=use, deny=deny or (), reason=reason)
    granting, denying, others = _words(column, distinct)
    if denying or (any(granting) and not any(others)):
        use = granting or DOCUMENTED_USE
        return replace(column, use=use, deny=denying, reason=f"{column.reason}; {_reason(use, denying)}")
    if column.is_pinned:
        return replace(column, use=DOCUMENTED_USE, deny=DOCUMENTED_DENY)
    other = next(filter(None, others), None)
    what = "is empty" if other is None else f"holds {other!r}, which neither grants nor denies"
    return Column(column.name, Role.IGNORED, f"{column.reason}, but {what}; 'rows' of a mapping file decides")


def unheeded_statuses(frame: Frame, columns: tuple[Column, ...], rows: Rows) -> list[Finding]:
    """One finding for each column called as a status that decides nothing, though it says of used rows that
    they are denied, or something that is neither.
    """
    chosen = next((each.name for each in columns if each.role is Role.STATUS), None)
    found = []
    for column in sorted(columns, key=lambda each: each.name):
        is_ignored = column.role is Role.IGNORED and _is_called_status(column)
        if not is_ignored or column.name not in rows.cells:
            continue
        cells = rows.cells[column.name]
        _, denying, others = _words(column, cells.distinct)
        words = [*denying, *filter(None, () if chosen else others)]
        where = _used_with(words, column.name, rows)
        if words and len(where):
            why = (
                f"{chosen} says which rows are used" if chosen else f"{words[0]!r} neither grants nor denies"
            )
            detail = (
                f"{column.name}: {len(where):,} used rows hold {_listed(words)}, but {why}. If they must not "
                "grant, say it with 'rows' in a mapping file."
            )
            summary = "A column is not heeded"
            lines = tuple(frame.lines.of(where.to_list()))
            found.append(Finding(FindingCode.COLUMN_UNHEEDED, Severity.WARNING, summary, detail, rows=lines))
    return found


def _is_called_status(column: Column) -> bool:
    known = KNOWN.get(name_key(column.name))
    return known is not None and known[0] is Role.STATUS


def _used_with(words: Sequence[str], column: str, rows: Rows) -> pl.Series:
    cells = rows.cells[column]
    folded = casefolded(cells.distinct.get_column(CELL).str.strip_chars())
    is_so = folded.is_in([each.casefold() for each in words])
    has_word = cells.lookup(cells.distinct.select(CODE, is_so.alias("is so")), "is so")
    return (has_word & (rows.judged.get_column(VERDICT) == USED)).arg_true()


def _words(
    column: Column, distinct: pl.DataFrame
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The texts of a status that grant, that deny, and the others: one spelling of each, the first by order.
    Where yes denies, an empty cell grants.
    """
    spelled: dict[str, str] = {}
    for text in distinct.get_column(CELL).str.strip_chars().unique().sort().to_list():
        spelled.setdefault(text.casefold(), text)
    granting, denying = GRANTING, DENYING
    if name_key(column.name) in NEGATED_KEYS:
        granting, denying = DENYING | {""}, GRANTING
    kinds: tuple[list[str], list[str], list[str]] = ([], [], [])
    for folded, text in spelled.items():
        kinds[0 if folded in granting else 1 if folded in denying else 2].append(text)
    grants, denies, others = (tuple(sorted(kind)) for kind in kinds)
    return grants, denies, others


def _reason(use: Sequence[str], deny: Sequence[str]) -> str:
    reason = f"rows with {_either(use)} are used"
    return reason + (f", rows with {_either(deny)} are left out" if deny else "")


def _either(words: Sequence[str]) -> str:
    return " or ".join(each or "nothing" for each in words)


def _listed(words: Sequence[str]) -> str:
    shown_max = 3
    return ", ".join(map(repr, words[:shown_max])) + (", ..." if len(words) > shown_max else "")
