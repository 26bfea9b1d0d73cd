"""The network between client and org: what left when, what came back, and where the process dies."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.simulation.world import Nap
from tests.virtual_time import SleepyClock

_RUN = re.compile(r" run/(\S+)")


@dataclass(slots=True)
class Sent:
    """One call as it left, and what the client got to see of its answer."""

    step: int
    left_at: float
    method: str
    path: str
    query: str
    body: bytes
    run: str | None
    """Which run says that it sent it."""
    begins: int | None
    """For a write: how many begins the run's journal held when it left."""
    back_at: float | None = None
    status: int | None = None
    """None: no answer arrived, or not all of it."""
    answer: httpx.Response | None = None
    is_of_okta: bool = False
    """Whether an answer arrived that Okta itself gave."""

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    def answered(self, answer: httpx.Response, at: float) -> None:
        self.back_at, self.status, self.answer = at, answer.status_code, answer
        self.is_of_okta = "json" in answer.headers.get("content-type", "")

    @property
    def json(self) -> Any:
        """The answer's body; None where it is none of Okta's."""
        if self.answer is None or not self.is_of_okta:
            return None
        return self.answer.json() if self.answer.content else {}

    @property
    def is_lost(self) -> bool:
        """Whether its sender cannot know what became of it."""
        return self.status is None or self.status >= 500 or (self.status < 300 and not self.is_of_okta)

    @property
    def tells(self) -> bool:
        """Whether it is a read that its sender learned something from."""
        return not self.is_write and self.status in (200, 404) and self.is_of_okta


class Breach(Exception):  # noqa: N818 - it names what was seen, not a failure of the code that saw it
    """What may never happen was seen on the wire."""


@dataclass(slots=True)
class Death:
    """Where the process of one apply ends: at a byte of what it adds to the journals, or at a call."""

    runs_dir: Path
    at_byte: int | None
    at_request: int | None
    kill: Callable[[], object]
    sizes: dict[Path, int] = field(default_factory=dict)
    came: bool = False

    def __post_init__(self) -> None:
        self.sizes = journal_sizes(self.runs_dir)

    def is_due(self, number: int) -> bool:
        """Whether the process died before this call could leave."""
        if self.at_request is not None and number >= self.at_request:
            return True
        return self.at_byte is not None and self._crossed() is not None

    def _crossed(self) -> tuple[Path, int] | None:
        """The journal in which the byte was reached, and its size then."""
        left = self.at_byte or 0
        for path, size in journal_sizes(self.runs_dir).items():
            added = size - self.sizes.get(path, 0)
            if added >= left:
                return path, self.sizes.get(path, 0) + left
            left -= added
        return None

    def bury(self) -> None:
        """Leave on disk what was there at the moment of death."""
        crossed = self._crossed() if self.at_byte is not None else None
        if crossed is not None:
            path, size = crossed
            with path.open("r+b") as journal:
                journal.truncate(size)


def journal_sizes(runs_dir: Path) -> dict[Path, int]:
    """Every run's journal, oldest first."""
    return {path: path.stat().st_size for path in sorted(runs_dir.glob("2*/journal.jsonl"))}


class Wire(httpx.AsyncBaseTransport):
    """Calls of the dead never leave; what was under way arrives or not, as with a socket."""

    def __init__(
        self, org: httpx.AsyncBaseTransport, clock: SleepyClock, origin: str, token: str, runs_dir: Path
    ) -> None:
        self._org = org
        self._clock = clock
        self._origin = httpx.URL(origin)
        self._token = token.encode()
        self._runs_dir = runs_dir
        self.step = 0
        self.sent: list[Sent] = []
        self.death: Death | None = None
        self.naps: list[Nap] = []
        """Those that came."""
        self._nap: Nap | None = None
        self._first_of_step = 0

    def start_step(self, step: int, death: Death | None, nap: Nap | None = None) -> None:
        self.step, self.death, self._nap, self._first_of_step = step, death, nap, len(self.sent)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._check(request)
        death = self.death
        if death is not None:
            if not death.came and death.is_due(len(self.sent) - self._first_of_step + 1):
                death.came = True
                death.kill()
            if death.came:
                await asyncio.get_running_loop().create_future()
        sent = self._left(request)
        nap = (
            self._nap if self._nap and self._nap.at_request == len(self.sent) - self._first_of_step else None
        )
        try:
            answer = await self._org.handle_async_request(request)
            await answer.aread()
        except httpx.TransportError:
            sent.back_at = self._clock.now()
            raise
        if nap is not None:
            self.naps.append(nap)
            self._clock.fall_asleep(nap.for_s)
        sent.answered(answer, self._clock.now())
        return answer

    def _left(self, request: httpx.Request) -> Sent:
        found = _RUN.search(request.headers.get("user-agent", ""))
        run = found[1] if found else None
        writes = request.method != "GET"
        sent = Sent(
            step=self.step,
            left_at=self._clock.now(),
            method=request.method,
            path=request.url.path,
            query=request.url.query.decode(),
            body=request.content,
            run=run,
            begins=self._begins(run) if writes else None,
        )
        self.sent.append(sent)
        return sent

    def _begins(self, run: str | None) -> int:
        journal = self._runs_dir / str(run) / "journal.jsonl"
        return journal.read_bytes().count(b'"kind":"begin"') if journal.is_file() else 0

    def _check(self, request: httpx.Request) -> None:
        url = request.url
        if (url.scheme, url.host) != (self._origin.scheme, self._origin.host):
            raise Breach(f"7: a request to {url.host}, not to the org")
        others = (value for name, value in request.headers.raw if name.lower() != b"authorization")
        if any(self._token in text for text in (url.raw_path, request.content, *others)):
            raise Breach("7: the token stands in a request outside of its Authorization header")
