"""The sources of a plan, found again: where they were, or by their content where they were moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.plan.model import SourceRef
from pipeline.source.local import list_finished, list_sources
from pipeline.source.placing import sha256_of
from pipeline.source.s3 import SCHEME

State = Literal["in_place", "moved", "changed", "missing", "in_s3"]


@dataclass(frozen=True, slots=True)
class FoundSource:
    """``path`` is relative to the workspace; None where the content of ``ref`` is nowhere in it."""

    ref: SourceRef
    state: State
    path: str | None


def find_sources(workspace: Path, refs: Iterable[SourceRef]) -> tuple[FoundSource, ...]:
    """Each of ``refs``, by path or else by content, among all files below ``csv/``. Raises OSError where one
    cannot be read.
    """
    digests: dict[str, str] = {}

    def digest(path: str) -> str:
        if path not in digests:
            digests[path] = sha256_of(workspace / path)
        return digests[path]

    def find(ref: SourceRef) -> FoundSource:
        if ref.path.startswith(SCHEME):
            return FoundSource(ref, "in_s3", None)
        is_there = _is_inside(workspace, ref.path)
        if is_there and digest(ref.path) == ref.sha256:
            return FoundSource(ref, "in_place", ref.path)
        everything = (*list_sources(workspace), *list_finished(workspace))
        same = next((each.path for each in everything if digest(each.path) == ref.sha256), None)
        if same is not None:
            return FoundSource(ref, "moved", same)
        return FoundSource(ref, "changed" if is_there else "missing", None)

    return tuple(find(ref) for ref in refs)


def _is_inside(workspace: Path, path: str) -> bool:
    """Whether a file is there; a path that leads out of the workspace is that of none."""
    found = (workspace / path).resolve()
    return found.is_relative_to(workspace.resolve()) and found.is_file()
