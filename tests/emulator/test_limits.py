"""The org's total above the shares of its clients, and calls at the same time."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from pipeline.emulator import OrgFileError
from pipeline.emulator.limits import concurrency_of
from pipeline.emulator.orgfile import org_file_from
from tests.emulator.fault_room import BOB, StormyRoom, rate_of, stormy
from tests.emulator.org_room import Json, org_data

ORG = "/api/v1/org"


async def at_once(room: StormyRoom, count: int, path: str = ORG) -> list[httpx.Response]:
    return list(await asyncio.gather(*[room.get(path) for _ in range(count)]))


def crowded(answers: list[httpx.Response]) -> int:
    found = [answer for answer in answers if answer.status_code == 429]
    assert all(rate_of(answer)[:2] == (0, 0) for answer in found)
    return len(found)


def test_three_clients_use_up_what_the_org_has_for_two() -> None:
    async def story(room: StormyRoom) -> None:
        async def rate(token: str) -> tuple[int, int, int, int]:
            return await room.rate(ORG, authorization=f"SSWS {token}")

        for n in range(49, -1, -1):
            assert await rate("good") == (200, 50, n, 60)
        assert await rate("good") == (429, 50, 0, 60)
        # Refused calls count for nobody.
        await room.clock.sleep(10)
        for n in range(49, 9, -1):
            assert await rate("other") == (200, 50, n, 60)
        # Of the org's 100 calls 10 are left, in the window that is older: less than the third client's 50.
        for n in range(9, -1, -1):
            assert await rate("third") == (200, 50, n, 50)
        assert await rate("third") == (429, 50, 0, 50)
        assert await rate("other") == (429, 50, 0, 50)
        await room.clock.sleep(50)
        # The org's window is new; that of each client is its own.
        assert await rate("other") == (200, 50, 9, 10)
        assert await rate("third") == (200, 50, 39, 10)

    stormy(story, limits="observed", tokens=["good", "other", "third"])


@pytest.mark.parametrize(("limits", "most"), [("observed", 75), ({"concurrency": 4, "default": 900}, 4)])
def test_more_calls_in_flight_than_the_org_takes_are_refused(limits: Json, most: int) -> None:
    async def story(room: StormyRoom) -> None:
        path = "/api/v1/users/me"
        assert crowded(await at_once(room, most, path)) == 0
        assert crowded(await at_once(room, most + 3, path)) == 3
        # Refused calls take no quota.
        assert (await room.get(path)).headers["x-rate-limit-remaining"] == str(
            int((await room.get(path)).headers["x-rate-limit-limit"]) - 2 * most - 1
        )
        assert crowded(await at_once(room, most, path)) == 0

    stormy(story, limits=limits, latency_ms=[100, 900])


def test_without_limits_any_number_is_in_flight() -> None:
    async def story(room: StormyRoom) -> None:
        assert crowded(await at_once(room, 300)) == 0

    stormy(story, limits="none", latency_ms=[100, 900])
    assert concurrency_of("none") is None


def test_calls_one_after_the_other_are_never_too_many() -> None:
    async def story(room: StormyRoom) -> None:
        for _ in range(20):
            assert crowded(await at_once(room, 1)) == 0

    stormy(story, limits={"concurrency": 1}, latency_ms=[100, 900])


def test_a_slow_answer_takes_a_place_until_it_is_given() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults({"kind": "slow", "delay_s": 20, "when": "after", "times": 1})
        slow = asyncio.ensure_future(room.get(ORG))
        await room.clock.sleep(10)
        assert crowded(await at_once(room, 1)) == 1
        assert (await slow).status_code == 200
        assert crowded(await at_once(room, 1)) == 0

    stormy(story, limits={"concurrency": 1})


@pytest.mark.parametrize("faults", [[], [{"kind": "slow", "delay_s": 1}]])
def test_a_cancelled_client_leaves_the_org_in_order(faults: list[Json]) -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(*faults)
        given_up = [asyncio.ensure_future(room.grant(BOB, "Admin")) for _ in range(2)]
        await room.clock.sleep(0.25)
        for each in given_up:
            each.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        await room.clock.sleep(60)
        assert room.gate.in_flight.count == 0
        assert not room.gate.tenant.db.in_transaction
        assert crowded(await at_once(room, 2)) == 0

    stormy(story, limits={"concurrency": 2}, latency_ms=[500, 500])


def test_an_app_that_is_cancelled_itself_leaves_the_org_in_order() -> None:
    """As httpx's own transport does it: there the call ends with its client."""

    async def story(room: StormyRoom) -> None:
        transport = httpx.ASGITransport(room.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            for faults in ([], [{"kind": "slow", "delay_s": 1}]):
                await room.set_faults(*faults)
                call = asyncio.ensure_future(client.get(ORG))
                await room.clock.sleep(0.25)
                assert room.gate.in_flight.count == 1
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                assert room.gate.in_flight.count == 0
                assert not room.gate.tenant.db.in_transaction

    stormy(story, limits={"concurrency": 1}, latency_ms=[500, 500])


@pytest.mark.parametrize(
    ("limits", "message"),
    [({"concurrency": 0}, "'concurrency' must be at least 1"), ({"concurency": 5}, "there is no bucket")],
)
def test_a_bad_concurrency_is_told(limits: Json, message: str) -> None:
    with pytest.raises(OrgFileError, match=message):
        org_file_from(org_data(limits=limits))
