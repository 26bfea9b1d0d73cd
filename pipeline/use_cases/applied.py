"""What came of an apply, as a view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.changes.model import ChangeSet, HoldReason, revoked
from pipeline.changes.snapshot import Snapshot
from pipeline.changes.verification import verify
from pipeline.envelope import FindingView, error_view
from pipeline.errors import Exit, OktaPlanError, TenantError
from pipeline.findings import Finding
from pipeline.plan.model import Plan
from pipeline.run.result import EarlierRun, Outcome, RunResult
from pipeline.use_cases.online import held_views, verification_view
from pipeline.views import ApplyView, EarlierView, ForecastView, MissingView, OutcomeView, VerificationView


def applied_view(
    subject: Mapping[str, Any],
    run: str,
    result: RunResult,
    *,
    verified: VerificationView | TenantError | None,
    forecast: ForecastView,
    findings: Iterable[Finding],
    accepted: frozenset[HoldReason],
    is_part: bool,
) -> ApplyView:
    """The whole result of a run. Exit code 5 after an early stop; 3 where something is held for a reason that
    was not accepted, refused, unresolved, or could not be verified; else 0.
    """
    verification = verified if isinstance(verified, VerificationView) else None
    error = result.halt or (verified if isinstance(verified, TenantError) else None)
    return ApplyView(
        **subject,
        ok=error is None and not result.stopped,
        exit_code=_exit_code(result, verification, accepted, error=error, is_part=is_part),
        error=error_view(error) if error else None,
        run=run,
        counts=_count_actions(result),
        outcomes={name: count for name, count in result.counts.items() if count},
        revoked=_revoked(result),
        held=held_views(result.held),
        problems=_problems(result),
        forecast=forecast,
        elapsed_s=round(result.elapsed_s, 3),
        calls=dict(result.calls_by_bucket),
        verification=verification,
        findings=[FindingView.of(each) for each in findings],
    )


def nothing_to_do(
    subject: Mapping[str, Any], plan: Plan, snapshot: Snapshot, changes: ChangeSet, calls: Mapping[str, int]
) -> ApplyView:
    """The result where the tenant holds what the plan says; no run is recorded."""
    return ApplyView(
        **subject,
        counts={"keep": len(changes.keeps)},
        verification=verification_view(verify(plan, snapshot)),
        findings=[FindingView.of(each) for each in changes.findings],
        calls=dict(calls),
    )


def earlier_views(settled: Iterable[EarlierRun]) -> list[EarlierView]:
    return [
        EarlierView(run=each.run_id, counts=dict(each.counts), settled=dict(each.settled)) for each in settled
    ]


def _exit_code(
    result: RunResult,
    verification: VerificationView | None,
    accepted: frozenset[HoldReason],
    *,
    error: OktaPlanError | None,
    is_part: bool,
) -> Exit:
    if result.stopped:
        return Exit.STOPPED
    still_held = any(hold.reason not in accepted | {HoldReason.LEFT_OUT} for hold in result.held)
    differs = verification is not None and not is_part and not verification.is_good
    unfinished = still_held or differs or error is not None or bool(result.refused or result.unresolved)
    return Exit.HELD if unfinished else Exit.DONE


def _revoked(result: RunResult) -> list[MissingView]:
    return [
        MissingView(principal=each.change.principal or "", entitlement=entitlement, value=value)
        for each in result.of(Outcome.APPLIED)
        for entitlement, values in revoked(each.change)
        for value in values
    ]


def _problems(result: RunResult) -> list[OutcomeView]:
    return [
        OutcomeView(
            address=str(each.change.address),
            action=each.change.action,
            outcome=each.outcome,
            detail=each.detail,
            request_id=each.request_id,
        )
        for each in (*result.refused, *result.unresolved)
    ]


def _count_actions(result: RunResult) -> dict[str, int]:
    return {
        action.value: sum(count for outcome, count in by_outcome.items() if outcome.is_done)
        for action, by_outcome in result.counts_by_action.items()
    }
