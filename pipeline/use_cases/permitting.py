"""The approval of a plan in an apply: whether it covers what would be sent, and what is left of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.address import Address
from pipeline.changes.approved import AGAIN, counted, counted_as, in_scope, permissions_of, refuse_beyond
from pipeline.changes.codec import changes_digest, reviewer_of
from pipeline.changes.model import Change, ChangeSet
from pipeline.changes.permissions import Permissions
from pipeline.errors import ErrorCode, OktaPlanError, RefusedError
from pipeline.plan.approval import Approval, Scope, approval_digest
from pipeline.plan.model import Plan
from pipeline.run.process import this_host
from pipeline.run.result import Outcome
from pipeline.run.spending import Spending
from pipeline.use_cases.agreeing import read_changes
from pipeline.use_cases.apply_request import ApplyRequest
from pipeline.use_cases.approval_checks import (
    load_approval,
    other_org,
    refuse_expired,
    refuse_unsound,
    required,
)
from pipeline.use_cases.approving import stored_changes
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.online import store_changes
from pipeline.use_cases.parts import part_of
from pipeline.use_cases.resuming import Unfinished
from pipeline.use_cases.reviewing import refuse_other
from pipeline.use_cases.spent import settled, spending_place, used_by

NOT_SHARED = (
    "What was used of the approval is counted in this workspace only: elsewhere only its counts and its "
    "expiry bound it. Set OKTA_PLAN_SHARED to count it for all."
)


@dataclass(frozen=True, slots=True)
class Cover:
    """What an approval covers of the changes at hand."""

    reviewed: ChangeSet
    only: str | None
    """The part that is sent; None for everything."""
    permissions: Permissions


class Permit:
    """An approval that is sound in itself, used by one apply."""

    def __init__(self, desk: Desk, approval: Approval, *, given: ChangeSet | None) -> None:
        """``given`` is the change set of ``--changes``, where there is one."""
        self._desk = desk
        self._approval = approval
        self._given = given
        self._place = spending_place(desk, approval.plan, approval.org_id, approval_digest(approval))

    @property
    def approval(self) -> Approval:
        return self._approval

    @property
    def digest(self) -> str:
        return approval_digest(self._approval)

    @property
    def permissions(self) -> Permissions:
        """What the approval allows guards, once it covers."""
        return permissions_of(self._approval)

    @property
    def approved_at_s(self) -> float:
        """When it was given, in epoch seconds."""
        return datetime.fromisoformat(self._approval.approved_at).timestamp()

    @property
    def notices(self) -> tuple[str, ...]:
        is_alone = self._desk.org_file is not None
        return () if is_alone or self._place.is_shared else (NOT_SHARED,)

    async def cover(self, live: ChangeSet, only: str | None) -> Cover:
        """What may be sent of ``live``. Raises RefusedError where the approval is of another org or change
        set, less is left of it than would be sent, or it ended while a lease was waited for.
        """
        refuse_expired(self._desk, self._approval)
        approved = self._approved(live)
        part = _part(self._approval, only)
        wanted = [each for each in live.changes if part in (None, part_of(each))]
        left = (await settled(self._desk, self._place)).left(self._approval.counts)
        refuse_beyond(_count(wanted, counted_as(approved)), left, self._approval.counts)
        return Cover(in_scope(approved, self._approval.scope), part, permissions_of(self._approval))

    async def reserve(
        self, run: str, live: ChangeSet, cover: Cover, done: Mapping[Address, Outcome] | None = None
    ) -> None:
        """Count what ``run`` is about to send, before it sends anything. ``done`` are outcomes of a former
        part of it. Raises RefusedError where too little is left.
        """
        is_reviewed = reviewer_of(cover.reviewed)
        action_of = counted_as(cover.reviewed)
        rest = [
            each
            for each in live.changes
            if cover.only in (None, part_of(each)) and is_reviewed(each) and not is_done(done, each)
        ]
        if not rest:
            return
        wanted, counts = _count(rest, action_of), self._approval.counts
        used = used_by(self._desk, run) or {}

        def reserving(spending: Spending) -> Spending:
            after = spending.reserving(run, this_host(), wanted, used)
            refuse_beyond(after.runs[run].reserved, spending.left(counts, but=run), counts)
            return after

        await self._place.change(reserving)

    async def go_on(self, unfinished: Unfinished, done: Mapping[Address, Outcome]) -> None:
        """Count the rest of a run that goes on under this approval. Raises RefusedError where it was under
        another one or none, or it has ended meanwhile.
        """
        refuse_expired(self._desk, self._approval)
        if unfinished.header.approval_digest != self.digest:
            raise RefusedError(
                ErrorCode.OTHER_RUN,
                "The run cannot be resumed under this approval",
                f"Run {unfinished.header.run_id} was under another approval, or under none.",
                next_step="Apply the plan without --resume: it is compared with the tenant afresh.",
            )
        self._refuse_forged(unfinished)
        cover = Cover(unfinished.reviewed, unfinished.header.only, permissions_of(self._approval))
        await self.reserve(unfinished.header.run_id, unfinished.changes, cover, done)

    def _refuse_forged(self, unfinished: Unfinished) -> None:
        """A run's folder says what was reviewed; that must be what the approval says, not only its counts."""
        candidates = (
            stored_changes(self._desk, self._approval.changes_digest),
            unfinished.reviewed,
            unfinished.changes,
        )
        digest = self._approval.changes_digest
        approved = next((each for each in candidates if each and changes_digest(each) == digest), None)
        is_same = approved is not None and changes_digest(unfinished.reviewed) == changes_digest(
            in_scope(approved, self._approval.scope)
        )
        if not is_same:
            raise RefusedError(
                ErrorCode.OTHER_RUN,
                "The run cannot be resumed under this approval",
                f"What run {unfinished.header.run_id} calls reviewed is not what was approved.",
                next_step="Apply the plan without --resume: it is compared with the tenant afresh.",
            )
        refuse_other(unfinished.reviewed, unfinished.changes)

    def _approved(self, live: ChangeSet) -> ChangeSet:
        """The whole change set that the person saw."""
        approval = self._approval
        if approval.org_id != live.org_id:
            raise other_org(approval, live.org_host)
        found = self._given or stored_changes(self._desk, approval.changes_digest)
        if found is None and changes_digest(live) == approval.changes_digest:
            found = live
            store_changes(self._desk, live)
        if found is None:
            raise RefusedError(
                ErrorCode.APPROVAL_OF_OTHER_CHANGES,
                "The approved change set is not here",
                "The tenant has changed since the approval, and which of its changes were approved stands in "
                f"plans/.runs/changes/{approval.changes_digest}.json, which is not in this workspace.",
                next_step="Name that file with --changes, or approve what `okta-plan diff` shows now.",
            )
        if changes_digest(found) != approval.changes_digest:
            raise RefusedError(
                ErrorCode.APPROVAL_OF_OTHER_CHANGES,
                "Another change set was approved",
                "The approval is not of the change set that --changes names.",
                next_step="Leave --changes out, or approve that change set.",
            )
        if counted(in_scope(found, approval.scope).changes) != dict(approval.counts):
            raise RefusedError(
                ErrorCode.APPROVAL_INVALID,
                "The approval does not fit its change set",
                "Its counts are not those of the change set it names: it was edited.",
                next_step=AGAIN,
            )
        refuse_other(found, live)
        return found


def open_permit(
    desk: Desk, request: ApplyRequest, path: Path, plan: Plan
) -> tuple[Permit | None, tuple[str, ...]]:
    """The approval beside the plan, checked as far as that needs no tenant, and what there is to say of it.

    Where an approval is required, raises RefusedError for one that is missing or does not count. Else that is
    a notice, and somebody is asked.
    """
    try:
        approval = required(desk, path) if request.require_approval else load_approval(desk, path)
        if approval is None:
            return None, ()
        refuse_unsound(desk, approval, plan)
        given = read_changes(desk, request.changes) if request.changes is not None else None
        permit = Permit(desk, approval, given=given)
    except OktaPlanError as error:
        if request.require_approval:
            raise
        return None, (does_not_count(error),)
    return permit, permit.notices


def does_not_count(error: OktaPlanError) -> str:
    """What is said of an approval that nobody required."""
    return f"The approval beside the plan does not count. {error.summary}: {error.detail}"


def _part(approval: Approval, only: str | None) -> str | None:
    scope = approval.scope
    if scope is not Scope.ALL and only not in (None, scope.part):
        raise RefusedError(
            ErrorCode.APPROVAL_OF_OTHER_PART,
            "Another part was approved",
            f"The approval covers {scope}; --only {only} asks for what it does not cover.",
            next_step=f"Leave --only out, or approve the rest with `okta-plan approve --scope {only}`.",
        )
    return scope.part or only


def _count(changes: Iterable[Change], action_of: Callable[[Change], str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in changes:
        action = action_of(each)
        counts[action] = counts.get(action, 0) + 1
    return counts


def is_done(done: Mapping[Address, Outcome] | None, change: Change) -> bool:
    """Whether a former part of the run did ``change``."""
    outcome = (done or {}).get(change.address)
    return outcome is not None and outcome.is_done
