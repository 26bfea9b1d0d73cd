"""Which files a model may name: sources below ``csv/``, plans in ``plans/``, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ErrorCode, InputError
from pipeline.source import is_source_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.use_cases.desk import Desk

PLAN_ENDINGS = (".yaml", ".yml")
NO_PLANS = (".approval.yaml", ".mapping.yaml", ".approval.yml", ".mapping.yml")
"""What stands beside plans under their names."""


def source_place(desk: Desk, given: str) -> str:
    """``given`` as the use cases take it: a path below ``csv/``, or s3://, which S3's own settings bound.
    Raises InputError for anything else.
    """
    if given.startswith("s3://"):
        return given
    return _inside(desk, given, "csv", is_source_name, added=".csv")


def plan_place(desk: Desk, given: str) -> str:
    """The plan meant by ``given``, relative to the workspace. Raises InputError where it is none."""
    return _inside(desk, given, "plans", lambda name: name.lower().endswith(PLAN_ENDINGS), added=".yaml")


def list_plans(desk: Desk) -> list[Path]:
    """The plan files, newest first. A link that leads elsewhere is left out."""
    folder = desk.workspace / "plans"
    found = [
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name.endswith(PLAN_ENDINGS)
        and not path.name.endswith(NO_PLANS)
        and path.is_file()
        and path.resolve().is_relative_to(folder.resolve())
    ]
    return sorted(found, key=lambda path: (-path.stat().st_mtime, path.name))


def _inside(desk: Desk, given: str, folder: str, is_kind: Callable[[str], bool], *, added: str) -> str:
    workspace = desk.workspace.resolve()
    root = (workspace / folder).resolve()
    if not root.is_relative_to(workspace) or "\0" in given or len(given) > 1_000:  # noqa: PLR2004 - no path is longer
        raise _outside(folder)
    names = [given, f"{given}{added}"]
    for name in [*names, *(f"{folder}/{each}" for each in names)]:
        found = _file_at(desk.workspace / name)
        if found is not None and found.is_relative_to(root) and is_kind(found.name):
            return found.relative_to(workspace).as_posix()
    if all(_leads_out_of(root, start / given) for start in (desk.workspace, root)):
        raise _outside(folder)
    raise InputError(
        ErrorCode.FILE_NOT_FOUND, "There is no such file", f"Nothing of that name is in {folder}/."
    )


def _file_at(path: Path) -> Path | None:
    """Where the file lies that ``path`` leads to; None where there is none or the system cannot follow it."""
    try:
        found = path.resolve()
        return found if found.is_file() else None
    except (OSError, RuntimeError, ValueError):  # a name too long, links in a circle, no text of a path
        return None


def _leads_out_of(root: Path, path: Path) -> bool:
    try:
        return not path.resolve().is_relative_to(root)
    except (OSError, RuntimeError, ValueError):
        return False


def _outside(folder: str) -> InputError:
    return InputError(
        ErrorCode.OUTSIDE_WORKSPACE,
        "Files outside of the configured folders are not read",
        f"Only files below {folder}/ of the workspace can be named.",
    )
