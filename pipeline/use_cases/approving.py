"""Recording an approval of a stored change set, and telling whether one counts. Neither needs the tenant."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.approval_views import ApprovalsView, ApproveView
from pipeline.changes.approved import AGAIN, Counts, Needs, counted, in_scope, needs_of
from pipeline.changes.codec import changes_digest, from_json
from pipeline.changes.model import ChangeSet
from pipeline.changes.telling import told
from pipeline.envelope import error_view
from pipeline.errors import ErrorCode, Exit, InputError, OktaPlanError, RefusedError
from pipeline.plan.approval import (
    Allowance,
    Approval,
    Channel,
    Scope,
    approval_digest,
    expiry,
    in_words,
    says,
)
from pipeline.plan.approval_text import dump_approval
from pipeline.plan.digest import plan_digest
from pipeline.plan.model import Plan
from pipeline.run.folder import write_private
from pipeline.use_cases.allowing import NUMBERS, is_limit
from pipeline.use_cases.approval_checks import (
    ApprovalStatus,
    allowed_signers,
    approval_path,
    check,
    refuse_channel,
    refuse_own,
    refuse_unsound,
)
from pipeline.use_cases.change_views import covered
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.online import diff_view, store_changes
from pipeline.use_cases.reviewing import bad_option, read_json
from pipeline.use_cases.ssh_signatures import principals_of, public_key, sign
from pipeline.views import DiffView

__all__ = [
    "ApprovalStatus",
    "Given",
    "PendingApproval",
    "approver_of",
    "check",
    "pending",
    "record",
    "stored_changes",
]


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """What a person must read and type before ``record`` writes it down."""

    path: Path
    """The plan's file."""
    plan: Plan
    changes: ChangeSet
    """The part of the stored change set that is to be approved."""
    whole_digest: str
    """The changes_digest of the whole set."""
    scope: Scope
    counts: Counts
    needs: Needs

    @property
    def to_type(self) -> str:
        return in_words(self.counts)


@dataclass(frozen=True, slots=True)
class Given:
    """What the person said: ``typed`` are the counts; the rest is named beyond them, and why."""

    typed: str
    approver: str
    reason: str = ""
    privileged: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    provisioning: bool = False
    allow: tuple[Allowance, ...] = ()
    channel: Channel = Channel.TERMINAL
    expires: str | None = None
    sign_key: Path | None = None


def pending(
    desk: Desk,
    given: str,
    *,
    scope: Scope = Scope.ALL,
    changes: Path | None = None,
    digest: str | None = None,
) -> PendingApproval:
    """What is to be approved of a plan: the change set in the file ``changes``, or the stored one of that
    digest, or the newest stored one. Raises RefusedError where none fits the plan as it is now, or nothing
    would be changed; InputError where a file cannot be used.
    """
    path, plan = read_plan(desk, given)
    whole = _stored(desk, plan, changes, digest)
    if whole.plan_digest != plan_digest(plan):
        raise RefusedError(
            ErrorCode.APPROVAL_OF_OTHER_PLAN,
            "The change set is of another plan",
            f"{desk.shown(path)} was edited after the change set was made, or the set is of another plan.",
            next_step=AGAIN,
        )
    part = in_scope(whole, scope)
    if not part.changes:
        raise RefusedError(
            ErrorCode.NOT_APPLIED,
            "There is nothing to approve",
            f"The change set has nothing to send{'' if scope is Scope.ALL else f' in its {scope}'}.",
            next_step="Run `okta-plan diff` to compare again.",
        )
    return PendingApproval(
        path, plan, part, changes_digest(whole), scope, counted(part.changes), needs_of(plan, part)
    )


def _stored(desk: Desk, plan: Plan, changes: Path | None, digest: str | None) -> ChangeSet:
    if changes is not None:
        path = desk.inside(changes)
        named = from_json(read_json(path), desk.shown(path))
        store_changes(desk, named)  # where apply looks for what was approved
        return named
    if digest is not None:
        found = stored_changes(desk, digest)
        if found is not None:
            return found
    wanted = plan_digest(plan)
    folder = desk.runtime.runs_dir / "changes"
    newest = sorted(folder.glob("*.json"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
    for path in newest if digest is None else ():
        try:
            found = from_json(read_json(path), desk.shown(path))
        except InputError:
            continue  # not one that this version stored; another may be
        if found.plan_digest == wanted:
            return found
    raise RefusedError(
        ErrorCode.APPROVAL_OF_OTHER_CHANGES,
        "No change set of this plan is stored",
        "An approval is of a change set that `okta-plan diff` stored in plans/.runs/changes; there is none "
        + (f"of the digest {digest}." if digest else "of the plan as it is now."),
        next_step="Run `okta-plan diff` and review what it shows; then approve that.",
    )


def stored_changes(desk: Desk, digest: str) -> ChangeSet | None:
    """The change set that ``diff`` stored under that digest, if it is here. Raises InputError where the file
    is damaged.
    """
    path = desk.runtime.runs_dir / "changes" / f"{digest}.json"
    return from_json(read_json(path), desk.shown(path)) if path.is_file() else None


def record(desk: Desk, pending: PendingApproval, given: Given) -> Approval:
    """Write the approval beside the plan. Raises RefusedError, and writes nothing, where the counts typed are
    others, something is not named, the author approves, or where and how it was given does not count;
    InputError where an option, a key or the file cannot be used.
    """
    if not says(given.typed, pending.counts):
        raise RefusedError(
            ErrorCode.NOT_CONFIRMED,
            "The counts do not match",
            f"Typed: {given.typed.strip()!r}; the change set holds {pending.to_type}. Nothing is recorded.",
            next_step="Read the change set, then type its counts.",
        )
    _refuse_unnamed(pending, given)
    approval = draft(desk, pending, given)
    if given.sign_key is not None:
        approval = approval.model_copy(update={"signature": sign(approval, given.sign_key)})
    refuse_unsound(desk, approval, pending.plan)
    _write(approval_path(pending.path), dump_approval(approval))
    return approval


def draft(desk: Desk, pending: PendingApproval, given: Given) -> Approval:
    """What ``record`` would write, unsigned and whatever was typed, so that nobody reads and types in vain.
    Raises RefusedError where it could not count, InputError where an option cannot be used.
    """
    now_s = desk.runtime.clock.now()
    if allowed_signers(desk) is not None and given.sign_key is None and given.channel is Channel.TERMINAL:
        raise _unsigned()
    approval = Approval(
        plan=pending.plan.name,
        org_id=pending.changes.org_id,
        org_host=pending.changes.org_host,
        plan_digest=pending.changes.plan_digest,
        changes_digest=pending.whole_digest,
        scope=pending.scope,
        counts=pending.counts,
        privileged=given.privileged,
        conflicts=given.conflicts,
        provisioning=given.provisioning,
        allow=given.allow,
        approver=given.approver,
        reason=given.reason,
        approved_at=_utc(datetime.fromtimestamp(now_s, UTC)),
        expires_at=_utc(_expiry(given.expires, now_s)),
        channel=given.channel,
    )
    refuse_channel(desk, approval)
    refuse_own(pending.plan, approval)
    return approval


def approve(desk: Desk, pending: PendingApproval, given: Given) -> ApproveView:
    """Record the approval, and what was recorded as an answer. Raises as ``record``."""
    approval = record(desk, pending, given)
    return ApproveView(
        plan=desk.shown(pending.path),
        plan_digest=approval.plan_digest,
        changes_digest=approval.changes_digest,
        counts=dict(approval.counts),
        approval=approval,
        approval_digest=approval_digest(approval),
        paths={"approval": desk.shown(approval_path(pending.path))},
    )


async def approvals(desk: Desk, given: str) -> ApprovalsView:
    """The approval of a plan and whether it counts: exit code 4 where it does not. Raises InputError where
    the plan or a setting cannot be used.
    """
    path, plan = read_plan(desk, given)
    status = await check(desk, given)
    approval = status.approval
    is_signed = approval is not None and approval.signature is not None
    return ApprovalsView(
        ok=status.counts,
        exit_code=Exit.DONE if status.counts else Exit.REFUSED,
        error=error_view(status.problem) if status.problem else None,
        plan=desk.shown(path),
        plan_digest=plan_digest(plan),
        changes_digest=approval.changes_digest if approval else None,
        counts=dict(approval.counts) if approval else {},
        approval=approval,
        approval_digest=approval_digest(approval) if approval else "",
        left=status.left,
        signed=("checked" if allowed_signers(desk) else "unchecked") if is_signed else "no",
        paths={"approval": desk.shown(approval_path(path))} if approval else {},
    )


def pending_view(desk: Desk, pending: PendingApproval) -> DiffView:
    """What is to be approved as data: of the stored change set alone, each change in the words of what the
    digest covers.
    """
    stored = desk.runtime.runs_dir / "changes" / f"{pending.whole_digest}.json"
    view = diff_view(desk, pending.path, pending.changes, None, pending.plan.limits.privileged)
    changes = [
        each.model_copy(update={"message": told(change), **covered(change)})
        for each, change in zip(view.changes, pending.changes.changes, strict=True)
    ]
    return view.model_copy(
        update={
            "changes": changes,
            "okta_app": f"{view.okta_app} ({pending.changes.okta_app_id})",
            "changes_digest": pending.whole_digest,
            "paths": {"changes": desk.shown(stored)},
        }
    )


def scope_of(text: str) -> Scope:
    """The scope of that name. Raises InputError (exit 64) for another word."""
    try:
        return Scope(text)
    except ValueError:
        raise bad_option("--scope", text, tuple(each.value for each in Scope)) from None


def allowances(given: Iterable[str], reason: str) -> tuple[Allowance, ...]:
    """What ``--allow GUARD=N`` says, each with ``reason``. Raises InputError (exit 64) for what is no such
    thing, or where no reason is given.
    """
    found: list[Allowance] = []
    for text in given:
        guard, _, limit = text.rpartition("=")
        allowance = _allowance(guard, limit, reason) if is_limit(guard) else None
        if allowance is None:
            known = ", ".join(sorted(NUMBERS)) + " or value_max/ENTITLEMENT/VALUE"
            raise bad_option("--allow", text, (f"GUARD=N, with --reason TEXT; GUARD is {known}",))
        found.append(allowance)
    return tuple(found)


def _allowance(guard: str, limit: str, reason: str) -> Allowance | None:
    try:
        return Allowance(guard=guard, limit=float(limit), reason=reason)
    except ValueError:
        return None


def approver_of(desk: Desk, given: str | None, sign_key: Path | None) -> str:
    """Who approves: as given, else the first whole principal of the key among the allowed signers, else the
    user that the operating system knows. Raises RefusedError where the key is nobody's.
    """
    signers = allowed_signers(desk)
    if given:
        return given
    if signers is None or sign_key is None:
        return _os_user()
    whole = [each for each in principals_of(signers, public_key(sign_key)) if not set(each) & set("*?!")]
    if not whole:
        raise RefusedError(
            ErrorCode.APPROVAL_UNKNOWN_SIGNER,
            "The signer is not known",
            f"{signers.name} names nobody for the key {sign_key.name}.",
            next_step="Sign with a key that stands there, or say who you are with --approver.",
        )
    return whole[0]


def _os_user() -> str:
    """From the user id where there is one: variables of the environment say what one likes."""
    try:
        import pwd
    except ImportError:
        import getpass

        return getpass.getuser()
    return pwd.getpwuid(os.getuid()).pw_name


def _refuse_unnamed(pending: PendingApproval, given: Given) -> None:
    unnamed = [each for each in pending.needs.privileged if each not in given.privileged]
    named = {each.casefold() for each in given.conflicts}
    unnamed += [each for each in pending.needs.conflicts if each.casefold() not in named]
    if pending.needs.provisioning and not given.provisioning:
        unnamed.append("provisioning")
    if unnamed:
        raise RefusedError(
            ErrorCode.NOT_NAMED,
            "Something must be named to be approved",
            f"The change set holds what counts alone do not approve: {', '.join(unnamed)}.",
            next_step="Name each of them, on a terminal, when `okta-plan approve` asks.",
        )


def _unsigned() -> OktaPlanError:
    return RefusedError(
        ErrorCode.APPROVAL_UNSIGNED,
        "The approval is not signed",
        "OKTA_PLAN_ALLOWED_SIGNERS is set, so only a signed approval counts.",
        next_step="Approve with --sign KEY, e.g. --sign ~/.ssh/id_ed25519.",
    )


def _expiry(text: str | None, now_s: float) -> datetime:
    try:
        return expiry(text, now_s)
    except ValueError as error:
        raise bad_option("--expires", str(text), (str(error),)) from None


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(path: Path, text: str) -> None:
    try:
        write_private(path, text)
        path.chmod(0o644)
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "The approval cannot be written",
            f"{path.name} cannot be written: {error.strerror or error}.",
            next_step="Correct the folder's permissions, then approve again.",
        ) from error
