"""PUT and DELETE of entitlements, and what they take from grants and bundles; order and cursors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.org_room import GOV, PARENT, Json, Room, org_data, within

URL = f"{GOV}/entitlements"
ALICE = "alice@acme.example.com"
_WRITABLE = ("id", "name", "externalValue", "multiValue", "dataType", "parent", "parentResourceOrn", "values")


async def put_body(room: Room, name: str) -> dict[str, Any]:
    """The whole of an entitlement as its GET shows it."""
    (item,) = (await room.ok(URL, filter=f'{PARENT} AND externalValue eq "{name}"'))["data"]
    read = await room.ok(f"{URL}/{item['id']}")
    return {key: read[key] for key in _WRITABLE}


def test_a_put_keeps_creates_and_deletes_values() -> None:
    async def story(room: Room) -> None:
        await room.grant(ALICE, "Admin", "Clerk")
        body = await put_body(room, "role")
        kept = [value for value in body["values"] if value["name"] != "Clerk"]
        values = [*kept, {"name": "Boss", "externalValue": "B", "description": "All of it"}]
        response = await room.send("PUT", f"{URL}/{body['id']}", {**body, "name": "Roles", "values": values})
        assert response.status_code == 200
        after = response.json()
        assert (after["name"], after["metadata"]) == ("Roles", {"total": 3})
        assert [value["name"] for value in after["values"]] == ["Admin", "Auditor", "Boss"]
        assert [value["id"] for value in after["values"]][:2] == [value["id"] for value in kept]
        assert await room.ok(f"{URL}/{body['id']}") == after
        assert await room.held(ALICE) == {"Admin"}

    within(story)


def test_a_put_can_swap_what_values_stand_for_and_drop_a_description() -> None:
    async def story(room: Room) -> None:
        body = await put_body(room, "tier")
        gold, silver = body["values"]
        swapped = [
            {**gold, "externalValue": "Silver", "description": "x"},
            {**silver, "externalValue": "Gold"},
        ]
        await room.send("PUT", f"{URL}/{body['id']}", {**body, "values": swapped})
        values = (await put_body(room, "tier"))["values"]
        assert [value["externalValue"] for value in values] == ["Silver", "Gold"]
        assert values[0]["description"] == "x"
        del values[0]["description"]
        await room.send("PUT", f"{URL}/{body['id']}", {**body, "values": values})
        assert "description" not in (await put_body(room, "tier"))["values"][0]

    within(story)


def test_values_can_stand_for_each_other_s_ids() -> None:
    async def story(room: Room) -> None:
        body = await put_body(room, "tier")
        gold, silver = body["values"]
        crossed = [{**gold, "externalValue": silver["id"]}, {**silver, "externalValue": gold["id"]}]
        response = await room.send("PUT", f"{URL}/{body['id']}", {**body, "values": crossed})
        assert response.status_code == 200, response.text
        shown = {value["id"]: value["externalValue"] for value in response.json()["values"]}
        assert shown == {gold["id"]: silver["id"], silver["id"]: gold["id"]}

    within(story)


@pytest.mark.parametrize(
    ("changes", "location", "reason"),
    [
        *(({key: None}, f"/{key}", "REQUIRED_PROPERTY_MISSING") for key in _WRITABLE),
        ({"multiValue": False}, "/multiValue", "STRING_FORMAT_INVALID"),
        ({"id": "esp1other0000000x7aa"}, "/id", "STRING_FORMAT_INVALID"),
        ({"parentResourceOrn": "orn:okta:x"}, "/parentResourceOrn", "STRING_FORMAT_INVALID"),
        ({"parent": {"externalId": "0oa9", "type": "APPLICATION"}}, "/parent", "STRING_FORMAT_INVALID"),
        ({"externalValue": "tier"}, "/externalValue", "STRING_FORMAT_INVALID"),
        (
            {"values": [{"id": "ent1", "name": "a", "externalValue": "a"}]},
            "/values/0/id",
            "IDENTIFIER_NOT_FOUND",
        ),
        ({"values": [{"name": "a"}]}, "/values/0/externalValue", "REQUIRED_PROPERTY_MISSING"),
        ({"description": "x" * 1001}, "/description", "INVALID_STRING_LENGTH_OVER_MAX"),
        ({"dataType": "list"}, "/dataType", "INVALID_ENUM_VALUE"),
    ],
)
def test_a_bad_put_changes_nothing(changes: Json, location: str, reason: str) -> None:
    async def story(room: Room) -> None:
        body = await put_body(room, "role")
        refused = await room.send("PUT", f"{URL}/{body['id']}", {**body, **changes})
        (cause,) = refused.json()["errorCauses"]
        assert (refused.status_code, refused.json()["errorCode"]) == (400, "E0000001")
        assert (cause["location"], cause["reason"]) == (location, reason)
        assert await put_body(room, "role") == body

    within(story)


def test_the_same_value_twice_is_refused() -> None:
    async def story(room: Room) -> None:
        body = await put_body(room, "tier")
        twice = {**body, "values": [body["values"][0]] * 2}
        assert (await room.send("PUT", f"{URL}/{body['id']}", twice)).status_code == 400

    within(story)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_changing_an_unknown_entitlement_is_a_400(method: str) -> None:
    async def story(room: Room) -> None:
        refused = await room.send(method, f"{URL}/esp1nobody0000000x7a", {})
        assert (refused.status_code, refused.json()["errorCauses"][0]["reason"]) == (
            400,
            "IDENTIFIER_NOT_FOUND",
        )

    within(story)


def test_a_deleted_entitlement_leaves_grants_and_bundles_but_not_assignments() -> None:
    async def story(room: Room) -> Json:
        await room.grant(ALICE, "Admin", "Gold")
        role = (await room.value_ids())["Admin"][0]
        gone = await room.client.delete(f"{URL}/{role}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await room.client.delete(f"{URL}/{role}")).status_code == 404
        assert (await room.get(f"{URL}/{role}")).status_code == 404
        assert await room.held(ALICE) == {"Gold"}
        (erp, _) = (await room.ok("/_emulator/state"))["okta_apps"]
        assert erp["bundles"][0]["values"] == {"tier": ["Silver"]}
        assert erp["assigned"][0]["user"] == ALICE

    within(story)


def test_a_state_with_an_emptied_bundle_loads_again() -> None:
    async def story(room: Room) -> Json:
        for item in (await room.ok(URL, filter=PARENT))["data"]:
            await room.client.delete(f"{URL}/{item['id']}")
        return await room.ok("/_emulator/state")

    async def again(room: Room) -> Json:
        return await room.ok("/_emulator/state")

    state = within(story)
    assert state["okta_apps"][0]["bundles"][0]["values"] == {}
    assert within(again, **{**dict.fromkeys(org_data(), None), **state}) == state


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("name asc", ["Role", "Tier"]),
        ("name", ["Role", "Tier"]),
        ("created desc", ["Tier", "Role"]),
        ("externalValue desc", ["Tier", "Role"]),
        ("lastUpdated asc", ["Role", "Tier"]),
        ("id desc", ["Tier", "Role"]),
    ],
)
def test_orders_hold_across_pages(order: str, names: list[str]) -> None:
    async def story(room: Room) -> None:
        page = await room.ok(URL, filter=PARENT, orderBy=order, limit=1)
        after = page["data"][0]["id"]
        rest = await room.ok(URL, filter=PARENT, orderBy=order, limit=1, after=after)
        assert [page["data"][0]["name"], rest["data"][0]["name"]] == names
        assert "next" not in rest["_links"]

    within(story)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"orderBy": "colour asc"}, "STRING_FORMAT_INVALID"),
        ({"orderBy": "name up"}, "STRING_FORMAT_INVALID"),
        ({"after": ""}, "empty.openapi.validation"),
        ({"after": "12"}, "INVALID_AFTER_PARAMETER"),
        ({"after": "esp1nobody0000000x7a"}, "INVALID_AFTER_PARAMETER"),
        ({"limit": 0}, "INVALID_DATA_TYPE"),
        ({"limit": 201}, "INVALID_DATA_TYPE"),
    ],
)
def test_bad_pages(params: Json, reason: str) -> None:
    async def story(room: Room) -> None:
        refused = await room.get(URL, filter=PARENT, **params)
        assert (refused.status_code, refused.json()["errorCode"]) == (400, "E0000029")
        assert refused.json()["errorCauses"][0]["reason"] == reason

    within(story)
