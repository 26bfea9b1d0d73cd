"""Text from a CSV, a plan or Okta as a person must see it: nothing hidden, nothing that acts on its reader.

Every view goes through here first; escaping for its own format comes after.
"""

from __future__ import annotations

from itertools import chain

# Printable to Python, yet drawn as nothing: fillers, joiners, variation selectors, the empty braille cell.
_DRAWN_AS_NOTHING = frozenset(
    map(
        chr,
        chain(
            (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            range(0x180B, 0x1810),
            range(0xFE00, 0xFE10),
            range(0xE0100, 0xE01F0),
        ),
    )
)
_BASIC_PLANE_END = 0xFFFF


def visible(text: str, *, keep: str = "") -> str:
    """``text`` on one line, with control, bidirectional, zero-width and other hidden characters as
    ``\\uXXXX``. Those in ``keep`` stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if _is_seen(each) or each in keep else _named(each) for each in text)


def cut(text: str, most: int) -> str:
    """``text``, of which what is above ``most`` characters is left out and counted."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def _is_seen(character: str) -> bool:
    return character.isprintable() and character not in _DRAWN_AS_NOTHING


def _named(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= _BASIC_PLANE_END else f"\\U{code:08x}"
