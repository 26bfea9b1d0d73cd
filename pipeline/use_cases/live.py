"""Building the live desk: the wall clock, chance and the settings enter here and nowhere else."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from pipeline.clock import WakefulClock
from pipeline.masking import Mask
from pipeline.runtime import Runtime
from pipeline.settings import environment, find_workspace, load_settings
from pipeline.use_cases.desk import Desk

T = TypeVar("T")
_STEADY_CLOCK: int | None = getattr(
    time, {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}.get(sys.platform, ""), None
)


def live_desk(workspace: Path | None, org_file: Path | None = None, log_file: Path | None = None) -> Desk:
    """The desk of a real process. Raises InputError where the workspace or its settings cannot be used."""
    folder = find_workspace(workspace, environment(), Path.cwd())
    clock = WakefulClock(time.time(), steady_s)  # noqa: TID251 - the wall clock is read once, here
    runtime = Runtime(clock=clock, rng=random.Random(), transport=None, workspace=folder)  # noqa: S311 - jitter
    settings = load_settings(folder)
    return Desk(runtime, settings, org_file, log_file, mask=Mask(on=settings.masks_people))


def steady_s() -> float:
    """Seconds from anywhere that nobody sets, those asleep among them: of Linux' clocks only CLOCK_BOOTTIME
    counts these, of those of macOS CLOCK_MONOTONIC and not Python's own (clock_gettime(2) of either); that of
    Windows does.
    """
    if _STEADY_CLOCK is None:
        return time.monotonic()  # noqa: TID251 - as above
    return time.clock_gettime(_STEADY_CLOCK)


def run_live(build: Callable[[], Desk], call: Callable[[Desk], Awaitable[T]]) -> T:
    """Run one asynchronous use case on a loop of its own."""

    async def started() -> T:
        return await call(build())

    return asyncio.run(started())
