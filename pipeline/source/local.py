"""CSV files of the workspace: which there are, and which one is meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.source import ENDINGS, FINISHED, REJECTS_MAX, is_source_name
from pipeline.source.frame import Frame
from pipeline.source.reading import read_bytes


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A CSV file below ``csv/``; ``path`` is relative to the workspace, ``modified_s`` seconds since 1970."""

    path: str
    size_bytes: int
    modified_s: float


def list_sources(workspace: Path) -> tuple[SourceFile, ...]:
    """The CSV files below ``csv/``, sorted, without those in the folders of finished ones. The N-th is number
    N of the list that people see. A link that leads out of the workspace is not followed.
    """
    return tuple(each for each in _listed(workspace) if not _is_finished(each))


def list_finished(workspace: Path) -> tuple[SourceFile, ...]:
    """The CSV files in the folders of finished ones, sorted."""
    return tuple(each for each in _listed(workspace) if _is_finished(each))


def _listed(workspace: Path) -> Iterator[SourceFile]:
    root = workspace.resolve()
    for path in sorted((workspace / "csv").rglob("*")):
        if is_source_name(path.name) and path.is_file() and path.resolve().is_relative_to(root):
            stat = path.stat()
            yield SourceFile(path.relative_to(workspace).as_posix(), stat.st_size, stat.st_mtime)


def _is_finished(source: SourceFile) -> bool:
    return source.path.split("/")[1] in FINISHED


def read_local(workspace: Path, path: Path, *, rejects_max: int = REJECTS_MAX) -> Frame:
    """The frame of the CSV at ``path``: relative to the workspace, or a bare name in ``csv/``.

    Raises InputError where the file is missing or outside of the workspace, and where `read_bytes` does.
    """
    found = _find(workspace, path)
    shown = found.relative_to(workspace.resolve()).as_posix()
    return read_bytes(_bytes(found, shown), shown, rejects_max=rejects_max)


def source_stem(name: str) -> str:
    """The name of a source without what it ends in."""
    ending = max((each for each in ENDINGS if name.lower().endswith(each)), key=len, default=None)
    return name[: -len(ending)] if ending else name.rpartition(".")[0] or name


def _find(workspace: Path, path: Path) -> Path:
    root = workspace.resolve()
    names = [path] if path.suffix else [path, path.with_name(f"{path.name}.csv")]
    for candidate in [root / name for name in names] + [root / "csv" / name for name in names]:
        found = candidate.resolve()
        if not found.is_relative_to(root):
            raise InputError(
                ErrorCode.OUTSIDE_WORKSPACE,
                "The path leads out of the workspace",
                f"{path} is not inside the workspace.",
                next_step="Copy the file into csv/ of the workspace.",
            )
        if found.is_file():
            return found
    raise _not_found(root, path)


def _not_found(root: Path, path: Path) -> InputError:
    names = {each.path: each.path for each in list_sources(root)}
    names |= {Path(each.path).name: each.path for each in list_sources(root)}
    near = dict.fromkeys(names[name] for name in difflib.get_close_matches(path.name, names, n=3))
    hint = f"Did you mean {' or '.join(near)}?" if near else "`okta-plan files` lists the sources in csv/."
    return InputError(
        ErrorCode.FILE_NOT_FOUND,
        "The source file was not found",
        f"There is no file {path} in the workspace or its csv/ folder.",
        location=Location(str(path)),
        next_step=hint,
    )


def _bytes(found: Path, shown: str) -> bytes:
    try:
        return found.read_bytes()
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNREADABLE,
            "The source file cannot be read",
            f"{shown} cannot be read: {error.strerror or error}.",
            location=Location(shown),
            next_step="Correct its permissions.",
        ) from error
