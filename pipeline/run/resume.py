"""After a crash: which run did not end, and what became of the write it had begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.address import Address
from pipeline.changes.model import Change, ChangeSet
from pipeline.changes.snapshot import OktaEntitlement
from pipeline.clock import Clock
from pipeline.run.catalog import Catalog
from pipeline.run.entries import Closed, End, Note
from pipeline.run.fold import RunState
from pipeline.run.folder import ListedRun, RunFolder, list_runs
from pipeline.run.journal import Journal
from pipeline.run.result import EarlierRun, Outcome
from pipeline.run.settle import SETTLE_WAITS_S
from pipeline.run.standing import Drifted, InEffect, Ready, Standing
from pipeline.run.steps import step_for
from pipeline.run.tenant import Tenant

_NO_JOURNAL = (FileNotFoundError, NotADirectoryError)


def unfinished_run(
    runs_dir: Path, *, plan_name: str, plan_digest: str, org_id: str, app_id: str
) -> RunFolder | None:
    """The newest run of this plan (by name or digest) on this org and app that was not closed.

    A run that crashed before its header was whole had sent nothing and does not count. Raises InputError
    where a journal that may belong to this plan is damaged or cannot be read.
    """
    for listed in list_runs(runs_dir):
        if listed.state is None:
            _raise_damage(listed)
            continue
        header = listed.state.header
        if header is None or listed.state.closed is not None:
            continue
        same_place = (header.org_id, header.okta_app_id) == (org_id, app_id)
        if same_place and (header.plan_name == plan_name or header.plan_digest == plan_digest):
            return listed.folder
    return None


def _raise_damage(listed: ListedRun) -> None:
    """A run that has no journal at all had sent nothing; one whose journal cannot be read may have."""
    if listed.problem is not None and not isinstance(listed.problem.__cause__, _NO_JOURNAL):
        raise listed.problem


async def settle_open(
    state: RunState,
    change_set: ChangeSet,
    journal: Journal,
    tenant: Tenant,
    entitlements: Sequence[OktaEntitlement],
    clock: Clock,
) -> EarlierRun:
    """Read back what a run began and did not end, and journal what became of it; ``entitlements`` are the
    app's as just read. The journal stays open for more; ``close`` ends it.

    A write that left in the instant of the crash may still be under way, so there is a wait before the
    first look. Raises TenantError where reading back fails (then the run stays unfinished), StoppedError
    where the journal cannot be written.
    """
    if state.open:
        await clock.sleep(SETTLE_WAITS_S[0])
    catalog = Catalog(entitlements)
    changes = {change.address: change for change in change_set.changes}
    settled: Counter[str] = Counter()
    outcomes: Counter[str] = Counter(outcome.value for outcome in state.outcomes.values())
    for address, attempt in state.open.items():
        standing = await _standing(changes.get(address), change_set.okta_app_id, tenant, catalog)
        entry = _entry(address, changes.get(address), attempt, standing)
        journal.append(entry)
        what = entry.outcome.value if isinstance(entry, End) else "no_effect"
        settled[what] += 1
        if isinstance(entry, End):
            outcomes[what] += 1
    run_id = state.header.run_id if state.header else ""
    return EarlierRun(run_id, dict(outcomes), dict(settled))


def close(journal: Journal, earlier: EarlierRun) -> None:
    """Close a settled run that a new one takes over from."""
    journal.append(Closed(counts=dict(earlier.counts)))


async def _standing(change: Change | None, app_id: str, tenant: Tenant, catalog: Catalog) -> Standing | None:
    """None where the change is not in the change set at hand."""
    if change is None:
        return None
    step = step_for(change, tenant, app_id, catalog)
    if isinstance(step, Drifted):
        return step
    return step.known or await step.look()


def _entry(address: Address, change: Change | None, attempt: int, standing: Standing | None) -> End | Note:
    if isinstance(standing, Ready):
        return Note(what="no_effect", address=str(address), detail="Read back after a crash.")
    in_effect = standing if isinstance(standing, InEffect) else None
    return End(
        address=str(address),
        action=change.action if change else "",
        attempt=attempt,
        outcome=Outcome.APPLIED if in_effect else Outcome.UNRESOLVED,
        okta_id=in_effect.okta_id if in_effect else None,
        detail=_what_was_found(standing),
    )


def _what_was_found(standing: InEffect | Drifted | None) -> str:
    match standing:
        case InEffect():
            return "Read back after a crash: in effect."
        case Drifted(detail=detail):
            return f"Read back after a crash: {detail}"
        case None:
            return "The run's change set does not name it."
