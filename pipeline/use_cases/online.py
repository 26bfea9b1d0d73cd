"""The verbs that read a tenant and never write to it: check, diff, verify."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.changes.codec import changes_digest, to_json
from pipeline.changes.diff import diff as compare
from pipeline.changes.forecast import CallKind, Forecast, Means, forecast
from pipeline.changes.model import ChangeSet, Hold, revoked
from pipeline.changes.permissions import NOTHING_ALLOWED, Permissions
from pipeline.changes.refusals import refuse_unless_ready
from pipeline.changes.snapshot import Snapshot
from pipeline.changes.verification import PersonValue, Verification
from pipeline.changes.verification import verify as compare_with_plan
from pipeline.envelope import FindingView, HeldView
from pipeline.errors import Exit
from pipeline.okta import scopes
from pipeline.okta.buckets import DEFAULT_LIMIT_PER_MIN, bucket_of, with_likely
from pipeline.okta.snapshot import read_snapshot
from pipeline.okta.token_answers import scope_missing
from pipeline.plan.digest import plan_digest
from pipeline.plan.model import Plan
from pipeline.run.journal import iso_utc
from pipeline.use_cases.allowing import permissions_given
from pipeline.use_cases.change_views import change_view, value_lists
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.explaining import runs_tell
from pipeline.use_cases.generating import app_reference
from pipeline.use_cases.guarding import case_of, refusal_views
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.policies import read_policies
from pipeline.use_cases.storing import write_json
from pipeline.use_cases.tenant import CONCURRENCY, RATE_SHARE, Tenant, open_tenant
from pipeline.views import (
    BucketView,
    CheckView,
    DiffView,
    ForecastView,
    MissingView,
    ScopeView,
    VerificationView,
    VerifyView,
)

BUCKETS: dict[CallKind, str] = {
    CallKind.CREATE: bucket_of("POST", "/governance/api/v1/entitlements"),
    CallKind.ADD: bucket_of("PATCH", "/governance/api/v1/entitlements/{id}"),
    CallKind.ASSIGN: bucket_of("POST", "/api/v1/apps/{id}/users"),
    CallKind.APP_USER_READ: bucket_of("GET", "/api/v1/apps/{id}/users/{id}"),
    CallKind.GRANT: bucket_of("POST", "/governance/api/v1/grants"),
    CallKind.GRANT_LIST: bucket_of("GET", "/governance/api/v1/grants"),
    CallKind.GRANT_READ: bucket_of("GET", "/governance/api/v1/grants/{id}"),
    CallKind.EXTEND: bucket_of("PUT", "/governance/api/v1/grants/{id}"),
    CallKind.RETIME: bucket_of("PATCH", "/governance/api/v1/grants/{id}"),
    CallKind.REVOKE: bucket_of("POST", "/governance/api/v2/revoke-principal-access"),
    CallKind.ACCESS_READ: bucket_of("GET", "/governance/api/v1/principal-access"),
    CallKind.ENTITLEMENT_READ: bucket_of("GET", "/governance/api/v1/entitlements/{id}"),
    CallKind.ENTITLEMENT_LIST: bucket_of("GET", "/governance/api/v1/entitlements"),
}


async def check(desk: Desk, app_text: str | None) -> CheckView:
    """Who we are to which org, and what this credential sees. Raises TenantError where it sees nothing,
    CredentialError where a scope is missing without which nothing can be read.
    """
    async with open_tenant(desk, scopes=scopes.ALL) as tenant:
        org_id = await tenant.reads.organization()
        missing = await tenant.client.missing_scopes()
        if missing & scopes.TO_READ:
            raise scope_missing(missing, "Each scope was asked for alone")
        credential = await _who(desk, tenant)
        okta_app = await tenant.reads.okta_app(app_reference(app_text)) if app_text else None
        return CheckView(
            org_id=org_id,
            org_host=tenant.host,
            credential=credential,
            scopes=_scope_views(missing) if tenant.client.service_app else [],
            okta_app=f"{okta_app.label} ({okta_app.id})" if okta_app else None,
            entitlement_management=okta_app.entitlement_management.value if okta_app else None,
            clock_skew_s=tenant.client.clock_skew_s,
            buckets=[
                BucketView(bucket=e.bucket, limit_per_min=e.limit, remaining=e.remaining, reset_s=e.reset_s)
                for e in tenant.budget.status(desk.runtime.clock.now())
            ],
        )


async def _who(desk: Desk, tenant: Tenant) -> str:
    if tenant.client.service_app is None:
        me = await tenant.reads.me()
        desk.mask.learn([me.login] if me else [])
        return f"API token of {me.login}" if me else "API token, its owner unknown"
    # A service app is no user (okta-api.md 1.1), so something it must be able to read tells that it may.
    await tenant.reads.probe()
    return f"service app {tenant.client.service_app}"


def _scope_views(missing: frozenset[str]) -> list[ScopeView]:
    return [
        ScopeView(scope=scope, granted=scope not in missing, needed_for=why)
        for scope, why in scopes.NEEDED_FOR.items()
    ]


async def diff(
    desk: Desk,
    given: str,
    *,
    output: Path | None = None,
    detailed_exit_code: bool = False,
    rate_share: float = RATE_SHARE,
    concurrency: int = CONCURRENCY,
    allow: tuple[str, ...] = (),
) -> DiffView:
    """The change set between a plan and the tenant, stored for review; as it would be with the overrides in
    ``allow``, so that what needs one can be reviewed and approved. Raises UsageError for one that cannot be
    used, RefusedError (exit 4) where the tenant is another one or the app's entitlements are not managed.
    """
    permissions = permissions_given(allow, ["to be reviewed"] * len(allow))
    path, plan = read_plan(desk, given)
    async with open_tenant(desk, rate_share=rate_share, concurrency=concurrency) as tenant:
        snapshot, changes = await observe(desk, tenant, plan, permissions)
    foreseen = foresee(changes, snapshot, Means(rate_share, concurrency))
    view = diff_view(desk, path, changes, foreseen, plan.limits.privileged)
    view = view.model_copy(
        update={"refusals": refusal_views(case_of(desk, plan, changes, snapshot, permissions))}
    )
    paths = {"changes": desk.shown(store_changes(desk, changes))}
    if output is not None:
        copy = desk.inside(output)
        write_json(copy, to_json(changes))
        paths["output"] = desk.shown(copy)
    if desk.org_file is not None:
        paths["org"] = desk.shown(desk.org_file)
    exit_code = _detailed(changes) if detailed_exit_code else Exit.DONE
    return view.model_copy(update={"exit_code": int(exit_code), "paths": paths})


async def verify(desk: Desk, given: str) -> VerifyView:
    """Whether the tenant holds what the plan says, read by listing. Exit code 2: differences; 3: only
    people that could not be resolved or whose access is held. Raises TenantError where a listing is
    incomplete: nothing is missing that was not seen to be missing.
    """
    path, plan = read_plan(desk, given)
    async with open_tenant(desk) as tenant:
        snapshot, changes = await observe(desk, tenant, plan)
    found = compare_with_plan(plan, snapshot)
    differs = found.missing or found.still_held
    tell = runs_tell(desk, plan.name, changes) if differs else None
    verification = verification_view(found, why=tell.why if tell else _as_the_tenant_shows)
    return VerifyView(
        **subject_of(desk, path, changes),
        ok=verification.is_good,
        exit_code=verify_exit(verification),
        held=verification.held_back,
        verification=verification,
    )


def diff_view(
    desk: Desk,
    path: Path,
    changes: ChangeSet,
    foreseen: Forecast | None,
    privileged: Iterable[str] = (),
) -> DiffView:
    """The change set as data: what a person reviews."""
    return DiffView(
        **subject_of(desk, path, changes),
        org_id=changes.org_id,
        observed_at=iso_utc(changes.observed_at_s),
        counts=count_actions(changes),
        changes=[change_view(each) for each in changes.changes],
        privileged=list(privileged),
        held=held_views(changes.holds),
        kept=len(changes.keeps),
        findings=[FindingView.of(finding) for finding in changes.findings],
        forecast=forecast_view(foreseen) if foreseen else None,
    )


async def observe(
    desk: Desk, tenant: Tenant, plan: Plan, permissions: Permissions = NOTHING_ALLOWED
) -> tuple[Snapshot, ChangeSet]:
    """Read the plan's slice of the tenant and compare. ``permissions`` say which conflicts of duties are not
    held, and from whom something may be taken after all. Raises RefusedError where nothing may be compared,
    InputError where a policy cannot be used.
    """
    rules = read_policies(desk)
    snapshot = await read_snapshot(
        tenant.reads,
        plan,
        tenant.host,
        tenant.client.pace,
        desk.runtime.clock,
        protected=await protected_people(desk, tenant, plan, permissions),
    )
    allowed = frozenset(each.casefold() for each in permissions.conflicts)
    snapshot = replace(snapshot, rules=rules, allowed_conflicts=allowed)
    desk.mask.learn(snapshot.names)
    refuse_unless_ready(plan, snapshot, permissions)
    return snapshot, compare(plan, plan_digest(plan), snapshot, now_s=desk.runtime.clock.now())


async def protected_people(
    desk: Desk, tenant: Tenant, plan: Plan, permissions: Permissions
) -> frozenset[str]:
    """Names and ids of those from whom nothing is taken, but for whom ``permissions`` name."""
    return (desk.settings.protected - permissions.protected) | await _own_user(tenant, plan)


async def _own_user(tenant: Tenant, plan: Plan) -> frozenset[str]:
    """The id of the credential's own user, where the plan may take something from somebody. A service app is
    no user.
    """
    takes = bool(plan.removals) or plan.grants.policy_users == "convert"
    me = await tenant.reads.me() if takes and tenant.client.service_app is None else None
    return frozenset({me.id} if me else ())


def store_changes(desk: Desk, changes: ChangeSet) -> Path:
    """Keep the change set under its digest, where ``apply --changes`` and approvals find it."""
    path = desk.runtime.runs_dir / "changes" / f"{changes_digest(changes)}.json"
    write_json(path, to_json(changes))
    return path


def foresee(changes: ChangeSet, snapshot: Snapshot, means: Means) -> Forecast:
    return forecast(
        changes,
        snapshot,
        bucket_of=BUCKETS,
        limits=with_likely(snapshot.bucket_limits),
        default_limit_per_min=DEFAULT_LIMIT_PER_MIN,
        means=means,
    )


def forecast_view(foreseen: Forecast) -> ForecastView:
    return ForecastView(
        calls=dict(foreseen.calls),
        limit_per_min=dict(foreseen.limits),
        bottleneck=foreseen.bottleneck,
        seconds=round(foreseen.seconds, 1),
        rate_share=foreseen.share,
        concurrency=foreseen.concurrency,
    )


def _as_the_tenant_shows(pair: PersonValue) -> str:
    return pair.why


def verification_view(
    found: Verification, why: Callable[[PersonValue], str] = _as_the_tenant_shows
) -> VerificationView:
    """Differences, each with why it may be so, and apart from them what is held for a reason."""
    return VerificationView(
        pairs_planned=found.pairs_planned,
        pairs_held=found.pairs_held,
        missing=_pair_views(found.missing, why),
        not_assigned=list(found.not_assigned),
        still_held=_pair_views(found.still_held, why),
        pairs_removed=found.pairs_removed,
        otherwise=list(found.otherwise),
        held_back=held_views(found.holds),
        extras=len(found.extras),
        beyond=_pair_views(found.extras, _as_the_tenant_shows),
    )


def _pair_views(pairs: Iterable[PersonValue], why: Callable[[PersonValue], str]) -> list[MissingView]:
    return [
        MissingView(principal=each.principal, entitlement=each.entitlement, value=each.value, why=why(each))
        for each in pairs
    ]


def verify_exit(verification: VerificationView) -> Exit:
    if not verification.is_good:
        return Exit.CHANGES
    return Exit.HELD if verification.held_back else Exit.DONE


def held_views(holds: tuple[Hold, ...]) -> list[HeldView]:
    """One entry for each person and hold; an entitlement's hold has no principal."""
    return [
        HeldView(
            principal=principal,
            reason=hold.reason,
            detail=hold.detail,
            address=str(hold.address),
            action=hold.action,
            adds=value_lists(hold.adds),
            removes=value_lists(hold.removes),
        )
        for hold in holds
        for principal in (hold.principals or (None,))
    ]


def count_actions(changes: ChangeSet) -> dict[str, int]:
    """Revocations first, then as they are sent."""
    counts: dict[str, int] = {}
    for change in sorted(changes.changes, key=lambda change: not revoked(change)):
        counts[change.action] = counts.get(change.action, 0) + 1
    if changes.keeps:
        counts["keep"] = len(changes.keeps)
    if changes.holds:
        counts["held"] = len(changes.holds)
    return counts


def _detailed(changes: ChangeSet) -> Exit:
    if changes.changes:
        return Exit.CHANGES
    return Exit.HELD if changes.holds else Exit.DONE


def subject_of(desk: Desk, path: Path, changes: ChangeSet) -> dict[str, Any]:
    """What a view is about: the fields that all views of a plan and a tenant share."""
    return {
        "plan": desk.shown(path),
        "okta_app": changes.okta_app_label,
        "org_host": changes.org_host,
        "plan_digest": changes.plan_digest,
        "changes_digest": changes_digest(changes),
    }
