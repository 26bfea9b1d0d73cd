"""Reading the slice of the tenant that one plan concerns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pipeline.changes.snapshot import (
    RISK_RULES,
    AppUser,
    EntitlementManagement,
    Listing,
    Lookup,
    OktaApp,
    Reading,
    RiskRule,
    Snapshot,
)
from pipeline.clock import Clock
from pipeline.okta.pace import Pace
from pipeline.okta.people import find_people
from pipeline.okta.policies import with_policy_bases
from pipeline.okta.reads import Reads
from pipeline.plan.model import Plan


async def read_snapshot(
    reads: Reads,
    plan: Plan,
    org_host: str,
    pace: Pace,
    clock: Clock,
    *,
    protected: frozenset[str] = frozenset(),
) -> Snapshot:
    """The snapshot for ``plan``; ``observed_at_s`` is when reading began, so nothing in it is older.
    ``protected`` are names and ids of people from whom nothing is taken.

    Where entitlement management is not on, the governance listings are empty and not complete. Raises
    TenantError where the org or the app cannot be read, CredentialError where the credential is refused.
    """
    observed_at_s, calls_before = clock.now(), Counter(pace.budget.calls())
    org_id = await reads.organization()
    okta_app = await reads.okta_app(plan.okta_app)
    if okta_app.entitlement_management is not EntitlementManagement.ENABLED:
        return Snapshot(org_id, org_host, okta_app, (), {}, {}, {}, (), observed_at_s, pace.budget.limits())
    principals = [user for cohort in (*plan.access, *plan.removals) for user in cohort.users]
    principals += plan.assignments.users
    match = plan.mapping.user.match if plan.mapping else ("login", "email")
    (
        (entitlements, structure),
        (grants, granted),
        ((app_users, assigned), people),
        (risk_rules, ruled, unread),
    ) = await asyncio.gather(
        reads.entitlements(okta_app.id),
        reads.grants(okta_app.id),
        _app_users_and_people(reads, okta_app.id, principals, match, pace),
        _risk_rules(reads, plan, okta_app),
    )
    snapshot = Snapshot(
        org_id=org_id,
        org_host=org_host,
        okta_app=okta_app,
        entitlements=entitlements,
        people=people,
        app_users=app_users,
        grants=grants,
        listings=(*structure, assigned, granted, *((ruled,) if ruled else ())),
        observed_at_s=observed_at_s,
        risk_rules=risk_rules,
        risk_rules_unread=unread,
    )
    return replace(
        await with_policy_bases(reads, plan, snapshot),
        bucket_limits=pace.budget.limits(),
        reading=Reading(
            calls=Counter(pace.budget.calls()) - calls_before,
            took_s=clock.now() - observed_at_s,
            call_s=pace.typical_s(),
        ),
        protected=protected,
    )


async def _app_users_and_people(
    reads: Reads, app_id: str, principals: Sequence[str], match: tuple[str, ...], pace: Pace
) -> tuple[tuple[dict[str, AppUser], Listing], dict[str, Lookup]]:
    """Side by side where e-mails count, since then only all users of the org tell who is meant; else one
    after the other, since who has the app need not be looked for.
    """
    limits = pace.budget.limits()
    if "email" in match:
        return await asyncio.gather(
            reads.app_users(app_id), find_people(reads, principals, match, limits=limits)
        )
    app_users, users, listing = await reads.app_users_and_users(app_id)
    people = await find_people(reads, principals, match, limits=limits, known=users)
    return (app_users, listing), people


async def _risk_rules(
    reads: Reads, plan: Plan, okta_app: OktaApp
) -> tuple[tuple[RiskRule, ...], Listing | None, str]:
    """A plan that gives nobody anything makes no conflict, so then they are not asked for."""
    return await reads.risk_rules(okta_app) if plan.access else ((), None, "")


async def read_again(reads: Reads, before: Snapshot) -> Snapshot:
    """``before`` with what a run may have changed read anew: structure, app users and grants. Raises
    TenantError where a listing cannot be read.
    """
    app_id = before.okta_app.id
    (entitlements, structure), (app_users, assigned), (grants, granted) = await asyncio.gather(
        reads.entitlements(app_id), reads.app_users(app_id), reads.grants(app_id)
    )
    return replace(
        before,
        entitlements=entitlements,
        app_users=app_users,
        grants=grants,
        listings=(
            *structure,
            assigned,
            granted,
            *(each for each in before.listings if each.name == RISK_RULES),
        ),
    )
