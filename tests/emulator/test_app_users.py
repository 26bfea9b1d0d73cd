"""Who is assigned to an app: changing, converting, unassigning."""

from __future__ import annotations

import pytest

from tests.emulator.org_room import APP, Json, Room, org_data, within

USERS = f"/api/v1/apps/{APP}/users"
ALICE, CAROL, BOB = "alice@acme.example.com", "carol@acme.example.com", "bob@acme.example.com"


async def path_of(room: Room, login: str) -> str:
    return f"{USERS}/{await room.user_id(login)}"


def test_an_update_keeps_what_it_does_not_name() -> None:
    async def story(room: Room) -> None:
        path = await path_of(room, ALICE)
        before = await room.ok(path)
        room.now_s += 60
        await room.send("POST", path, {"profile": {"region": "EU", "title": None}})
        after = (await room.send("POST", path, {"credentials": {"userName": "ajohnson"}})).json()
        assert after["profile"] == {"region": "EU", "title": None}
        assert after["credentials"] == {"userName": "ajohnson"}
        assert (after["scope"], after["created"]) == ("USER", before["created"])
        assert after["lastUpdated"] > before["lastUpdated"]
        assert await room.ok(path) == after

    within(story)


def test_a_group_assignment_becomes_an_individual_one_and_not_back() -> None:
    async def story(room: Room) -> None:
        path = await path_of(room, CAROL)
        converted = await room.send("POST", path, {"scope": "USER"})
        assert (converted.status_code, converted.json()["scope"]) == (200, "USER")
        back = await room.send("POST", path, {"scope": "GROUP"})
        assert (back.status_code, back.json()["errorSummary"]) == (400, "Api validation failed: scope")

    within(story)


def test_an_app_user_as_it_was_read_can_be_sent_back() -> None:
    async def story(room: Room) -> None:
        read = await room.ok(await path_of(room, CAROL))
        sent = await room.send("POST", USERS, {**read, "scope": "USER"})
        assert (sent.status_code, sent.json()["scope"]) == (200, "USER")

    within(story)


def test_unassigning_takes_the_grants_along() -> None:
    async def story(room: Room) -> None:
        await room.grant(ALICE, "Admin")
        path = await path_of(room, ALICE)
        gone = await room.client.delete(path, params={"sendEmail": "false"})
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await room.get(path)).json()["errorCode"] == "E0000007"
        assert (await room.client.delete(path)).status_code == 404
        assert await room.held(ALICE) == set()

    within(story)


def test_what_a_group_assigned_cannot_be_unassigned() -> None:
    async def story(room: Room) -> None:
        path = await path_of(room, CAROL)
        refused = await room.client.delete(path)
        assert (refused.status_code, refused.json()["errorCode"]) == (403, "E0000046")
        assert "group memberships" in refused.json()["errorCauses"][0]["errorSummary"]
        assert (await room.get(path)).status_code == 200

    within(story)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "TEAM"}, "scope"),
        ({"profile": ["x"]}, "profile"),
        ({"profile": "x"}, "profile"),
        ({"credentials": {"userName": ""}}, "userName"),
        ({"credentials": {"userName": "x" * 101}}, "userName"),
        ({"id": "00u1other0000000x7aa"}, "id"),
        ({"id": 5}, "id"),
        ({"favourite": "red"}, "assignment"),
    ],
)
def test_bad_updates(body: Json, field: str) -> None:
    async def story(room: Room) -> None:
        refused = await room.send("POST", await path_of(room, ALICE), body)
        assert (refused.status_code, refused.json()["errorCode"]) == (400, "E0000001")
        assert refused.json()["errorSummary"] == f"Api validation failed: {field}"

    within(story)


def test_who_is_not_assigned_cannot_be_changed() -> None:
    async def story(room: Room) -> None:
        for path in (await path_of(room, BOB), f"{USERS}/00u1nobody000000000x", "/api/v1/apps/x/users/y"):
            refused = await room.send("POST", path, {"profile": {}})
            assert (refused.status_code, refused.json()["errorCode"]) == (404, "E0000007")

    within(story)


@pytest.mark.parametrize(
    ("q", "found"),
    [("AJ", [ALICE]), ("carol", [CAROL]), ("john", [ALICE]), ("lice", []), ("alice@", [ALICE])],
)
def test_q_looks_at_the_beginning_of_names(q: str, found: list[str]) -> None:
    async def story(room: Room) -> None:
        await room.send("POST", await path_of(room, ALICE), {"credentials": {"userName": "ajohnson"}})
        listed = await room.ok(USERS, q=q, expand="user")
        assert [item["_embedded"]["user"]["profile"]["login"] for item in listed] == found

    within(story)


def test_the_state_keeps_names_and_profiles() -> None:
    async def story(room: Room) -> Json:
        body = {"credentials": {"userName": "aj"}, "profile": {"region": "EU"}}
        await room.send("POST", await path_of(room, ALICE), body)
        return await room.ok("/_emulator/state")

    async def again(room: Room) -> Json:
        return await room.ok("/_emulator/state")

    state = within(story)
    assigned = {"user": ALICE, "scope": "USER", "user_name": "aj", "profile": {"region": "EU"}}
    assert state["okta_apps"][0]["assigned"][0] == assigned
    assert within(again, **{**dict.fromkeys(org_data(), None), **state}) == state
