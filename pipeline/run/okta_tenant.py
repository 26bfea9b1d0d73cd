"""The live tenant of a run: the Okta client's reads and writes, and turns at its write budget."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pipeline.changes.model import Action, Change, EntitlementTarget, NewValue
from pipeline.changes.snapshot import AppUser, BaseAccess, OktaEntitlement, OktaGrant, OktaValue
from pipeline.okta.answers import WriteAnswer
from pipeline.okta.buckets import bucket_of
from pipeline.okta.orns import NamedGrants
from pipeline.okta.pace import Pace
from pipeline.okta.pages import require
from pipeline.okta.reads import Reads
from pipeline.okta.writes import REVOKE, Writes
from pipeline.run.roster import Roster
from pipeline.run.tenant import Pairs

_GRANTS = "/governance/api/v1/grants"
_ENTITLEMENT = "/governance/api/v1/entitlements/{id}"
_ASSIGNMENTS = "/api/v1/apps/{id}/users"
_BUCKETS: Mapping[Action, tuple[str | None, str]] = {
    Action.ASSIGN: (None, bucket_of("POST", _ASSIGNMENTS)),
    Action.GRANT: (bucket_of("GET", _GRANTS), bucket_of("POST", _GRANTS)),
    Action.EXTEND: (bucket_of("GET", f"{_GRANTS}/{{id}}"), bucket_of("PUT", f"{_GRANTS}/{{id}}")),
    Action.CONVERT: (bucket_of("GET", _GRANTS), bucket_of("POST", _GRANTS)),
    Action.RENAME: (bucket_of("GET", _ENTITLEMENT), bucket_of("PATCH", _ENTITLEMENT)),
    Action.DESCRIBE: (bucket_of("GET", _ENTITLEMENT), bucket_of("PATCH", _ENTITLEMENT)),
    Action.RETIME: (bucket_of("GET", f"{_GRANTS}/{{id}}"), bucket_of("PATCH", f"{_GRANTS}/{{id}}")),
    Action.REVOKE: (bucket_of("GET", f"{_GRANTS}/{{id}}"), bucket_of("PUT", f"{_GRANTS}/{{id}}")),
}
"""The bucket of the read directly before each write, if there is one, and that of the write."""
_MORE_READS: Mapping[Action, tuple[str, ...]] = {
    Action.CONVERT: (bucket_of("GET", "/governance/api/v1/principal-access"),)
}

_BY_NAME = bucket_of("GET", _GRANTS), bucket_of("POST", REVOKE)
"""The same of a revoke by name."""


class OktaTenant:
    """``pipeline.run.tenant.Tenant`` over Okta."""

    def __init__(self, reads: Reads, writes: Writes, roster: Roster | None = None) -> None:
        self._reads = reads
        self._writes = writes
        self._roster = roster

    async def create_entitlement(
        self, app_id: str, target: EntitlementTarget, values: tuple[NewValue, ...]
    ) -> WriteAnswer:
        return await self._writes.create_entitlement(app_id, target, values)

    async def add_values(self, entitlement_id: str, values: tuple[NewValue, ...]) -> WriteAnswer:
        return await self._writes.add_values(entitlement_id, values)

    async def reword(
        self,
        entitlement_id: str,
        description: str | None,
        values: tuple[OktaValue, ...],
        *,
        not_after_s: float,
    ) -> WriteAnswer:
        return await self._writes.reword(entitlement_id, description, values, not_after_s=not_after_s)

    async def assign(self, app_id: str, user_id: str) -> WriteAnswer:
        return await self._writes.assign(app_id, user_id)

    async def post_custom_grant(
        self, app_id: str, user_id: str, pairs: Pairs, expires: str | None, *, not_after_s: float
    ) -> WriteAnswer:
        return await self._writes.post_custom_grant(app_id, user_id, pairs, expires, not_after_s=not_after_s)

    async def post_additive_grant(
        self, app_id: str, user_id: str, pairs: Pairs, expires: str | None, *, not_after_s: float
    ) -> WriteAnswer:
        return await self._writes.post_additive_grant(
            app_id, user_id, pairs, expires, not_after_s=not_after_s
        )

    async def put_grant(self, grant: Mapping[str, Any], pairs: Pairs, *, not_after_s: float) -> WriteAnswer:
        return await self._writes.put_grant(grant, pairs, not_after_s=not_after_s)

    async def revoke_values(
        self, principal_orn: str, value_orns: Sequence[str], *, not_after_s: float
    ) -> WriteAnswer:
        return await self._writes.revoke_values(principal_orn, value_orns, not_after_s=not_after_s)

    async def patch_grant(self, grant_id: str, expires: str, *, not_after_s: float) -> WriteAnswer:
        return await self._writes.patch_grant(grant_id, expires, not_after_s=not_after_s)

    async def entitlement(self, entitlement_id: str) -> OktaEntitlement | None:
        return await self._reads.entitlement(entitlement_id)

    async def entitlements(self, app_id: str) -> tuple[OktaEntitlement, ...]:
        """Raises TenantError where one of the two listings is incomplete."""
        entitlements, listings = await self._reads.entitlements(app_id)
        require(listings)
        return entitlements

    async def grants_of(self, app_id: str, user_id: str) -> tuple[OktaGrant, ...]:
        return await self._reads.grants_of(app_id, user_id)

    async def named_grants(self, app_id: str, user_id: str) -> NamedGrants:
        return await self._reads.named_grants(app_id, user_id)

    async def base_access(self, app_id: str, user_id: str) -> BaseAccess | None:
        return await self._reads.base_access(app_id, user_id)

    async def grant(self, grant_id: str) -> dict[str, Any] | None:
        return await self._reads.grant(grant_id)

    async def app_user(self, app_id: str, user_id: str) -> AppUser | None:
        return await self._reads.app_user(app_id, user_id)

    async def listed_app_user(self, app_id: str, user_id: str) -> AppUser | None:
        if self._roster is not None and await self._roster.is_fresh():
            return self._roster.row(user_id)
        return await self.app_user(app_id, user_id)


class WriteTurns:
    """Lets as many changes read as the budget has room for the writes after them. ``confirm`` comes last
    before the read: it stops the run where it may no longer write.
    """

    def __init__(self, pace: Pace, confirm: Callable[[], Awaitable[None]]) -> None:
        self._pace = pace
        self._confirm = confirm

    @asynccontextmanager
    async def turn(self, change: Change) -> AsyncIterator[None]:
        """Wait until there is room for one write of ``change`` and its reads beside the turns under way."""
        by_name = change.action is Action.REVOKE and change.person is not None and not change.person.grant_id
        buckets = _BY_NAME if by_name else _BUCKETS.get(change.action)
        if buckets is None:
            await self._confirm()
            yield
            return
        read, write = buckets
        async with self._pace.turn(read, write, *_MORE_READS.get(change.action, ())):
            await self._confirm()
            yield
