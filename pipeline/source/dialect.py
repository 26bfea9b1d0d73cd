"""What separates the cells of a source, and where its table begins and ends, found by parsing.

Each candidate delimiter parses the beginning of the text; what gives the most records as wide as the header
wins. Counting characters would not do: lists inside of cells hold delimiters too.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from pipeline.source.grammar import Grammar, records

CANDIDATES = (",", ";", "\t", "|", "^")
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", "^": "caret"}
SAMPLE_BYTES = 256 * 1024
SAMPLE_RECORDS = 1_000
HEADER_WITHIN = 50
"""A header stands among so many records from the top."""
TRAILER_LINES_MAX = 10
_TAIL_BYTES = 16 * 1024

_SEP = re.compile(r'"?sep=([^\r\n"])"?[,;\t]*', re.IGNORECASE)
_TRAILER = re.compile(
    r"(?:(?:grand|sub|overall)[ -]?)?(?:totals?|sum|summe|gesamt|count|anzahl|(?:row|record|user)s?)\b"
    r"[ \w]*[:=]?[ \d.,]*"
    r"|\d[\d., ]* (?:rows?|records?|entries|users|items|results)\b.*"
    r"|(?:report )?(?:generated|exported|printed|created|run) (?:on|by|at|date)\b.*"
    r"|end of (?:report|file|list)\b.*|page \d+\b.*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read the text. Lines are physical and 0-based here; ``body_line`` is the first one behind the
    header. ``title_lines`` stand above the header and are no rows. ``broken_line`` is one above the header
    that may be the real one, but its quotes do not fit.
    """

    delimiter: str
    header: tuple[str, ...]
    header_line: int
    body_line: int
    title_lines: tuple[int, ...]
    evidence: str
    broken_line: int | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    delimiter: str
    score: float
    width: int
    fits: int
    seen: int
    header: int
    parsed: tuple[tuple[int, int, list[str] | None], ...]


def line_end_of(sample: str) -> str:
    r"""What ends records: ``\n`` (also behind a carriage return) or a lone ``\r``.

    Line ends inside of quotes do not count.
    """
    in_quotes = False
    for match in re.finditer(r'"|\r\n|\r|\n', sample):
        if match.group() == '"':
            in_quotes = not in_quotes
        elif not in_quotes:
            return "\r" if match.group() == "\r" else "\n"
    return "\n"


def find_dialect(sample: str) -> Dialect | None:
    """The dialect of a text that begins with ``sample``; None where it holds no record at all."""
    lines = [line.removesuffix("\r") for line in sample.split("\n")]
    given = _SEP.fullmatch(lines[0])
    start = 1 if given else 0
    candidates = (given.group(1),) if given else CANDIDATES
    tried = [_attempt(lines, start, delimiter) for delimiter in candidates if delimiter.isascii()]
    attempts = [each for each in tried if each is not None]
    if not attempts:
        return None
    best = max(attempts, key=lambda each: (each.score, each.width))
    at, end, header = best.parsed[best.header]
    above = best.parsed[: best.header]
    broken = (line for line, _, cells in above if cells is None and best.delimiter in lines[line])
    return Dialect(
        delimiter=best.delimiter,
        header=tuple(header or ()),
        header_line=at,
        body_line=end,
        title_lines=tuple(line for first, last, cells in above if cells != [] for line in range(first, last)),
        evidence=_evidence(best, is_given=given is not None),
        broken_line=next(broken, None),
    )


def trailer_start(text: bytes, delimiter: str, width: int) -> tuple[int, int]:
    """Byte offset where totals below the table begin (the length of ``text`` without any), and how many lines
    that are not blank stand from there on.
    """
    reader = Grammar(delimiter).reader()
    cut = at = len(text)
    found = seen = 0
    floor = max(0, len(text) - _TAIL_BYTES)
    while seen < TRAILER_LINES_MAX and at > floor:
        start = text.rfind(b"\n", floor, at - 1 if text[at - 1 : at] == b"\n" else at) + 1
        line = text[start:at].decode("utf-8", "replace").rstrip("\r\n")
        if start <= floor:
            break
        cells = reader.cells(line)
        at = start
        if cells is not None and not any(cell.strip() for cell in cells) and len(cells) != width:
            continue
        if cells is None or not _is_trailer(cells, width):
            break
        cut, found, seen = start, found + 1, seen + 1
    return cut, found


def _is_trailer(cells: list[str], width: int) -> bool:
    """A sum or a note below the table: its words, and too few filled cells for a row."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled or any("@" in cell for cell in filled):
        return False
    return len(filled) <= max(1, width // 2) and _TRAILER.fullmatch(filled[0]) is not None


def _attempt(lines: list[str], start: int, delimiter: str) -> _Attempt | None:
    parsed = []
    for first, last, cells in records(lines[start:], Grammar(delimiter).reader()):
        parsed.append((first + start, last + start, cells))
        if len(parsed) == SAMPLE_RECORDS:
            break
    filled = [(index, cells) for index, (_, _, cells) in enumerate(parsed) if cells is None or cells]
    widths = Counter(len(cells) for _, cells in filled if cells)
    if not widths:
        return None
    several = {width: count for width, count in widths.items() if width > 1} or widths
    usual = max(several, key=lambda width: (several[width], width))
    header, cells = next(
        (
            (index, cells)
            for index, cells in filled[:HEADER_WITHIN]
            if cells and sum(bool(cell.strip()) for cell in cells) >= max(2, usual / 2)
        ),
        next((index, cells) for index, cells in filled if cells),
    )
    below = [cells for index, cells in filled if index > header]
    fits = sum(each is not None and len(each) == len(cells) for each in below)
    above = sum(index < header for index, _ in filled)
    share = (fits + 1) / (len(below) + 1)
    score = share * (1 - 0.5 * above / len(filled))
    if any("@" in cell for cell in cells):
        score /= 2
    if len(cells) == 1:
        score /= 4
    return _Attempt(delimiter, score, len(cells), fits, len(below), header, tuple(parsed))


def _evidence(best: _Attempt, *, is_given: bool) -> str:
    text = f"{best.fits:,} of the first {best.seen:,} records below the header have its {best.width:,} cells"
    return f"a sep= line says so, and {text}" if is_given else text
