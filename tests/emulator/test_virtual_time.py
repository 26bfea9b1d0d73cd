"""The emulator on a loop whose time jumps, as a simulation runs it."""

from __future__ import annotations

import httpx

from pipeline.emulator import create_app
from pipeline.emulator.orgfile import org_file_from
from tests import virtual_time
from tests.emulator.org_room import org_data


def test_ten_windows_pass_without_waiting() -> None:
    clock = virtual_time.clock()
    # Made outside the loop on purpose: the clock can only be read within it.
    org = org_file_from(org_data(limits={"/api/v1/org": 50}, latency_ms=[200, 200]))
    app = create_app(org, now=clock.now, sleep=clock.sleep)

    async def story() -> float:
        headers = {"Authorization": "SSWS good"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
            for _ in range(500):
                response = await client.get("/api/v1/org")
                assert response.status_code == 200
                if response.headers["x-rate-limit-remaining"] == "0":
                    await clock.sleep(int(response.headers["x-rate-limit-reset"]) - clock.now())
        return clock.now() - virtual_time.EPOCH_S

    assert 599 <= virtual_time.run(story()) <= 605
    app.state.close()
