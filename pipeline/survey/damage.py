"""Texts that mean nothing, and texts that a spreadsheet made of others: reported, never corrected."""

from __future__ import annotations

import re

NOTHING = frozenset(
    {
        "null",
        "(null)",
        "nil",
        "n/a",
        "na",
        "#n/a",
        "(blank)",
        "(empty)",
        "<null>",
        "\\n",
        "-",
        "--",
        "undefined",
    }
)
"""Case-folded. ``None`` is not among them: there are roles of that name."""

_KINDS = (
    (
        re.compile(r"[+-]?\d+(?:[.,]\d+)?E\+?\d+", re.IGNORECASE),
        "looks like a long number that a spreadsheet shortened; take its digits from its system",
    ),
    (
        re.compile(
            r"\d{1,2}[-.](?:jan|feb|m[aä]r|apr|ma[yi]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]*\.?",
            re.IGNORECASE,
        ),
        "looks like a date that a spreadsheet made of a code such as 3-1; take the code from its system",
    ),
    (
        re.compile(r"#(?:REF|VALUE|NAME|DIV/0|NUM|NULL|SPILL|CALC)[!?]?", re.IGNORECASE),
        "is a spreadsheet's error",
    ),
    (re.compile(r'="[^"]*"'), "is a formula that guards its text; the text alone is meant"),
    (re.compile(r"'\d.*"), "begins with an apostrophe that guards a number; the number alone is meant"),
    (
        re.compile(r"(?:System|Microsoft)\.[\w.]+(?:\[\])?"),
        "is the name of a .NET type in place of its content; in PowerShell join the values before Export-Csv",
    ),
)


def means_nothing(text: str) -> bool:
    """Whether exports write ``text`` (trimmed) where there is no value."""
    return text.casefold() in NOTHING


def damage_of(text: str) -> str | None:
    """What is wrong with ``text``, and what to do about it; None where nothing is."""
    return next((what for pattern, what in _KINDS if pattern.fullmatch(text)), None)


_MONTHS = {
    name: number
    for number, names in enumerate(
        ["jan", "feb", "mar,mär", "apr", "may,mai", "jun", "jul", "aug", "sep", "oct,okt", "nov", "dec,dez"],
        start=1,
    )
    for name in names.split(",")
}
_NOT_WESTERN = "\x81\x8d\x8f\x90\x9d"
_DAY_AND_MONTH = re.compile(r"(\d{1,2})[-.]([a-zä]{3})[a-zä]*\.?", re.IGNORECASE)


def misread_of(text: str) -> str | None:
    """What ``text`` was, where it is UTF-8 that was read as Windows-1252, as ``Ã©`` is of ``é``; None where
    it is not. Written in Windows-1252, no other text is valid UTF-8.
    """
    if text.isascii():
        return None
    try:
        return b"".join(map(_western, text)).decode("utf-8")
    except UnicodeError:
        return None


def _western(char: str) -> bytes:
    """Its byte in Windows-1252; programs make control characters of the five bytes without a character."""
    return char.encode("latin-1") if char in _NOT_WESTERN else char.encode("cp1252")


def fix_of(text: str) -> str | None:
    """What ``text``, where it is damaged, was probably before; None where that cannot be told."""
    if misread := misread_of(text):
        return misread
    if text.startswith('="') and text.endswith('"') and len(text) > len('=""'):
        return text[2:-1]
    if text.startswith("'") and damage_of(text):
        return text[1:]
    found = _DAY_AND_MONTH.fullmatch(text)
    month = _MONTHS.get(found.group(2).lower()) if found else None
    return f"{found.group(1)}-{month}" if found and month else None


def without_zeros(texts: list[str]) -> list[tuple[str, str]]:
    """Pairs of numbers that differ in leading zeros alone: ``7`` may be what is left of ``007``."""
    known = set(texts)
    return [
        (text.lstrip("0"), text)
        for text in texts
        if text.isdecimal() and text[0] == "0" and text.lstrip("0") in known
    ]
