"""Canaries: the first change of each kind is sent alone and proven to take nothing away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pipeline.changes.holdings import BASE_TYPES
from pipeline.changes.model import Action, Change, added, removed
from pipeline.changes.risks import risk_kind
from pipeline.changes.snapshot import GrantType, OktaGrant
from pipeline.clock import Clock
from pipeline.errors import ErrorCode, OktaPlanError, StoppedError, TenantError
from pipeline.run.adding import refused_additive
from pipeline.run.catalog import Catalog
from pipeline.run.result import Outcome
from pipeline.run.retiming import more_than_the_end
from pipeline.run.settle import Ending, Settled
from pipeline.run.standing import Standing, Step, drifted, is_in_force
from pipeline.run.tenant import Pairs, Tenant

READ_BACK_WAITS_S: Final = (0.0, 2.0, 10.0)
"""A listing may lag behind the write; a value counts as lost when the last of these reads lacks it."""


@dataclass(slots=True)
class WatchedStep:
    """A step that also remembers all that the person held directly before the first write."""

    step: Step
    tenant: Tenant
    app_id: str
    change: Change
    before: tuple[OktaGrant, ...] | None = None
    known: Standing | None = None

    @property
    def refusal_may_mean_done(self) -> bool:
        return self.step.refusal_may_mean_done

    async def look(self) -> Standing:
        """All grants of the person once, then what the step itself looks at. Raises TenantError.

        Where the two reads together take longer than a write may wait for, the write is read for again, and
        then by the step alone.
        """
        if self.before is None:
            self.before = await self.tenant.grants_of(self.app_id, self.user_id)
            if unforeseen := self._unforeseen_beside(self.before):
                return drifted(f"There are grants beside now that were not compared ({unforeseen}).")
        return await self.step.look()

    @property
    def user_id(self) -> str:
        return self.change.person.user_id if self.change.person else ""

    def _unforeseen_beside(self, grants: tuple[OktaGrant, ...]) -> str:
        """Types of additive grants that the comparison did not see, a listing having left them out. Steps
        that list before they write judge that themselves.
        """
        person = self.change.person
        is_put = self.change.action is Action.EXTEND or (
            self.change.action is Action.REVOKE and person is not None and person.grant_id is not None
        )
        if person is None or not is_put:
            return ""
        known = {*BASE_TYPES, *person.beside}
        return ", ".join(sorted({each.type for each in grants if is_in_force(each)} - known))


class Canaries:
    """Lets one change of each risk kind through at a time until one of them is proven."""

    def __init__(
        self, tenant: Tenant, app_id: str, clock: Clock, halt: Callable[[OktaPlanError], None]
    ) -> None:
        self._tenant = tenant
        self._app_id = app_id
        self._clock = clock
        self._halt = halt
        self._proven: set[str] = set()
        self._gates: dict[str, asyncio.Lock] = {}

    async def carry_out(
        self, change: Change, step: Step, catalog: Catalog, deliver: Callable[[Step], Awaitable[Ending]]
    ) -> Ending:
        """``deliver(step)``, alone and read back while the change's kind is unproven."""
        kind = risk_kind(change)
        if kind is None or change.person is None or kind in self._proven:
            return await deliver(step)
        async with self._gates.setdefault(kind, asyncio.Lock()):
            if kind not in self._proven:
                watched = WatchedStep(step, self._tenant, self._app_id, change)
                ending = await deliver(watched)
                if await self._is_proven(change, watched, catalog, ending):
                    self._proven.add(kind)
                return ending
        return await deliver(step)

    async def _is_proven(
        self, change: Change, watched: WatchedStep, catalog: Catalog, ending: Ending
    ) -> bool:
        """Whether ``change`` was sent and took nothing away; halts the run where it did, or cannot tell."""
        if refused := refused_additive(change, ending):
            self._halt(refused)
            return False
        sent = isinstance(ending, Settled) and ending.outcome is Outcome.APPLIED
        if not sent or watched.before is None:
            return False
        adds, _ = catalog.resolve(added(change))
        try:
            wrong = await self._read_back(
                watched.user_id, partial(what_went_wrong, change, watched.before, adds, catalog)
            )
        except TenantError as error:
            wrong = _unproven(change, error)
        if wrong is not None:
            self._halt(wrong)
        return wrong is None

    async def _read_back(
        self, user_id: str, judge: Callable[[tuple[OktaGrant, ...]], StoppedError | None]
    ) -> StoppedError | None:
        wrong: StoppedError | None = None
        for wait_s in READ_BACK_WAITS_S:
            await self._clock.sleep(wait_s)
            wrong = judge(await self._tenant.grants_of(self._app_id, user_id))
            if wrong is None:
                break
        return wrong


def what_went_wrong(
    change: Change,
    before: tuple[OktaGrant, ...],
    adds: Pairs,
    catalog: Catalog,
    after: tuple[OktaGrant, ...],
) -> StoppedError | None:
    """Why the canary ``change`` failed, judged by all grants of its person; None where it did not."""
    takes, _ = catalog.resolve(removed(change))
    compared, _ = catalog.resolve(change.before)
    # an ENTITLEMENT grant from which all is taken ends, as it should
    left = (each for each in before if not each.values or each.values - takes)
    before = tuple(replace(each, values=each.values - takes) for each in left)
    lost = (pairs_of(before) | (compared - takes) | adds) - pairs_of(after)
    if lost:
        calls = restoring_calls(before, after, adds) or [_restore_base(after, pairs_of(after) | lost)]
        return _failed(change, catalog.names(lost), calls)
    if stayed := takes & pairs_of(after):
        return _without_effect(change, catalog.names(stayed))
    gone = additive_gone(before, after)
    if gone:
        return _failed(change, f"grants {', '.join(gone)}", restoring_calls(before, after, adds))
    if change.action is Action.RETIME and (other := more_than_the_end(change, before, after)):
        return _touched(change, other)
    return None


def additive_gone(before: tuple[OktaGrant, ...], after: tuple[OktaGrant, ...]) -> list[str]:
    """Ids of the additive grants that are no longer there, even where another grant has their values."""
    left = {grant.id for grant in after}
    return [each.id for each in before if each.type not in BASE_TYPES and each.id not in left]


def pairs_of(grants: tuple[OktaGrant, ...]) -> Pairs:
    """All that ``grants`` give together."""
    return frozenset(pair for grant in grants for pair in grant.values)


def restoring_calls(before: tuple[OktaGrant, ...], after: tuple[OktaGrant, ...], adds: Pairs) -> list[str]:
    """The calls that give back what was held before: one for each grant that is gone, or whose values are."""
    held, gone = pairs_of(after), additive_gone(before, after)
    calls = []
    for grant in before:
        if grant.values <= held and grant.id not in gone:
            continue
        if grant.type == GrantType.BUNDLE:
            calls.append(
                f"POST /governance/api/v1/grants with grantType {grant.type} of bundle {grant.bundle_id}"
            )
        elif grant.type == GrantType.ENTITLEMENT:
            calls.append(
                f"POST /governance/api/v1/grants with grantType {grant.type} and {_ids(grant.values)}"
            )
        else:
            calls.append(_restore_base(after, held | grant.values | adds))
    return calls


def _restore_base(after: tuple[OktaGrant, ...], pairs: Pairs) -> str:
    base = next((each for each in after if each.type == GrantType.CUSTOM), None)
    call = "POST /governance/api/v1/grants with grantType CUSTOM"
    if base is not None:
        call = f"PUT /governance/api/v1/grants/{base.id}"
    return f"{call} and {_ids(pairs)}"


def _ids(pairs: Pairs) -> str:
    return "values " + ", ".join(f"{entitlement}/{value}" for entitlement, value in sorted(pairs))


def _failed(change: Change, lost: str, calls: list[str]) -> StoppedError:
    restore = f" To restore: {'; '.join(calls)}." if calls else ""
    return StoppedError(
        ErrorCode.CANARY_FAILED,
        "A first write took access away",
        f"{change.address} ({change.action}) was sent alone as a canary. Read back, these values are "
        f"not held: {lost}.{restore}",
        next_step="Restore the access, then find out why the tenant replaced it before applying again.",
    )


def _without_effect(change: Change, stayed: str) -> StoppedError:
    return StoppedError(
        ErrorCode.CANARY_FAILED,
        "A first revoke took nothing away",
        f"{change.address} ({change.action}) was sent alone as a canary. Read back, these values are still "
        f"held: {stayed}.",
        next_step="Find out what still gives them before applying again; nothing else was lost.",
    )


def _touched(change: Change, what: str) -> StoppedError:
    return StoppedError(
        ErrorCode.CANARY_FAILED,
        "A first change of an end did something else",
        f"{change.address} ({change.action}) was sent alone as a canary. Read back, {what}",
        next_step="Compare the person's grants with the plan before applying again.",
    )


def _unproven(change: Change, error: TenantError) -> StoppedError:
    return StoppedError(
        ErrorCode.CANARY_FAILED,
        "A first write could not be checked",
        f"{change.address} ({change.action}) was sent alone as a canary, but the person's grants could not "
        f"be read back: {error.detail}",
        next_step="Apply again when the tenant answers; nothing more of this kind was sent.",
    )
