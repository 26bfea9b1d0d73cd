"""Reasons to refuse a whole plan before anything is compared or written."""

from __future__ import annotations

from pipeline.changes.permissions import NOTHING_ALLOWED, Permissions
from pipeline.changes.snapshot import EntitlementManagement, Snapshot
from pipeline.errors import ErrorCode, RefusedError
from pipeline.plan.model import Plan

TURN_ON = (
    "In the Admin Console open Applications > the app > General > Identity Governance and set "
    "Entitlement Management to Enabled, wait until it is on, then try again."
)


def refuse_unless_ready(plan: Plan, snapshot: Snapshot, permissions: Permissions = NOTHING_ALLOWED) -> None:
    """Raises RefusedError where the plan is for another org and ``permissions`` do not name this one, or the
    app cannot take entitlements.
    """
    host = snapshot.org_host.casefold()
    if plan.tenant is not None and plan.tenant.casefold() != host and host not in permissions.tenants:
        raise RefusedError(
            ErrorCode.OTHER_ORG,
            "The plan is for another org",
            f"The plan names {plan.tenant}, but the configured org is {snapshot.org_host}.",
            next_step="Check OKTA_DOMAIN, or the plan's `tenant`. To apply it to this org once: "
            f'--allow tenant={snapshot.org_host} --reason "...".',
        )
    okta_app = snapshot.okta_app
    if okta_app.status != "ACTIVE":
        raise RefusedError(
            ErrorCode.APP_INACTIVE,
            "The app is not active",
            f"The app {okta_app.label} ({okta_app.id}) is {okta_app.status}.",
            next_step="Activate the app, or name another one in the plan.",
        )
    if okta_app.entitlement_management is EntitlementManagement.ENABLED:
        return
    state = okta_app.entitlement_management
    wait = (
        "It is being turned on: wait until that is done."
        if state is EntitlementManagement.ENABLING
        else TURN_ON
    )
    raise RefusedError(
        ErrorCode.ENTITLEMENT_MANAGEMENT_OFF,
        "Entitlement management is off for this app",
        f"The app {okta_app.label} ({okta_app.id}) answers {state.value}; without entitlement management it "
        "can hold neither entitlements nor grants.",
        next_step=wait,
    )
