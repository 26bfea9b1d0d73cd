"""One step for each action: what is read before it, what is sent, and when it counts as in effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pipeline.changes.model import (
    Action,
    Change,
    EntitlementTarget,
    HoldReason,
    NewValue,
    PersonTarget,
    added,
)
from pipeline.changes.snapshot import GrantType, OktaEntitlement
from pipeline.okta.answers import Accepted, WriteAnswer
from pipeline.run.adding import AddingStep
from pipeline.run.catalog import Catalog
from pipeline.run.converting import ConvertStep
from pipeline.run.removing import removal_step
from pipeline.run.retiming import RetimeStep
from pipeline.run.rewording import RewordStep
from pipeline.run.standing import (
    Drifted,
    InEffect,
    Ready,
    Standing,
    Step,
    drifted,
    judge_listing,
    judge_raw,
)
from pipeline.run.tenant import VALUES_PER_ADD, VALUES_PER_CREATE, Pairs, Tenant

OF_GRANTS = frozenset({Action.GRANT, Action.EXTEND, Action.CONVERT, Action.RETIME})


def step_for(change: Change, tenant: Tenant, app_id: str, catalog: Catalog) -> Step | Drifted:
    """How ``change`` is carried out; Drifted where its values have no ids or no such write is built."""
    if change.action in (Action.CREATE, Action.ADD) and change.entitlement is not None:
        return StructureStep(tenant, app_id, change.action, change.entitlement, catalog)
    if change.action in (Action.RENAME, Action.DESCRIBE) and change.entitlement is not None:
        return RewordStep(tenant, change.entitlement)
    if change.action is Action.ASSIGN and change.person is not None:
        return AssignStep(tenant, app_id, change.person.user_id)
    if change.action in OF_GRANTS and change.person is not None:
        return _grant_step(change, change.person, tenant, app_id, catalog)
    if change.action is Action.REVOKE and change.person is not None:
        return removal_step(change, change.person, tenant, app_id, catalog)
    return Drifted(HoldReason.NOT_SUPPORTED, f"This version does not send the action {change.action}.")


def _grant_step(
    change: Change, person: PersonTarget, tenant: Tenant, app_id: str, catalog: Catalog
) -> Step | Drifted:
    before, gone = catalog.resolve(change.before)
    if gone:
        return drifted(f"Values the person held are no longer in the app: {', '.join(gone)}.")
    if change.action is Action.RETIME:
        return RetimeStep(tenant, app_id, person, before)
    adds, missing = catalog.resolve(added(change))
    if missing:
        return Drifted(HoldReason.DEPENDS_ON_HELD, f"The app has no such values: {', '.join(missing)}.")
    if person.grant_type == GrantType.ENTITLEMENT:
        return AddingStep(tenant, app_id, person, adds)
    if change.action is Action.GRANT:
        return GrantStep(tenant, app_id, person, before | adds)
    write = ConvertStep if change.action is Action.CONVERT else ExtendStep
    return write(tenant, app_id, person, before, adds, catalog)


@dataclass(slots=True)
class AssignStep:
    """Assign unless there is a row already: posting a GROUP row would convert it (okta-api.md 3).

    The listing tells who has one: asking for each row would halve the pace, since rows are read from the
    bucket they are written to. Once something was sent, only the row itself tells.
    """

    tenant: Tenant
    app_id: str
    user_id: str
    known: Standing | None = None
    refusal_may_mean_done: bool = True
    was_sent: bool = False

    async def look(self) -> Standing:
        read = self.tenant.app_user if self.was_sent else self.tenant.listed_app_user
        row = await read(self.app_id, self.user_id)
        if row is not None and row.is_assigned:
            return InEffect(row.user_id)
        return Ready("assign", self._send, self._accepted)

    async def _send(self, _not_after_s: float) -> WriteAnswer:
        self.was_sent = True
        return await self.tenant.assign(self.app_id, self.user_id)

    def _accepted(self, answer: Accepted) -> Standing:
        return InEffect(_text(answer.body, "id"))


@dataclass(slots=True)
class GrantStep:
    """POST of the CUSTOM grant. It would replace whatever is there: the listing is read directly before."""

    tenant: Tenant
    app_id: str
    person: PersonTarget
    wanted: Pairs
    known: Standing | None = None
    refusal_may_mean_done: bool = False

    async def look(self) -> Standing:
        grants = await self.tenant.grants_of(self.app_id, self.person.user_id)
        found = judge_listing(grants, self.wanted, self.person.expires, self.person.beside)
        if isinstance(found, Drifted):
            return found
        if found is not None:
            return InEffect(found.id)
        return Ready("grant", self._send, self._accepted)

    async def _send(self, not_after_s: float) -> WriteAnswer:
        user_id, expires = self.person.user_id, self.person.expires
        return await self.tenant.post_custom_grant(
            self.app_id, user_id, self.wanted, expires, not_after_s=not_after_s
        )

    def _accepted(self, answer: Accepted) -> Standing:
        return InEffect(_text(answer.body, "id"))


@dataclass(slots=True)
class ExtendStep:
    """PUT of the grant just read by id, with its values of now and the additions: never fewer."""

    tenant: Tenant
    app_id: str
    person: PersonTarget
    before: Pairs
    adds: Pairs
    catalog: Catalog
    known: Standing | None = None
    refusal_may_mean_done: bool = False

    async def look(self) -> Standing:
        if self.person.grant_id is None:
            return drifted("The change names no grant to extend.")
        raw = await self.tenant.grant(self.person.grant_id)
        if raw is None:
            return drifted("The grant that was to be extended is gone.")
        live = judge_raw(
            raw,
            grant_id=self.person.grant_id,
            app_id=self.app_id,
            user_id=self.person.user_id,
            before=self.before,
            expires=self.person.expires,
        )
        if isinstance(live, Drifted):
            return live
        if self.adds <= live.pairs:
            return InEffect(self.person.grant_id)
        pairs = live.pairs | self.adds
        adds = self.catalog.held(self.adds - live.pairs) if self.adds & live.pairs else None
        return Ready(pairs, partial(self._send, raw, pairs), self._accepted, adds)

    async def _send(self, raw: Mapping[str, Any], pairs: Pairs, not_after_s: float) -> WriteAnswer:
        return await self.tenant.put_grant(raw, pairs, not_after_s=not_after_s)

    def _accepted(self, _answer: Accepted) -> Standing:
        return InEffect(self.person.grant_id)


@dataclass(slots=True)
class StructureStep:
    """Create an entitlement or add values to it, in as many writes as Okta's limits ask for.

    The first write goes by the catalog at hand: creating what is there is refused, never harmful, and then
    one reads and adopts it (okta-api.md 4.2).
    """

    tenant: Tenant
    app_id: str
    action: Action
    target: EntitlementTarget
    catalog: Catalog
    refusal_may_mean_done: bool = True
    remarks: list[str] = field(default_factory=list)

    @property
    def known(self) -> Standing | None:
        return self._against(self.catalog)

    async def look(self) -> Standing:
        return self._against(Catalog(await self.tenant.entitlements(self.app_id)))

    def _against(self, catalog: Catalog) -> Standing:
        found = catalog.entitlement(self.target.external_value)
        if found is None:
            return self._absent()
        if found.multi_value != self.target.multi_value:
            return Drifted(
                HoldReason.SINGLE_VALUE,
                "The entitlement exists, but differs in whether a person may hold several of its values.",
            )
        missing = self._missing(catalog, found)
        return self._add(found.id, missing)

    def _missing(self, catalog: Catalog, found: OktaEntitlement) -> tuple[NewValue, ...]:
        return tuple(
            each for each in self.target.new_values if not catalog.has_value(found, each.external_value)
        )

    def _absent(self) -> Standing:
        if self.action is not Action.CREATE:
            return drifted("The entitlement that was to get more values is gone.")
        first = self.target.new_values[:VALUES_PER_CREATE]
        rest = self.target.new_values[VALUES_PER_CREATE:]
        return Ready(
            first,
            partial(self._create, first),
            partial(self._created, first, rest),
        )

    async def _create(self, values: tuple[NewValue, ...], _not_after_s: float) -> WriteAnswer:
        return await self.tenant.create_entitlement(self.app_id, self.target, values)

    def _created(
        self, sent: tuple[NewValue, ...], rest: tuple[NewValue, ...], answer: Accepted
    ) -> Standing | None:
        entitlement_id = _text(answer.body, "id")
        self.remarks.extend(stored_otherwise(sent, answer))
        return None if entitlement_id is None else self._add(entitlement_id, rest)

    def _add(self, entitlement_id: str, values: tuple[NewValue, ...]) -> Standing:
        if not values:
            return InEffect(entitlement_id, " ".join(self.remarks))
        batch, rest = values[:VALUES_PER_ADD], values[VALUES_PER_ADD:]
        return Ready(
            (entitlement_id, batch),
            partial(self._send_values, entitlement_id, batch),
            partial(self._added, entitlement_id, batch, rest),
        )

    async def _send_values(
        self, entitlement_id: str, values: tuple[NewValue, ...], _not_after_s: float
    ) -> WriteAnswer:
        return await self.tenant.add_values(entitlement_id, values)

    def _added(
        self, entitlement_id: str, sent: tuple[NewValue, ...], rest: tuple[NewValue, ...], answer: Accepted
    ) -> Standing:
        self.remarks.extend(stored_otherwise(sent, answer))
        return self._add(entitlement_id, rest)


def stored_otherwise(sent: tuple[NewValue, ...], answer: Accepted) -> list[str]:
    """Which values Okta returned under another text than was sent (okta-api.md 12.15)."""
    if answer.values is None:
        return []
    stored = {(each.name, each.external_value) for each in answer.values}
    return [
        f"Okta did not return the value {each.external_value!r} as it was sent."
        for each in sent
        if (each.name, each.external_value) not in stored
    ]


def _text(body: Mapping[str, Any], key: str) -> str | None:
    found = body.get(key)
    return found if isinstance(found, str) else None
