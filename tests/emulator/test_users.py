"""Listing users: sorting a search, `q`, fields, and what a request can leave out."""

from __future__ import annotations

import pytest

from tests.emulator.org_room import Json, Room, within

USERS = "/api/v1/users"


def first_names(users: Json) -> list[str | None]:
    return [user["profile"]["firstName"] for user in users]


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ('status lt "ACTIVE" or status gt "ACTIVE"', 2),
        ('status eq "active"', 3),
        ("created pr", 5),
        ('activated ge "2020-01-01T00:00:00.000Z"', 5),
        ('lastUpdated le "2020-01-01T00:00:00.000Z"', 0),
        ('id pr and (profile.firstName co "ALI" or (profile.lastName sw "zo"))', 2),
        ('profile.lastName eq "O\\"Hara" OR profile.login eq "a\\\\b"', 1),
        ('profile.employeeNumber gt "0011" AND profile.employeeNumber lt "0013"', 1),
    ],
)
def test_search_terms(search: str, count: int) -> None:
    async def story(room: Room) -> None:
        assert len(await room.ok(USERS, search=search)) == count

    within(story)


@pytest.mark.parametrize(
    "filter_", ['created gt "2020"', 'status sw "A"', "profile.login pr", "lastUpdated pr"]
)
def test_filter_takes_less_than_search(filter_: str) -> None:
    async def story(room: Room) -> None:
        refused = await room.get(USERS, filter=filter_)
        assert (refused.status_code, refused.json()["errorCode"]) == (400, "E0000053")

    within(story)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 200])
def test_a_sorted_search_pages_through_everyone_once(order: str, limit: int) -> None:
    async def story(room: Room) -> list[str | None]:
        seen: list[str | None] = []
        params: Json = {"search": "id pr", "sortBy": "profile.firstName", "sortOrder": order, "limit": limit}
        response = await room.get(USERS, **params)
        seen += first_names(response.json())
        while "next" in response.links:
            response = await room.client.get(
                response.links["next"]["url"].replace("https://acme.okta.com", "")
            )
            seen += first_names(response.json())
        return seen

    ascending = [None, None, "Alice", "Bob", "Bob"]
    assert within(story) == (ascending if order == "asc" else ascending[::-1])


@pytest.mark.parametrize("params", [{"sortBy": "shoe size"}, {"sortBy": "id", "sortOrder": "up"}])
def test_a_bad_order_is_refused(params: Json) -> None:
    async def story(room: Room) -> None:
        refused = await room.get(USERS, search="id pr", **params)
        assert (refused.status_code, refused.json()["errorCode"]) == (400, "E0000031")

    within(story)


def test_q_gives_one_page_of_ten_without_the_deprovisioned() -> None:
    async def story(room: Room) -> None:
        found = await room.get(USERS, q="user")
        assert len(found.json()) == 10
        assert "next" not in found.links
        assert len(await room.ok(USERS, q="user", limit=12)) == 12

    users = [{"login": f"user{n:02}@acme.example.com"} for n in range(15)]
    within(
        story, users=[*users, {"login": "user99@acme.example.com", "status": "DEPROVISIONED"}], okta_apps=[]
    )


def test_fields_name_what_is_shown() -> None:
    async def story(room: Room) -> None:
        search = 'profile.login sw "alice"'
        (user,) = await room.ok(USERS, search=search, fields="status,profile:(login, employeeNumber)")
        profile = {"login": "alice@acme.example.com", "employeeNumber": "0012"}
        assert user == {"id": user["id"], "status": "ACTIVE", "profile": profile}

    within(story)


def test_credentials_can_be_left_out() -> None:
    async def story(room: Room) -> None:
        header = {"Content-Type": "application/json; okta-response=omitCredentials,omitCredentialsLinks"}
        short = (await room.client.get(USERS, headers=header)).json()
        assert all("credentials" not in user for user in short)
        assert all("credentials" in user for user in await room.ok(USERS))

    within(story)


@pytest.mark.parametrize(
    ("wanted", "status"),
    [("alice", 200), ("ALICE@acme.example.com", 200), ("bob", 404), ("gone", 200), ("nobody", 404)],
)
def test_users_by_login_and_short_login(wanted: str, status: int) -> None:
    async def story(room: Room) -> None:
        assert (await room.get(f"{USERS}/{wanted}")).status_code == status

    within(story)


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ('profile.sites eq "PARIS"', 1),
        ('profile.sites eq "Oslo" and profile.sites sw "par"', 1),
        ('profile.sites eq "Rome"', 0),
        ('profile.sites gt "p"', 1),
        ("profile.sites pr", 1),
    ],
)
def test_of_a_list_one_item_must_match(search: str, count: int) -> None:
    async def story(room: Room) -> None:
        found = await room.ok(USERS, search=search)
        assert [user["profile"]["sites"] for user in found] == [["Oslo", "Paris"]] * count
        assert len(await room.ok(USERS, search="id pr", sortBy="profile.sites")) == 2
        assert (await room.client.get("/_emulator/state")).json()["users"][0]["sites"] == ["Oslo", "Paris"]

    within(story, users=[{"login": "a@x", "sites": ["Oslo", "Paris"]}, {"login": "b@x"}], okta_apps=[])


def test_links_leave_out_an_order_of_nothing() -> None:
    async def story(room: Room) -> None:
        for asked, kept in (({}, ""), ({"sortBy": "id"}, "&sortBy=id&sortOrder=asc")):
            answer = await room.get(USERS, search="id pr", sortOrder="asc", **asked)
            assert answer.links["self"]["url"].partition("id+pr")[2] == kept

    within(story)


def test_a_user_read_alone_has_an_etag_that_tells_its_state() -> None:
    async def story(room: Room) -> None:
        logins = ("alice@acme.example.com", "bob@acme.example.com")
        tags = [(await room.get(f"{USERS}/{login}")).headers["etag"] for login in (*logins, logins[0])]
        assert tags[0] == tags[2] != tags[1]

    within(story)
