"""Sources by number, by path and in S3: what there is, and the table of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ErrorCode, Exit, InputError
from pipeline.plan.model import Plan
from pipeline.run.journal import iso_utc
from pipeline.source_views import FilesView, FileView, FinishedView, PlanSourceView
from pipeline.use_cases.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.source.frame import Frame
    from pipeline.source.sync import Fetching


def files(desk: Desk, *, sync: bool = False, tell: Callable[[Fetching], None] = lambda _: None) -> FilesView:
    """The numbered sources below ``csv/``, and apart those that were dealt with; with ``sync`` what is in S3
    is fetched before, and ``tell`` hears how far. Exit code 3 where an object was refused or conflicts with a
    file here.

    Raises InputError where S3 is not enabled or cannot be read, or ``csv/`` cannot be written.
    """
    from pipeline.source.local import list_finished, list_sources

    synced = None
    if sync:
        from pipeline.use_cases.syncing import sync_sources

        synced = sync_sources(desk, tell=tell)
    is_whole = synced is None or not {"conflict", "refused"} & synced.states.keys()
    return FilesView(
        exit_code=Exit.DONE if is_whole else Exit.HELD,
        sync=synced,
        files=[
            FileView(
                number=number,
                path=each.path,
                size_bytes=each.size_bytes,
                modified_at=iso_utc(each.modified_s),
            )
            for number, each in enumerate(list_sources(desk.workspace), start=1)
        ],
        finished=[
            FinishedView(path=each.path, size_bytes=each.size_bytes, modified_at=iso_utc(each.modified_s))
            for each in list_finished(desk.workspace)
        ],
    )


def read_source(desk: Desk, csv: str, *, rejects_max: int) -> Frame:
    """The frame of ``csv``: a path, a number that ``files`` shows, or s3://bucket/key. Raises InputError."""
    from pipeline.source.local import list_sources, read_local
    from pipeline.source.s3 import SCHEME, read_s3

    if csv.startswith(SCHEME):
        return read_s3(desk.settings, csv, rejects_max=rejects_max)
    path = csv
    if csv.isdecimal():
        listed = dict(enumerate(list_sources(desk.workspace), start=1))
        path = listed[int(csv)].path if int(csv) in listed else csv
    return read_local(desk.workspace, Path(path), rejects_max=rejects_max)


def sources_of(desk: Desk, plan: Plan) -> list[PlanSourceView]:
    """The sources of ``plan`` and where they are now. Raises InputError where a file of ``csv/`` cannot be
    read.
    """
    from pipeline.source.finding import FoundSource, find_sources

    def view(found: FoundSource) -> PlanSourceView:
        ref = found.ref
        return PlanSourceView(
            path=ref.path, sha256=ref.sha256, rows=ref.rows, state=found.state, found=found.path
        )

    try:
        return [view(each) for each in find_sources(desk.workspace, plan.sources)]
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNREADABLE,
            "A source file cannot be read",
            f"{error.filename}: {error.strerror}.",
            next_step="Correct its permissions.",
        ) from error


@dataclass(frozen=True, slots=True)
class SourceRows:
    """Some rows of a source. ``total`` counts those of its table; ``rows`` are (line, cells)."""

    path: str
    columns: tuple[str, ...]
    total: int
    rejected: int
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def rows_of(desk: Desk, csv: str, first: int, count: int) -> SourceRows:
    """``count`` rows of ``csv`` from row ``first`` (0-based) on. Raises InputError as `read_source` does."""
    from pipeline.source import REJECTS_MAX
    from pipeline.source.frame import ROW

    frame = read_source(desk, csv, rejects_max=REJECTS_MAX)
    cells = frame.scan.slice(first, count).collect()
    lines = frame.lines.of(cells.get_column(ROW).to_list())
    table = cells.select(frame.columns).rows() if frame.columns else []
    return SourceRows(
        path=frame.path,
        columns=frame.columns,
        total=frame.height,
        rejected=len(frame.rejected),
        rows=tuple((line, tuple(cell or "" for cell in row)) for line, row in zip(lines, table, strict=True)),
    )
