"""What separates several values in the cells of a column, by evidence. Only distinct cells are looked at."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from pipeline.survey.cells import CELL, COUNT

JSON = "json"
"""Stands for cells that are lists of texts in themselves, as JSON or Python writes them."""
PART = "part"
SEPARATORS = (";", "\n", "||", "|", "<br>", ",")
NAMES = {"\n": "line end"}
DOUBTED_PERCENT_MIN = 10
"""What stands in fewer of the cells, and separates nothing, is part of names and not worth a remark."""
_NAME_PART = r"(?i)^\s*(?:cn|ou|dc|uid|o|c|l)=[^,]*,\s*(?:cn|ou|dc|uid|o|c|l|st)="
_ESCAPED, _PLACE = r"\;", "\x00"


@dataclass(frozen=True, slots=True)
class Separation:
    """``why`` is the evidence. ``doubt``: what a person should look at, if anything."""

    separator: str | None
    why: str
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """``cells``: how many rows' cells hold it. ``parts``: the different texts between; of these ``alone``
    also stand as a cell of their own, and ``again`` in another cell in any way.
    """

    text: str
    cells: int
    parts: int
    alone: int
    again: int
    moves: bool
    """Some text stands first in one list and later in another, as words of a title never do."""

    @property
    def shown(self) -> str:
        return NAMES.get(self.text, f"'{self.text}'")

    @property
    def separates(self) -> bool:
        """A semicolon does by the documented format. Pipes and line ends are seldom part of a name; commas
        often are.
        """
        if self.text == ";":
            return True
        if self.text != ",":
            return self.again > 0
        return self.alone * 2 >= self.parts or (self.again == self.parts and self.moves)


def find_separation(distinct: pl.DataFrame) -> Separation:
    """What separates values in a column with the ``distinct`` cells (CELL, COUNT)."""
    filled = distinct.with_columns(pl.col(CELL).str.strip_chars()).filter(pl.col(CELL) != "")
    count = int(filled.get_column(COUNT).sum())
    listing = _lists_of_texts(filled, count)
    if listing is not None:
        return listing
    are_names = filled.filter(pl.col(CELL).str.contains(_NAME_PART)).height * 2 > filled.height
    found = [_candidate(filled, text) for text in SEPARATORS if not (are_names and text == ",")]
    held = [each for each in found if each is not None]
    chosen = max((each for each in held if each.separates), key=lambda each: each.cells, default=None)
    names = "; distinguished names are not cut at their commas" if are_names else ""
    texts = split_cells(filled, chosen.text if chosen else None).get_column(PART).unique()
    values = len(texts)
    if chosen:
        parts = [f"; {each.shown} in {each.cells} is part of values" for each in held if each != chosen]
        why = f"{chosen.cells} of {count} cells hold {chosen.shown} lists drawn from {values} values"
        return Separation(chosen.text, "".join([why, *parts, names]), _cut_quotes(texts, chosen))
    doubted = max(held, key=lambda each: each.cells, default=None)
    why = f"{values} distinct values, no separator{names}"
    if doubted is None or doubted.cells * 100 < count * DOUBTED_PERCENT_MIN:
        return Separation(None, why)
    evidence = (
        f"{doubted.cells} of {count} cells hold {doubted.shown}, which is read as part of the value: of "
        f"{doubted.parts} texts between, {doubted.alone} stand alone elsewhere"
    )
    return Separation(None, f"{why}; {evidence}", evidence)


def _cut_quotes(texts: pl.Series, chosen: _Candidate) -> str | None:
    """A doubt where the ends of quotes inside of cells come to lie in different ``texts``."""
    cut = texts.filter(texts.str.count_matches('"', literal=True) % 2 == 1).sort()
    return f"{chosen.shown} also cuts quotes, and leaves {cut[0]!r}" if len(cut) else None


def split_cells(distinct: pl.DataFrame, separator: str | None) -> pl.DataFrame:
    """``distinct`` with a row for each text that its cells list, trimmed, in the column ``part``; no blanks.

    ``\\;`` separates nothing: so distinguished names write a semicolon of their own.
    """
    cell = pl.col(CELL)
    if separator is None:
        parts = pl.concat_list(cell)
    elif separator == JSON:
        cells = distinct.get_column(CELL).to_list()
        lists = [[each] if texts is None else texts for each in cells for texts in (_texts_in(each)[0],)]
        distinct = distinct.with_columns(pl.Series(PART, lists, dtype=pl.List(pl.String)))
        parts = pl.col(PART)
    else:
        is_escaped = separator == ";" and _holding(distinct, _ESCAPED).height > 0
        parts = (cell.str.replace_all(_ESCAPED, _PLACE, literal=True) if is_escaped else cell).str.split(
            separator
        )
        if is_escaped:
            parts = parts.list.eval(pl.element().str.replace_all(_PLACE, _ESCAPED, literal=True))
    return (
        distinct.with_columns(parts.alias(PART))
        .explode(PART)
        .with_columns(pl.col(PART).str.strip_chars())
        .filter(pl.col(PART) != "")
    )


def _holding(filled: pl.DataFrame, text: str) -> pl.DataFrame:
    return filled.filter(pl.col(CELL).str.contains(text, literal=True))


def _candidate(filled: pl.DataFrame, text: str) -> _Candidate | None:
    lists = _holding(filled, text)
    if lists.is_empty():
        return None
    split = split_cells(lists.with_columns(pl.col(CELL).str.split(text).list.first().alias("first")), text)
    alone = filled.join(lists, on=CELL, how="anti").get_column(CELL)
    parts = (
        split.with_columns((pl.col(PART) == pl.col("first").str.strip_chars()).alias("is_first"))
        .group_by(PART)
        .agg(pl.col(CELL).n_unique().alias("in"), pl.col("is_first").n_unique().alias("places"))
        .with_columns(pl.col(PART).is_in(alone.implode()).alias("alone"))
    )
    return _Candidate(
        text=text,
        cells=int(lists.get_column(COUNT).sum()),
        parts=parts.height,
        alone=int(parts.get_column("alone").sum()),
        again=parts.filter((pl.col("in") > 1) | pl.col("alone")).height,
        moves=parts.filter(pl.col("places") > 1).height > 0,
    )


def _lists_of_texts(filled: pl.DataFrame, count: int) -> Separation | None:
    bracketed = filled.filter(pl.col(CELL).str.starts_with("["), pl.col(CELL).str.ends_with("]"))
    if bracketed.is_empty() or bracketed.height * 2 < filled.height:
        return None
    read = [_texts_in(each) for each in bracketed.get_column(CELL).to_list()]
    if any(texts is None for texts, _ in read):
        return None
    values = {text for texts, _ in read for text in texts or ()}
    cells = int(bracketed.get_column(COUNT).sum())
    python = sum(not is_json for _, is_json in read)
    kind = "Python" if python == len(read) else "JSON"
    doubt = f"{python} different cells are lists as Python writes them, not JSON; they are read as such"
    why = f"{cells} of {count} cells hold {kind} lists drawn from {len(values)} values"
    return Separation(JSON, why, doubt if python else None)


@lru_cache(maxsize=1 << 16)
def _texts_in(cell: str) -> tuple[list[str] | None, bool]:
    """The texts of a cell that is a list of texts, and whether it is JSON; None where it is no such list."""
    text = cell.strip()
    if not text.startswith("["):
        return None, False
    for read, is_json in ((json.loads, True), (ast.literal_eval, False)):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list) and all(isinstance(each, str) for each in found):
            return found, is_json
    return None, False
