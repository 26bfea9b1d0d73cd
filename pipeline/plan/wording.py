"""Wording shared by the reports on plan files: quoting what was found, suggesting what was meant."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Sequence
from itertools import islice

ECHO_CHARS_MAX = 60
COMPARED_MAX = 500
"""Close matching takes long; beyond this many only a word that differs in case is suggested."""


def shown(text: str) -> str:
    """``text`` in double quotes on one line, control characters escaped, cut after 60 characters."""
    cut = text if len(text) <= ECHO_CHARS_MAX else text[: ECHO_CHARS_MAX - 1] + "…"
    quoted = json.dumps(cut, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in quoted)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`` Did you mean "x"?`` with a leading blank, or nothing where no known word is close."""
    match = _closest(word, known)
    return f" Did you mean {shown(match)}?" if match is not None else ""


def _closest(word: str, known: Collection[str]) -> str | None:
    folded = word.strip().casefold()
    for candidate in known:
        if candidate.strip().casefold() == folded:
            return candidate
    close = difflib.get_close_matches(word, list(islice(known, COMPARED_MAX)), n=1, cutoff=0.7)
    return close[0] if close else None


def listed(words: Sequence[str], *, last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
