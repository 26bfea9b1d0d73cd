"""Creating, reading and changing entitlements."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.org_room import APP, GOV, OFF, PARENT, Json, Room, within

URL = f"{GOV}/entitlements"


def wanted(**changes: Json) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": "Site",
        "externalValue": "site",
        "parent": {"externalId": APP, "type": "APPLICATION"},
        "multiValue": True,
        "dataType": "array",
        "values": [{"name": "North", "externalValue": "N"}, {"name": "South", "externalValue": "S"}],
    }
    return {key: value for key, value in {**body, **changes}.items() if value != "absent"}


def test_create_answers_like_a_read_and_is_found_again() -> None:
    async def story(room: Room) -> None:
        response = await room.send("POST", URL, wanted(description="Where"))
        assert response.status_code == 201
        made = response.json()
        assert response.headers["location"] == f"https://acme-admin.okta.com{URL}/{made['id']}"
        read = await room.ok(f"{URL}/{made['id']}")
        assert made.keys() == read.keys()
        assert [v["externalValue"] for v in read["values"]] == ["N", "S"]
        assert read["metadata"] == {"total": 2}
        assert made["created"].count(".") == 1
        assert read["created"].count(".") == 0
        listed = await room.ok(URL, filter=f'{PARENT} AND externalValue eq "site"')
        assert [item["id"] for item in listed["data"]] == [made["id"]]
        assert "values" not in listed["data"][0]

    within(story)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "absent"}, "REQUIRED_PROPERTY_MISSING"),
        ({"values": "absent"}, "REQUIRED_PROPERTY_MISSING"),
        ({"name": ""}, "INVALID_STRING_LENGTH_UNDER_MIN"),
        ({"description": ""}, "INVALID_STRING_LENGTH_UNDER_MIN"),
        ({"name": "x" * 256}, "INVALID_STRING_LENGTH_OVER_MAX"),
        ({"description": "x" * 1001}, "INVALID_STRING_LENGTH_OVER_MAX"),
        ({"dataType": "number"}, "INVALID_ENUM_VALUE"),
        ({"multiValue": False}, "INVALID_ENUM_VALUE"),
        ({"multiValue": "yes"}, "INVALID_DATA_TYPE"),
        ({"values": [{"name": "N", "externalValue": "x" * 2001}]}, "INVALID_STRING_LENGTH_OVER_MAX"),
        ({"values": [{"name": "N"}]}, "REQUIRED_PROPERTY_MISSING"),
        ({"values": [{"name": "N", "externalValue": "N"}] * 2}, "STRING_FORMAT_INVALID"),
        (
            {"values": [{"name": "N", "externalValue": str(n)} for n in range(1001)]},
            "INVALID_ARRAY_LENGTH_OVER_MAX",
        ),
        ({"externalValue": "role"}, "STRING_FORMAT_INVALID"),
    ],
)
def test_create_refuses_and_leaves_nothing(changes: dict[str, Any], reason: str) -> None:
    async def story(room: Room) -> None:
        response = await room.send("POST", URL, wanted(**changes))
        assert (response.status_code, response.json()["errorCode"]) == (400, "E0000001")
        assert response.json()["errorCauses"][0]["reason"] == reason
        assert (await room.ok(URL, filter=PARENT))["metadata"]["total"] == 2

    within(story)


def test_entitlement_management_off_answers_404() -> None:
    async def story(room: Room) -> None:
        parent = {"externalId": OFF, "type": "APPLICATION"}
        created = await room.send("POST", URL, wanted(parent=parent))
        listed = await room.get(URL, filter=PARENT.replace(APP, OFF))
        for response in (created, listed):
            assert (response.status_code, response.json()["errorCode"]) == (404, "E0000007")
            assert response.json()["errorSummary"].endswith("null (SharedAppInstance)")

    within(story)


def test_patch_answers_only_what_changed() -> None:
    async def story(room: Room) -> None:
        role, admin = (await room.value_ids())["Admin"]
        added = {"name": "Owner", "externalValue": "Owner"}
        operations: list[dict[str, Any]] = [
            {"op": "ADD", "path": "/values/-", "refType": "ENTITLEMENT-VALUE", "value": added},
            {
                "op": "REPLACE",
                "path": f"/values/{admin}",
                "refType": "ENTITLEMENT-VALUE",
                "value": {"name": "Adm"},
            },
            {"op": "REPLACE", "path": "/name", "refType": "ENTITLEMENT", "value": "Roles"},
        ]
        response = await room.send("PATCH", f"{URL}/{role}", operations)
        assert response.status_code == 200, response.text
        assert [v["name"] for v in response.json()["values"]] == ["Owner", "Adm"]
        assert response.json()["name"] == "Roles"
        assert len((await room.ok(f"{URL}/{role}"))["values"]) == 4

    within(story)


@pytest.mark.parametrize(
    "bad",
    [
        {"op": "ADD", "path": "/values/-", "refType": "ENTITLEMENT-VALUE", "value": {"name": "x"}},
        {"op": "MOVE", "path": "/values/-", "refType": "ENTITLEMENT-VALUE", "value": {}},
        {"op": "REMOVE", "path": "/values/ent9", "refType": "ENTITLEMENT-VALUE"},
        {"op": "REPLACE", "path": "/multiValue", "refType": "ENTITLEMENT", "value": "x"},
        {"op": "ADD", "path": "/values/-", "value": {"name": "x", "externalValue": "x"}},
    ],
)
def test_a_patch_with_one_bad_operation_changes_nothing(bad: dict[str, Any]) -> None:
    async def story(room: Room) -> None:
        role = (await room.value_ids())["Admin"][0]
        value = {"name": "Owner", "externalValue": "Owner"}
        good = {"op": "ADD", "path": "/values/-", "refType": "ENTITLEMENT-VALUE", "value": value}
        assert (await room.send("PATCH", f"{URL}/{role}", [good, bad])).status_code == 400
        assert "Owner" not in await room.value_ids()

    within(story)


@pytest.mark.parametrize("count", [0, 101])
def test_patch_takes_1_to_100_operations(count: int) -> None:
    async def story(room: Room) -> None:
        role = (await room.value_ids())["Admin"][0]
        one = {"op": "ADD", "path": "/values/-", "refType": "ENTITLEMENT-VALUE", "value": {}}
        assert (await room.send("PATCH", f"{URL}/{role}", [one] * count)).status_code == 400

    within(story)


def test_a_removed_value_is_lost_by_all_who_held_it() -> None:
    async def story(room: Room) -> None:
        await room.grant("alice@acme.example.com", "Admin", "Clerk")
        role, admin = (await room.value_ids())["Admin"]
        operation = {"op": "REMOVE", "path": f"/values/{admin}", "refType": "ENTITLEMENT-VALUE"}
        assert (await room.send("PATCH", f"{URL}/{role}", [operation])).json()["values"] == []
        assert await room.held("alice@acme.example.com") == {"Clerk"}

    within(story)


def test_listing_filters_and_order() -> None:
    async def story(room: Room) -> None:
        names = [e["name"] for e in (await room.ok(URL, filter=PARENT))["data"]]
        assert names == ["Role", "Tier"]
        down = await room.ok(URL, filter=PARENT, orderBy="name desc", limit=1)
        assert [e["name"] for e in down["data"]] == ["Tier"]
        assert (await room.ok(URL, filter=f'{PARENT} AND name sw "ti"'))["metadata"]["total"] == 1
        refused = await room.get(URL, filter=f'{PARENT} AND name eq "Tier"')
        assert (refused.status_code, refused.json()["errorCode"]) == (400, "E0000053")

    within(story)


def test_entitlement_settings() -> None:
    async def story(room: Room) -> None:
        for app_id, status in ((APP, "OPTED_IN"), (OFF, "OPTED_OUT")):
            orn = (await room.ok(f"/api/v1/apps/{app_id}"))["orn"]
            found = await room.ok(f"/governance/api/v2/resources/{orn}/entitlement-settings")
            assert found == {"status": status}
        orn = "orn:okta:idp:00o0nothing000000000:apps:oidc_client:0oa0nothing000000000"
        unknown = await room.get(f"/governance/api/v2/resources/{orn}/entitlement-settings")
        assert unknown.status_code == 400
        assert unknown.json()["errorCauses"][0]["reason"] == "INVALID_RESOURCE_ORN"

    within(story)
