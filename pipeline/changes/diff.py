"""Plan against snapshot: the change set, every wanted change in it either sendable, held or kept."""

from __future__ import annotations

from pipeline.address import Address, Kind, principal_key
from pipeline.changes.access import Access, Ids, PersonDiff
from pipeline.changes.model import Action, Change, ChangeSet, Hold, HoldReason, added, holding
from pipeline.changes.snapshot import LookupStatus, Snapshot
from pipeline.changes.structure import compare_structure
from pipeline.changes.wanted import hold_wish, resolve, wishes
from pipeline.findings import Finding, FindingCode, Severity
from pipeline.plan.model import Plan

USABLE_STATUSES = {"ACTIVE", "PROVISIONED", "PASSWORD_EXPIRED", "RECOVERY"}


def diff(plan: Plan, plan_digest: str, snapshot: Snapshot, *, now_s: float | None = None) -> ChangeSet:
    """The change set that makes the tenant hold what ``plan`` says.

    Changes come in the order in which they may be sent: entitlements, values, then each person's assignment
    and grant. Nothing wanted is missing: what cannot be sent safely is among the holds, with its reason.
    """
    now_s = snapshot.observed_at_s if now_s is None else now_s
    structure = compare_structure(plan, snapshot)
    people, holds = resolve(plan, snapshot)
    access = Access()
    ids = Ids.of(snapshot)
    if plan.grants.type == "custom":
        for person in people:
            PersonDiff(
                plan, snapshot, meant=structure.meant, ids=ids, person=person, access=access, now_s=now_s
            ).compare()
    else:
        holds = _all_held_for_type(plan)
    changes, privileged = _privileged_apart(plan, (*structure.changes, *access.changes))
    all_holds = (*structure.holds, *holds, *access.holds, *privileged, *_unbuilt(plan))
    return ChangeSet(
        org_id=snapshot.org_id,
        org_host=snapshot.org_host,
        okta_app_id=snapshot.okta_app.id,
        okta_app_label=snapshot.okta_app.label,
        plan_name=plan.name,
        plan_digest=plan_digest,
        observed_at_s=snapshot.observed_at_s,
        changes=changes,
        holds=tuple(sorted(all_holds, key=_hold_order)),
        keeps=(*structure.keeps, *access.keeps),
        findings=_findings(plan, snapshot),
    )


def _hold_order(hold: Hold) -> tuple[Address, str, str]:
    return hold.address, hold.reason, hold.detail


def _all_held_for_type(plan: Plan) -> list[Hold]:
    detail = "Additive grants (grants.type: additive) are not built yet."
    return [hold_wish(wish, HoldReason.NOT_SUPPORTED, detail) for wish in wishes(plan)]


def _privileged_apart(plan: Plan, changes: tuple[Change, ...]) -> tuple[tuple[Change, ...], list[Hold]]:
    """A privileged value needs an approval that names it; until approvals exist it is held."""
    privileged = set(plan.limits.privileged)
    kept: list[Change] = []
    holds: list[Hold] = []
    for change in changes:
        named = {f"{e}/{v}" for e, values in added(change) for v in values}
        named |= {v for _, values in added(change) for v in values}
        if change.person is None or not named & privileged:
            kept.append(change)
            continue
        holds.append(
            Hold(
                address=change.address,
                action=change.action,
                reason=HoldReason.NOT_SUPPORTED,
                detail=f"Privileged: {', '.join(sorted(named & privileged))}. Approvals are not built yet.",
                principals=change.person.principals,
                adds=added(change),
            )
        )
    return tuple(kept), holds


def _unbuilt(plan: Plan) -> list[Hold]:
    """Removals and moves stand in the plan and are not sent yet; they are never passed over in silence."""
    holds = [
        Hold(
            address=Address(Kind.REMOVAL, principal_key(user)),
            action=Action.REVOKE,
            reason=HoldReason.NOT_SUPPORTED,
            detail=f"Removals are not built yet; not removed: {values}.",
            principals=(user,),
        )
        for cohort in plan.removals
        for values in ["; ".join(f"{e}: {', '.join(v)}" for e, v in holding(cohort.values))]
        for user in cohort.users
    ]
    holds += [
        Hold(
            address=Address(Kind.ENTITLEMENT, move.entitlement),
            action=Action.RENAME,
            reason=HoldReason.NOT_SUPPORTED,
            detail=f"Moves are not built yet: {move.from_} to {move.to}.",
        )
        for move in plan.moved
    ]
    return holds


def _findings(plan: Plan, snapshot: Snapshot) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    if snapshot.okta_app.has_provisioning:
        findings.append(
            Finding(
                FindingCode.PROVISIONING_PUSHES,
                Severity.WARNING,
                "The app has provisioning",
                "Grants are pushed to the target system, and its imports may overwrite entitlements.",
            )
        )
    for wish in wishes(plan):
        lookup = snapshot.people.get(principal_key(wish.principal))
        if lookup is None or lookup.user is None or lookup.status is not LookupStatus.FOUND:
            continue
        if lookup.user.status not in USABLE_STATUSES:
            findings.append(
                Finding(
                    FindingCode.USER_STATUS,
                    Severity.WARNING,
                    "The user cannot sign in",
                    f"{wish.principal} is {lookup.user.status}: access is granted, but cannot be used now.",
                )
            )
    return tuple(findings)
