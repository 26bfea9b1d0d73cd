"""What was used of an approval: where that is kept, and what the runs of this workspace used."""

from __future__ import annotations

from pipeline.changes.approved import counted_as
from pipeline.changes.codec import from_json
from pipeline.errors import InputError
from pipeline.run.folder import RUN_ID, RunFolder
from pipeline.run.journal import read_header, read_journal
from pipeline.run.spending import FileSpending, S3Spending, Spending, SpendingPlace, spent_by
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.leasing import shared_place
from pipeline.use_cases.reviewing import read_json


def spending_place(desk: Desk, plan: str, org_id: str, digest: str) -> SpendingPlace:
    """Where what was used of that approval is kept; the embedded emulator's stays in the workspace. Raises
    InputError where OKTA_PLAN_SHARED cannot be used.
    """
    empty = Spending(approval_digest=digest, plan=plan)
    if desk.org_file is not None or not desk.settings.shared:
        return FileSpending(desk.runtime.runs_dir / "approvals" / f"{digest}.json", empty)
    from pipeline.use_cases.s3 import s3_objects

    bucket, prefix = shared_place(desk.settings.shared)
    key = f"{prefix}approvals/{org_id}-{digest}.json"
    return S3Spending(s3_objects(desk.settings, bucket), key, empty, f"s3://{bucket}/{key}")


async def settle(desk: Desk, run: str) -> tuple[str, ...]:
    """Count what ``run`` really used of the approval it was under; a notice where that could not be written.
    Then all it had reserved counts, until the next apply of this workspace settles it.
    """
    try:
        header = read_header(RunFolder(desk.runtime.runs_dir / run).journal)
        used = used_by(desk, run) if header and header.approval_digest else None
        if header is None or used is None:
            return ()
        place = spending_place(desk, header.plan_name, header.org_id, header.approval_digest)
        await place.change(lambda spending: spending.settling(run, used))
    except InputError as error:
        return (f"What this run used of the approval is not written down yet. {error.detail}",)
    return ()


def used_by(desk: Desk, run: str) -> dict[str, int] | None:
    """What that run used, by approved action; None where it was not of this workspace."""
    folder = RunFolder(desk.runtime.runs_dir / run)
    if not RUN_ID.fullmatch(run) or not folder.journal.is_file() or not folder.changes.is_file():
        return None
    changes = from_json(read_json(folder.changes), desk.shown(folder.changes))
    reviewed = changes
    if folder.reviewed.is_file():
        reviewed = from_json(read_json(folder.reviewed), desk.shown(folder.reviewed))
    return spent_by(read_journal(folder.journal).entries, changes.changes, counted_as(reviewed))


async def settled(desk: Desk, place: SpendingPlace) -> Spending:
    """What is kept at ``place``, after every run of this workspace was counted there by its journal.
    Only for who holds the lease: a run that is under way would give back what it has yet to send.
    """
    spending = await place.read()
    known = _known(desk, spending)
    after = _counting(spending, known)
    return spending if after == spending else await place.change(lambda before: _counting(before, known))


async def seen(desk: Desk, place: SpendingPlace) -> Spending:
    """The same, to look at: nothing is written."""
    spending = await place.read()
    return _counting(spending, _known(desk, spending))


def _known(desk: Desk, spending: Spending) -> dict[str, dict[str, int]]:
    used = {run: used_by(desk, run) for run in spending.runs}
    return {run: counts for run, counts in used.items() if counts is not None}


def _counting(spending: Spending, known: dict[str, dict[str, int]]) -> Spending:
    for run, used in known.items():
        spending = spending.settling(run, used)
    return spending
