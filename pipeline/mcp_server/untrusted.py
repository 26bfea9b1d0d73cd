"""Text of sources and of Okta is data. Here, and nowhere else, it is made fit for a model to read."""

from __future__ import annotations

from typing import Any

from pipeline.masking import Mask

EXACT = "command"
"""The field that a person copies: never cut or masked, only made visible."""
EXACT_CHARACTERS_MAX = 8_000
CHARACTERS_MAX = 300
"""Of one text in an answer."""
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE10)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
"""What counts as printable and shows nothing: joiners, fillers, variation selectors."""


def visible(text: str, *, characters_max: int = CHARACTERS_MAX) -> str:
    """``text`` on one line, with control, bidirectional and invisible characters shown as ``\\u{200b}``, and
    no longer than ``characters_max`` plus a note of how much is missing.
    """
    rest = len(text) - characters_max
    kept = text[:characters_max] if rest > 0 else text
    if not kept.isprintable() or not _INVISIBLE.isdisjoint(kept):
        kept = "".join(c if c.isprintable() and c not in _INVISIBLE else f"\\u{{{ord(c):x}}}" for c in kept)
    return f"{kept}[+{rest} characters]" if rest > 0 else kept


def cleaned(value: Any, *, mask: Mask, characters_max: int = CHARACTERS_MAX) -> Any:  # noqa: ANN401 - JSON
    """``value`` (JSON) with every text of it masked where ``mask`` is on, and made `visible`."""
    match value:
        case str():
            return visible(mask.text(value), characters_max=characters_max)
        case list():
            return [cleaned(each, mask=mask, characters_max=characters_max) for each in value]
        case dict():
            return {
                cleaned(key, mask=mask): visible(each, characters_max=EXACT_CHARACTERS_MAX)
                if key == EXACT and isinstance(each, str)
                else cleaned(each, mask=mask, characters_max=characters_max)
                for key, each in value.items()
            }
        case _:
            return value
