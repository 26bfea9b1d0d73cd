"""Calls of use cases, each in a thread of its own, that may outlast the tool call that began them.

Clients give a call up after 60 seconds or less. What is not done by then goes on, and the same call made
again gets its result.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

WAIT_S = 40.0
"""The longest that a tool call waits."""
KEPT_S = 600.0
"""A result that nobody fetched is of no use after so long."""
T = TypeVar("T")


class StillWorking(Exception):  # noqa: N818 - no error: the call goes on
    """The call is not done yet."""

    def __init__(self, started_s_ago: float) -> None:
        super().__init__()
        self.started_s_ago = started_s_ago


@dataclass(slots=True)
class _Job:
    future: Future[Any]
    started_s: float


class Jobs:
    """Calls under way by what they were asked for. For one event loop."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._jobs: dict[str, _Job] = {}

    async def finish(self, key: str, call: Callable[[], T]) -> T:
        """What ``call`` returns or raises. Joins one of that ``key`` already under way. Raises StillWorking
        where it takes too long. A caller that is cancelled leaves it running.
        """
        now_s = asyncio.get_running_loop().time()
        self._forget_old(now_s)
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = _Job(_started(call), now_s)
        waiting = asyncio.wrap_future(job.future)
        waiting.add_done_callback(_noticed)
        await asyncio.wait([waiting], timeout=self._wait_s)
        if not job.future.done():
            raise StillWorking(asyncio.get_running_loop().time() - job.started_s)
        self._jobs.pop(key, None)
        result: T = job.future.result()
        return result

    def _forget_old(self, now_s: float) -> None:
        for key, job in list(self._jobs.items()):
            if job.future.done() and now_s - job.started_s > KEPT_S:
                del self._jobs[key]


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
