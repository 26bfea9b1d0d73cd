"""Entitlement bundles: their shapes, what changing and deleting one does to those who hold it, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.org_room import APP, GOV, OFF, TARGET, Json, Room, org_data, within

URL = f"{GOV}/entitlement-bundles"
ALICE = "alice@acme.example.com"
_WRITABLE = ("id", "name", "description", "target", "targetResourceOrn", "status", "entitlements")


async def new_bundle(room: Room, **changes: Json) -> dict[str, Any]:
    body = {
        "name": "Finance",
        "description": "For the ledger",
        "target": {"externalId": APP, "type": "APPLICATION"},
        "entitlements": await room.entitlements("Admin", "Clerk"),
    }
    return {key: value for key, value in {**body, **changes}.items() if value is not None}


async def basics(room: Room) -> dict[str, Any]:
    (found,) = (await room.ok(URL, filter='name eq "basics"'))["data"]
    return dict(await room.ok(f"{URL}/{found['id']}"))


async def grant_basics(room: Room) -> None:
    bundle = (await basics(room))["id"]
    made = await room.grant(ALICE, grantType="ENTITLEMENT-BUNDLE", entitlementBundleId=bundle, target=None)
    assert made.status_code == 201, made.text


def test_a_created_bundle_answers_with_ids_and_reads_in_full() -> None:
    async def story(room: Room) -> None:
        body = await new_bundle(room)
        made = await room.send("POST", URL, body)
        assert made.status_code == 201, made.text
        bundle = made.json()
        href = f"https://acme-admin.okta.com{URL}/{bundle['id']}"
        assert (
            made.headers["location"] == bundle["_links"]["self"]["href"] == made.links["self"]["url"] == href
        )
        assert bundle["orn"].endswith(f":entitlement-bundles:{bundle['id']}")
        assert {key: bundle[key] for key in body} == body
        assert bundle["created"].endswith("20.000Z")
        read = await room.ok(f"{URL}/{bundle['id']}")
        assert read["created"] == bundle["created"].replace(".000Z", "Z")
        (role,) = read["entitlements"]
        assert (role["externalValue"], [value["name"] for value in role["values"]]) == (
            "role",
            ["Admin", "Clerk"],
        )
        assert set(role["values"][0]) >= {"orn", "created", "lastUpdatedBy"}

    within(story)


def test_lists_are_newest_first_and_show_entitlements_only_when_asked() -> None:
    async def story(room: Room) -> None:
        room.now_s += 5
        await room.send("POST", URL, await new_bundle(room))
        listed = await room.ok(URL)
        assert [bundle["name"] for bundle in listed["data"]] == ["Finance", "Basics"]
        assert [bundle["entitlements"] for bundle in listed["data"]] == [[], []]
        assert listed["metadata"] == {"total": 2}
        assert listed["_links"]["self"]["href"] == f"https://acme-admin.okta.com{URL}?limit=20"
        full = (await room.ok(URL, include="full_entitlements"))["data"]
        assert [len(bundle["entitlements"]) for bundle in full] == [1, 2]
        assert full[0] == await room.ok(f"{URL}/{full[0]['id']}")

    within(story)


@pytest.mark.parametrize(
    "order", [None, "created desc", "created asc", "lastUpdated desc", "lastUpdated asc,id asc"]
)
@pytest.mark.parametrize("limit", [1, 2, 6, 7])
def test_pages_add_up_in_any_order(order: str | None, limit: int) -> None:
    async def story(room: Room) -> None:
        for n in range(6):
            room.now_s += n % 2
            made = await room.send("POST", URL, await new_bundle(room, name=f"B{n}"))
            assert made.status_code == 201
        seen: list[Json] = []
        params: dict[str, Json] = {"limit": limit, **({"orderBy": order} if order else {})}
        page = await room.ok(URL, **params)
        while True:
            seen += page["data"]
            if "next" not in page["_links"]:
                break
            page = await room.ok(URL, **params, after=page["data"][-1]["id"])
        assert len({bundle["id"] for bundle in seen}) == len(seen) == 7
        key = "lastUpdated" if order and order.startswith("last") else "created"
        stamps = [(bundle[key], bundle["id"]) for bundle in seen]
        assert stamps == sorted(stamps, reverse="asc" not in (order or ""))

    within(story)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (TARGET, ["Finance", "Basics"]),
        ('name eq "FINANCE"', ["Finance"]),
        ('name sw "fin"', ["Finance"]),
        ('name co "asic"', ["Basics"]),
        ('status eq "ACTIVE" AND name co "a"', ["Finance", "Basics"]),
        ('status eq "DELETED"', ["Old"]),
        ('status eq "DELETED" OR status eq "ACTIVE"', ["Old", "Finance", "Basics"]),
        ('lastUpdated gt "2026-09-21T14:13:24Z"', ["Finance"]),
        ('lastUpdated le "2026-09-21T14:13:24Z"', ["Basics"]),
        ('targetResourceOrn eq "ORN"', ["Finance", "Basics"]),
        ('id gt "FIRST"', ["Finance"]),
        ('id eq "FIRST" OR name eq "Finance"', ["Finance", "Basics"]),
    ],
)
def test_filters(text: str, names: list[str]) -> None:
    async def story(room: Room) -> None:
        first = (await basics(room))["id"]
        room.now_s += 5
        await room.send("POST", URL, await new_bundle(room))
        room.now_s += 5
        old = (await room.send("POST", URL, await new_bundle(room, name="Old"))).json()
        await room.client.delete(f"{URL}/{old['id']}")
        orn = (await room.ok(f"/api/v1/apps/{APP}"))["orn"]
        found = await room.ok(URL, filter=text.replace("ORN", orn).replace("FIRST", first))
        assert [bundle["name"] for bundle in found["data"]] == names

    within(story)


@pytest.mark.parametrize(
    ("params", "status", "code", "reason"),
    [
        ({"filter": "("}, 400, "E0000053", "STRING_FORMAT_INVALID"),
        ({"filter": ""}, 400, "E0000053", "STRING_FORMAT_INVALID"),
        ({"filter": 'description eq "x"'}, 400, "E0000053", "STRING_FORMAT_INVALID"),
        ({"filter": 'status co "ACT"'}, 400, "E0000053", "STRING_FORMAT_INVALID"),
        ({"filter": 'lastUpdated gt "soon"'}, 400, "E0000053", "STRING_FORMAT_INVALID"),
        ({"filter": f'target.externalId eq "{OFF}"'}, 404, "E0000007", None),
        ({"limit": 201}, 400, "E0000029", "INVALID_DATA_TYPE"),
        ({"after": ""}, 400, "E0000029", "empty.openapi.validation"),
        ({"after": "1"}, 400, "E0000029", "INVALID_AFTER_PARAMETER"),
        ({"after": "enb1nobody0000000x7a"}, 400, "E0000029", "INVALID_AFTER_PARAMETER"),
        ({"orderBy": "name asc"}, 400, "E0000029", "STRING_FORMAT_INVALID"),
        ({"orderBy": "created asc,id desc"}, 400, "E0000029", "STRING_FORMAT_INVALID"),
        ({"include": "everything"}, 400, "E0000029", "INVALID_ENUM_VALUE"),
    ],
)
def test_bad_questions(params: dict[str, Json], status: int, code: str, reason: str | None) -> None:
    async def story(room: Room) -> None:
        refused = await room.get(URL, **params)
        assert (refused.status_code, refused.json()["errorCode"]) == (status, code)
        assert [cause["reason"] for cause in refused.json()["errorCauses"]] == ([reason] if reason else [])

    within(story)


def test_a_replaced_bundle_changes_what_its_holders_have() -> None:
    async def story(room: Room) -> None:
        await grant_basics(room)
        assert await room.held(ALICE) == {"Auditor", "Silver"}
        read = await basics(room)
        body = {key: read[key] for key in _WRITABLE if key in read}
        changed = {**body, "name": "More", "entitlements": await room.entitlements("Clerk", "Admin")}
        put = await room.send("PUT", f"{URL}/{read['id']}", changed)
        assert put.status_code == 200, put.text
        assert (put.json()["name"], put.json()["id"]) == ("More", read["id"])
        assert put.json()["entitlements"][0]["values"][0].keys() == {"id"}
        assert await room.held(ALICE) == {"Clerk", "Admin"}

    within(story)


def test_a_deleted_bundle_takes_its_grants_and_its_name_is_free_again() -> None:
    async def story(room: Room) -> None:
        await room.grant(ALICE, "Admin")
        await grant_basics(room)
        bundle = (await basics(room))["id"]
        gone = await room.client.delete(f"{URL}/{bundle}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert await room.held(ALICE) == {"Admin"}
        assert [grant["grantType"] for grant in await room.grants()] == ["CUSTOM"]
        again = await room.client.delete(f"{URL}/{bundle}")
        assert (again.status_code, again.json()["errorCode"]) == (409, "E0000169")
        assert again.json()["errorCauses"][0]["reason"] == "OPERATION_STATUS_CONFLICT"
        assert (await room.send("PUT", f"{URL}/{bundle}", {})).status_code == 409
        assert (await room.ok(f"{URL}/{bundle}"))["status"] == "DELETED"
        refused = await room.grant(ALICE, grantType="ENTITLEMENT-BUNDLE", entitlementBundleId=bundle)
        assert refused.json()["errorCauses"][0]["location"] == "/entitlementBundleId"
        assert (await room.client.delete(f"{URL}/enb1nobody0000000x7a")).status_code == 404
        made = await room.send("POST", URL, await new_bundle(room, name="Basics"))
        assert made.status_code == 201, made.text

    within(story)


def test_a_state_with_a_deleted_bundle_loads_again() -> None:
    async def story(room: Room) -> Json:
        await room.client.delete(f"{URL}/{(await basics(room))['id']}")
        await room.send("POST", URL, await new_bundle(room, name="Basics"))
        return await room.ok("/_emulator/state")

    async def again(room: Room) -> Json:
        state = await room.ok("/_emulator/state")
        old, _ = state["okta_apps"][0]["bundles"]
        assert (await room.client.delete(f"{URL}/{old['id']}")).status_code == 409
        return state

    state = within(story)
    assert [bundle["status"] for bundle in state["okta_apps"][0]["bundles"]] == ["DELETED", "ACTIVE"]
    assert within(again, **{**org_data(), **state}) == state


@pytest.mark.parametrize(
    ("changes", "code", "location", "reason"),
    [
        ({"name": None}, "E0000028", "name", "MISSING_NAME"),
        ({"entitlements": None}, "E0000028", "entitlements", "MISSING_ENTITLEMENTS"),
        ({"entitlements": []}, "E0000028", "entitlements", "MISSING_ENTITLEMENTS"),
        ({"name": ""}, "E0000001", "/name", "INVALID_STRING_LENGTH_UNDER_MIN"),
        ({"name": "x" * 256}, "E0000001", "/name", "INVALID_STRING_LENGTH_OVER_MAX"),
        ({"name": "Basics"}, "E0000001", "/name", "STRING_FORMAT_INVALID"),
        ({"description": "x" * 1001}, "E0000001", "/description", "INVALID_STRING_LENGTH_OVER_MAX"),
        ({"target": None}, "E0000001", "/target", "REQUIRED_PROPERTY_MISSING"),
        (
            {"target": {"externalId": OFF, "type": "APPLICATION"}},
            "E0000001",
            "/target/externalId",
            "IDENTIFIER_NOT_FOUND",
        ),
        ({"target": {"externalId": APP, "type": "GROUP"}}, "E0000001", "/target/type", "INVALID_ENUM_VALUE"),
        (
            {"entitlements": [{"id": "esp9", "values": [{"id": "x"}]}]},
            "E0000001",
            "/entitlements/0/id",
            "IDENTIFIER_NOT_FOUND",
        ),
    ],
)
def test_refusals(changes: dict[str, Json], code: str, location: str, reason: str) -> None:
    async def story(room: Room) -> None:
        before = await room.ok("/_emulator/state")
        refused = await room.send("POST", URL, await new_bundle(room, **changes))
        (cause,) = refused.json()["errorCauses"]
        assert (refused.status_code, refused.json()["errorCode"]) == (400, code)
        assert (cause["location"], cause["reason"]) == (location, reason)
        assert await room.ok("/_emulator/state") == before

    within(story)


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        *(({key: None}, f"/{key}") for key in ("id", "target", "targetResourceOrn", "status")),
        ({"id": "enb9"}, "/id"),
        ({"targetResourceOrn": "orn:okta:x"}, "/targetResourceOrn"),
        ({"target": {"externalId": OFF, "type": "APPLICATION"}}, "/target"),
        ({"status": "DELETED"}, "/status"),
        ({"entitlements": []}, "entitlements"),
    ],
)
def test_a_bad_put_changes_nothing(changes: dict[str, Json], location: str) -> None:
    async def story(room: Room) -> None:
        read = await basics(room)
        refused = await room.send("PUT", f"{URL}/{read['id']}", {**read, **changes})
        assert (refused.status_code, refused.json()["errorCauses"][0]["location"]) == (400, location)
        assert await basics(room) == read

    within(story)


def test_values_of_a_bundle_are_checked_like_those_of_a_grant() -> None:
    async def story(room: Room) -> None:
        body = await new_bundle(room, entitlements=await room.entitlements("Gold", "Silver"))
        refused = await room.send("POST", URL, body)
        assert refused.json()["errorCauses"][0]["location"] == "/entitlements/0/values"

    within(story)


def test_list_and_one_share_a_bucket() -> None:
    async def story(room: Room) -> None:
        first = await room.get(URL)
        one = await room.get(f"{URL}/{first.json()['data'][0]['id']}")
        left = [int(response.headers["x-rate-limit-remaining"]) for response in (first, one)]
        assert left == [49, 48]

    within(story, limits="observed")
