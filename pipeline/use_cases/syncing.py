"""Sources from S3 into ``csv/``, and the record of what was fetched.

The record lies in ``.okta-plan/``, not in ``csv/``: it is about this copy of the workspace, so it is no part
of what people keep in git, and no key of S3 can name it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.run.process import process_start
from pipeline.source.local import list_finished
from pipeline.source.placing import Contents
from pipeline.source.s3 import connect
from pipeline.source.sync import Fetching, Record, Result, sync
from pipeline.source_views import RefusalView, SyncedView, SyncView
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.storing import write_json
from pipeline.use_cases.tenant import STATE_FOLDER

SCHEMA = "okta-plan/s3-record/v1"
_RECORDS: TypeAdapter[dict[str, Record]] = TypeAdapter(dict[str, Record])
_DRAFTS = ".fetching-"


def sync_sources(desk: Desk, *, tell: Callable[[Fetching], None]) -> SyncView:
    """Fetch what changed in S3; ``tell`` hears how far that is. Raises InputError where S3 cannot be read or
    ``csv/`` cannot be written; what was fetched until then stays and is known to the next one.
    """
    bucket = connect(desk.settings)
    folder = desk.inside(Path("csv"))
    path = desk.workspace / STATE_FOLDER / "s3.json"
    records = _read(desk, path)
    known = dict(records)
    finished = Contents(desk.workspace / each.path for each in list_finished(desk.workspace))
    with _drafts(folder) as drafts:
        try:
            result = sync(bucket, folder, records, finished=finished, drafts=drafts, tell=tell)
        finally:
            if records != known:
                files = {key: asdict(records[key]) for key in sorted(records)}
                write_json(path, {"schema": SCHEMA, "files": files})
    return _view(bucket.name, bucket.roots, result)


def _view(bucket: str, roots: tuple[str, ...], result: Result) -> SyncView:
    states = Counter(each.state.value for each in result.synced)
    return SyncView(
        bucket=bucket,
        roots=list(roots),
        states=dict(sorted(states.items())) | ({"refused": len(result.refused)} if result.refused else {}),
        synced=[
            SyncedView(key=each.key, path=f"csv/{each.key}", state=each.state, size_bytes=each.size_bytes)
            for each in result.synced
        ],
        refused=[
            RefusalView(key=each.key, reason=each.reason, detail=each.detail) for each in result.refused
        ],
        others=result.others,
    )


def _read(desk: Desk, path: Path) -> dict[str, Record]:
    try:
        document = json.loads(path.read_text("utf-8"))
        return _RECORDS.validate_python(document["files"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        shown = desk.shown(path)
        raise InputError(
            ErrorCode.FILE_UNREADABLE,
            "The record of what was fetched from S3 cannot be read",
            f"{shown} is damaged: {type(error).__name__}.",
            location=Location(shown),
            next_step="Remove it: files that equal S3 are then known again, others count as edited here.",
        ) from error


@contextmanager
def _drafts(folder: Path) -> Iterator[Path]:
    """A folder beside the sources for what is being fetched; what a killed process left there is removed."""
    drafts = folder / f"{_DRAFTS}{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{_DRAFTS}*"):
            pid = left.name.removeprefix(_DRAFTS)
            if pid.isdecimal() and (int(pid) == os.getpid() or process_start(int(pid)) is None):
                shutil.rmtree(left)
        drafts.mkdir(mode=0o700)
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "The folder of sources cannot be written",
            f"{folder.name}/ cannot be written: {error.strerror or error}.",
            location=Location(folder.name),
            next_step="Make room or correct its permissions.",
        ) from error
    try:
        yield drafts
    finally:
        shutil.rmtree(drafts, ignore_errors=True)
