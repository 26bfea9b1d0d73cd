"""What ``apply`` was asked for, and how the person who asked is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.changes.forecast import RECHECK_S
from pipeline.run.result import Progress
from pipeline.use_cases.tenant import CONCURRENCY
from pipeline.views import DiffView

RATE_SHARE = 0.70
"""Of what the tenant allows, what an apply uses unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """What ``apply`` was asked for. ``changes`` is the reviewed change set's file; ``only`` one of PARTS."""

    plan: str
    changes: Path | None = None
    only: str | None = None
    yes: bool = False
    rate_share: float = RATE_SHARE
    concurrency: int = CONCURRENCY
    recheck_s: float = RECHECK_S
    lease_wait_s: float = 0.0
    accept_held: tuple[str, ...] = ()
    resume: str | None = None
    """The unfinished run to go on with, instead of comparing afresh."""
    allow: tuple[str, ...] = ()
    """Overrides of guards, GUARD=VALUE each; ``reasons`` has one for each of them."""
    reasons: tuple[str, ...] = ()
    run: str | None = None
    """The id that a new run gets; None: one of its own."""
    require_approval: bool = False
    """Send only what the approval beside the plan covers, and nothing without one."""


@dataclass(frozen=True, slots=True)
class Person:
    """How the door reaches a person: ``ask`` shows a change set and returns whether to go on (None where
    nobody can be asked); ``show`` follows the progress; ``stop``, once set, ends the run as a signal does.
    """

    ask: Callable[[DiffView], bool] | None = None
    show: Callable[[Progress], None] = lambda _progress: None
    stop: asyncio.Event | None = None
