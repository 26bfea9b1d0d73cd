"""Guards with what the desk knows: the time and the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

from pipeline.changes.guards import in_freeze, refusals, refuse_guarded, refused
from pipeline.changes.model import ChangeSet
from pipeline.changes.permissions import NOTHING_ALLOWED, Allowance, Guard, Permissions
from pipeline.changes.refusing import Case
from pipeline.changes.snapshot import Snapshot
from pipeline.errors import ErrorCode, StoppedError
from pipeline.freeze import Window
from pipeline.plan.model import Plan
from pipeline.run.journal import iso_utc
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.parts import part_of
from pipeline.views import AllowedView, RefusalView

LOOK_S = 30.0


def case_of(
    desk: Desk,
    plan: Plan,
    changes: ChangeSet,
    snapshot: Snapshot,
    permissions: Permissions = NOTHING_ALLOWED,
    *,
    only: str | None = None,
) -> Case:
    """What guards are asked with, now; ``only``: the part of ``changes`` that is to be sent. Raises
    InputError where a setting of theirs cannot be used.
    """
    asked_for = tuple(each for each in changes.changes if only in (None, part_of(each)))
    return Case(
        plan=plan,
        change_set=replace(changes, changes=asked_for),
        snapshot=snapshot,
        now_s=desk.runtime.clock.now(),
        permissions=permissions,
        age_h_max=desk.settings.changes_age_h,
        freeze=desk.settings.freeze,
    )


def refuse_where_guarded(case: Case) -> None:
    """Raises RefusedError (exit 4) with the arithmetic of every guard that says no. Nothing is refused where
    nothing would be sent.
    """
    if case.change_set.changes:
        refuse_guarded(case)


def refuse_in_freeze(desk: Desk, permissions: Permissions) -> None:
    """Raises RefusedError (exit 4) in a freeze window that no override allows."""
    found = tuple(in_freeze(desk.runtime.clock.now(), desk.settings.freeze, permissions))
    if found:
        raise refused(found)


def refusal_views(case: Case) -> list[RefusalView]:
    """What ``apply`` would be refused for now."""
    if not case.change_set.changes:
        return []
    return [
        RefusalView(guard=each.guard, code=each.code, detail=each.detail, override=each.override)
        for each in refusals(case)
    ]


def allowed_views(allowed: Iterable[Allowance]) -> list[AllowedView]:
    """Overrides as data."""
    return [AllowedView(guard=each.guard, value=each.value, reason=each.reason) for each in allowed]


@dataclass(slots=True)
class Watch:
    """Whether a freeze window began while a run was under way; ``permissions`` may change meanwhile."""

    permissions: Permissions = NOTHING_ALLOWED
    began: Window | None = None

    def halt(self) -> StoppedError | None:
        """Why the run had to stop, where it was for a freeze."""
        if self.began is None:
            return None
        return StoppedError(
            ErrorCode.FREEZE,
            "A freeze began",
            f"{self.began.text} of OKTA_PLAN_FREEZE began at {iso_utc(self.began.start_s)} and lasts until "
            f"{iso_utc(self.began.end_s)}. Nothing more was sent.",
            next_step="Go on when it is over.",
        )


@asynccontextmanager
async def freeze_watched(desk: Desk, stop: asyncio.Event) -> AsyncIterator[Watch]:
    """Sets ``stop`` when a freeze window begins, or the override of one that lasts on ends."""
    watch = Watch()
    task = asyncio.create_task(_wait_for_freeze(desk, stop, watch))
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _wait_for_freeze(desk: Desk, stop: asyncio.Event, watch: Watch) -> None:
    """Looks again at least every LOOK_S, since overrides may be withdrawn."""
    freeze, clock = desk.settings.freeze, desk.runtime.clock
    await clock.sleep(0)
    while watch.began is None and freeze.parts:
        now_s = clock.now()
        override = watch.permissions.overrides.get(Guard.FREEZE)
        allowed_until_s = override.limit if override else now_s
        window = freeze.window_at(now_s)
        if window is not None and now_s >= allowed_until_s:
            watch.began = window
            stop.set()
            return
        next_s = allowed_until_s if window is not None else freeze.next_start_s(now_s)
        await clock.sleep(LOOK_S if next_s is None else min(LOOK_S, max(next_s - now_s, 0.001)))
