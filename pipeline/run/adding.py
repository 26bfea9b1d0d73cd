"""ENTITLEMENT grants, which add to what a person has: POSTed once, since a second one would stand beside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pipeline.changes.model import Change, PersonTarget
from pipeline.changes.snapshot import GrantType
from pipeline.errors import ErrorCode, StoppedError
from pipeline.okta.answers import Accepted, WriteAnswer
from pipeline.run.result import Outcome
from pipeline.run.settle import Ending, Settled
from pipeline.run.standing import InEffect, Ready, Standing, drifted, is_in_force
from pipeline.run.tenant import Pairs, Tenant


@dataclass(slots=True)
class AddingStep:
    """Each look lists what the person has: only what is not there is sent, the first time and again."""

    tenant: Tenant
    app_id: str
    person: PersonTarget
    wanted: Pairs
    known: Standing | None = None
    refusal_may_mean_done: bool = False

    async def look(self) -> Standing:
        grants = await self.tenant.grants_of(self.app_id, self.person.user_id)
        if not all(is_in_force(each) for each in grants):
            return drifted("The person has a grant now that is not ALLOW ACTIVE.")
        has = {pair: each.id for each in grants for pair in each.values}
        missing = self.wanted - has.keys()
        if not missing:
            return InEffect(next((has[pair] for pair in sorted(self.wanted)), None))
        return Ready(missing, partial(self._send, missing), self._accepted)

    async def _send(self, pairs: Pairs, not_after_s: float) -> WriteAnswer:
        user_id, expires = self.person.user_id, self.person.expires
        return await self.tenant.post_additive_grant(
            self.app_id, user_id, pairs, expires, not_after_s=not_after_s
        )

    def _accepted(self, answer: Accepted) -> Standing:
        return InEffect(str(answer.body.get("id", "")) or None)


def refused_additive(change: Change, ending: Ending) -> StoppedError | None:
    """Why no ENTITLEMENT grant can be had here, where Okta refused the first for its type (okta-api.md 5.2:
    the type is behind a feature flag, and no read tells whether an org has it).
    """
    is_additive = change.person is not None and change.person.grant_type == GrantType.ENTITLEMENT
    if not is_additive or not isinstance(ending, Settled) or ending.outcome is not Outcome.REFUSED:
        return None
    if "granttype" not in ending.detail.casefold():
        return None
    return StoppedError(
        ErrorCode.NO_ADDITIVE_GRANTS,
        "This org has no additive grants",
        f"Okta refused the first ENTITLEMENT grant for its type: {ending.detail} No other was sent, and no "
        "CUSTOM grant in its place.",
        next_step="Ask Okta to turn on additive entitlement grants, or write `grants: {type: custom}`.",
    )
