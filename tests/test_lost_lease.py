"""A run whose lease another apply took over sends nothing more, says why, and can go on later."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from pipeline.clock import Clock
from pipeline.errors import ErrorCode
from tests import virtual_time
from tests.test_cases import furnish
from tests.test_resuming import HELD_AFTER, ORG, PLAN, WRITES, sent_contents


class Robber(httpx.AsyncBaseTransport):
    """After the first write another apply takes the lease over; each write takes long."""

    def __init__(self, inner: httpx.AsyncBaseTransport, leases: Path) -> None:
        self._inner = inner
        self._leases = leases
        self._clock: Clock = virtual_time.clock()
        self.writes = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        self.writes += request.method != "GET"
        if request.method != "GET" and self.writes == 1:
            [lease] = self._leases.glob("*.json")
            lease.write_text(json.dumps(json.loads(lease.read_text()) | {"nonce": "of another"}))
        if request.method != "GET":
            await self._clock.sleep(20)
        return response


def test_a_run_whose_lease_was_taken_over_stops_and_names_the_command_that_goes_on(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    leases = tmp_path / "plans" / ".runs" / "leases"
    org.wrap = lambda inner: Robber(inner, leases)
    view = org.apply()
    assert view.exit_code == 5
    assert view.error is not None
    assert view.error.code is ErrorCode.LEASE_LOST
    assert "took it over" in view.error.detail
    assert view.resume is not None
    assert f"--resume {view.run}" in view.resume
    assert 1 <= org.writes() < WRITES
    org.wrap = lambda inner: inner
    for lease in leases.glob("*.json"):
        lease.unlink()
    assert org.apply(resume=view.run).exit_code == 0
    assert org.held() == HELD_AFTER
    assert set(sent_contents(org).values()) == {1}
