"""The verb that writes: apply, under a lease, journaled, verified by reading back."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline import __version__
from pipeline.changes.codec import changes_digest, from_json, reviewer_of, to_json
from pipeline.changes.forecast import RECHECK_S, Means
from pipeline.changes.limits import refuse_over_limits
from pipeline.changes.model import Action, Change, ChangeSet, HoldReason
from pipeline.changes.snapshot import Snapshot
from pipeline.changes.verification import verify
from pipeline.changes.waves import Wave, waves
from pipeline.envelope import to_json as view_json
from pipeline.errors import ErrorCode, RefusedError, TenantError
from pipeline.okta.scopes import to_apply
from pipeline.okta.snapshot import read_again
from pipeline.plan.digest import plan_digest
from pipeline.plan.model import Plan
from pipeline.report.markdown import run_report
from pipeline.run.entries import Header
from pipeline.run.executor import execute
from pipeline.run.folder import RunFolder, new_run_id, not_applied_csv
from pipeline.run.journal import Journal, iso_utc
from pipeline.run.lease import Owner, hold_lease, lease_path
from pipeline.run.okta_tenant import OktaTenant, WriteTurns
from pipeline.run.process import process_start, this_host
from pipeline.run.result import EarlierRun, Progress, RunResult
from pipeline.run.resume import close, settle_open, unfinished_run
from pipeline.run.roster import Roster
from pipeline.use_cases.applied import applied_view, earlier_views, nothing_to_do
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.online import (
    diff_view,
    forecast_view,
    foresee,
    observe,
    store_changes,
    subject_of,
    verification_view,
)
from pipeline.use_cases.reviewing import accepted_reasons, bad_option, read_json, refuse_other
from pipeline.use_cases.signals import stop_on_signals
from pipeline.use_cases.tenant import CONCURRENCY, Tenant, open_tenant
from pipeline.views import ApplyView, DiffView, ForecastView, VerificationView

PARTS = ("structure", "grants")


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """What ``apply`` was asked for. ``changes`` is the reviewed change set's file; ``only`` one of PARTS."""

    plan: str
    changes: Path | None = None
    only: str | None = None
    yes: bool = False
    rate_share: float = 0.70
    concurrency: int = CONCURRENCY
    recheck_s: float = RECHECK_S
    lease_wait_s: float = 0.0
    accept_held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """How the door reaches a person: ``ask`` shows a change set and returns whether to go on (None where
    nobody can be asked); ``show`` follows the progress.
    """

    ask: Callable[[DiffView], bool] | None = None
    show: Callable[[Progress], None] = lambda _progress: None


async def apply(desk: Desk, request: ApplyRequest, person: Person) -> ApplyView:
    """Carry out a plan. Exit codes: 0 done, 3 some held, refused or unresolved, 5 stopped early.

    Raises RefusedError (exit 4) before any write where a guard says no, nobody answered the question, or
    another apply holds the lease; InputError and TenantError where plan or tenant cannot be read.
    """
    accepted = accepted_reasons(desk, request.accept_held)
    if request.only is not None and request.only not in PARTS:
        raise bad_option("--only", request.only, PARTS)
    path, plan = read_plan(desk, request.plan)
    run_id = new_run_id(desk.runtime.clock, desk.runtime.rng)
    stop = asyncio.Event()
    async with (
        open_tenant(
            desk,
            scopes=to_apply(assigns=plan.assignments.missing == "assign" and request.only != "structure"),
            rate_share=request.rate_share,
            concurrency=request.concurrency,
            run=run_id,
        ) as tenant,
        _lease(desk, tenant, plan, run_id=run_id, wait_s=request.lease_wait_s, stop=stop),
    ):
        job = _Job(desk, request, person, tenant=tenant, path=path, plan=plan, run_id=run_id, stop=stop)
        with stop_on_signals(stop):
            return await job.carry_out(accepted)


class _Job:
    """One apply under way."""

    def __init__(
        self,
        desk: Desk,
        request: ApplyRequest,
        person: Person,
        *,
        tenant: Tenant,
        path: Path,
        plan: Plan,
        run_id: str,
        stop: asyncio.Event,
    ) -> None:
        self._desk = desk
        self._request = request
        self._person = person
        self._tenant = tenant
        self._path = path
        self._plan = plan
        self._run_id = run_id
        self._stop = stop
        self._live = OktaTenant(tenant.reads, tenant.writes)

    async def carry_out(self, accepted: frozenset[HoldReason]) -> ApplyView:
        snapshot, changes = await observe(self._desk, self._tenant, self._plan)
        earlier = await self._settle_earlier(snapshot)
        if earlier:
            snapshot, changes = await observe(self._desk, self._tenant, self._plan)
        refuse_over_limits(self._plan, changes, snapshot)
        reviewed = await self._reviewed(snapshot, changes)
        subject = {
            **subject_of(self._desk, self._path, changes),
            "org_id": changes.org_id,
            "earlier": earlier_views(earlier),
        }
        if not changes.changes and not changes.holds:
            return nothing_to_do(subject, self._plan, snapshot, changes, self._tenant.budget.calls())
        folder = RunFolder.create(self._desk.runtime.runs_dir, self._run_id)
        folder.write(folder.changes, json.dumps(to_json(changes), ensure_ascii=False, indent=1) + "\n")
        result = await self._execute(folder, snapshot, changes, reviewed)
        verified = await self._verified(snapshot, result)
        result = replace(result, calls_by_bucket=self._tenant.budget.calls())
        view = applied_view(
            subject,
            folder.run_id,
            result,
            verified=verified,
            forecast=self._forecast(snapshot, changes),
            findings=changes.findings,
            accepted=accepted,
            is_part=self._request.only is not None,
        )
        return self._kept(folder, result, view)

    async def _settle_earlier(self, snapshot: Snapshot) -> list[EarlierRun]:
        """Read back what unfinished runs of this plan had begun, and close them."""
        settled: list[EarlierRun] = []
        while folder := unfinished_run(
            self._desk.runtime.runs_dir,
            plan_name=self._plan.name,
            plan_digest=plan_digest(self._plan),
            org_id=snapshot.org_id,
            app_id=snapshot.okta_app.id,
        ):
            changes = from_json(read_json(folder.changes), self._desk.shown(folder.changes))
            state = folder.state()
            journal, _ = Journal.reopen(folder.journal, self._desk.runtime.clock)
            with journal:
                earlier = await settle_open(state, changes, journal, self._live, snapshot.entitlements)
                close(journal, earlier)
            settled.append(earlier)
        return settled

    async def _verified(self, snapshot: Snapshot, result: RunResult) -> VerificationView | TenantError | None:
        """What reading back shows, or why it could not be read; None after an early stop."""
        if result.stopped:
            return None
        try:
            after = await read_again(self._tenant.reads, snapshot)
            return verification_view(verify(self._plan, after))
        except TenantError as error:
            return error

    def _kept(self, folder: RunFolder, result: RunResult, view: ApplyView) -> ApplyView:
        """Write the run's reports; ``view`` with their paths and, after a stop, the command that goes on."""
        paths = {
            "journal": self._desk.shown(folder.journal),
            "report": self._desk.shown(folder.report_md),
            "not_applied": self._desk.shown(folder.not_applied),
        }
        resume = f"Go on with `okta-plan apply {self._desk.shown(self._path)}`." if result.stopped else None
        view = view.model_copy(update={"paths": paths, "resume": resume})
        folder.write(folder.report_json, view_json(view))
        folder.write(folder.report_md, run_report(view))
        folder.write(folder.not_applied, not_applied_csv(result))
        return view

    def _forecast(self, snapshot: Snapshot, changes: ChangeSet) -> ForecastView:
        return forecast_view(foresee(changes, snapshot, self._means))

    @property
    def _means(self) -> Means:
        asked = self._request
        return Means(asked.rate_share, asked.concurrency, asked.recheck_s)

    async def _reviewed(self, snapshot: Snapshot, changes: ChangeSet) -> ChangeSet:
        """The change set that a person agreed to. Raises RefusedError where none did."""
        if self._request.changes is not None:
            path = self._desk.inside(self._request.changes)
            reviewed = from_json(read_json(path), self._desk.shown(path))
            refuse_other(reviewed, changes)
            return reviewed
        store_changes(self._desk, changes)
        if self._request.yes or not changes.changes:
            return changes
        if self._person.ask is None:
            raise RefusedError(
                ErrorCode.NOT_CONFIRMED,
                "Nobody confirmed the change set",
                f"{len(changes.changes)} changes would be sent, and there is no terminal to ask on.",
                next_step="Review them with `okta-plan diff`, then use --changes FILE, or --yes.",
            )
        view = diff_view(self._desk, self._path, changes, foresee(changes, snapshot, self._means))
        if not await asyncio.to_thread(self._person.ask, view):
            raise RefusedError(
                ErrorCode.NOT_CONFIRMED,
                "The change set was not confirmed",
                "The question was answered with no; nothing was sent.",
            )
        return changes

    async def _execute(
        self, folder: RunFolder, snapshot: Snapshot, changes: ChangeSet, reviewed: ChangeSet
    ) -> RunResult:
        clock = self._desk.runtime.clock
        header = Header(
            tool_version=__version__,
            run_id=self._run_id,
            org_id=changes.org_id,
            org_host=changes.org_host,
            okta_app_id=changes.okta_app_id,
            plan_name=self._plan.name,
            plan_path=self._desk.shown(self._path),
            plan_digest=changes.plan_digest,
            changes_digest=changes_digest(changes),
            started_at=iso_utc(clock.now()),
        )
        with Journal.create(folder.journal, header, clock) as journal:
            return await execute(
                changes,
                self._waves(changes),
                OktaTenant(self._tenant.reads, self._tenant.writes, self._roster(snapshot, changes)),
                journal,
                clock,
                reviewed=reviewer_of(reviewed),
                entitlements=snapshot.entitlements,
                progress=self._person.show,
                stop=self._stop,
                concurrency=self._request.concurrency,
                turn=WriteTurns(self._tenant.client.pace).turn,
            )

    def _roster(self, snapshot: Snapshot, changes: ChangeSet) -> Roster:
        return Roster(
            snapshot.app_users,
            snapshot.observed_at_s,
            partial(self._tenant.reads.app_users, snapshot.okta_app.id),
            self._desk.runtime.clock,
            recheck_s=self._request.recheck_s,
            assigns=sum(change.action is Action.ASSIGN for change in changes.changes),
        )

    def _waves(self, changes: ChangeSet) -> tuple[Wave, ...]:
        """The waves of the part that was asked for; the executor accounts for the rest."""
        only = self._request.only
        part = {change.address for change in changes.changes if only in (None, _part(change))}
        kept = (
            replace(wave, chains=tuple(chain for chain in wave.chains if chain[0].address in part))
            for wave in waves(changes)
        )
        return tuple(wave for wave in kept if wave.chains)


@asynccontextmanager
async def _lease(
    desk: Desk, tenant: Tenant, plan: Plan, *, run_id: str, wait_s: float, stop: asyncio.Event
) -> AsyncIterator[None]:
    """One live apply at a time for each org and app."""
    org_id = await tenant.reads.organization()
    okta_app = await tenant.reads.okta_app(plan.okta_app)
    owner = Owner(
        pid=os.getpid(), process_started=process_start(os.getpid()), host=this_host(), run_id=run_id
    )
    async with hold_lease(
        lease_path(desk.runtime.runs_dir, org_id, okta_app.id),
        owner,
        desk.runtime.clock,
        desk.runtime.rng,
        process_start=process_start,
        stop=stop,
        wait_s=wait_s,
    ):
        yield


def _part(change: Change) -> str:
    return PARTS[0] if change.entitlement is not None else PARTS[1]
