"""A change in the words of what its digest covers.

The message of a stored change is text that anybody who can write the file can replace without its digest
changing. Who approves must read what the digest stands for, and that alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.changes.model import Change, Holding, added, beside_values, removed

SHOWN_VALUES = 12
"""Of the values of an entitlement; what a person gains or loses is told in full."""


def told(change: Change) -> str:
    """``change`` as a sentence of its action, its address, what it adds and removes, and what it writes
    beside values.
    """
    shown = None if change.person is not None else SHOWN_VALUES
    parts = [f"{change.action} {change.address.key}"]
    parts += [f"+ {each}" for each in _lists(added(change), shown)]
    parts += [f"- {each}" for each in _lists(removed(change), shown)]
    parts += [f"{what.strip()} = {text}" for what, text in sorted(beside_values(change))]
    return "  ".join(parts)


def _lists(held: Holding, shown: int | None) -> list[str]:
    return [f"{entitlement}: {_first(values, shown)}" for entitlement, values in held]


def _first(values: Sequence[str], shown: int | None) -> str:
    if shown is None or len(values) <= shown:
        return ", ".join(values)
    return f"{', '.join(values[:shown])} and {len(values) - shown} more"
