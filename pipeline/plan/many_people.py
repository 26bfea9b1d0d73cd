"""Steps that are one a person, for plans of very many people: as columns instead of one by one.

Only texts that need no care are taken that way; for others the caller's plain loop gives the same answer.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

MANY_PEOPLE = 20_000
"""Below so many people a plain loop is quicker than the import of polars."""
_LINES_AT_ONCE = 20_000
_NOT_VISIBLE = re.compile("[\\s\x00-\x20\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_NEEDS_CARE = ("!", '"', "\\")
"""A quote or a backslash is written otherwise in JSON, and ``!`` sorts before the quote behind a login."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Without looks for garbage in cycles: where millions of objects are made that all stay, these looks take
    longer than making them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def all_visible(text: str) -> bool:
    """Whether ``text`` holds no white space, no control character, and nothing that YAML does not carry."""
    if text.isascii():  # several times as fast as the search, and nearly always so
        return text.isprintable() and " " not in text
    return _NOT_VISIBLE.search(text) is None


def many_lines(users: Sequence[Sequence[str]], held: Iterable[str]) -> Iterator[str] | None:
    """The lines of the plan's digest about the ``users`` of each cohort, who hold ``held``, in texts of many
    lines. None where somebody stands twice or is called in a way that needs care.
    """
    import polars as pl  # noqa: PLC0415 - its import takes longer than a plan of few people

    everybody = "".join(map("".join, users))
    if not all_visible(everybody) or any(char in everybody for char in _NEEDS_CARE):
        return None
    blocks = ["\n".join(each) for each in users]
    people = (
        pl.LazyFrame({"key": [block.casefold() for block in blocks], "held": list(held)})
        .filter(pl.Series([len(each) > 0 for each in users]))
        .with_columns(pl.col("key").str.split("\n"))
        .explode("key")
        .sort("key")
        .collect(engine="streaming")
    )
    key = people.get_column("key")
    if (key == key.shift()).any():
        return None
    line = pl.format('"{}" {}', "key", "held")
    return (
        people.slice(start, _LINES_AT_ONCE).select(line.str.join("\n")).item()
        for start in range(0, people.height, _LINES_AT_ONCE)
    )
