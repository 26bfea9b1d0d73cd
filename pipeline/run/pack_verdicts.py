"""What is looked at in an evidence pack, and what is found: apart from the checks, as views need no more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Checked(StrEnum):
    """What of a pack is looked at; a closed list."""

    SEAL = "seal"
    MANIFEST = "manifest"
    MEMBERS = "members"
    JOURNAL = "journal"
    PLAN = "plan"
    SOURCES = "sources"
    CHANGES = "changes"
    REVIEWED = "reviewed"
    APPROVAL = "approval"
    OUTCOMES = "outcomes"
    TOTALS = "totals"
    READ_BACK = "read_back"
    NOT_APPLIED = "not_applied"
    SIGNATURE = "signature"
    APPROVAL_SIGNATURE = "approval_signature"
    NOTED_DIGEST = "noted_digest"


class Verdict(StrEnum):
    GOOD = "good"
    BAD = "bad"
    ABSENT = "absent"
    """There is nothing to look at, and nothing wrong with that."""


@dataclass(frozen=True, slots=True)
class Check:
    what: Checked
    verdict: Verdict
    detail: str
