"""What comes of keeping, checking and deleting the records of runs, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from pipeline.envelope import Counts, Part, View
from pipeline.run.pack_verdicts import Checked, Verdict


class EvidenceCheckView(Part):
    """One thing that was looked at in an evidence pack, and what was seen."""

    what: Checked
    verdict: Verdict
    detail: str


class EvidenceView(View):
    """An evidence pack that was written or checked. ``ok``: nothing of it is bad."""

    schema_: Annotated[Literal["okta-plan/evidence/v1"], Field(alias="schema")] = "okta-plan/evidence/v1"
    command: Literal["runs", "evidence check"]
    written: bool = False
    sha256: str = ""
    """Of the file; note it elsewhere, since only what lies elsewhere shows a file that was made anew."""
    org_host: str = ""
    state: Literal["finished", "unfinished"] | None = None
    outcomes: Counts = {}
    checks: list[EvidenceCheckView] = []


class WhyKept(StrEnum):
    """Why an old run is not deleted; a closed list."""

    NEWEST = "newest"
    """--keep says so."""
    RUNNING = "running"
    UNFINISHED = "unfinished"
    """The next apply of its plan settles it."""
    DAMAGED = "damaged"
    APPROVAL = "approval"
    """What it used of an approval is not written down."""


class PrunedRunView(Part):
    """A run whose folder goes. It gave ``values`` (person, value) pairs to ``people``: without it no undo
    takes them back, and ``generate --since`` does not know that they were ours.
    """

    run: str
    plan: str
    org_host: str
    started_at: str
    bytes: int
    people: int
    values: int


class KeptRunView(Part):
    run: str
    why: WhyKept


class PruneView(View):
    schema_: Annotated[Literal["okta-plan/runs-prune/v1"], Field(alias="schema")] = "okta-plan/runs-prune/v1"
    command: Literal["runs prune"] = "runs prune"
    before: str = ""
    """Runs that began before this are old."""
    deleted: bool = False
    """False where nothing was to be deleted, or nobody was asked yet."""
    pruned: list[PrunedRunView] = []
    kept: list[KeptRunView] = []
    """Old runs that stay, with why."""
    change_sets: int = 0
    """Stored change sets that go."""
