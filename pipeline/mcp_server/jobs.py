"""Calls of use cases, each in a thread of its own, that may outlast the tool call that began them.

Clients give a call up after 60 seconds or less. What is not done by then goes on, and the same call made
again gets its result.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

WAIT_S = 36.0
"""The longest that a tool call waits, for all its steps together."""
LEAST_S = 4.0
"""What a step may take at least, or a late one would never be waited for."""
_call_began_s: ContextVar[float | None] = ContextVar("call_began_s", default=None)
KEPT_S = 300.0
"""A result that nobody fetched for so long is told to nobody: it may not be true any more."""
T = TypeVar("T")


def begin_call() -> None:
    """Steps of the tool call that this task serves count from now on."""
    _call_began_s.set(asyncio.get_running_loop().time())


class StillWorking(Exception):  # noqa: N818 - no error: the call goes on
    """The call is not done yet."""

    def __init__(self, started_s_ago: float) -> None:
        super().__init__()
        self.started_s_ago = started_s_ago


@dataclass(slots=True)
class _Job:
    future: Future[Any]
    started_s: float
    ended_s: float | None = None


class Jobs:
    """Calls under way by what they were asked for. For one event loop."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._jobs: dict[str, _Job] = {}

    async def finish(self, key: str, call: Callable[[], T], *, fresh: bool = False) -> T:
        """What ``call`` returns or raises. Joins one of that ``key`` under way, with ``fresh`` none that
        has ended. Raises StillWorking where it takes too long. A caller that is cancelled leaves it
        running.
        """
        loop = asyncio.get_running_loop()
        self._forget_old(loop.time())
        job = self._jobs.get(key)
        if job is None or (fresh and job.future.done()):
            job = self._jobs[key] = _Job(_started(call), loop.time())
            job.future.add_done_callback(partial(_note_end, loop, job))
        waiting = asyncio.wrap_future(job.future)
        waiting.add_done_callback(_noticed)
        began_s = _call_began_s.get()
        left_s = self._wait_s - (loop.time() - began_s if began_s is not None else 0.0)
        await asyncio.wait([waiting], timeout=max(min(LEAST_S, self._wait_s), left_s))
        if not job.future.done():
            raise StillWorking(asyncio.get_running_loop().time() - job.started_s)
        self._jobs.pop(key, None)
        result: T = job.future.result()
        return result

    def _forget_old(self, now_s: float) -> None:
        for key, job in list(self._jobs.items()):
            if job.ended_s is not None and now_s - job.ended_s > KEPT_S:
                del self._jobs[key]


def _note_end(loop: asyncio.AbstractEventLoop, job: _Job, _future: Future[Any]) -> None:
    """In the thread of the job."""

    def note() -> None:
        job.ended_s = loop.time()

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody will fetch it
        loop.call_soon_threadsafe(note)


def _noticed(ended: asyncio.Future[Any]) -> None:
    """Its error is raised by whoever fetches it; the loop need not complain of it as well."""
    if not ended.cancelled():
        ended.exception()


def _started(call: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is fetched
            future.set_exception(error)

    threading.Thread(target=run, name="use-case", daemon=True).start()
    return future
