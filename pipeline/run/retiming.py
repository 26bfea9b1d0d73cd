"""A later end for a grant: PATCH of its expiry, which is all that a PATCH can change (okta-api.md 5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.changes.instants import same_instant
from pipeline.changes.model import Change, PersonTarget
from pipeline.changes.snapshot import OktaGrant
from pipeline.okta.answers import Accepted, WriteAnswer
from pipeline.run.standing import Drifted, InEffect, Ready, Standing, drifted, judge_raw
from pipeline.run.tenant import Pairs, RawGrant, Tenant


@dataclass(slots=True)
class RetimeStep:
    """Send the end only while the grant has the one it was compared with, and all its values."""

    tenant: Tenant
    app_id: str
    person: PersonTarget
    before: Pairs
    known: Standing | None = None
    refusal_may_mean_done: bool = False

    async def look(self) -> Standing:
        grant_id, wanted = self.person.grant_id, self.person.expires
        if grant_id is None or wanted is None:
            return drifted("The change names no grant or no end.")
        raw = await self.tenant.grant(grant_id)
        if raw is None:
            return drifted("The grant that was to last longer is gone.")
        if isinstance(self._judged(raw, wanted), RawGrant):
            return InEffect(grant_id)
        live = self._judged(raw, self.person.expires_before)
        return live if isinstance(live, Drifted) else Ready(wanted, self._send, self._accepted)

    def _judged(self, raw: Mapping[str, Any], expires: str | None) -> RawGrant | Drifted:
        return judge_raw(
            raw,
            grant_id=str(self.person.grant_id),
            app_id=self.app_id,
            user_id=self.person.user_id,
            before=self.before,
            expires=expires,
        )

    async def _send(self, not_after_s: float) -> WriteAnswer:
        grant_id, expires = str(self.person.grant_id), str(self.person.expires)
        return await self.tenant.patch_grant(grant_id, expires, not_after_s=not_after_s)

    def _accepted(self, _answer: Accepted) -> Standing:
        return InEffect(self.person.grant_id)


def more_than_the_end(
    change: Change, before: tuple[OktaGrant, ...], after: tuple[OktaGrant, ...]
) -> str | None:
    """What differs in the person's grants beside the end of the one grant; None where nothing does."""
    person = change.person
    if person is None:
        return None
    found = {grant.id: grant for grant in after}
    for grant in before:
        now = found.pop(grant.id, None)
        if now is None:
            return f"the {grant.type} grant {grant.id} is gone."
        wanted = person.expires if grant.id == person.grant_id else grant.expires
        if not same_instant(now.expires, wanted):
            return f"the grant {grant.id} ends {now.expires or 'never'}, not {wanted or 'never'}."
        if replace(now, expires=grant.expires) != grant:
            return f"the grant {grant.id} differs in more than its end."
    return f"there are other grants: {', '.join(sorted(found))}." if found else None
