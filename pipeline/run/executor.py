"""Carries out a change set: waves in order, chains side by side, each chain in its order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from pipeline.address import Address
from pipeline.changes.model import Action, Change, ChangeSet, HoldReason
from pipeline.changes.snapshot import OktaEntitlement
from pipeline.clock import Clock
from pipeline.errors import StoppedError, TenantError
from pipeline.run.canary import Canaries
from pipeline.run.catalog import Catalog
from pipeline.run.entries import Closed, Note
from pipeline.run.journal import Journal
from pipeline.run.ledger import Ledger
from pipeline.run.result import Outcome, Progress, RunResult
from pipeline.run.settle import Cut, Delivery, Ending, Settled, Withheld
from pipeline.run.standing import Drifted, Step
from pipeline.run.steps import step_for
from pipeline.run.tenant import Tenant

CONCURRENCY = 10
VISIBLE_WAITS_S = (0.0, 2.0, 10.0)
"""New values may show late in a listing; what still does not is held with all that needs it."""


class Wave(Protocol):
    """Chains that may run side by side; see pipeline.changes.waves."""

    @property
    def chains(self) -> Sequence[Sequence[Change]]: ...


WriteTurn = Callable[[Change], AbstractAsyncContextManager[None]]


def no_wait(_change: Change) -> AbstractAsyncContextManager[None]:
    """For a tenant that never makes a write wait."""
    return nullcontext()


async def execute(
    change_set: ChangeSet,
    waves: Iterable[Wave],
    tenant: Tenant,
    journal: Journal,
    clock: Clock,
    *,
    reviewed: Callable[[Change], bool],
    entitlements: tuple[OktaEntitlement, ...],
    progress: Callable[[Progress], None],
    stop: asyncio.Event,
    done: Mapping[Address, Outcome] | None = None,
    concurrency: int = CONCURRENCY,
    turn: WriteTurn,
) -> RunResult:
    """Send what is reviewed; every change is accounted for in the result, which also says why a run halted.

    ``entitlements`` are the app's as just read. ``done`` are outcomes of an earlier part of the same run:
    what was applied or already so is not looked at again, the rest is. ``turn`` waits until there is room
    for that write, so that the read before a write comes after the wait. The journal gets its
    ``closed`` line unless the run was stopped.
    """
    waves, done = tuple(waves), done or {}
    total = sum(
        not _is_done(done.get(each.address)) for wave in waves for chain in wave.chains for each in chain
    )
    ledger = Ledger(journal, clock, progress, total, clock.now(), done)
    app_id = change_set.okta_app_id
    run = _Run(
        app_id=app_id,
        tenant=tenant,
        clock=clock,
        ledger=ledger,
        reviewed=reviewed,
        catalog=Catalog(entitlements),
        stop=stop,
        turn=turn,
        canaries=Canaries(tenant, app_id, clock, ledger.stop_for),
    )
    run.new_structure = [each for each in change_set.changes if run.is_done_but_unlisted(each)]
    for wave in waves:
        await run.carry_out(wave, concurrency)
        await run.learn_new_ids()
    ledger.show(over=True)
    ledger.account_for_rest(change_set)
    return _finish(change_set, ledger)


@dataclass(slots=True, kw_only=True)
class _Run:
    app_id: str
    tenant: Tenant
    clock: Clock
    ledger: Ledger
    reviewed: Callable[[Change], bool]
    catalog: Catalog
    stop: asyncio.Event
    turn: WriteTurn
    canaries: Canaries
    busy: dict[str, asyncio.Event] = field(default_factory=dict)
    new_structure: list[Change] = field(default_factory=list)
    is_unsure: bool = False
    """Whether a write of an entitlement was lost that nothing has been read of since."""

    async def carry_out(self, wave: Wave, concurrency: int) -> None:
        """All chains of ``wave``. Those that want the same actions share ``concurrency`` workers: who needs
        only a fast bucket does not wait behind who waits for a slow one. How many calls are under way at a
        time is the budget's affair.
        """
        lanes: dict[tuple[Action, ...], list[Sequence[Change]]] = {}
        for chain in wave.chains:
            lanes.setdefault(tuple(change.action for change in chain), []).append(chain)
        async with asyncio.TaskGroup() as group:
            for chains in lanes.values():
                ahead = iter(chains)
                for _ in range(min(concurrency, len(chains))):
                    group.create_task(self._work(ahead))

    async def _work(self, chains: Iterator[Sequence[Change]]) -> None:
        for chain in chains:
            await self._chain(chain)

    def is_done_but_unlisted(self, change: Change) -> bool:
        """Structure that an earlier part of the run made and that no listing has shown since."""
        is_done = change.entitlement is not None and self.ledger.is_done(change.address)
        return is_done and bool(self.catalog.resolve(change.after)[1])

    async def learn_new_ids(self) -> None:
        """Read the entitlements again after some were created or got values, or where nobody knows what
        became of a write of theirs: only then another one may follow.
        """
        if not (self.new_structure or self.is_unsure) or self._is_stopping():
            return
        created, self.new_structure, self.is_unsure = self.new_structure, [], False
        wanted = [change.after for change in created]
        try:
            for wait_s in VISIBLE_WAITS_S:
                await self.clock.sleep(wait_s)
                self.catalog = Catalog(await self.tenant.entitlements(self.app_id))
                if not any(self.catalog.resolve(after)[1] for after in wanted):
                    return
        except TenantError as error:
            self.ledger.stop_for(error)

    async def _chain(self, chain: Sequence[Change]) -> None:
        broken: Change | None = None
        for change in chain:
            if self.ledger.is_done(change.address):
                continue
            if self._is_stopping():
                self.ledger.leave(change)
            else:
                await self._change(change, broken)
            if not self.ledger.is_done(change.address):
                broken = change

    async def _change(self, change: Change, broken: Change | None) -> None:
        ending = self._why_not(change, broken) or await self._send(change)
        self.ledger.enter(change, ending)
        if change.entitlement is None:
            return
        if isinstance(ending, Settled) and ending.outcome is Outcome.UNRESOLVED:
            self.is_unsure = True
        elif change.action is not Action.DESCRIBE and self.ledger.is_done(change.address):
            self.new_structure.append(change)

    def _why_not(self, change: Change, broken: Change | None) -> Withheld | None:
        missing = next((each for each in change.depends_on if self.ledger.is_missing(each)), None)
        missing = missing or (broken.address if broken else None)
        if missing is not None:
            return Withheld(HoldReason.DEPENDS_ON_HELD, f"It needs {missing}, which was not done.")
        if not self.reviewed(change):
            return Withheld(HoldReason.NOT_REVIEWED, "This change is not in the reviewed change set.")
        return None

    async def _send(self, change: Change) -> Ending:
        step = step_for(change, self.tenant, self.app_id, self.catalog)
        if isinstance(step, Drifted):
            return Withheld(step.reason, step.detail)
        try:
            async with self._alone(change):
                deliver = partial(self._deliver, change)
                return await self.canaries.carry_out(change, step, self.catalog, deliver)
        except StoppedError as error:
            self.ledger.stop_for(error)
            return Cut(begun=False)

    async def _deliver(self, change: Change, step: Step) -> Ending:
        delivery = Delivery(
            step,
            begin=partial(self.ledger.begin, change),
            clock=self.clock,
            is_stopping=self._is_stopping,
            turn=partial(self.turn, change),
        )
        return await delivery.carry_out()

    @asynccontextmanager
    async def _alone(self, change: Change) -> AsyncIterator[None]:
        """At most one change of one Okta user is under way, whatever the waves say."""
        if change.person is None:
            yield
            return
        user_id = change.person.user_id
        while user_id in self.busy:
            await self.busy[user_id].wait()
        free = self.busy[user_id] = asyncio.Event()
        try:
            yield
        finally:
            del self.busy[user_id]
            free.set()

    def _is_stopping(self) -> bool:
        return self.stop.is_set() or self.ledger.halt is not None


def _is_done(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.is_done


def _finish(change_set: ChangeSet, ledger: Ledger) -> RunResult:
    place = {change.address: index for index, change in enumerate(change_set.changes)}
    ended = sorted(ledger.ended.values(), key=lambda each: place.get(each.change.address, len(place)))
    result = RunResult(
        ended=tuple(ended),
        held=(*change_set.holds, *ledger.held.values()),
        not_started=tuple(ledger.not_started.values()),
        done_before=sum(outcome.is_done for outcome in ledger.done_before.values()),
        elapsed_s=ledger.clock.now() - ledger.started_at_s,
    )
    if ledger.halt is not None:
        ledger.write(Note(what="halted", detail=ledger.halt.summary))
    elif ledger.not_started:
        ledger.write(Note(what="stopped"))
    else:
        ledger.write(Closed(counts=result.counts))
    return replace(result, stopped=bool(ledger.not_started) or ledger.halt is not None, halt=ledger.halt)
