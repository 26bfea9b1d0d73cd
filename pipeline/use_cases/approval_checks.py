"""The approval beside a plan: read, and judged as far as that needs no tenant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.changes.approved import AGAIN, Counts
from pipeline.errors import ErrorCode, OktaPlanError, RefusedError
from pipeline.plan.approval import (
    APPROVAL_ENDING,
    EXPIRES_AFTER_DAYS_MAX,
    Approval,
    approval_digest,
    has_expired,
    in_words,
    is_own,
    lasts_too_long,
    why_not_by,
)
from pipeline.plan.approval_text import read_approval
from pipeline.plan.digest import plan_digest
from pipeline.plan.model import Plan
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.spent import seen, spending_place
from pipeline.use_cases.ssh_signatures import check_signature


def approval_path(plan_path: Path) -> Path:
    """``plans/NAME.approval.yaml`` of ``plans/NAME.yaml``."""
    return plan_path.with_name(f"{plan_path.stem}{APPROVAL_ENDING}")


def allowed_signers(desk: Desk) -> Path | None:
    """The file of OKTA_PLAN_ALLOWED_SIGNERS; a relative path is one of the workspace."""
    given = desk.settings.allowed_signers.strip()
    return desk.workspace / Path(given).expanduser() if given else None


def load_approval(desk: Desk, plan_path: Path) -> Approval | None:
    """The approval beside a plan; None where there is none. Raises RefusedError where it cannot be read."""
    path = approval_path(plan_path)
    shown = desk.shown(path)
    try:
        approval = read_approval(path.read_text("utf-8"), shown)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(
            ErrorCode.APPROVAL_INVALID,
            "The approval cannot be read",
            f"{shown} cannot be read: {error}.",
            next_step="Approve the plan again with `okta-plan approve`.",
        ) from error
    desk.mask.learn([approval.approver])
    return approval


def required(desk: Desk, plan_path: Path) -> Approval:
    """The approval beside a plan. Raises RefusedError where there is none, or it cannot be read."""
    approval = load_approval(desk, plan_path)
    if approval is None:
        raise RefusedError(
            ErrorCode.APPROVAL_MISSING,
            "There is no approval",
            f"There is no {desk.shown(approval_path(plan_path))}.",
            next_step="Run `okta-plan diff`, review it, and approve it with `okta-plan approve PLAN`.",
        )
    return approval


def other_org(approval: Approval, org: str) -> RefusedError:
    return RefusedError(
        ErrorCode.OTHER_ORG,
        "The approval is for another org",
        f"It was given for {approval.org_host} ({approval.org_id}), not for {org}.",
        next_step="Run `okta-plan diff` against this org, and have that approved.",
    )


def refuse_unsound(desk: Desk, approval: Approval, plan: Plan) -> None:
    """Raises RefusedError where ``approval`` cannot count for ``plan``, whatever the tenant says: another
    plan, expired, given where or by whom it does not count, or not signed as it must be.
    """
    if approval.plan_digest != plan_digest(plan) or approval.plan != plan.name:
        raise RefusedError(
            ErrorCode.APPROVAL_OF_OTHER_PLAN,
            "The approval is of another plan",
            f"The plan {plan.name} was edited after it was approved, or the approval is of another plan.",
            next_step=AGAIN,
        )
    refuse_expired(desk, approval)
    if lasts_too_long(approval, desk.runtime.clock.now()):
        raise RefusedError(
            ErrorCode.APPROVAL_INVALID,
            "The approval lasts too long",
            f"{approval.approved_at} to {approval.expires_at}; {EXPIRES_AFTER_DAYS_MAX} days is the most.",
            next_step=AGAIN,
        )
    refuse_channel(desk, approval)
    signers = allowed_signers(desk)
    refuse_own(plan, approval, check_signature(approval, signers) if signers is not None else ())


def refuse_expired(desk: Desk, approval: Approval) -> None:
    """Raises RefusedError where ``approval`` has ended by now."""
    if has_expired(approval, desk.runtime.clock.now()):
        raise RefusedError(
            ErrorCode.APPROVAL_EXPIRED,
            "The approval has expired",
            f"It was given on {approval.approved_at} and ended on {approval.expires_at}.",
            next_step=AGAIN,
        )


def refuse_channel(desk: Desk, approval: Approval) -> None:
    """Raises RefusedError where what is approved cannot be approved where it was."""
    why = why_not_by(
        approval.channel,
        actions=approval.counts,
        privileged=approval.privileged,
        conflicts=approval.conflicts,
        allow=approval.allow,
        form_approval=desk.settings.form_approval,
        needs_signature=allowed_signers(desk) is not None,
    )
    if why is not None:
        raise RefusedError(
            ErrorCode.APPROVAL_BY_FORM,
            "A form does not approve this",
            why,
            next_step="Approve on a terminal with `okta-plan approve`.",
        )


def refuse_own(plan: Plan, approval: Approval, principals: Iterable[str] = ()) -> None:
    """Raises RefusedError where the plan's author approved it, by name or by a key of these principals."""
    if is_own(plan.author, approval.approver, principals):
        raise RefusedError(
            ErrorCode.APPROVAL_BY_AUTHOR,
            "The author cannot approve the plan",
            f"The plan's author is {plan.author}, and it was approved by {approval.approver}.",
            next_step="Have somebody else approve it.",
        )


@dataclass(frozen=True, slots=True)
class ApprovalStatus:
    """The approval beside a plan, what no run has used of it, and why it does not count, if it does not."""

    approval: Approval | None
    left: Counts
    problem: OktaPlanError | None = None

    @property
    def counts(self) -> bool:
        return self.problem is None


async def check(
    desk: Desk, given: str, *, changes_digest: str | None = None, org_id: str | None = None
) -> ApprovalStatus:
    """Whether the approval of a plan counts now: for that change set and org, where they are given. Without
    the tenant. Raises InputError where the plan or a setting cannot be used.
    """
    path, plan = read_plan(desk, given)
    approval: Approval | None = None
    left: Counts = {}
    try:
        approval = required(desk, path)
        place = spending_place(desk, approval.plan, approval.org_id, approval_digest(approval))
        left = (await seen(desk, place)).left(approval.counts)
        refuse_unsound(desk, approval, plan)
        _refuse_other(approval, changes_digest, org_id)
        _refuse_used_up(approval, left)
    except RefusedError as error:
        return ApprovalStatus(approval, left, error)
    return ApprovalStatus(approval, left)


def _refuse_other(approval: Approval, changes_digest: str | None, org_id: str | None) -> None:
    if org_id not in (None, approval.org_id):
        raise other_org(approval, str(org_id))
    if changes_digest not in (None, approval.changes_digest):
        raise RefusedError(
            ErrorCode.APPROVAL_OF_OTHER_CHANGES,
            "Another change set was approved",
            f"The approval is of the change set {approval.changes_digest}.",
            next_step=AGAIN,
        )


def _refuse_used_up(approval: Approval, left: Counts) -> None:
    if not any(left.values()):
        raise RefusedError(
            ErrorCode.APPROVAL_USED_UP,
            "The approval is used up",
            f"All it covers was applied or is being applied: {in_words(approval.counts)}.",
            next_step=AGAIN,
        )
