"""What a plain httpx client sees of each fault that spoils one answer."""

from __future__ import annotations

import httpx
import pytest

from tests.emulator.fault_room import (
    ALICE,
    BOB,
    POST_GRANT,
    StormyRoom,
    date_of,
    fault,
    rate_of,
    stormy,
)
from tests.emulator.org_room import GOV, Json

USERS = "/api/v1/users"


def test_a_rate_limit_answers_as_a_used_up_window_and_counts_nothing() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("rate_limit", match=POST_GRANT, times=1))
        answer = await room.grant(BOB, "Admin")
        assert (answer.status_code, answer.json()["errorCode"]) == (429, "E0000047")
        assert rate_of(answer) == (50, 0, 60)
        assert "retry-after" not in answer.headers
        assert await room.base(BOB) is None
        again = await room.grant(BOB, "Admin")
        assert (again.status_code, *rate_of(again)) == (201, 50, 49, 60)

    stormy(story, limits="observed")


def test_a_concurrency_limit_shows_zero_of_zero() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("concurrency_limit", times=1))
        answer = await room.get(USERS)
        assert (answer.status_code, answer.json()["errorCode"]) == (429, "E0000047")
        assert rate_of(answer)[:2] == (0, 0)
        assert (await room.get(USERS)).status_code == 200

    stormy(story)


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({}, 500, "E0000009"),
        ({"status": 502}, 502, None),
        ({"status": 503}, 503, "E0000010"),
        ({"status": 504}, 504, None),
        ({"status": 503, "form": "html"}, 503, None),
        ({"status": 502, "form": "json"}, 502, "E0000009"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_error_hides_the_effect_or_prevents_it(
    options: dict[str, Json], status: int, code: str | None, when: str
) -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("server_error", match=POST_GRANT, times=1, when=when, **options))
        answer = await room.grant(BOB, "Admin")
        assert answer.status_code == status
        assert (await room.base(BOB) is not None) == (when == "after")
        if code is None:
            assert answer.headers["content-type"].startswith("text/html")
            assert str(status) in answer.text
            assert "x-okta-request-id" not in answer.headers
            assert "x-rate-limit-limit" not in answer.headers
        else:
            assert answer.json()["errorCode"] == code
            assert answer.headers["x-okta-request-id"]
        # The log tells what the org has done.
        assert await room.log() == [("POST", 201 if when == "after" else status)]

    stormy(story)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("reset", "error"), [(False, httpx.RemoteProtocolError), (True, httpx.ReadError)])
def test_a_dropped_connection_is_a_transport_error(when: str, reset: bool, error: type[Exception]) -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("dropped_connection", match=POST_GRANT, when=when, reset=reset))
        with pytest.raises(error):
            await room.grant(BOB, "Admin")
        assert (await room.base(BOB) is not None) == (when == "after")
        assert await room.log() == [("POST", 201 if when == "after" else 0)]

    stormy(story)


def test_faults_after_the_effect_leave_refusals_alone() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("dropped_connection", match=POST_GRANT, when="after", times=1))
        assert (await room.send("POST", f"{GOV}/grants", {})).status_code == 400
        assert await room.fired() == [0]
        with pytest.raises(httpx.RemoteProtocolError):
            await room.grant(BOB, "Admin")

    stormy(story)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_slow_answer_is_late_but_whole(when: str) -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("slow", match=POST_GRANT, delay_s=25, when=when))
        start = room.clock.now()
        assert (await room.grant(BOB, "Admin")).status_code == 201
        assert room.clock.now() - start == pytest.approx(25)

    stormy(story)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_client_that_times_out_does_not_stop_the_org(when: str) -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("slow", match=POST_GRANT, delay_s=100, when=when))
        with pytest.raises(httpx.ReadTimeout):
            await room.grant(BOB, "Admin")
        assert (await room.base(BOB) is not None) == (when == "after")
        await room.clock.sleep(100)
        assert await room.base(BOB) is not None

    stormy(story)


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_truncated_body_breaks_while_it_is_read(share: float) -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("truncated_body", match=POST_GRANT, share=share, times=1))
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await room.grant(BOB, "Admin")
        assert await room.base(BOB) is not None
        assert (await room.grant(BOB, "Admin")).status_code == 201

    stormy(story)


def test_the_headers_of_a_truncated_answer_arrive() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("truncated_body"))
        async with room.client.stream("GET", USERS) as answer:
            assert answer.status_code == 200
            parts = answer.aiter_bytes()
            assert 0 < len(await anext(parts)) < int(answer.headers["content-length"])
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(parts)

    stormy(story)


def test_a_captive_portal_answers_in_place_of_the_org() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("captive_portal", match=POST_GRANT))
        answer = await room.grant(BOB, "Admin")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "x-okta-request-id" not in answer.headers
        assert await room.base(BOB) is None

    stormy(story)


def test_another_program_with_the_same_token_uses_up_the_window() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("quota_taken", match="GET /api/v1/org", per_call=9))
        seen = [await room.rate("/api/v1/org") for _ in range(6)]
        assert [remaining for _, _, remaining, _ in seen] == [40, 30, 20, 10, 0, 0]
        assert [status for status, *_ in seen] == [200] * 5 + [429]

    stormy(story, limits="observed")


def test_other_clients_use_up_the_org() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("quota_taken", whose="other_clients", per_call=19))
        seen = [await room.rate("/api/v1/org") for _ in range(6)]
        # The org has twice the 50 of a client: what is left of its 100 shows once it is less.
        assert [remaining for _, _, remaining, _ in seen] == [49, 48, 40, 20, 0, 0]
        assert [limit for _, limit, _, _ in seen] == [50] * 6
        assert seen[-1][0] == 429

    stormy(story, limits="observed")


def test_a_steady_rate_is_taken_with_time() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("quota_taken", per_s=0.5))
        assert (await room.rate("/api/v1/org"))[2] == 49
        await room.clock.sleep(20)
        assert (await room.rate("/api/v1/org"))[2] == 38
        assert (await room.rate("/api/v1/org"))[2] == 37
        # Of another bucket nothing was known before.
        assert (await room.rate("/api/v1/users"))[2] == 299
        # The others opened the next window, 20 s ago, and are 11 calls ahead in it.
        await room.clock.sleep(60)
        assert await room.rate("/api/v1/org") == (200, 50, 38, 40)

    stormy(story, limits="observed")


def test_a_skewed_clock_moves_date_and_reset_together() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("clock_skew", skew_s=-300))
        answer = await room.get(USERS)
        assert date_of(answer) - int(room.clock.now()) == -300
        assert rate_of(answer)[2] == 60
        await room.set_faults(fault("clock_skew", jitter_s=90))
        offs = [date_of(await room.get(USERS)) - int(room.clock.now()) for _ in range(20)]
        assert min(offs) < -20 < 20 < max(offs)
        assert all(-90 <= off <= 90 for off in offs)

    stormy(story)


def test_a_lost_index_finds_nobody_for_a_while() -> None:
    async def story(room: StormyRoom) -> None:
        search = f'profile.login eq "{ALICE}"'
        await room.set_faults(fault("lost_index", for_s=30, after=1, times=1))
        assert len(await room.ok(USERS, search=search)) == 1
        assert await room.ok(USERS, search=search) == []
        assert (await room.get(USERS, search="nonsense")).status_code == 400
        assert len(await room.ok(USERS)) == 4
        assert (await room.ok(f"{USERS}/{ALICE}"))["profile"]["login"] == ALICE
        await room.clock.sleep(29)
        assert await room.ok(USERS, search=search) == []
        await room.clock.sleep(1)
        assert len(await room.ok(USERS, search=search)) == 1

    stormy(story)
