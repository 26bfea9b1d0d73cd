"""What comes of keeping, checking and deleting the records of runs, as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.envelope import Counts, Part, View
from pipeline.run.pack_checks import Checked, Verdict


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
