"""The core API: users, apps, assignments, refusals, rate windows, the emulator's own paths."""

from __future__ import annotations

import httpx
import pytest

from tests.emulator.org_room import APP, GOV, PARENT, Room, within

USERS = "/api/v1/users"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ('profile.login eq "ALICE@acme.example.com"', ["alice"]),
        ('profile.lastName eq "O\\"Hara"', ["bob"]),
        ('profile.lastName eq "ZOË"', ["bob"]),
        ('profile.lastName eq "Zoe"', []),
        ('profile.employeeNumber eq "0012"', ["alice"]),
        ('profile.email co "OTHER"', ["bob"]),
        ('profile.email sw "car" or profile.email sw "gone"', ["carol", "gone"]),
        ('(profile.email sw "car" or profile.email sw "gone") and status eq "SUSPENDED"', ["carol"]),
        ('profile.firstName eq "Bob" and profile.login co "acme" or status eq "suspended"', ["bob", "carol"]),
        ("profile.employeeNumber pr", ["alice"]),
        ('created lt "2020-01-01T00:00:00.000Z"', []),
    ],
)
def test_search(search: str, found: list[str]) -> None:
    async def story(room: Room) -> None:
        users = await room.ok(USERS, search=search)
        assert [user["profile"]["login"].split("@")[0] for user in users] == found

    within(story)


@pytest.mark.parametrize(
    "search",
    [
        'profile.login ne "x"',
        'profile.employeeNumber co "1"',
        'profile.login eq "x',
        'nothing eq "x"',
        "((",
        "",
    ],
)
def test_bad_searches(search: str) -> None:
    async def story(room: Room) -> None:
        response = await room.get(USERS, search=search)
        assert (response.status_code, response.json()["errorCode"]) == (400, "E0000031")

    within(story)


def test_filter_minds_case_and_a_plain_list_omits_the_deprovisioned() -> None:
    async def story(room: Room) -> None:
        assert len(await room.ok(USERS, filter='profile.login eq "alice@acme.example.com"')) == 1
        assert await room.ok(USERS, filter='profile.login eq "Alice@acme.example.com"') == []
        assert len(await room.ok(USERS, filter='status eq "DEPROVISIONED"')) == 1
        assert len(await room.ok(USERS)) == 4
        assert (await room.get(USERS, filter='profile.login sw "a"')).status_code == 400

    within(story)


def test_user_by_id_login_or_unambiguous_short_login() -> None:
    async def story(room: Room) -> None:
        user_id = await room.user_id("ALICE@acme.example.com")
        assert await room.user_id(user_id) == await room.user_id("alice") == user_id
        assert (await room.ok(f"{USERS}/gone"))["status"] == "DEPROVISIONED"
        assert (await room.ok(f"{USERS}/me"))["id"] == user_id
        response = await room.get(f"{USERS}/bob")
        body = response.json()
        assert (response.status_code, body["errorCode"]) == (404, "E0000007")
        assert body["errorSummary"] == "Not found: Resource not found: bob (User)"

    within(story)


def test_a_young_user_is_found_by_login_before_by_search() -> None:
    async def story(room: Room) -> None:
        assert (await room.get(f"{USERS}/new@x")).status_code == 200
        assert await room.ok(USERS, search='profile.login eq "new@x"') == []
        room.now_s += 5
        assert len(await room.ok(USERS, search='profile.login eq "new@x"')) == 1

    within(story, users=[{"login": "new@x"}], okta_apps=[], switches={"search_lag_s": 5})


def test_apps() -> None:
    async def story(room: Room) -> None:
        found = await room.ok("/api/v1/apps", q="erp")
        assert [a["id"] for a in found] == [APP]
        assert found[0]["settings"]["emOptInStatus"] == "ENABLED"
        assert len(await room.ok("/api/v1/apps", filter='status eq "ACTIVE"')) == 2
        missing = await room.get("/api/v1/apps/0oa9")
        assert missing.json()["errorSummary"] == "Not found: Resource not found: 0oa9 (AppInstance)"

    within(story)


def test_assigning() -> None:
    async def story(room: Room) -> None:
        url, bob = f"/api/v1/apps/{APP}/users", await room.user_id("bob@acme.example.com")
        assert (await room.get(f"{url}/{bob}")).status_code == 404
        for _ in range(2):
            made = await room.send("POST", url, {"id": bob, "scope": "USER"})
            assert (made.status_code, made.json()["scope"]) == (200, "USER")
        embedded = (await room.ok(f"{url}/{bob}", expand="user"))["_embedded"]["user"]
        assert embedded["profile"]["login"] == "bob@acme.example.com"
        assert len(await room.ok(url, q="bob@acme")) == 1
        gone = await room.send("POST", url, {"id": await room.user_id("gone")})
        assert (gone.status_code, gone.json()["errorCode"]) == (403, "E0000038")
        odd = await room.send("POST", url, {"id": bob, "x": 1})
        assert odd.json()["errorCauses"] == [{"errorSummary": "Property 'x' not found"}]
        assert (await room.send("POST", url, {"id": "00u9"})).status_code == 404

    within(story)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", USERS, {"Authorization": "SSWS bad"}, 401, "E0000011"),
        ("GET", USERS, {"Authorization": ""}, 401, "E0000011"),
        ("GET", "/api/v1/nothing", {}, 404, "E0000008"),
        ("DELETE", f"{GOV}/grants", {}, 405, "E0000022"),
        ("POST", f"{GOV}/grants", {}, 400, "E0000003"),
    ],
)
def test_refusals_of_the_door(
    method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    async def story(room: Room) -> None:
        response = await room.client.request(
            method, path, headers=headers, content=b"{" if method == "POST" else b""
        )
        body = response.json()
        assert (response.status_code, body["errorCode"], body["errorLink"]) == (status, code, code)
        assert body["errorId"].startswith("oae")
        assert list(body) == ["errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"]

    within(story)


def test_a_window_starts_with_its_first_call_and_lasts_a_minute() -> None:
    async def story(room: Room) -> None:
        url = f"{GOV}/entitlements"
        first = await room.get(url, filter=PARENT)
        reset = int(room.now_s) + 60
        assert _rate(first) == (50, 49, reset)
        room.now_s += 30
        for n in range(48, -1, -1):
            # A value read shares the bucket, and a refused call counts too.
            assert _rate(await room.get(f"{url}/values" if n % 2 else url)) == (50, n, reset)
        over = await room.get(url, filter=PARENT)
        assert (over.status_code, over.json()["errorCode"], _rate(over)) == (429, "E0000047", (50, 0, reset))
        assert over.json()["errorSummary"] == "API call exceeded rate limit due to too many requests."
        assert "retry-after" not in over.headers
        assert (await room.get(f"{url}/esp9")).status_code == 404
        other = await room.client.get(url, params={"filter": PARENT}, headers={"Authorization": "SSWS other"})
        assert _rate(other)[1] == 49
        room.now_s += 30
        assert _rate(await room.get(url, filter=PARENT)) == (50, 49, int(room.now_s) + 60)

    within(story, limits="observed")


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        (USERS, 300),
        (f"{USERS}/alice", 1000),
        ("/api/v1/apps", 50),
        (f"/api/v1/apps/{APP}", 250),
        (f"/api/v1/apps/{APP}/users", 50),
        ("/api/v1/org", 50),
        (f"{GOV}/grants", 50),
    ],
)
def test_observed_limits(path: str, limit: int) -> None:
    async def story(room: Room) -> None:
        assert _rate(await room.get(path))[0] == limit

    within(story, limits="observed")


def test_a_limit_by_mapping() -> None:
    async def story(room: Room) -> None:
        assert _rate(await room.get(f"{GOV}/grants"))[0] == 600
        assert _rate(await room.send("POST", f"{GOV}/grants", {}))[0] == 7

    within(story, limits={"default": 600, f"POST {GOV}/grants": 7})


def _rate(response: httpx.Response) -> tuple[int, int, int]:
    limit, remaining, reset = (
        int(response.headers[f"x-rate-limit-{k}"]) for k in ("limit", "remaining", "reset")
    )
    assert response.headers["date"]
    assert response.headers["x-okta-request-id"]
    return limit, remaining, reset


def test_latency_is_slept_on_the_given_clock() -> None:
    async def story(room: Room) -> None:
        for _ in range(20):
            await room.ok("/api/v1/org")
        assert len(room.slept_s) == 20
        assert all(0.1 <= wait_s <= 0.3 for wait_s in room.slept_s)
        assert len(set(room.slept_s)) > 10

    within(story, latency_ms=[100, 300])


def test_the_request_log_and_reset() -> None:
    async def story(room: Room) -> None:
        start = await room.ok("/_emulator/state")
        await room.grant("bob@acme.example.com", "Admin")
        log = await room.ok("/_emulator/requests", since=2)
        assert [line["n"] for line in log] == [3]
        assert set(log[0]) == {"n", "at", "method", "path", "query", "body", "status", "bucket", "client"}
        assert (log[0]["method"], log[0]["status"], log[0]["client"]) == ("POST", 201, "token-1")
        assert log[0]["body"]["grantType"] == "CUSTOM"
        assert await room.ok("/_emulator/state") != start
        assert (await room.client.post("/_emulator/reset")).status_code == 200
        assert await room.ok("/_emulator/state") == start
        assert await room.ok("/_emulator/requests") == []

    within(story)
