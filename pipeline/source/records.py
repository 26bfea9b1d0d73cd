"""Which physical lines are rows: one pass of polars over the lines, a closer look only where one is odd.

A line is even when it is a whole record of the right width by itself; nearly all are. Quotes that stay open
at the end of a line join it with those below. What is no row in the end (blank, ragged, quotes that do not
fit) is cut out, so that the parser only ever sees well-formed text.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import polars as pl

from pipeline.source.frame import Lines, RejectedRow
from pipeline.source.grammar import RECORD_LINES_MAX, Grammar, Reader

LINE, TEXT, QUOTES, SPAN = "line", "text", "quotes", "span"


@dataclass(frozen=True, slots=True)
class Body:
    """The text of a source whose table begins on ``line`` (0-based), behind its header of ``width`` cells.

    Lines end in a line feed, with or without a carriage return before it.
    """

    text: bytes
    line: int
    width: int
    delimiter: str


@dataclass(frozen=True, slots=True)
class Rows:
    """``body`` holds nothing but well-formed rows behind its ``line``. ``byte`` of a rejected row is a place
    in the text that was looked at.
    """

    body: Body
    height: int
    lines: Lines
    rejected: tuple[RejectedRow, ...]


class TooManyRejectsError(Exception):
    """More rows are rejected than may be; ``rejected`` are the first of them."""

    def __init__(self, rejected: list[RejectedRow]) -> None:
        super().__init__(len(rejected))
        self.rejected = tuple(rejected)


def find_rows(body: Body, rejects_max: int) -> Rows:
    """The rows of ``body``. Raises TooManyRejectsError where more than ``rejects_max`` cannot be read."""
    count = _count_of_even(body)
    if count is not None:
        return Rows(body, count - body.line, Lines(body.line + 1, pl.Series(LINE, [], pl.Int64)), ())
    odd = _odd_lines(body)
    inside = pl.Series(LINE, [], pl.Int64) if odd.is_empty() else _inside_of_cells(body, odd)
    if inside is None:
        return _cut(body, odd, rejects_max)
    count = int(pl.scan_lines(body.text).select(pl.len()).collect(engine="streaming").item())
    return Rows(body, count - body.line - len(inside), Lines(body.line + 1, inside + 1), ())


def _count_of_even(body: Body) -> int | None:
    """How many lines there are, the header's among them, where all of them are even: as nearly always. None
    where one is not.
    """
    even = pl.scan_lines(body.text, name=TEXT).select(_is_even(body).all().alias("even"), pl.len())
    are_even, count = even.collect(engine="streaming").row(0)
    return int(count) if are_even else None


def _odd_lines(body: Body) -> pl.DataFrame:
    """The lines that are no whole record of the right width by themselves, with their quotes counted."""
    quotes = pl.col(TEXT).str.count_matches('"', literal=True).alias(QUOTES)
    return (
        pl.scan_lines(body.text, name=TEXT, row_index_name=LINE)
        .filter(~_is_even(body), pl.col(LINE) >= body.line)
        .select(pl.col(LINE).cast(pl.Int64), TEXT, quotes)
        .collect(engine="streaming")
    )


def _is_even(body: Body) -> pl.Expr:
    line = pl.col(TEXT)
    if b'"' in body.text or _has_lone_return(body.text):
        return _is_record(line, body) & (line != "")
    return (line.str.count_matches(body.delimiter, literal=True) == body.width - 1) & (line != "")


def _has_lone_return(text: bytes) -> bool:
    return b"\r" in text and text.count(b"\r") != text.count(b"\r\n")


def _is_record(text: pl.Expr, body: Body) -> pl.Expr:
    pattern, is_to_be_counted = Grammar(body.delimiter).pattern(body.width)
    fits = text.str.contains(pattern)
    if not is_to_be_counted:
        return fits
    outside = text.str.replace_all('"[^"]*"', "")
    return fits & (outside.str.count_matches(body.delimiter, literal=True) == body.width - 1)


def _inside_of_cells(body: Body, odd: pl.DataFrame) -> pl.Series | None:
    """The lines that begin inside of a cell; None where the odd lines are not all parts of well-formed rows,
    or where telling takes lines that are not among them.
    """
    opened = pl.col(QUOTES).cum_sum() % 2
    spans = odd.with_columns((opened.shift(1, fill_value=0) == 0).cum_sum().alias(SPAN), opened.alias("open"))
    joined = spans.group_by(SPAN, maintain_order=True).agg(
        pl.col(LINE).first(),
        (pl.col(LINE).last() - pl.col(LINE).first() + 1).alias("height"),
        pl.len().alias("found"),
        pl.col("open").last(),
        pl.col(TEXT).str.join("\n"),
    )
    is_good = (pl.col("height") == pl.col("found")) & (pl.col("open") == 0) & (pl.col("height") > 1)
    if not joined.select((is_good & _is_record(pl.col(TEXT), body)).all()).item():
        return None
    return spans.filter(pl.col(SPAN) == pl.col(SPAN).shift(1)).get_column(LINE)


def _cut(body: Body, odd: pl.DataFrame, rejects_max: int) -> Rows:
    offsets = array("q", [0])
    offsets.extend(accumulate(map(len, io.BytesIO(body.text))))
    rejected: list[RejectedRow] = []
    others: list[int] = []
    pieces: list[bytes] = []
    kept_from = offsets[body.line] if body.line < len(offsets) else len(body.text)
    for first, end, reason, detail in _Odd(body, odd, offsets).verdicts():
        others.extend(range(first + (reason == ""), end))
        if reason == "":
            continue
        pieces.append(body.text[kept_from : offsets[first]])
        kept_from = offsets[end]
        if reason != "blank":
            rejected.append(RejectedRow(first + 1, reason, detail, offsets[first]))
        if len(rejected) > rejects_max:
            raise TooManyRejectsError(rejected)
    pieces.append(body.text[kept_from:])
    text = b"".join(pieces)
    numbers = pl.Series(LINE, others, pl.Int64)
    height = len(offsets) - 1 - body.line - len(others)
    return Rows(
        Body(text, 0, body.width, body.delimiter), height, Lines(body.line + 1, numbers + 1), tuple(rejected)
    )


class _Odd:
    """The closer look, in the order of the lines: after quotes that do not fit, the next line begins anew."""

    def __init__(self, body: Body, odd: pl.DataFrame, offsets: array[int]) -> None:
        self._body = body
        self._offsets = offsets
        self._lines = odd.get_column(LINE).to_list()
        self._quotes = odd.get_column(QUOTES).to_list()
        self._reader: Reader = Grammar(body.delimiter).reader()

    def verdicts(self) -> Iterator[tuple[int, int, str, str]]:
        """First line, line behind the last, reason and detail; the reason is empty for a good row of several
        lines, and ``blank`` for a blank line.
        """
        at = 0
        while at < len(self._lines):
            first = self._lines[at]
            text = self._text(first, first + 1)
            cells = self._reader.cells(text)
            end, after = first + 1, at + 1
            if cells is None and self._reader.is_open(text):
                after, joined = self._closed(at)
                if joined is not None:
                    cells, end = joined, self._lines[after - 1] + 1
                else:
                    after = at + 1
            yield first, end, *self._judged(text, cells)
            at = after

    def _judged(self, text: str, cells: list[str] | None) -> tuple[str, str]:
        if cells is None:
            return "broken_quotes", self._reader.why_broken(text)
        if not cells:
            return "blank", ""
        if len(cells) != self._body.width:
            return "ragged_row", f"It has {len(cells)} cells, the header has {self._body.width}."
        return "", ""

    def _closed(self, at: int) -> tuple[int, list[str] | None]:
        """The index behind the line that closes the cell left open at ``at``, and the cells up to there."""
        first = self._lines[at]
        for index in range(at + 1, len(self._lines)):
            if self._lines[index] - first > RECORD_LINES_MAX:
                break
            if self._quotes[index] % 2:
                return index + 1, self._reader.cells(self._text(first, self._lines[index] + 1))
        return at + 1, None

    def _text(self, first: int, end: int) -> str:
        text = self._body.text[self._offsets[first] : self._offsets[end]].decode()
        return text.removesuffix("\n").removesuffix("\r")
