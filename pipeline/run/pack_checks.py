"""Whether the papers in an evidence pack belong together: each is read again and compared. No I/O."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping

from pipeline.changes.approved import counted, in_scope
from pipeline.changes.codec import changes_digest
from pipeline.errors import ErrorCode, InputError
from pipeline.plan.approval import Scope, approval_digest, in_words
from pipeline.plan.digest import plan_digest
from pipeline.run.entries import Closed
from pipeline.run.pack import MANIFEST, Manifest, Unpacked, unlike_manifest
from pipeline.run.pack_verdicts import Check, Checked, Verdict
from pipeline.run.papers import (
    APPROVAL,
    CHANGES,
    NOT_APPLIED,
    PLAN,
    REPORT,
    REVIEWED,
    Papers,
    read_papers,
    source_totals,
    sources_of,
)

_PAPERS = {ErrorCode.JOURNAL_DAMAGED: Checked.JOURNAL, ErrorCode.CHANGES_INVALID: Checked.CHANGES}
"""What is bad where a paper cannot be read at all."""


class Unlike(Exception):  # noqa: N818 - an answer, no error of the program
    """What a check found; its text says what differs."""


def check_pack(unpacked: Unpacked) -> list[Check]:
    """Every check of a pack but those that need more than its bytes; the first bad one ends the deeper ones,
    since what was changed says nothing.
    """
    seal = _checked(Checked.SEAL, lambda: _seal(unpacked))
    manifest = _checked(Checked.MANIFEST, lambda: _manifest(unpacked))
    if unpacked.manifest is None:
        return [seal, manifest]
    whole = unpacked.manifest
    members = _checked(Checked.MEMBERS, lambda: _members(whole, unpacked.members))
    found = [seal, manifest, members]
    if any(each.verdict is Verdict.BAD for each in found):
        return found
    readable = {name: content for name, content in unpacked.members.items() if content is not None}
    return [*found, *_meaning(whole, readable)]


def _checked(what: Checked, look: Callable[[], str | None]) -> Check:
    """``look`` returns what it saw, or None where there is nothing; it raises Unlike or InputError."""
    try:
        detail = look()
    except Unlike as found:
        return Check(what, Verdict.BAD, str(found))
    except InputError as error:
        return Check(what, Verdict.BAD, error.detail)
    return Check(what, Verdict.ABSENT if detail is None else Verdict.GOOD, detail or "The pack has none.")


def _seal(unpacked: Unpacked) -> str:
    if not unpacked.is_sealed:
        raise Unlike("The bytes of the file are not those that were sealed.")
    return "The bytes of the file are those that were sealed."


def _manifest(unpacked: Unpacked) -> str:
    if unpacked.manifest is None:
        raise Unlike(unpacked.why)
    return f"It is of run {unpacked.manifest.run} on {unpacked.manifest.org_host}."


def _members(manifest: Manifest, members: Mapping[str, bytes | None]) -> str:
    if unlike := unlike_manifest(manifest, members):
        raise Unlike(f"{'; '.join(unlike)}.")
    return f"{len(manifest.members)} files are as {MANIFEST} says."


def _meaning(manifest: Manifest, members: Mapping[str, bytes]) -> Iterator[Check]:
    try:
        papers = read_papers(members, manifest.run)
    except InputError as error:
        what = _PAPERS.get(error.code, Checked.MEMBERS)
        yield Check(what, Verdict.BAD, f"{error.summary}: {error.detail}")
        return
    looks: dict[Checked, Callable[[], str | None]] = {
        Checked.JOURNAL: lambda: _journal(manifest, papers),
        Checked.PLAN: lambda: _plan(papers),
        Checked.SOURCES: lambda: _sources(manifest, papers),
        Checked.CHANGES: lambda: _changes(papers),
        Checked.REVIEWED: lambda: _reviewed(papers),
        Checked.APPROVAL: lambda: _approval(papers),
        Checked.OUTCOMES: lambda: _outcomes(papers),
        Checked.TOTALS: lambda: _totals(manifest, papers),
        Checked.READ_BACK: lambda: _read_back(papers),
        Checked.NOT_APPLIED: lambda: _not_applied(papers, members),
    }
    for what, look in looks.items():
        yield _checked(what, look)


def _agree(where: str, **pairs: tuple[object, object]) -> None:
    """Raises Unlike for the first pair that differs."""
    for name, (one, other) in pairs.items():
        if one != other:
            raise Unlike(f"{name} is {one} in {where}, and {other} in the journal.")


def _journal(manifest: Manifest, papers: Papers) -> str:
    header, closed = papers.header, papers.state.closed
    _agree(
        MANIFEST,
        run=(manifest.run, header.run_id),
        org_id=(manifest.org_id, header.org_id),
        org_host=(manifest.org_host, header.org_host),
        okta_app_id=(manifest.okta_app_id, header.okta_app_id),
        plan_name=(manifest.plan_name, header.plan_name),
        plan_path=(manifest.plan_path, header.plan_path),
        plan_digest=(manifest.plan_digest, header.plan_digest),
        changes_digest=(manifest.changes_digest, header.changes_digest),
        reviewed_digest=(manifest.reviewed_digest, header.reviewed_digest),
        approval_digest=(manifest.approval_digest, header.approval_digest),
        state=(manifest.state, "finished" if closed else "unfinished"),
        outcomes=(dict(manifest.outcomes), papers.state.counts),
    )
    if any(isinstance(each, Closed) for each in papers.journal.entries[:-1]):
        raise Unlike("Something follows the line that closes it.")
    lines = len(papers.journal.entries)
    return f"{lines} lines, each with the digest of the one before."


def _plan(papers: Papers) -> str:
    digest = plan_digest(papers.plan)
    _agree(PLAN, plan_digest=(digest, papers.header.plan_digest))
    return f"plan_digest {digest}"


def _sources(manifest: Manifest, papers: Papers) -> str | None:
    if manifest.sources != sources_of(papers.plan):
        raise Unlike(f"{MANIFEST} names other sources than the plan.")
    if dict(manifest.source_totals) != source_totals(papers.plan):
        raise Unlike(f"{MANIFEST} counts other rows or people than the plan.")
    if not manifest.sources:
        return None
    return "; ".join(f"{each.path} sha256 {each.sha256}" for each in manifest.sources)


def _changes(papers: Papers) -> str:
    changes, header = papers.changes, papers.header
    digest = changes_digest(changes)
    _agree(
        CHANGES,
        changes_digest=(digest, header.changes_digest),
        plan_digest=(changes.plan_digest, header.plan_digest),
        org_id=(changes.org_id, header.org_id),
        okta_app_id=(changes.okta_app_id, header.okta_app_id),
    )
    return f"changes_digest {digest}"


def _reviewed(papers: Papers) -> str:
    digest = changes_digest(papers.reviewed)
    _agree(REVIEWED, changes_digest=(digest, papers.header.reviewed_digest))
    is_all = digest == papers.header.changes_digest
    return "What was reviewed is the whole change set." if is_all else f"changes_digest {digest}"


def _approval(papers: Papers) -> str | None:
    approval, header = papers.approval, papers.header
    if approval is None:
        if header.approval_digest:
            raise Unlike(f"The run used the approval {header.approval_digest}, which is not in the pack.")
        return None
    _agree(
        APPROVAL,
        approval_digest=(approval_digest(approval), header.approval_digest),
        plan_digest=(approval.plan_digest, header.plan_digest),
        org_id=(approval.org_id, header.org_id),
    )
    if counted(in_scope(papers.reviewed, approval.scope).changes) != dict(approval.counts):
        raise Unlike(f"{APPROVAL} counts other changes than were reviewed.")
    if approval.scope is Scope.ALL and approval.changes_digest != header.reviewed_digest:
        raise Unlike(f"{APPROVAL} is of another change set than the one that was reviewed.")
    return f"{in_words(approval.counts)}, by {approval.approver} on {approval.approved_at}"


def _outcomes(papers: Papers) -> str | None:
    report, header = papers.report, papers.header
    if report is None:
        return None
    _agree(
        REPORT,
        run=(report.run, header.run_id),
        org_id=(report.org_id, header.org_id),
        plan_digest=(report.plan_digest, header.plan_digest),
        changes_digest=(report.changes_digest, header.changes_digest),
    )
    if papers.part is None:
        raise Unlike(f"The outcomes in {REPORT} are not those of any part of the journal.")
    return ", ".join(f"{count} {name}" for name, count in sorted(report.outcomes.items())) or "Nothing sent."


def _totals(manifest: Manifest, papers: Papers) -> str | None:
    changes, holds = len(papers.changes.changes), len(papers.changes.holds)
    if (manifest.changes, manifest.held) != (changes, holds):
        raise Unlike(f"{MANIFEST} counts {manifest.changes} changes and {manifest.held} held ones.")
    report, part = papers.report, papers.part
    if report is None or part is None:
        return None
    told = sum(report.outcomes.values())
    if changes + holds != part.done_before + told:
        raise Unlike(
            f"{changes} changes and {holds} held ones are not {part.done_before} done before and {told} told."
        )
    return f"{changes} changes + {holds} held = {part.done_before} done before + {told} told"


def _read_back(papers: Papers) -> str | None:
    found = papers.report.verification if papers.report else None
    if found is None:
        return None
    held_back = found.pairs_planned - found.pairs_held - len(found.missing)
    if held_back < 0:
        raise Unlike("More values were read back than were planned.")
    return f"{found.pairs_held} of {found.pairs_planned} planned values, {held_back} held back"


def _not_applied(papers: Papers, members: Mapping[str, bytes]) -> str | None:
    if NOT_APPLIED not in members or papers.part is None:
        return None
    rows = list(csv.DictReader(io.StringIO(members[NOT_APPLIED].decode("utf-8", "replace"), newline="")))
    listed = {(row["address"], row["reason"]) for row in rows if row["reason"] in ("refused", "unresolved")}
    if listed != papers.part.problems:
        raise Unlike(f"{NOT_APPLIED} lists other refused changes than the journal.")
    return f"{len(rows)} lines"
