"""The verb that writes: apply, under a lease, journaled, verified by reading back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline import __version__
from pipeline.address import Address
from pipeline.changes.codec import changes_digest, from_json, reviewer_of, to_json
from pipeline.changes.forecast import RECHECK_S, Means
from pipeline.changes.limits import refuse_over_limits
from pipeline.changes.model import Action, ChangeSet, HoldReason
from pipeline.changes.refusals import refuse_unless_ready
from pipeline.changes.snapshot import Snapshot
from pipeline.changes.verification import verify
from pipeline.envelope import to_json as view_json
from pipeline.errors import ErrorCode, RefusedError, TenantError
from pipeline.okta.scopes import to_apply
from pipeline.okta.snapshot import read_again
from pipeline.plan.model import Plan
from pipeline.report.markdown import run_report
from pipeline.run.entries import Header, Note
from pipeline.run.executor import execute
from pipeline.run.folder import RunFolder, lines_of_json, new_run_id, not_applied_csv
from pipeline.run.journal import Journal, iso_utc
from pipeline.run.okta_tenant import OktaTenant, WriteTurns
from pipeline.run.result import Outcome, Progress, RunResult
from pipeline.run.resume import settle_open
from pipeline.run.roster import Roster
from pipeline.use_cases.applied import applied_view, earlier_views, nothing_to_do
from pipeline.use_cases.archiving import note_in_place
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.leasing import Leased, app_lease, lease_lost
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
from pipeline.use_cases.parts import PARTS, waves_of
from pipeline.use_cases.resuming import find_unfinished, refuse_elsewhere, settle_earlier
from pipeline.use_cases.reviewing import (
    accepted_reasons,
    bad_option,
    read_json,
    refuse_other,
    refuse_yes_alone,
)
from pipeline.use_cases.signals import stop_on_signals
from pipeline.use_cases.tenant import CONCURRENCY, Tenant, open_tenant
from pipeline.views import ApplyView, DiffView, ForecastView, VerificationView


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
    resume: str | None = None
    """The unfinished run to go on with, instead of comparing afresh."""


@dataclass(frozen=True, slots=True)
class Person:
    """How the door reaches a person: ``ask`` shows a change set and returns whether to go on (None where
    nobody can be asked); ``show`` follows the progress.
    """

    ask: Callable[[DiffView], bool] | None = None
    show: Callable[[Progress], None] = lambda _progress: None


async def apply(desk: Desk, request: ApplyRequest, person: Person) -> ApplyView:
    """Carry out a plan, or the rest of an unfinished run. Exit codes: 0 done, 3 some held, refused or
    unresolved, 5 stopped early.

    Raises RefusedError (exit 4) before any write where a guard says no, nobody answered the question, or
    another apply holds the lease; InputError and TenantError where plan or tenant cannot be read.
    """
    accepted = accepted_reasons(desk, request.accept_held)
    if request.only is not None and request.only not in PARTS:
        raise bad_option("--only", request.only, PARTS)
    path, plan = read_plan(desk, request.plan)
    if request.resume is not None:
        request = _resuming(desk, request, plan)
    run_id = request.resume or new_run_id(desk.runtime.clock, desk.runtime.rng)
    stop = asyncio.Event()
    async with (
        open_tenant(
            desk,
            scopes=to_apply(assigns=plan.assignments.missing == "assign" and request.only != "structure"),
            rate_share=request.rate_share,
            concurrency=request.concurrency,
            run=run_id,
        ) as tenant,
        app_lease(desk, tenant, plan, run_id=run_id, wait_s=request.lease_wait_s, stop=stop) as leased,
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
        )
        with stop_on_signals(stop):
            return await (job.resume(accepted) if request.resume else job.carry_out(accepted))


def _resuming(desk: Desk, request: ApplyRequest, plan: Plan) -> ApplyRequest:
    """``request`` for the part that the run was asked for. What cannot go on is refused before any call."""
    for option, given in (("--changes", request.changes), ("--only", request.only)):
        if given is not None:
            raise bad_option(
                option, str(given), ("it without --resume, which goes on with the old change set",)
            )
    unfinished = find_unfinished(desk, str(request.resume), plan)
    return replace(request, only=unfinished.header.only)


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
    ) -> None:
        self._desk = desk
        self._request = request
        self._person = person
        self._tenant = tenant
        self._path = path
        self._plan = plan
        self._leased = leased
        self._run_id = run_id
        self._stop = stop
        self._live = OktaTenant(tenant.reads, tenant.writes)

    async def carry_out(self, accepted: frozenset[HoldReason]) -> ApplyView:
        earlier = await settle_earlier(self._desk, self._plan, self._leased, self._live, self._places)
        snapshot, changes = await observe(self._desk, self._tenant, self._plan)
        refuse_over_limits(self._plan, changes, snapshot)
        reviewed = await self._reviewed(snapshot, changes)
        subject = {
            **subject_of(self._desk, self._path, changes),
            "org_id": changes.org_id,
            "earlier": earlier_views(earlier),
        }
        if not changes.changes and not changes.holds:
            note_in_place(self._desk, changes, self._run_id)
            return nothing_to_do(subject, self._plan, snapshot, changes, self._tenant.budget.calls())
        folder = RunFolder.create(self._desk.runtime.runs_dir, self._run_id)
        folder.write(folder.changes, lines_of_json(to_json(changes)))
        if reviewed != changes:
            folder.write(folder.reviewed, lines_of_json(to_json(reviewed)))
        clock = self._desk.runtime.clock
        with Journal.create(folder.journal, self._header(changes, reviewed), clock) as journal:
            result = await self._execute(journal, snapshot, changes, reviewed)
        verified = await self._verified(partial(self._afterwards, snapshot, changes), result)
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

    async def resume(self, accepted: frozenset[HoldReason]) -> ApplyView:
        """The rest of the run's own change set. Only what began and did not end is read back, and the
        entitlements for their ids; each write still reads directly before it.
        """
        snapshot = await self._places()
        unfinished = find_unfinished(self._desk, self._run_id, self._plan)
        refuse_elsewhere(unfinished.header, snapshot)
        folder, changes = unfinished.folder, unfinished.changes
        journal, _ = Journal.reopen(folder.journal, self._desk.runtime.clock)
        with journal:
            journal.append(Note(what="resumed"))
            earlier = await settle_open(
                unfinished.state,
                changes,
                journal,
                self._live,
                snapshot.entitlements,
                self._desk.runtime.clock,
            )
            done = folder.state().outcomes
            result = await self._execute(journal, snapshot, changes, unfinished.reviewed, done=done)
        verified = await self._verified(self._read, result)
        result = replace(result, calls_by_bucket=self._tenant.budget.calls())
        rest = tuple(each for each in changes.changes if not _is_done(done.get(each.address)))
        view = applied_view(
            {**subject_of(self._desk, self._path, changes), "org_id": changes.org_id}
            | {"earlier": earlier_views([earlier])},
            folder.run_id,
            result,
            verified=verified,
            forecast=self._forecast(snapshot, replace(changes, changes=rest)),
            findings=changes.findings,
            accepted=accepted,
            is_part=self._request.only is not None,
        )
        return self._kept(folder, result, view)

    async def _places(self) -> Snapshot:
        """The org, the app and its entitlements: all that a run that goes on needs to know."""
        reads, clock = self._tenant.reads, self._desk.runtime.clock
        at_s = clock.now()
        org_id = await reads.organization()
        okta_app = await reads.okta_app(self._plan.okta_app)
        snapshot = Snapshot(org_id, self._tenant.host, okta_app, (), {}, {}, {}, (), at_s)
        refuse_unless_ready(self._plan, snapshot)
        entitlements = await self._live.entitlements(okta_app.id)
        return replace(snapshot, entitlements=entitlements, bucket_limits=self._tenant.budget.limits())

    async def _afterwards(self, before: Snapshot, changes: ChangeSet) -> Snapshot:
        """Read anew only where something was to be sent, or not all was read."""
        if changes.changes or not all(each.complete for each in before.listings):
            return await read_again(self._tenant.reads, before)
        return before

    async def _read(self) -> Snapshot:
        snapshot, _ = await observe(self._desk, self._tenant, self._plan)
        return snapshot

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

    def _kept(self, folder: RunFolder, result: RunResult, view: ApplyView) -> ApplyView:
        """Write the run's reports; ``view`` with their paths and, after a stop, the command that goes on."""
        paths = {
            "journal": self._desk.shown(folder.journal),
            "report": self._desk.shown(folder.report_md),
            "not_applied": self._desk.shown(folder.not_applied),
        }
        resume = f"Go on with `{self._resume_command(folder)}`." if result.stopped else None
        view = view.model_copy(update={"paths": paths, "resume": resume})
        folder.write(folder.report_json, view_json(view))
        folder.write(folder.report_md, run_report(view))
        folder.write(folder.not_applied, not_applied_csv(result))
        return view

    def _resume_command(self, folder: RunFolder) -> str:
        org = f" --org {self._desk.shown(self._desk.org_file)}" if self._desk.org_file else ""
        return f"okta-plan apply {self._desk.shown(self._path)} --resume {folder.run_id}{org}"

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
        if not changes.changes:
            return changes
        if self._request.yes:
            refuse_yes_alone(changes)
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

    def _header(self, changes: ChangeSet, reviewed: ChangeSet) -> Header:
        return Header(
            tool_version=__version__,
            run_id=self._run_id,
            org_id=changes.org_id,
            org_host=changes.org_host,
            okta_app_id=changes.okta_app_id,
            plan_name=self._plan.name,
            plan_path=self._desk.shown(self._path),
            plan_digest=changes.plan_digest,
            changes_digest=changes_digest(changes),
            reviewed_digest=changes_digest(reviewed),
            only=self._request.only,
            started_at=iso_utc(self._desk.runtime.clock.now()),
            embedded=self._desk.org_file is not None,
        )

    async def _execute(
        self,
        journal: Journal,
        snapshot: Snapshot,
        changes: ChangeSet,
        reviewed: ChangeSet,
        *,
        done: Mapping[Address, Outcome] | None = None,
    ) -> RunResult:
        clock = self._desk.runtime.clock
        result = await execute(
            changes,
            waves_of(changes, self._request.only),
            OktaTenant(self._tenant.reads, self._tenant.writes, self._roster(snapshot, changes)),
            journal,
            clock,
            reviewed=reviewer_of(reviewed),
            entitlements=snapshot.entitlements,
            progress=self._person.show,
            stop=self._stop,
            done=done,
            concurrency=self._request.concurrency,
            turn=WriteTurns(self._tenant.client.pace).turn,
        )
        return (
            replace(result, halt=result.halt or lease_lost(self._leased.lease)) if result.stopped else result
        )

    def _roster(self, snapshot: Snapshot, changes: ChangeSet) -> Roster | None:
        """None where nobody has listed the app's users: then each row is read by id."""
        if not snapshot.is_complete("app_users"):
            return None
        return Roster(
            snapshot.app_users,
            snapshot.observed_at_s,
            partial(self._tenant.reads.app_users, snapshot.okta_app.id),
            self._desk.runtime.clock,
            recheck_s=self._request.recheck_s,
            assigns=sum(change.action is Action.ASSIGN for change in changes.changes),
        )


def _is_done(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.is_done
