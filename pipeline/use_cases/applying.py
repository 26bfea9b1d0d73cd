"""The verb that writes: apply, under a lease, journaled, verified by reading back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from pipeline.address import Address
from pipeline.changes.codec import reviewer_of
from pipeline.changes.forecast import Forecast, Means
from pipeline.changes.model import ChangeSet, HoldReason
from pipeline.changes.permissions import Permissions
from pipeline.changes.refusals import refuse_unless_ready
from pipeline.changes.snapshot import Snapshot
from pipeline.changes.verification import verify
from pipeline.errors import OktaPlanError, TenantError
from pipeline.okta.scopes import to_apply
from pipeline.okta.snapshot import read_again
from pipeline.plan.model import Plan
from pipeline.run.entries import Closed, Note
from pipeline.run.executor import execute
from pipeline.run.folder import RunFolder, new_run_id
from pipeline.run.journal import Journal
from pipeline.run.okta_tenant import OktaTenant, WriteTurns
from pipeline.run.result import Outcome, RunResult
from pipeline.run.resume import settle_open
from pipeline.run.roster import roster_of
from pipeline.use_cases.agreeing import agreed, read_changes
from pipeline.use_cases.allowing import permissions_given
from pipeline.use_cases.applied import applied_view, earlier_views, nothing_to_do
from pipeline.use_cases.apply_request import ApplyRequest, Person
from pipeline.use_cases.archiving import note_in_place
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.guarding import (
    Watch,
    allowed_views,
    case_of,
    freeze_watched,
    refuse_in_freeze,
    refuse_where_guarded,
)
from pipeline.use_cases.leasing import Leased, app_lease, lease_lost
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.online import (
    forecast_view,
    foresee,
    observe,
    protected_people,
    subject_of,
    verification_view,
)
from pipeline.use_cases.papers import journal_header, keep_inputs, keep_reports, refuse_edited
from pipeline.use_cases.parts import PARTS, waves_of
from pipeline.use_cases.permitting import Cover, Permit, does_not_count, is_done, open_permit
from pipeline.use_cases.resuming import (
    Unfinished,
    find_unfinished,
    refuse_elsewhere,
    refuse_protected,
    refuse_strangers,
    settle_earlier,
    still_allowed,
    to_resume,
)
from pipeline.use_cases.reviewing import accepted_reasons, bad_option
from pipeline.use_cases.signals import stop_on_signals
from pipeline.use_cases.spent import settle
from pipeline.use_cases.tenant import Tenant, open_tenant
from pipeline.views import ApplyView, ForecastView, VerificationView

__all__ = ["ApplyRequest", "Person", "apply"]


async def apply(desk: Desk, request: ApplyRequest, person: Person) -> ApplyView:
    """Carry out a plan, or the rest of an unfinished run. Exit codes: 0 done, 3 some held, refused or
    unresolved, 5 stopped early.

    Raises RefusedError (exit 4) before any write where a guard says no, nobody answered the question, or
    another apply holds the lease; InputError and TenantError where plan or tenant cannot be read.
    """
    accepted = accepted_reasons(desk, request.accept_held)
    if request.only is not None and request.only not in PARTS:
        raise bad_option("--only", request.only, PARTS)
    permissions = permissions_given(request.allow, request.reasons)
    path, plan = read_plan(desk, request.plan)
    if request.resume is not None:
        request = to_resume(desk, request, plan)
    permit, notices = open_permit(desk, request, path, plan)
    run_id = request.resume or request.run or new_run_id(desk.runtime.clock, desk.runtime.rng)
    stop = person.stop or asyncio.Event()
    async with (
        open_tenant(
            desk,
            scopes=to_apply(assigns=plan.assignments.missing == "assign" and request.only != "structure"),
            rate_share=request.rate_share,
            concurrency=request.concurrency,
            run=run_id,
        ) as tenant,
        app_lease(desk, tenant, plan, run_id=run_id, wait_s=request.lease_wait_s, stop=stop) as leased,
        freeze_watched(desk, stop) as watch,
    ):
        job = _Job(
            desk,
            request,
            person,
            tenant=tenant,
            path=path,
            plan=plan,
            leased=leased,
            run_id=run_id,
            stop=stop,
            permissions=permissions,
            watch=watch,
            permit=permit,
            notices=notices,
        )
        with stop_on_signals(stop):
            return await (job.resume(accepted) if request.resume else job.carry_out(accepted))


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
        leased: Leased,
        run_id: str,
        stop: asyncio.Event,
        permissions: Permissions,
        watch: Watch,
        permit: Permit | None,
        notices: tuple[str, ...],
    ) -> None:
        self._given = permissions
        self._watch = watch
        self._allow(permissions | permit.permissions if permit else permissions)
        self._desk = desk
        self._request = request
        self._person = person
        self._tenant = tenant
        self._path = path
        self._plan = plan
        self._leased = leased
        self._run_id = run_id
        self._stop = stop
        self._permit = permit
        self._notices = notices
        self._only = request.only
        self._live = OktaTenant(tenant.reads, tenant.writes)

    def _allow(self, permissions: Permissions) -> None:
        self._permissions = self._watch.permissions = permissions

    async def carry_out(self, accepted: frozenset[HoldReason]) -> ApplyView:
        earlier = await settle_earlier(self._desk, self._plan, self._leased, self._live, self._places)
        snapshot, changes = await observe(self._desk, self._tenant, self._plan, self._permissions)
        cover = await self._covered(changes)
        if cover is None and self._permissions != self._given:
            # what only the approval allowed may not have been compared so
            self._allow(self._given)
            snapshot, changes = await observe(self._desk, self._tenant, self._plan, self._permissions)
        self._refuse_where_guarded(snapshot, changes, cover)
        foreseen = foresee(changes, snapshot, self._means)
        reviewed = cover.reviewed if cover else await self._agreed(changes, foreseen)
        subject = {
            **subject_of(self._desk, self._path, changes),
            "org_id": changes.org_id,
            "earlier": earlier_views(earlier),
            "allowed": allowed_views(self._permissions.on_record),
        }
        if not changes.changes and not changes.holds:
            note_in_place(self._desk, changes, self._run_id)
            return nothing_to_do(subject, self._plan, snapshot, changes, self._tenant.budget.calls())
        refuse_edited(self._desk, self._path, changes)
        folder = RunFolder.create(self._desk.runtime.runs_dir, self._run_id)
        used = self._permit if cover else None
        keep_inputs(folder, self._path, changes, reviewed, used.approval if used else None)
        header = journal_header(
            self._desk,
            self._path,
            self._run_id,
            changes=changes,
            reviewed=reviewed,
            only=self._only,
            approval_digest=used.digest if used else "",
            allowed=self._permissions.on_record,
        )
        with Journal.create(folder.journal, header, self._desk.runtime.clock) as journal:
            await self._reserve(journal, changes, cover)
            result = await self._execute(journal, snapshot, changes, reviewed)
        verified = await self._verified(partial(self._afterwards, snapshot, changes), result)
        result = replace(result, calls_by_bucket=self._tenant.budget.calls())
        view = applied_view(
            subject,
            folder.run_id,
            result,
            verified=verified,
            forecast=forecast_view(foreseen),
            findings=changes.findings,
            accepted=accepted,
            is_part=self._only is not None,
        )
        return await self._kept(folder, result, view)

    async def resume(self, accepted: frozenset[HoldReason]) -> ApplyView:
        """The rest of the run's own change set. Only what began and did not end is read back, and the
        entitlements for their ids; each write still reads directly before it.
        """
        snapshot = await self._places()
        unfinished = find_unfinished(self._desk, self._run_id, self._plan)
        refuse_elsewhere(unfinished.header, snapshot)
        allowed = (*unfinished.header.allowed, *self._permissions.on_record)
        refuse_in_freeze(self._desk, self._permissions)
        folder, changes = unfinished.folder, unfinished.changes
        journal, _ = Journal.reopen(folder.journal, self._desk.runtime.clock)
        with journal:
            given = "; ".join(map(str, self._permissions.on_record))
            journal.append(Note(what="resumed", detail=f"allowed {given}" if given else ""))
            earlier = await settle_open(
                unfinished.state,
                changes,
                journal,
                self._live,
                snapshot.entitlements,
                self._desk.runtime.clock,
            )
            done = folder.state().outcomes
            await self._go_on(unfinished, snapshot, done)
            result = await self._execute(journal, snapshot, changes, unfinished.reviewed, done=done)
        verified = await self._verified(self._read, result)
        result = replace(result, calls_by_bucket=self._tenant.budget.calls())
        ended = {address for address, outcome in done.items() if outcome.is_done}
        rest = tuple(each for each in changes.changes if each.address not in ended)
        view = applied_view(
            {**subject_of(self._desk, self._path, changes), "org_id": changes.org_id}
            | {"earlier": earlier_views([earlier]), "allowed": allowed_views(allowed)},
            folder.run_id,
            result,
            verified=verified,
            forecast=self._forecast(snapshot, replace(changes, changes=rest)),
            findings=changes.findings,
            accepted=accepted,
            is_part=self._only is not None,
        )
        return await self._kept(folder, result, view)

    async def _covered(self, changes: ChangeSet) -> Cover | None:
        """What the approval beside the plan covers; None where none counts, and none is required."""
        if self._permit is None:
            return None
        try:
            cover = await self._permit.cover(changes, self._request.only)
        except OktaPlanError as error:
            if self._request.require_approval:
                raise
            self._permit, self._notices = None, (does_not_count(error),)
            return None
        self._only = cover.only
        return cover

    async def _agreed(self, changes: ChangeSet, foreseen: Forecast) -> ChangeSet:
        return await agreed(
            self._desk,
            self._request,
            self._person,
            path=self._path,
            changes=changes,
            foreseen=foreseen,
            privileged=self._plan.limits.privileged,
            notices=self._notices,
        )

    async def _reserve(self, journal: Journal, changes: ChangeSet, cover: Cover | None) -> None:
        """Count what is about to be sent. Where another run was faster, this one ends before it began."""
        if self._permit is None or cover is None:
            return
        try:
            await self._permit.reserve(self._run_id, changes, cover)
        except OktaPlanError:
            journal.append(Closed(counts={}))
            raise

    async def _go_on(
        self, unfinished: Unfinished, snapshot: Snapshot, done: Mapping[Address, Outcome]
    ) -> None:
        reads, plan = self._tenant.reads, self._plan
        rest = [each for each in unfinished.changes.changes if not is_done(done, each)]
        allowed = still_allowed(unfinished.header, self._permissions)
        protected = await protected_people(self._desk, self._tenant, plan, allowed)
        await refuse_protected(reads, plan, replace(snapshot, protected=protected), self._run_id, rest)
        if self._permit is None:
            return
        await refuse_strangers(reads, plan, snapshot, self._run_id, rest)
        try:
            await self._permit.go_on(unfinished, done)
        except OktaPlanError as error:
            if self._request.require_approval:
                raise
            self._notices = (does_not_count(error),)
            # what only the approval allowed is not allowed any more
            self._allow(self._given)
            refuse_in_freeze(self._desk, self._given)

    async def _kept(self, folder: RunFolder, result: RunResult, view: ApplyView) -> ApplyView:
        notices = [*self._notices, *await settle(self._desk, folder.run_id)]
        view = view.model_copy(update={"notices": notices})
        return keep_reports(self._desk, self._path, folder, result, view)

    async def _places(self) -> Snapshot:
        """The org, the app and its entitlements: all that a run that goes on needs to know."""
        reads, clock = self._tenant.reads, self._desk.runtime.clock
        at_s = clock.now()
        org_id = await reads.organization()
        okta_app = await reads.okta_app(self._plan.okta_app)
        snapshot = Snapshot(org_id, self._tenant.host, okta_app, (), {}, {}, {}, (), at_s)
        refuse_unless_ready(self._plan, snapshot, self._permissions)
        entitlements = await self._live.entitlements(okta_app.id)
        return replace(snapshot, entitlements=entitlements, bucket_limits=self._tenant.budget.limits())

    async def _afterwards(self, before: Snapshot, changes: ChangeSet) -> Snapshot:
        """Read anew only where something was to be sent, or not all was read."""
        if changes.changes or not all(each.complete for each in before.listings):
            return await read_again(self._tenant.reads, before)
        return before

    async def _read(self) -> Snapshot:
        snapshot, _ = await observe(self._desk, self._tenant, self._plan, self._permissions)
        return snapshot

    def _refuse_where_guarded(self, snapshot: Snapshot, changes: ChangeSet, cover: Cover | None) -> None:
        given = self._request.changes
        reviewed = cover.reviewed if cover else read_changes(self._desk, given) if given else None
        if reviewed:  # what nobody reviewed is not sent
            changes = replace(changes, changes=tuple(filter(reviewer_of(reviewed), changes.changes)))
        case = case_of(self._desk, self._plan, changes, snapshot, self._permissions, only=self._only)
        case = replace(
            case,
            reviewed_at_s=reviewed.observed_at_s if reviewed else None,
            approved_at_s=self._permit.approved_at_s if self._permit and cover else None,
            approval_required=self._request.require_approval,
        )
        refuse_where_guarded(case)

    async def _verified(
        self, read: Callable[[], Awaitable[Snapshot]], result: RunResult
    ) -> VerificationView | TenantError | None:
        """What reading back shows, or why it could not be read; None after an early stop."""
        if result.stopped:
            return None
        try:
            return verification_view(verify(self._plan, await read()))
        except TenantError as error:
            return error

    def _forecast(self, snapshot: Snapshot, changes: ChangeSet) -> ForecastView:
        return forecast_view(foresee(changes, snapshot, self._means))

    @property
    def _means(self) -> Means:
        asked = self._request
        return Means(asked.rate_share, asked.concurrency, asked.recheck_s)

    async def _execute(
        self,
        journal: Journal,
        snapshot: Snapshot,
        changes: ChangeSet,
        reviewed: ChangeSet,
        *,
        done: Mapping[Address, Outcome] | None = None,
    ) -> RunResult:
        clock, reads = self._desk.runtime.clock, self._tenant.reads
        roster = roster_of(snapshot, changes, reads.app_users, clock, recheck_s=self._request.recheck_s)
        result = await execute(
            changes,
            waves_of(changes, self._only),
            OktaTenant(reads, self._tenant.writes, roster),
            journal,
            clock,
            reviewed=reviewer_of(reviewed),
            entitlements=snapshot.entitlements,
            progress=self._person.show,
            stop=self._stop,
            done=done,
            concurrency=self._request.concurrency,
            turn=WriteTurns(self._tenant.client.pace, self._leased.lease.confirm).turn,
        )
        if not result.stopped:
            return result
        return replace(result, halt=result.halt or lease_lost(self._leased.lease) or self._watch.halt())
