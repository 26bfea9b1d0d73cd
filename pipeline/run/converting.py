"""A policy grant made the person's own: POST of a CUSTOM grant with all that the policy gives, and more.

The POST replaces the policy grant (okta-api.md 5.3), so what the policy gives is read directly before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pipeline.changes.converting import is_of
from pipeline.changes.holdings import BASE_TYPES
from pipeline.changes.instants import same_instant
from pipeline.changes.model import HoldReason, PersonTarget
from pipeline.changes.snapshot import BaseAccess, GrantType, OktaGrant
from pipeline.okta.answers import Accepted, WriteAnswer
from pipeline.run.catalog import Catalog
from pipeline.run.standing import Drifted, InEffect, Ready, Standing, drifted, is_in_force
from pipeline.run.tenant import Pairs, Tenant


@dataclass(slots=True)
class ConvertStep:
    """Safe to repeat: a second POST of the same CUSTOM grant has the same end."""

    tenant: Tenant
    app_id: str
    person: PersonTarget
    before: Pairs
    adds: Pairs
    catalog: Catalog
    known: Standing | None = None
    refusal_may_mean_done: bool = False

    async def look(self) -> Standing:
        user_id = self.person.user_id
        grants = await self.tenant.grants_of(self.app_id, user_id)
        base = [grant for grant in grants if grant.type in BASE_TYPES]
        if not all(is_in_force(each) for each in grants):
            return drifted("The person has a grant now that is not ALLOW ACTIVE.")
        if len(base) != 1:
            return drifted(f"The person has {len(base)} base grants now, not the one policy grant.")
        if {each.type for each in grants} - BASE_TYPES - set(self.person.beside):
            return drifted("The person has other grants now, which writing a CUSTOM grant may remove.")
        if not same_instant(base[0].expires, self.person.expires):
            return drifted("The grant's expiry was changed since it was compared.")
        if base[0].type == GrantType.CUSTOM:
            return self._own(base[0])
        return self._of_policy(base[0], await self.tenant.base_access(self.app_id, user_id))

    def _own(self, grant: OktaGrant) -> Standing:
        if self.before | self.adds <= grant.values:
            return InEffect(grant.id)
        return drifted("The person has a CUSTOM grant now, and no policy grant.")

    def _of_policy(self, listed: OktaGrant, base: BaseAccess | None) -> Standing:
        if base is None or not is_of(base, listed):
            detail = "What the policy gives was not told in full; converting could take some of it away."
            return Drifted(HoldReason.INCOMPLETE_READ, detail)
        lost = len(self.before - base.values)
        if lost:
            return drifted(f"{lost} of the policy's values were taken away since it was compared.")
        if self.adds <= base.values:
            return InEffect(base.grant_id, "The policy gives it by now.")
        pairs = base.values | self.adds
        adds = self.catalog.held(self.adds - base.values) if self.adds & base.values else None
        return Ready(pairs, partial(self._send, pairs), self._accepted, adds)

    async def _send(self, pairs: Pairs, not_after_s: float) -> WriteAnswer:
        user_id, expires = self.person.user_id, self.person.expires
        return await self.tenant.post_custom_grant(
            self.app_id, user_id, pairs, expires, not_after_s=not_after_s
        )

    def _accepted(self, answer: Accepted) -> Standing:
        return InEffect(str(answer.body.get("id", "")) or None)
