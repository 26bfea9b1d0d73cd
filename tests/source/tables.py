"""Random tables, written in random dialects, compressions and encodings."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Row = tuple[str, ...]
zstd_compress: Callable[[bytes], bytes] = zstd.compress
PACKS: tuple[Callable[[bytes], bytes], ...] = (bytes, gzip.compress, zstd_compress)
"""As it is, and in each compression."""
NAMES = ("Email", "Role", "Permission_Set", "Access_Date", "User_ID", "Note")
PLAIN = [
    "",
    "a@x",
    "Admin",
    "Admin; Auditor",
    "007",
    "1.2E+11",
    " x ",
    "a,b",
    "c|d",
    "e^f",
    "g\th",
    '5" disk',
    "CN=a,OU=b",
]
WESTERN = ["José", "Müller", "España", "Zoë B", "plain", "", "Straße; Café"]


@dataclass(frozen=True, slots=True)
class Written:
    """``content`` is what stands on disk; ``rows`` what reading it must give."""

    content: bytes
    names: Row
    rows: list[Row]
    lines: list[int]
    delimiter: str
    encoding: str


def _quoted(cell: str, delimiter: str, always: bool) -> str:
    needs = any(each in cell for each in (delimiter, '"', "\r", "\n"))
    return '"' + cell.replace('"', '""') + '"' if needs or always else cell


def _line_ends(text: str, line_end: str) -> int:
    return text.count("\r") if line_end == "\r" else text.count("\n")


@st.composite
def written(draw: st.DrawFn) -> Written:
    width = draw(st.integers(2, 6))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]))
    anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
    cell = {
        "cp1252": st.sampled_from(WESTERN),
        "utf-16-le": st.sampled_from(PLAIN),
        "utf-16-be": st.sampled_from(PLAIN),
    }.get(encoding, st.one_of(st.sampled_from(PLAIN), anything))
    rows: list[Row] = draw(st.lists(st.tuples(*[cell] * width), min_size=1, max_size=12))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", "^"]))
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    parts = [f"sep={delimiter}{line_end}"] if draw(st.booleans()) else []
    blank = draw(st.integers(0, 3))
    parts.extend(f"Access report {number}{line_end}" for number in range(draw(st.integers(0, 2))))
    lines: list[int] = []
    for number, row in enumerate([NAMES[:width], *rows]):
        lines.append(1 + sum(_line_ends(part, line_end) for part in parts))
        quotes = draw(st.lists(st.booleans(), min_size=width, max_size=width))
        texts = [_quoted(cell, delimiter, always) for cell, always in zip(row, quotes, strict=True)]
        parts.append(delimiter.join(texts) + line_end)
        if number == blank:
            parts.append(line_end)
    text = "".join(parts)
    if draw(st.booleans()):
        text = text.removesuffix(line_end).removesuffix(line_end)
    content = text.encode(encoding)
    pack = draw(st.sampled_from(PACKS))
    known = "cp1252" if encoding == "cp1252" and not text.isascii() else encoding
    return Written(pack(content), NAMES[:width], rows, lines[1:], delimiter, known)
