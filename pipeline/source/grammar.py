"""The grammar of one record, RFC 4180 with any delimiter: a cell is in quotes as a whole, or holds none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

QUOTE = '"'
CELL_CHARACTERS_MAX = 64 * 1024**2
RECORD_LINES_MAX = 10_000
"""After so many lines a quote counts as never closed; only asked where quotes do not fit anyway."""

_COUNTED_MAX = 200
"""The regex engine of polars refuses to unroll records much wider than this."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """How records are made with ``delimiter``."""

    delimiter: str

    @property
    def _escaped(self) -> str:
        """Both engines know this form, whatever the delimiter."""
        return f"\\x{ord(self.delimiter):02x}"

    def pattern(self, width: int) -> tuple[str, bool]:
        """A pattern for polars that a whole record of ``width`` cells matches, and whether the number of
        cells must still be counted.
        """
        delimiter = self._escaped
        cell = rf'(?:"[^"]*(?:""[^"]*)*"|[^"{delimiter}\r\n]*)'
        if width <= _COUNTED_MAX:
            return f"^{cell}(?:{delimiter}{cell}){{{width - 1}}}$", False
        return f"^{cell}(?:{delimiter}{cell})*$", True

    def reader(self) -> Reader:
        """The same for one record at a time."""
        delimiter = self._escaped
        plain = rf'[^"{delimiter}\r\n]*+'
        cell = rf'(?:"[^"]*+(?:""[^"]*+)*+"|{plain})'
        return Reader(
            self.delimiter,
            whole=re.compile(rf"{cell}(?:{delimiter}{cell})*+"),
            opening=re.compile(rf'(?:{cell}{delimiter})*+"[^"]*+(?:""[^"]*+)*+'),
        )


@dataclass(frozen=True, slots=True)
class Reader:
    delimiter: str
    whole: re.Pattern[str]
    opening: re.Pattern[str]

    def cells(self, record: str) -> list[str] | None:
        """The cells of a record without its line end; None where its quotes do not fit."""
        if not self.whole.fullmatch(record):
            return None
        if QUOTE not in record:
            return record.split(self.delimiter) if record else []
        csv.field_size_limit(CELL_CHARACTERS_MAX)
        # One cell more, so that line ends inside of the last cell are not taken for the record's.
        lines = io.StringIO(f"{record}{self.delimiter}", newline="")
        return next(csv.reader(lines, delimiter=self.delimiter))[:-1]

    def is_open(self, text: str) -> bool:
        """Whether ``text`` ends inside of a cell that began with a quote."""
        return self.opening.fullmatch(text) is not None

    def why_broken(self, record: str) -> str:
        """Why ``record``, whose quotes do not fit, cannot be read."""
        if self.is_open(record):
            return "A cell opens with a quote that is never closed."
        if "\r" in record.rstrip("\r"):
            return "A carriage return stands alone outside of quotes."
        whole = self.whole.match(record)
        rest = record[whole.end() if whole else 0 :]
        if rest.startswith(QUOTE):
            return "A quote stands inside a cell that does not begin with one; double it and quote the cell."
        return "After a closing quote comes more than the end of the cell."


def records(lines: Sequence[str], reader: Reader) -> Iterator[tuple[int, int, list[str] | None]]:
    """Each record: index of its first line, index behind its last, its cells (none for a blank line).

    ``lines`` are without line ends. None in place of cells: the quotes of the line do not fit; then the next
    record begins on the next line.
    """
    at = 0
    while at < len(lines):
        end, text = at + 1, lines[at]
        cells = reader.cells(text)
        if cells is None and reader.is_open(text):
            end, cells = _joined(lines, at, reader)
        yield at, end, cells
        at = end


def _joined(lines: Sequence[str], at: int, reader: Reader) -> tuple[int, list[str] | None]:
    parts = [lines[at]]
    for end in range(at + 1, min(len(lines), at + RECORD_LINES_MAX)):
        parts.append(lines[end])
        if lines[end].count(QUOTE) % 2:
            cells = reader.cells("\n".join(parts))
            return (end + 1, cells) if cells is not None else (at + 1, None)
    return at + 1, None
