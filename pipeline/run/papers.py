"""The papers of a run as an evidence pack holds them, read. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.changes.codec import from_json
from pipeline.changes.model import ChangeSet
from pipeline.errors import ErrorCode, InputError, RefusedError
from pipeline.plan.approval import Approval
from pipeline.plan.approval_text import read_approval
from pipeline.plan.model import Plan
from pipeline.plan.reading import read_plan
from pipeline.run.entries import Header
from pipeline.run.fold import RunState, fold
from pipeline.run.journal import JOURNAL, JournalText, parse_journal
from pipeline.run.pack import SourceDigest
from pipeline.run.tally import Tally, tallies

PLAN, CHANGES, REVIEWED, APPROVAL = "plan.yaml", "changes.json", "reviewed.json", "approval.yaml"
REPORT, NOT_APPLIED = "report.json", "not-applied.csv"


class _ReadBack(BaseModel):
    model_config = ConfigDict(extra="ignore")

    pairs_planned: int
    pairs_held: int
    missing: list[object] = []


class Problem(BaseModel):
    model_config = ConfigDict(extra="ignore")

    address: str
    outcome: str


class Earlier(BaseModel):
    model_config = ConfigDict(extra="ignore")

    run: str
    counts: dict[str, int]


class Report(BaseModel):
    """What is looked at of ``report.json``; later versions may say more."""

    model_config = ConfigDict(extra="ignore")

    run: str
    org_id: str
    plan_digest: str
    changes_digest: str
    counts: dict[str, int]
    outcomes: dict[str, int]
    problems: list[Problem] = []
    earlier: list[Earlier] = []
    verification: _ReadBack | None = None


@dataclass(frozen=True, slots=True)
class Papers:
    """The members of a pack, read."""

    journal: JournalText
    header: Header
    state: RunState
    changes: ChangeSet
    reviewed: ChangeSet
    plan: Plan
    approval: Approval | None
    report: Report | None
    part: Tally | None
    """The part of the run that the report is of; None without a report, or where none is like it."""


def read_papers(members: Mapping[str, bytes], run: str) -> Papers:
    """The papers of a run. Raises InputError where one is missing or is none."""
    journal = parse_journal(_member(members, JOURNAL), Path(run) / JOURNAL)
    if not journal.entries or not isinstance(journal.entries[0], Header):
        raise _no_paper(JOURNAL, "it has no header")
    changes = from_json(_json(members, CHANGES), CHANGES)
    reviewed = from_json(_json(members, REVIEWED), REVIEWED) if REVIEWED in members else changes
    report = _report(members)
    return Papers(
        journal=journal,
        header=journal.entries[0],
        state=fold(journal.entries),
        changes=changes,
        reviewed=reviewed,
        plan=_read_plan(members),
        approval=_read_approval(members),
        report=report,
        part=_part_of(report, tallies(journal.entries)),
    )


def _part_of(report: Report | None, parts: list[Tally]) -> Tally | None:
    """The last part with the outcomes of the report: where the machine died between the end of a part and
    its report, the report is of the part before.
    """
    if report is None:
        return None
    return next((part for part in reversed(parts) if _is_of(report, part)), None)


def _is_of(report: Report, part: Tally) -> bool:
    told = {name: count for name, count in report.outcomes.items() if name not in ("held", "not_started")}
    problems = {(each.address, each.outcome) for each in report.problems}
    earlier = next((each.counts for each in report.earlier if each.run == report.run), {})
    return (
        told == part.outcomes
        and problems == part.problems
        and report.counts == part.done_by_action
        and {k: n for k, n in earlier.items() if n} == dict(part.counts_before)
    )


def _member(members: Mapping[str, bytes], name: str) -> bytes:
    if name not in members:
        raise _no_paper(name, "the pack does not have it")
    return members[name]


def _json(members: Mapping[str, bytes], name: str) -> object:
    try:
        return json.loads(_member(members, name))
    except ValueError as error:
        raise _no_paper(name, "it is no JSON") from error


def _read_plan(members: Mapping[str, bytes]) -> Plan:
    try:
        text = _member(members, PLAN).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_paper(PLAN, "it is no UTF-8") from error
    read = read_plan(text, PLAN)
    if read.plan is None or read.has_errors:
        raise _no_paper(PLAN, "it has problems")
    return read.plan


def _read_approval(members: Mapping[str, bytes]) -> Approval | None:
    if APPROVAL not in members:
        return None
    try:
        return read_approval(members[APPROVAL].decode(), APPROVAL)
    except (RefusedError, UnicodeDecodeError) as error:
        raise _no_paper(APPROVAL, "it has problems") from error


def _report(members: Mapping[str, bytes]) -> Report | None:
    if REPORT not in members:
        return None
    try:
        return Report.model_validate_json(members[REPORT])
    except ValidationError as error:
        raise _no_paper(REPORT, "it does not have the form of a report") from error


def _no_paper(name: str, why: str) -> InputError:
    return InputError(ErrorCode.EVIDENCE_DAMAGED, f"{name} cannot be used", f"{why}.")


def sources_of(plan: Plan) -> tuple[SourceDigest, ...]:
    """The sources of ``plan``, as it pins them."""
    return tuple(SourceDigest(path=each.path, sha256=each.sha256, rows=each.rows) for each in plan.sources)


def source_totals(plan: Plan) -> dict[str, int]:
    """What ``plan`` counts; empty for one that was written by hand."""
    totals = plan.totals
    if totals is None:
        return {}
    return {
        "rows": totals.rows,
        "used": totals.used,
        "excluded": sum(totals.excluded.values()),
        "rejected": sum(totals.rejected.values()),
        "users": totals.users,
        "values": totals.values,
        "cohorts": totals.cohorts,
    }
