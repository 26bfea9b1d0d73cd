"""One thing wrong with a plan, before it is known on which line it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pipeline.findings import FindingCode, Severity
from pipeline.plan.wording import shown

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes as they stand in the file, such as ``("access", 0, "users", 3)``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``first`` is the other place concerned, where there is one."""

    at: Path
    code: FindingCode
    detail: str
    severity: Severity = Severity.ERROR
    first: Path | None = None


Problems: TypeAlias = Iterator[Problem]


def repeated_values(at: Path, external_values: Sequence[str]) -> Problems:
    """One problem for each entry of the list at ``at`` that stands there already."""
    if len(set(external_values)) == len(external_values):
        return
    first: dict[str, int] = {}
    for index, external_value in enumerate(external_values):
        first_index = first.setdefault(external_value, index)
        if first_index != index:
            detail = f"{shown(external_value)} stands in this list more than once; keep one."
            yield Problem((*at, index), FindingCode.DUPLICATE_VALUE, detail, first=(*at, first_index))
