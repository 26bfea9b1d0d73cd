"""Results about sources as data: what there is, what came from S3, what was put away."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.envelope import Counts, Part, View
from pipeline.source.s3_keys import Reason, State


class FileView(Part):
    number: int
    """What may stand for the file in a command."""
    path: str
    size_bytes: int
    modified_at: str


class FinishedView(Part):
    """A source that was dealt with; it has no number, but its path may be given."""

    path: str
    size_bytes: int
    modified_at: str


class SyncedView(Part):
    """An object of S3 and its file; ``path`` is relative to the workspace."""

    key: str
    path: str
    state: State
    size_bytes: int


class RefusalView(Part):
    """An object that is not fetched."""

    key: str
    reason: Reason
    detail: str


class SyncView(Part):
    bucket: str
    roots: list[str]
    """The prefixes and whole keys that were looked under."""
    states: Counts = {}
    synced: list[SyncedView] = []
    refused: list[RefusalView] = []
    others: int = 0
    """Objects whose names do not end like those of sources."""


class FilesView(View):
    schema_: Annotated[Literal["okta-plan/files/v1"], Field(alias="schema")] = "okta-plan/files/v1"
    command: Literal["files"] = "files"
    files: list[FileView] = []
    finished: list[FinishedView] = []
    """What lies in csv/processed/ and csv/processed_and_assigned/."""
    sync: SyncView | None = None


class PlanSourceView(Part):
    """A source of a plan, and where it is now: found by its content where it was moved."""

    path: str
    sha256: str
    rows: int
    state: Literal["in_place", "moved", "changed", "missing", "in_s3"]
    """``in_s3``: not looked at, as the command is offline."""
    found: str | None = None


class MovedView(Part):
    path: str
    to: str


class ArchiveView(View):
    schema_: Annotated[Literal["okta-plan/archive/v1"], Field(alias="schema")] = "okta-plan/archive/v1"
    command: Literal["archive"] = "archive"
    plan: str = ""
    applied: Literal["structure", "all"] = "all"
    """What of the plan is known to be applied."""
    org_host: str = ""
    """Where it was applied."""
    moved: list[MovedView] = []
    kept: list[PlanSourceView] = []
    """What was there already, and what lies in S3 only."""
