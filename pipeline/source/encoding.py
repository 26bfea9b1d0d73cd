"""Which encoding a source is in, by evidence, and its text as UTF-8 bytes.

A byte order mark decides. Without one: NUL bytes in every second place are UTF-16; what is valid UTF-8 is
UTF-8; bytes above 0x7F that sit like letters inside of words are Windows-1252. Anything else is refused with
its line and byte: a guess would invent names.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location

UTF8 = "utf-8"
_SAMPLE_BYTES = 64 * 1024
_CHUNK_BYTES = 4 * 1024**2
_RUNS_MAX = 100_000
"""So many places with bytes above 0x7F are looked at; the whole file must decode in any case."""
_BLANK_SHARE = 0.4
_LETTER_SHARE = 0.8
_BOMS = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HIGH = re.compile(rb"[\x80-\xff]+")
_WORD = re.compile(r"[^\W\d_]*[^\W\d_\x00-\x7f][^\W\d_]*")
_PUNCTUATION = frozenset(
    "\u20ac\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026\u2122\xa0\xa7\xae\xb0\xb7\xab\xbb"
)
_TWICE = b"\r\r\n"


@dataclass(frozen=True, slots=True)
class Decoded:
    """``text`` is UTF-8 without a byte order mark. ``bom_bytes`` and ``encoding`` lead from a place in it
    back to a byte of the source; ``evidence`` is a sentence where the encoding is not plain UTF-8.
    ``had_more_returns``: in the source each line end has one carriage return more than in ``text``.
    """

    text: bytes
    encoding: str
    bom_bytes: int
    evidence: str | None
    is_guess: bool = False
    had_more_returns: bool = False

    def source_bytes(self, places: list[int]) -> list[int]:
        """For each place (ascending byte offsets in ``text``) its 0-based byte in the unpacked source."""
        if self.encoding == UTF8 and not self.had_more_returns:
            return [self.bom_bytes + place for place in places]
        found: list[int] = []
        at, before = self.bom_bytes, 0
        for place in places:
            between = self.text[before:place]
            if self.had_more_returns:
                between = between.replace(b"\r\n", b"\r\r\n")
            at += len(between if self.encoding == UTF8 else between.decode(UTF8).encode(self.encoding))
            before = place
            found.append(at)
        return found

    def with_single_returns(self) -> Decoded:
        r"""Where every line ends in ``\r\r\n``, as text that was written as text twice: in ``\r\n``."""
        text = self.text
        first = text.find(b"\n")
        is_doubled = text[max(0, first - 2) : first + 1] == _TWICE
        if not is_doubled or text.count(_TWICE) != text.count(b"\n"):
            return self
        return replace(self, text=text.replace(_TWICE, b"\r\n"), had_more_returns=True)


def decode(content: bytes, shown: str) -> Decoded:
    """The text of ``content``. Raises InputError NOT_UTF8 with line and byte where no encoding fits."""
    bom, encoding = next(((mark, name) for mark, name in _BOMS if content.startswith(mark)), (b"", None))
    evidence = "it begins with a byte order mark" if bom else None
    if encoding is None:
        encoding = _by_nul_pattern(content[:_SAMPLE_BYTES]) or UTF8
        if encoding != UTF8:
            evidence = "every second byte of its beginning is NUL"
    if encoding == "utf-32":
        raise _refused(shown, content, 0, "is UTF-32, which nothing that exports CSV writes")
    if encoding == UTF8:
        return _utf8(content, len(bom), shown)
    return Decoded(_from_utf16(content, encoding, len(bom), shown), encoding, len(bom), evidence)


def _by_nul_pattern(sample: bytes) -> str | None:
    even, odd = sample[::2], sample[1::2]
    if odd and odd.count(0) > _BLANK_SHARE * len(odd) and not even.count(0):
        return "utf-16-le"
    if even and even.count(0) > _BLANK_SHARE * len(even) and not odd.count(0):
        return "utf-16-be"
    return None


def _from_utf16(content: bytes, encoding: str, start: int, shown: str) -> bytes:
    try:
        text = b"".join(piece.encode(UTF8) for piece in codecs.iterdecode(_chunks(content, start), encoding))
    except UnicodeError as error:
        what = f"is {encoding.upper()}, but ends or breaks in the middle of a character: {error}"
        raise _refused(shown, content, None, what) from error
    if b"\x00" in text:
        line = text.count(b"\n", 0, text.index(b"\x00")) + 1
        raise _refused(shown, content, None, f"holds a NUL character on line {line}", line)
    return text


def _chunks(content: bytes, start: int) -> Iterator[bytes]:
    for at in range(start, len(content), _CHUNK_BYTES):
        yield content[at : at + _CHUNK_BYTES]


def _utf8(content: bytes, start: int, shown: str) -> Decoded:
    nul = content.find(b"\x00")
    if nul >= 0:
        raise _refused(shown, content, nul, "holds a NUL byte; it may be UTF-16 or cut together of two files")
    text = content[start:] if start else content
    wrong = _first_invalid(text)
    if wrong is None:
        return Decoded(text, UTF8, start, None)
    byte = f"0x{text[wrong]:02X}"
    if start:
        raise _refused(shown, content, wrong + start, f"says it is UTF-8, but the byte {byte} is not")
    return _windows_1252(content, wrong, shown)


def _first_invalid(text: bytes) -> int | None:
    """Byte offset of the first byte that is no UTF-8."""
    if text.isascii():
        return None
    decoder = codecs.getincrementaldecoder(UTF8)()
    at = 0
    for piece in _chunks(text, 0):
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, final=at + len(piece) >= len(text))
        except UnicodeDecodeError as error:
            return at - held + error.start
        at += len(piece)
    return None


def _windows_1252(content: bytes, wrong: int, shown: str) -> Decoded:
    byte = f"0x{content[wrong]:02X}"
    runs = [match.span() for match in islice(_HIGH.finditer(content), _RUNS_MAX)]
    valid = sum(_is_utf8(content[start:end]) for start, end in runs)
    if valid:
        what = f"is UTF-8 in {valid:,} places, but the byte {byte} is not"
        raise _refused(shown, content, wrong, what)
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        undefined = f"the byte 0x{content[error.start]:02X} is neither UTF-8 nor Windows-1252"
        raise _refused(shown, content, error.start, undefined) from error
    likely = sum(_sits_like_text(content, start, end) for start, end in runs)
    if likely < _LETTER_SHARE * len(runs):
        raise _refused(shown, content, wrong, f"the byte {byte} is not UTF-8, and it sits in no word")
    words = list(dict.fromkeys(match.group() for match in islice(_WORD.finditer(text), 20)))[:3]
    evidence = f"{likely:,} of {len(runs):,} places with bytes above 0x7F are letters or signs inside of text"
    if words:
        evidence += f", such as {', '.join(words)}"
    return Decoded(text.encode(UTF8), "cp1252", 0, evidence, is_guess=True)


def _is_utf8(run: bytes) -> bool:
    try:
        run.decode(UTF8)
    except UnicodeDecodeError:
        return False
    return True


def _sits_like_text(content: bytes, start: int, end: int) -> bool:
    """Letters touch a letter of ASCII and are few; signs are those that people type."""
    run = content[start:end].decode("cp1252")
    if all(each in _PUNCTUATION for each in run):
        return True
    around = content[max(0, start - 1) : start] + content[end : end + 1]
    letters = all(each.isalpha() or each in _PUNCTUATION for each in run)
    return letters and len(run) <= 2 and any(chr(each).isalpha() for each in around)  # noqa: PLR2004


def _refused(shown: str, content: bytes, at: int | None, what: str, line: int | None = None) -> InputError:
    if at is not None:
        line = content.count(b"\n", 0, at) + 1
        what += f" (line {line}, byte {at})"
    return InputError(
        ErrorCode.NOT_UTF8,
        "The encoding of the source file is unknown",
        f"{shown}: {what}." if what.startswith("the ") else f"{shown} {what}.",
        location=Location(shown, line),
        next_step='Save it as UTF-8 (in Excel: "CSV UTF-8"), or correct that place.',
    )
