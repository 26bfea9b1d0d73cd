"""The live tenant of a run: the Okta client's reads and writes, and turns at its write budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pipeline.changes.model import Action, EntitlementTarget, NewValue
from pipeline.changes.snapshot import AppUser, OktaEntitlement, OktaGrant
from pipeline.clock import Clock
from pipeline.okta.answers import WriteAnswer
from pipeline.okta.buckets import bucket_of
from pipeline.okta.budget import Budget
from pipeline.okta.pages import require
from pipeline.okta.reads import Reads
from pipeline.okta.writes import Writes
from pipeline.run.tenant import Pairs

_GRANTS = "/governance/api/v1/grants"
_ASSIGNMENTS = "/api/v1/apps/{id}/users"
_BUCKETS: Mapping[Action, tuple[str, int]] = {
    Action.ASSIGN: (bucket_of("POST", _ASSIGNMENTS), 2),
    Action.GRANT: (bucket_of("POST", _GRANTS), 1),
    Action.EXTEND: (bucket_of("PUT", f"{_GRANTS}/{{id}}"), 1),
}
"""The bucket of each write that rests on a fresh read, and how many calls one turn takes from it: the app
user is read from the bucket it is written to.
"""


class OktaTenant:
    """``pipeline.run.tenant.Tenant`` over Okta."""

    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads = reads
        self._writes = writes

    async def create_entitlement(
        self, app_id: str, target: EntitlementTarget, values: tuple[NewValue, ...]
    ) -> WriteAnswer:
        return await self._writes.create_entitlement(app_id, target, values)

    async def add_values(self, entitlement_id: str, values: tuple[NewValue, ...]) -> WriteAnswer:
        return await self._writes.add_values(entitlement_id, values)

    async def assign(self, app_id: str, user_id: str) -> WriteAnswer:
        return await self._writes.assign(app_id, user_id)

    async def post_custom_grant(
        self, app_id: str, user_id: str, pairs: Pairs, expires: str | None, *, not_after_s: float
    ) -> WriteAnswer:
        return await self._writes.post_custom_grant(app_id, user_id, pairs, expires, not_after_s=not_after_s)

    async def put_grant(self, grant: Mapping[str, Any], pairs: Pairs, *, not_after_s: float) -> WriteAnswer:
        return await self._writes.put_grant(grant, pairs, not_after_s=not_after_s)

    async def entitlements(self, app_id: str) -> tuple[OktaEntitlement, ...]:
        """Raises TenantError where one of the two listings is incomplete."""
        entitlements, listings = await self._reads.entitlements(app_id)
        require(listings)
        return entitlements

    async def grants_of(self, app_id: str, user_id: str) -> tuple[OktaGrant, ...]:
        return await self._reads.grants_of(app_id, user_id)

    async def grant(self, grant_id: str) -> dict[str, Any] | None:
        return await self._reads.grant(grant_id)

    async def app_user(self, app_id: str, user_id: str) -> AppUser | None:
        return await self._reads.app_user(app_id, user_id)


class WriteTurns:
    """Lets as many writers read as the write budget has room for, so that a read is not made in vain."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        self._taken: dict[str, int] = {}
        self._ended = asyncio.Event()

    @asynccontextmanager
    async def turn(self, action: Action) -> AsyncIterator[None]:
        """Wait until there is room for one write of ``action`` beside the turns under way."""
        if action not in _BUCKETS:
            yield
            return
        bucket, cost = _BUCKETS[action]
        await self._room(bucket, cost)
        self._taken[bucket] = self._taken.get(bucket, 0) + cost
        try:
            yield
        finally:
            self._taken[bucket] -= cost
            self._ended.set()

    async def _room(self, bucket: str, cost: int) -> None:
        while (taken := self._taken.get(bucket, 0)) > 0 or self._wait_s(bucket) > 0:
            if taken > 0:
                if taken + cost <= self._budget.allowance(bucket, self._clock.now()):
                    return
                self._ended.clear()
                await self._ended.wait()
            else:
                await self._clock.sleep(self._wait_s(bucket))

    def _wait_s(self, bucket: str) -> float:
        return self._budget.wait_s(bucket, self._clock.now())
