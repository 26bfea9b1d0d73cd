"""Carrying one change to its end: read, send, and after a lost answer read back before sending again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from pipeline.changes.model import Holding, HoldReason
from pipeline.clock import Clock
from pipeline.errors import CredentialError, OktaPlanError, TenantError
from pipeline.okta.answers import Accepted, Lost, NotSent, Refused, WriteAnswer
from pipeline.run.result import Outcome
from pipeline.run.standing import Drifted, InEffect, Ready, Standing, Step

ATTEMPTS = 3
"""How often one write is sent before its change is given up as unresolved."""
FRESH_S = 2.0
"""A write that could replace something leaves so soon after its read was sent, or not at all (DESIGN 4.1)."""
LATE_MAX = 30
"""How often a write that could not leave in time is read for again."""
SETTLE_WAITS_S = (1.0, 4.0, 15.0)
"""Before reading back: a request whose answer was lost may still be under way."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The change ended. ``cause`` is the read error that left it unresolved, if one did."""

    outcome: Outcome
    detail: str = ""
    status: int | None = None
    okta_id: str | None = None
    request_id: str | None = None
    attempts: int = 0
    cause: OktaPlanError | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """Nothing was sent, or nothing took effect, and nothing will be sent."""

    reason: HoldReason
    detail: str
    cause: OktaPlanError | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The run stops; the change is not done. ``begun`` says that the journal holds a begin of it."""

    begun: bool
    without_effect: bool = True
    cause: OktaPlanError | None = None


Ending = Settled | Withheld | Cut
Turn = Callable[[], AbstractAsyncContextManager[None]]
"""Waits until the tenant has room for one write, so that the read comes after the wait, not before."""


class Delivery:
    """One change on its way. Use once."""

    def __init__(
        self,
        step: Step,
        *,
        begin: Callable[[int, Holding | None], None],
        clock: Clock,
        is_stopping: Callable[[], bool],
        turn: Turn,
    ) -> None:
        self._step = step
        self._begin = begin
        self._clock = clock
        self._is_stopping = is_stopping
        self._turn = turn
        self._attempts = 0
        self._losses = 0
        self._late = 0
        self._accepted = 0
        self._lost: Lost | None = None
        """The last answer, if it was lost and nothing has told since whether the write took effect."""
        self._was_lost = False
        self._refused: Refused | None = None
        self._last: Accepted | None = None

    async def carry_out(self) -> Ending:
        """Send what is needed, each write at most ATTEMPTS times. Raises StoppedError from the journal."""
        try:
            return await self._carry_out()
        except TenantError as error:
            return self._unreadable(error)

    async def _carry_out(self) -> Ending:
        known = self._step.known
        while known is None or isinstance(known, Ready):
            async with self._turn():
                read_at_s = self._clock.now()
                standing = known or await self._step.look()
                if not isinstance(standing, Ready):
                    return self._conclude(standing)
                if stopped := self._give_up():
                    return stopped
                answer = await self._send(standing, read_at_s)
            if isinstance(answer, Cut):
                return answer
            known = await self._next(standing, answer)
            if isinstance(answer, Refused) and self._is_final(known, standing):
                return self._refusal(answer)
        return self._conclude(known)

    def _is_final(self, known: Standing | None, refused: Ready) -> bool:
        """A refusal is final unless something else is left to send, e.g. the values of what was there."""
        if known is None or (isinstance(known, Ready) and known.content == refused.content):
            return True
        self._refused = None
        self._losses = 0
        return False

    def _give_up(self) -> Ending | None:
        if self._is_stopping():
            # after a lost answer this look has shown that the write had no effect
            return Cut(begun=self._attempts > 0, without_effect=self._accepted == 0)
        if self._losses >= ATTEMPTS:
            detail = f"Sent {self._losses} times without an answer, and not in effect when read back."
            return self._settled(Outcome.UNRESOLVED, detail)
        self._lost = None
        if self._late >= LATE_MAX:
            detail = f"{LATE_MAX} times there was no room to write within {FRESH_S:g} s of reading."
            if self._accepted:
                return self._settled(Outcome.UNRESOLVED, f"Part of it is in effect. {detail}")
            return Withheld(HoldReason.INCOMPLETE_READ, detail)
        return None

    async def _send(self, ready: Ready, read_at_s: float) -> WriteAnswer | Cut:
        self._attempts += 1
        self._begin(self._attempts, ready.adds)
        try:
            return await ready.send(read_at_s + FRESH_S)
        except CredentialError as error:
            return Cut(begun=True, without_effect=self._accepted == 0, cause=error)
        except TenantError as error:
            return Lost(error.detail)

    async def _next(self, ready: Ready, answer: WriteAnswer) -> Standing | None:
        match answer:
            case Accepted():
                self._accepted += 1
                self._losses = 0
                self._last = answer
                return ready.then(answer)
            case Refused():
                self._refused = answer
                return await self._step.look() if self._step.refusal_may_mean_done else None
            case Lost():
                self._lost = answer
                self._was_lost = True
                self._losses += 1
                await self._clock.sleep(SETTLE_WAITS_S[min(self._losses, len(SETTLE_WAITS_S)) - 1])
                return None
            case NotSent():
                self._late += 1
                return None

    def _conclude(self, standing: InEffect | Drifted) -> Ending:
        if isinstance(standing, InEffect):
            done_by_us = self._accepted or self._was_lost
            outcome = Outcome.APPLIED if done_by_us else Outcome.ALREADY_SO
            return self._settled(outcome, standing.detail, okta_id=standing.okta_id)
        if self._was_lost or self._accepted:
            return self._settled(Outcome.UNRESOLVED, standing.detail)
        return Withheld(standing.reason, standing.detail)

    def _unreadable(self, error: TenantError) -> Ending:
        if self._refused is not None:
            return self._refusal(self._refused, error)
        if self._lost is None and not self._accepted:
            detail = f"It could not be read before writing: {error.detail}"
            return Withheld(HoldReason.INCOMPLETE_READ, detail, error)
        return self._settled(Outcome.UNRESOLVED, f"It could not be read back: {error.detail}", cause=error)

    def _refusal(self, refused: Refused, cause: OktaPlanError | None = None) -> Settled:
        partly = (
            (f"({self._accepted} writes of this change were accepted before.)",) if self._accepted else ()
        )
        return Settled(
            Outcome.REFUSED,
            " ".join((refused.code, refused.summary, *refused.causes, *partly)),
            status=refused.status,
            request_id=refused.request_id,
            attempts=self._attempts,
            cause=cause,
        )

    def _settled(
        self, outcome: Outcome, detail: str, *, okta_id: str | None = None, cause: OktaPlanError | None = None
    ) -> Settled:
        last = self._last
        return Settled(
            outcome,
            detail,
            status=last.status if last else None,
            okta_id=okta_id,
            request_id=last.request_id if last else (self._lost.request_id if self._lost else None),
            attempts=self._attempts,
            cause=cause,
        )
