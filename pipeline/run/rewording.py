"""Names and descriptions: PATCH of values just read by id, all else of them as it was (okta-api.md 4.4)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

from pipeline.changes.model import EntitlementTarget, Rewording
from pipeline.changes.snapshot import OktaEntitlement, OktaValue
from pipeline.okta.answers import Accepted, WriteAnswer
from pipeline.run.standing import Drifted, InEffect, Ready, Standing, drifted
from pipeline.run.tenant import VALUES_PER_ADD, Tenant

OWN = ""
"""Stands for the entitlement's own description among the ids of values."""


@dataclass(slots=True)
class RewordStep:
    """As many writes as Okta's limit of operations asks for, each with a read directly before it."""

    tenant: Tenant
    target: EntitlementTarget
    known: Standing | None = None
    refusal_may_mean_done: bool = False
    accepted: set[str] = field(default_factory=set)
    """Ids of what Okta has taken."""

    async def look(self) -> Standing:
        if self.target.id is None:
            return drifted("The change names no entitlement.")
        found = await self.tenant.entitlement(self.target.id)
        if found is None:
            return drifted("The entitlement is gone.")
        todo: list[OktaValue] = []
        description: str | None = None
        for each in self.target.rewordings:
            if each.value is None:
                description = each.description if each.description != found.description else None
                continue
            value = _reworded(found, each)
            if isinstance(value, Drifted):
                return value
            if value is not None:
                todo.append(value)
        left = {value.id for value in todo} | ({OWN} if description is not None else set())
        if left & self.accepted:
            return drifted("Okta accepted the change, but reading back shows the texts as they were.")
        return self._ready(found.id, description, todo) if left else InEffect(found.id)

    def _ready(self, entitlement_id: str, description: str | None, todo: list[OktaValue]) -> Ready:
        room = VALUES_PER_ADD - (description is not None)
        batch, rest = tuple(todo[:room]), todo[room:]
        return Ready(
            (description, batch),
            partial(self._send, entitlement_id, description, batch),
            partial(self._then, entitlement_id, description, batch, rest),
        )

    async def _send(
        self, entitlement_id: str, description: str | None, batch: tuple[OktaValue, ...], not_after_s: float
    ) -> WriteAnswer:
        return await self.tenant.reword(entitlement_id, description, batch, not_after_s=not_after_s)

    def _then(
        self,
        entitlement_id: str,
        description: str | None,
        batch: tuple[OktaValue, ...],
        rest: list[OktaValue],
        answer: Accepted,
    ) -> Standing | None:
        """Whether a changed externalValue is taken over nobody has recorded, so where the answer does not
        show it, one looks.
        """
        self.accepted |= {value.id for value in batch} | ({OWN} if description is not None else set())
        shown = {each.id: each.external_value for each in answer.values or ()}
        is_shown = all(shown.get(value.id) == value.external_value for value in batch)
        return InEffect(entitlement_id) if is_shown and not rest else None


def _reworded(found: OktaEntitlement, wanted: Rewording) -> OktaValue | Drifted | None:
    """The value as it is to be; None where it is so already."""
    by_key = {each.external_value: each for each in found.values}
    value = by_key.get(wanted.value or "")
    renamed = by_key.get(wanted.external_value) if wanted.external_value is not None else None
    if renamed is not None:
        return (
            drifted(f'"{wanted.value}" and "{wanted.external_value}" are both there now.') if value else None
        )
    if value is None:
        return drifted(f'The value "{wanted.value}" is gone.')
    if wanted.external_value is not None:
        return replace(value, external_value=wanted.external_value, name=wanted.name or value.name)
    return replace(value, description=wanted.description) if value.description != wanted.description else None
