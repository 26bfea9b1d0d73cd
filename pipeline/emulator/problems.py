"""How the problems of what people write (org file, faults) are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_SHOWN_PROBLEMS = 5


def first_problems(error: ValidationError, whole: str) -> str:
    """One line; `whole` is the name of the thing as a whole, for problems that no key has."""
    problems = [
        f"{_key(p['loc']) or whole}: {p['msg'].removeprefix('Value error, ')}" for p in error.errors()
    ]
    more = len(problems) - _SHOWN_PROBLEMS
    return "; ".join(problems[:_SHOWN_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")


def _key(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")
