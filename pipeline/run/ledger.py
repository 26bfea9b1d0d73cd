"""Accounting of a run: each change is entered once, journaled, counted against the error budget, shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.address import Address
from pipeline.changes.model import Change, ChangeSet, Hold, Holding, HoldReason, added, revoked
from pipeline.clock import Clock
from pipeline.errors import CredentialError, ErrorCode, OktaPlanError, StoppedError, TenantError
from pipeline.run.entries import Begin, End, Entry, Held, Note
from pipeline.run.journal import Journal
from pipeline.run.result import Ended, Outcome, Progress
from pipeline.run.settle import Cut, Ending, Settled, Withheld

REFUSALS_IN_A_ROW_MAX = 10
"""So many people refused one after another: something is wrong with all of them."""
FAILED_PERCENT_MAX = 20
FAILED_PERCENT_FROM = 50
"""The percentage counts once so many people were attempted."""


@dataclass(slots=True)
class FailureBudget:
    """How many failures of people's changes a run bears."""

    attempted: int = 0
    failed: int = 0
    in_a_row: int = 0

    def count(self, *, failed: bool) -> None:
        self.attempted += 1
        self.failed += failed
        self.in_a_row = self.in_a_row + 1 if failed else 0

    @property
    def overdrawn(self) -> str | None:
        """Why the run must stop; None while it may go on."""
        if self.in_a_row >= REFUSALS_IN_A_ROW_MAX:
            return f"{self.in_a_row} people in a row failed."
        if self.attempted >= FAILED_PERCENT_FROM and 100 * self.failed > FAILED_PERCENT_MAX * self.attempted:
            return f"{self.failed} of {self.attempted} people failed, more than {FAILED_PERCENT_MAX} %."
        return None


@dataclass(slots=True)
class Ledger:
    """What became of each change so far, and why the run stops, if it does."""

    journal: Journal
    clock: Clock
    progress: Callable[[Progress], None]
    total: int
    started_at_s: float
    done_before: Mapping[Address, Outcome] = field(default_factory=dict)
    ended: dict[Address, Ended] = field(default_factory=dict)
    held: dict[Address, Hold] = field(default_factory=dict)
    not_started: dict[Address, Change] = field(default_factory=dict)
    budget: FailureBudget = field(default_factory=FailureBudget)
    halt: StoppedError | None = None
    applied: int = 0

    def begin(self, change: Change, attempt: int, adds: Holding | None = None) -> None:
        """Journal that a write is about to leave, and what it adds where that is not what ``change`` adds.
        Raises StoppedError; then it must not.
        """
        self.journal.append(
            Begin(address=str(change.address), action=change.action, attempt=attempt, adds=adds)
        )

    def enter(self, change: Change, ending: Ending) -> None:
        """Enter how ``change`` ended. Raises nothing: what cannot be journaled halts the run."""
        match ending:
            case Settled():
                self._enter_outcome(change, ending)
            case Withheld():
                self.hold(change, ending.reason, ending.detail)
            case Cut():
                self.not_started[change.address] = change
                if ending.begun and ending.without_effect:
                    self.write(Note(what="no_effect", address=str(change.address)))
        self._count(change, ending)
        if isinstance(ending.cause, CredentialError):
            self.stop_for(ending.cause)
        self.show()

    def hold(self, change: Change, reason: HoldReason, detail: str) -> None:
        self.held[change.address] = hold_of(change, reason, detail)
        self.write(Held(address=str(change.address), action=change.action, reason=reason, detail=detail))

    def leave(self, change: Change) -> None:
        """The run stopped before ``change`` was begun."""
        self.not_started[change.address] = change

    def write(self, entry: Entry) -> None:
        try:
            self.journal.append(entry)
        except StoppedError as error:
            self.stop_for(error)

    def stop_for(self, error: OktaPlanError) -> None:
        """Halt for ``error``; the first reason stands. Calls in flight still finish."""
        if self.halt is not None:
            return
        if isinstance(error, StoppedError):
            self.halt = error
        else:
            self.halt = StoppedError(error.code, error.summary, error.detail, next_step=error.next_step)

    def is_done(self, address: Address) -> bool:
        """Whether this or an earlier part of the run did it."""
        before = self.done_before.get(address)
        ended = self.ended.get(address)
        return (before is not None and before.is_done) or (ended is not None and ended.outcome.is_done)

    def is_missing(self, address: Address) -> bool:
        """Whether ``address`` was met in this run and not done."""
        met = address in self.ended or address in self.held or address in self.not_started
        return met and not self.is_done(address)

    def account_for_rest(self, change_set: ChangeSet) -> None:
        """What no wave held was not asked for."""
        for change in change_set.changes:
            address = change.address
            known = address in self.ended or address in self.held or address in self.not_started
            if not known and not self.is_done(address):
                self.held[address] = hold_of(change, HoldReason.LEFT_OUT, "Not part of this run.")

    def _enter_outcome(self, change: Change, ending: Settled) -> None:
        self.ended[change.address] = Ended(
            change=change,
            outcome=ending.outcome,
            detail=ending.detail,
            status=ending.status,
            okta_id=ending.okta_id,
            request_id=ending.request_id,
            attempts=ending.attempts,
        )
        self.applied += ending.outcome is Outcome.APPLIED
        self.write(
            End(
                address=str(change.address),
                action=change.action,
                attempt=ending.attempts,
                outcome=ending.outcome,
                status=ending.status,
                okta_id=ending.okta_id,
                request_id=ending.request_id,
                detail=ending.detail,
            )
        )

    def _count(self, change: Change, ending: Ending) -> None:
        if change.person is None or isinstance(ending, Cut):
            return
        if isinstance(ending, Withheld):
            failed = isinstance(ending.cause, TenantError)
            if not failed:
                return
        else:
            failed = not ending.outcome.is_done
        self.budget.count(failed=failed)
        why = self.budget.overdrawn
        if why is not None:
            self.stop_for(_over_budget(why))

    def show(self, *, over: bool = False) -> None:
        self.progress(
            Progress(
                done=len(self.ended) + len(self.held),
                total=self.total,
                applied=self.applied,
                held=len(self.held),
                elapsed_s=self.clock.now() - self.started_at_s,
                over=over,
            )
        )


def hold_of(change: Change, reason: HoldReason, detail: str) -> Hold:
    """``change``, not sent for ``reason``."""
    return Hold(
        address=change.address,
        action=change.action,
        reason=reason,
        detail=detail,
        principals=change.person.principals if change.person else (),
        adds=added(change),
        removes=revoked(change),
    )


def _over_budget(why: str) -> StoppedError:
    return StoppedError(
        ErrorCode.RUN_STOPPED,
        "Too many changes failed",
        f"{why} The run stopped before sending more.",
        next_step="Read the refusals in the run's report, remove their cause, then apply again.",
    )
