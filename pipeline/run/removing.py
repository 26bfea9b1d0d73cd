"""Taking values away: by writing the grant without them, or by name where nothing may be written over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.changes.model import Change, HoldReason, PersonTarget, added, removed
from pipeline.changes.removals import TAKEABLE
from pipeline.okta.answers import Accepted, WriteAnswer
from pipeline.okta.orns import ORNS_PER_REVOKE
from pipeline.run.catalog import Catalog
from pipeline.run.standing import Drifted, InEffect, Ready, Standing, Step, drifted, judge_raw
from pipeline.run.tenant import Pairs, Tenant


def removal_step(
    change: Change, person: PersonTarget, tenant: Tenant, app_id: str, catalog: Catalog
) -> Step | Drifted:
    """How a revoke is carried out; Drifted where its values have no ids."""
    before, gone = catalog.resolve(change.before)
    if gone:
        return drifted(f"Values the person held are no longer in the app: {', '.join(gone)}.")
    adds, missing = catalog.resolve(added(change))
    if missing:
        return Drifted(HoldReason.DEPENDS_ON_HELD, f"The app has no such values: {', '.join(missing)}.")
    takes, _ = catalog.resolve(removed(change))
    if person.grant_id is None:
        return TakeByNameStep(tenant, app_id, person.user_id, takes)
    return ShrinkStep(tenant, app_id, person, catalog, keeps=before - takes, adds=adds, takes=takes)


@dataclass(slots=True)
class ShrinkStep:
    """PUT of the grant just read by id, with its values of now and the additions, but without ``takes``."""

    tenant: Tenant
    app_id: str
    person: PersonTarget
    catalog: Catalog
    keeps: Pairs
    adds: Pairs
    takes: Pairs
    known: Standing | None = None
    refusal_may_mean_done: bool = False

    async def look(self) -> Standing:
        grant_id = self.person.grant_id or ""
        raw = await self.tenant.grant(grant_id)
        if raw is None:
            return drifted("The grant from which values were to be taken is gone.")
        live = judge_raw(
            raw,
            grant_id=grant_id,
            app_id=self.app_id,
            user_id=self.person.user_id,
            before=self.keeps,
            expires=self.person.expires,
        )
        if isinstance(live, Drifted):
            return live
        if self.adds <= live.pairs and not self.takes & live.pairs:
            return InEffect(self.person.grant_id)
        pairs = (live.pairs | self.adds) - self.takes
        adds = self.catalog.held(self.adds - live.pairs) if self.adds & live.pairs else None
        return Ready(pairs, partial(self._send, raw, pairs), self._accepted, adds)

    async def _send(self, raw: Mapping[str, Any], pairs: Pairs, not_after_s: float) -> WriteAnswer:
        return await self.tenant.put_grant(raw, pairs, not_after_s=not_after_s)

    def _accepted(self, _answer: Accepted) -> Standing:
        return InEffect(self.person.grant_id)


@dataclass(slots=True)
class TakeByNameStep:
    """Revoke ``takes`` by their ORNs, a few a call: each leaves the CUSTOM and ENTITLEMENT grants that hold
    it and touches nothing else, so what the person got meanwhile stays.
    """

    tenant: Tenant
    app_id: str
    user_id: str
    takes: Pairs
    known: Standing | None = None
    refusal_may_mean_done: bool = True

    async def look(self) -> Standing:
        named = await self.tenant.named_grants(self.app_id, self.user_id)
        if any((each.action, each.status) != ("ALLOW", "ACTIVE") for each in named.grants):
            return drifted("The person has a grant now that denies, or is not active.")
        others = [each for each in named.grants if each.type not in TAKEABLE]
        if any(self.takes & each.values for each in others):
            kinds = ", ".join(sorted({each.type for each in others if self.takes & each.values}))
            return drifted(f"Values that were to be taken are now held via {kinds}.")
        left = self.takes & frozenset[tuple[str, str]]().union(*(each.values for each in named.grants))
        if not left:
            return InEffect()
        orns = [named.value_orns[pair] for pair in sorted(left) if pair in named.value_orns]
        if named.principal_orn is None or len(orns) < len(left):
            detail = (
                "Okta's listing does not name the person or a value in the way that revoking needs (orn)."
            )
            return Drifted(HoldReason.INCOMPLETE_READ, detail)
        return self._ready(named.principal_orn, tuple(orns))

    def _ready(self, principal_orn: str, orns: tuple[str, ...]) -> Standing:
        batch, rest = orns[:ORNS_PER_REVOKE], orns[ORNS_PER_REVOKE:]
        return Ready(
            batch, partial(self._send, principal_orn, batch), partial(self._accepted, principal_orn, rest)
        )

    async def _send(self, principal_orn: str, orns: tuple[str, ...], not_after_s: float) -> WriteAnswer:
        return await self.tenant.revoke_values(principal_orn, orns, not_after_s=not_after_s)

    def _accepted(self, principal_orn: str, rest: tuple[str, ...], _answer: Accepted) -> Standing:
        return self._ready(principal_orn, rest) if rest else InEffect()
