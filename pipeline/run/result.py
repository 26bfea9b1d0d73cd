"""What came of a run, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.changes.model import Action, Change, Hold
from pipeline.errors import OktaPlanError


class Outcome(StrEnum):
    """How one change ended; a closed list."""

    APPLIED = "applied"
    ALREADY_SO = "already_so"
    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    """It was sent, the answer was lost, and reading back did not tell whether it took effect."""

    @property
    def is_done(self) -> bool:
        return self in (Outcome.APPLIED, Outcome.ALREADY_SO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One change and how it ended. ``status`` is Okta's HTTP status, where there was an answer."""

    change: Change
    outcome: Outcome
    detail: str = ""
    status: int | None = None
    okta_id: str | None = None
    request_id: str | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, in changes. ``over``: nothing more is sent, though not all may be done."""

    done: int
    total: int
    applied: int
    held: int
    elapsed_s: float
    over: bool = False


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """What a former unfinished run of the same plan had done; ``settled`` counts what was read back."""

    run_id: str
    counts: Mapping[str, int]
    """By outcome."""
    settled: Mapping[str, int] = field(default_factory=dict)
    """Writes it had begun and not ended: by outcome, and ``no_effect`` for those that changed nothing."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Planned pairs found held, and those missing or extra, after the run."""

    pairs_checked: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Every change of the set stands in exactly one of ``ended``, ``held`` and ``not_started``.

    ``held`` also carries the holds of the diff itself. ``halt`` is the reason of a stop that nobody asked for
    (error budget, dead credential, failed canary, unwritable journal); ``stopped`` is True for that and for
    a stop that was asked for.
    """

    ended: tuple[Ended, ...]
    held: tuple[Hold, ...]
    not_started: tuple[Change, ...]
    done_before: int = 0
    """Changes that an earlier part of the same run had done."""
    elapsed_s: float = 0.0
    stopped: bool = False
    halt: OktaPlanError | None = None
    earlier: EarlierRun | None = None
    calls_by_bucket: Mapping[str, int] = field(default_factory=dict)
    verification: Verification | None = None

    def of(self, outcome: Outcome) -> tuple[Ended, ...]:
        return tuple(each for each in self.ended if each.outcome is outcome)

    @property
    def refused(self) -> tuple[Ended, ...]:
        return self.of(Outcome.REFUSED)

    @property
    def unresolved(self) -> tuple[Ended, ...]:
        return self.of(Outcome.UNRESOLVED)

    @property
    def counts(self) -> dict[str, int]:
        """Changes by outcome, with ``held`` and ``not_started``; all keys are always there."""
        counts = {outcome.value: len(self.of(outcome)) for outcome in Outcome}
        return {**counts, "held": len(self.held), "not_started": len(self.not_started)}

    @property
    def counts_by_action(self) -> dict[Action, dict[Outcome, int]]:
        """Ended changes by action and outcome."""
        counts: dict[Action, dict[Outcome, int]] = {}
        for each in self.ended:
            by_outcome = counts.setdefault(each.change.action, {})
            by_outcome[each.outcome] = by_outcome.get(each.outcome, 0) + 1
        return counts
