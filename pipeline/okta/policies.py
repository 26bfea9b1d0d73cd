"""What policies give the people whom a plan wants to take out of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pipeline.address import principal_key
from pipeline.changes.diff import diff
from pipeline.changes.model import Action, HoldReason
from pipeline.changes.snapshot import BaseAccess, Snapshot
from pipeline.errors import CredentialError, TenantError
from pipeline.okta.reads import Reads
from pipeline.plan.model import Plan


async def with_policy_bases(reads: Reads, plan: Plan, snapshot: Snapshot) -> Snapshot:
    """``snapshot`` with the base grant of everybody whom ``plan`` converts; who could not be read is not in
    it, and is held. Raises CredentialError.
    """
    if plan.grants.policy_users != "convert":
        return snapshot
    users = _to_be_read(plan, snapshot)
    read = await asyncio.gather(*(_base(reads, snapshot.okta_app.id, user_id) for user_id in users))
    bases = {user_id: base for user_id, base in zip(users, read, strict=True) if base is not None}
    return replace(snapshot, bases=bases)


def _to_be_read(plan: Plan, snapshot: Snapshot) -> list[str]:
    """Who would be converted, if only it were known what the policy gives."""
    found: dict[str, None] = {}
    for hold in diff(plan, "", snapshot).holds:
        if (hold.action, hold.reason) == (Action.CONVERT, HoldReason.INCOMPLETE_READ):
            for principal in hold.principals:
                user = snapshot.people[principal_key(principal)].user
                if user is not None:
                    found[user.id] = None
    return list(found)


async def _base(reads: Reads, app_id: str, user_id: str) -> BaseAccess | None:
    try:
        return await reads.base_access(app_id, user_id)
    except CredentialError:
        raise
    except TenantError:
        return None
