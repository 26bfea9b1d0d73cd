"""Grants: the one-base-grant rule under every switch, and what a grant refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.org_room import APP, GOV, TARGET, Json, Room, org_data, principal, within

ALICE, BOB, CAROL, GONE = (f"{name}@acme.example.com" for name in ("alice", "bob", "carol", "gone"))


def erp(**changes: Json) -> list[dict[str, Any]]:
    first, second = org_data()["okta_apps"]
    return [{**first, **changes}, second]


def grant(kind: str, *names: str, **more: Json) -> dict[str, Any]:
    return {"user": ALICE, "type": kind, "values": {"role": list(names)} if names else {}, **more}


BUNDLE = grant("ENTITLEMENT-BUNDLE", bundle="Basics")


@pytest.mark.parametrize("before", [[], [grant("CUSTOM", "Admin")], [grant("POLICY", "Admin")]])
@pytest.mark.parametrize("additive", [[], [BUNDLE], [BUNDLE, grant("ENTITLEMENT", "Clerk")]])
@pytest.mark.parametrize("replaces", [True, False])
@pytest.mark.parametrize("kind", ["CUSTOM", "POLICY"])
def test_a_new_base_grant_replaces_the_old_one(
    before: list[Any], additive: list[Any], replaces: bool, kind: str
) -> None:
    async def story(room: Room) -> None:
        old = await room.grants()
        response = await room.grant(ALICE, "Auditor", grantType=kind)
        assert response.status_code == 201, response.text
        new = await room.grants()
        assert [g["id"] for g in new if g["grantType"] in ("CUSTOM", "POLICY")] == [response.json()["id"]]
        assert response.json()["id"] not in {g["id"] for g in old}
        stayed = [g["grantType"] for g in new if g["grantType"] not in ("CUSTOM", "POLICY")]
        wiped = replaces and kind == "CUSTOM"
        assert stayed == ([] if wiped else [g["type"] for g in additive])

    switches = {"custom_post_replaces_additive": replaces}
    within(story, okta_apps=erp(grants=before + additive), switches=switches)


def test_a_custom_grant_holds_what_it_says_and_nothing_of_before() -> None:
    async def story(room: Room) -> None:
        assert await room.held(ALICE) == {"Admin"}
        await room.grant(ALICE, "Auditor", "Gold")
        assert await room.held(ALICE) == {"Auditor", "Gold"}
        await room.grant(ALICE)
        assert await room.held(ALICE) == set()

    within(story, okta_apps=erp(grants=[grant("CUSTOM", "Admin")]))


@pytest.mark.parametrize(
    ("switches", "status", "assigned"),
    [
        ({}, 201, True),
        ({"custom_post_assigns_app": False}, 201, False),
        ({"grant_needs_assignment": True}, 400, False),
    ],
)
def test_assignment_switches(switches: dict[str, bool], status: int, assigned: bool) -> None:
    async def story(room: Room) -> None:
        assert (await room.grant(BOB, "Admin")).status_code == status
        found = await room.get(f"/api/v1/apps/{APP}/users/{await room.user_id(BOB)}")
        assert found.status_code == (200 if assigned else 404)

    within(story, switches=switches)


def test_additive_grants_add() -> None:
    async def story(room: Room) -> None:
        await room.grant(ALICE, "Admin")
        await room.grant(ALICE, "Clerk", grantType="ENTITLEMENT")
        bundle = (await room.ok("/_emulator/state"))["okta_apps"][0]["bundles"][0]["id"]
        response = await room.grant(
            ALICE, grantType="ENTITLEMENT-BUNDLE", entitlementBundleId=bundle, target=None
        )
        assert response.status_code == 201, response.text
        assert response.json()["entitlementBundleId"] == bundle
        assert await room.held(ALICE) == {"Admin", "Clerk", "Auditor", "Silver"}

    within(story, switches={"additive_entitlements": True})


def test_deny_takes_everything_and_the_app() -> None:
    async def story(room: Room) -> None:
        response = await room.grant(ALICE, action="DENY", entitlements=None)
        assert response.status_code == 201, response.text
        assert await room.held(ALICE) == set()
        assert (await room.get(f"/api/v1/apps/{APP}/users/{await room.user_id(ALICE)}")).status_code == 404

    within(story, okta_apps=erp(grants=[grant("CUSTOM", "Admin"), BUNDLE]))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"grantType": "OTHER"}, "INVALID_ENUM_VALUE"),
        ({"grantType": "ENTITLEMENT"}, "INVALID_ENUM_VALUE"),
        ({"grantType": None}, "REQUIRED_PROPERTY_MISSING"),
        ({"target": None}, "REQUIRED_PROPERTY_MISSING"),
        ({"targetPrincipal": None}, "REQUIRED_PROPERTY_MISSING"),
        ({"target": {"externalId": "0oa" + "9" * 17, "type": "APPLICATION"}}, "IDENTIFIER_NOT_FOUND"),
        ({"targetPrincipal": {"externalId": "00u" + "9" * 17, "type": "OKTA_USER"}}, "IDENTIFIER_NOT_FOUND"),
        ({"entitlements": [{"id": "esp9", "values": [{"id": "ent9"}]}]}, "IDENTIFIER_NOT_FOUND"),
        ({"entitlements": "Admin"}, "INVALID_DATA_TYPE"),
        ({"action": "MAYBE"}, "INVALID_ENUM_VALUE"),
        ({"actor": "ME"}, "INVALID_ENUM_VALUE"),
        ({"scheduleSettings": {"expirationDate": "tomorrow"}}, "STRING_FORMAT_INVALID"),
        ({"grantType": "ENTITLEMENT-BUNDLE", "entitlementBundleId": "enb9"}, "IDENTIFIER_NOT_FOUND"),
    ],
)
def test_refusals_name_the_reason_and_change_nothing(changes: dict[str, Any], reason: str) -> None:
    async def story(room: Room) -> None:
        before = await room.ok("/_emulator/state")
        response = await room.grant(ALICE, "Auditor", **changes)
        assert response.status_code == 400
        assert response.json()["errorCode"] == "E0000001"
        assert response.json()["errorCauses"][0]["reason"] == reason
        assert await room.ok("/_emulator/state") == before

    within(story, okta_apps=erp(grants=[grant("CUSTOM", "Admin")]))


def test_values_are_checked_against_their_entitlement() -> None:
    async def story(room: Room) -> None:
        ids = await room.value_ids()
        crossed = [{"id": ids["Gold"][0], "values": [{"id": ids["Admin"][1]}]}]
        response = await room.grant(ALICE, entitlements=crossed)
        assert response.json()["errorCauses"][0]["reason"] == "IDENTIFIER_NOT_FOUND"
        assert response.json()["errorCauses"][0]["location"] == "/entitlements/0/values/0/id"
        assert (await room.grant(ALICE, "Gold", "Silver")).status_code == 400
        assert (
            await room.grant(ALICE, entitlements=[{"id": ids["Gold"][0], "values": []}])
        ).status_code == 400

    within(story)


def test_deprovisioned_users_are_refused() -> None:
    async def story(room: Room) -> None:
        response = await room.grant(GONE, "Admin")
        assert (response.status_code, response.json()["errorCode"]) == (403, "E0000038")

    within(story)


def test_put_wants_the_whole_object_and_replaces_only_values() -> None:
    async def story(room: Room) -> None:
        await room.grant(ALICE, "Admin")
        full = (await room.grants())[0]
        url = f"{GOV}/grants/{full['id']}"
        changed = {**full, "entitlements": await room.entitlements("Clerk", "Gold")}
        response = await room.send("PUT", url, changed)
        assert response.status_code == 200, response.text
        assert response.json()["id"] == full["id"]
        assert await room.held(ALICE) == {"Clerk", "Gold"}
        for key in ("id", "created", "targetResourceOrn", "targetPrincipalOrn", "status", "_links"):
            short = {name: value for name, value in changed.items() if name != key}
            refused = await room.send("PUT", url, short)
            assert (refused.status_code, refused.json()["errorCauses"][0]["location"]) == (400, f"/{key}")
        assert (await room.send("PUT", f"{GOV}/grants/gra9", changed)).status_code == 400

    within(story)


def test_put_leaves_additive_grants_alone() -> None:
    async def story(room: Room) -> None:
        custom = next(g for g in await room.grants() if g["grantType"] == "CUSTOM")
        await room.send("PUT", f"{GOV}/grants/{custom['id']}", custom)
        assert len(await room.grants()) == 2

    within(story, okta_apps=erp(grants=[grant("CUSTOM", "Admin"), BUNDLE]))


def test_patch_changes_the_expiry_and_an_expired_grant_is_listed_no_more() -> None:
    async def story(room: Room) -> None:
        grant_id = (await room.grant(ALICE, "Admin")).json()["id"]
        url = f"{GOV}/grants/{grant_id}"
        settings = {"expirationDate": "2026-09-21T15:00:00Z", "timeZone": "America/Toronto"}
        response = await room.send("PATCH", url, {"id": grant_id, "scheduleSettings": settings})
        assert (response.status_code, response.json()["scheduleSettings"]) == (200, settings)
        bad = {"id": grant_id, "scheduleSettings": settings, "entitlements": []}
        assert (await room.send("PATCH", url, bad)).status_code == 400
        assert len(await room.grants()) == 1
        room.now_s += 86_400
        assert await room.grants() == []
        assert (await room.ok(url))["status"] == "EXPIRED"
        assert await room.held(ALICE) == set()

    within(story)


def test_filters_of_the_listing() -> None:
    async def story(room: Room) -> None:
        ids = {login: await room.user_id(login) for login in (ALICE, BOB, CAROL)}
        for login, value in ((ALICE, "Admin"), (BOB, "Clerk"), (CAROL, "Admin")):
            await room.grant(login, value)
        one = principal(ids[ALICE])
        assert [g["targetPrincipal"]["externalId"] for g in await room.grants(f" AND {one}")] == [ids[ALICE]]
        other = f'targetPrincipal.externalId eq "{ids[BOB]}"'
        assert len(await room.grants(f" AND ({one} OR {other})")) == 2
        value = (await room.value_ids())["Admin"][1]
        assert len(await room.grants(f' AND entitlements.values.id eq "{value}"')) == 2
        assert len(await room.grants(' AND action eq "DENY"')) == 0

    within(story)


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("", 400, "E0000053"),
        ('targetPrincipal.externalId eq "x"', 400, "E0000029"),
        (f'{TARGET} OR target.externalId eq "{APP}"', 400, "E0000029"),
        (f'{TARGET} AND target.externalId eq "0oa3"', 400, "E0000029"),
        (f'{TARGET} AND created gt "x"', 400, "E0000053"),
        (f"{TARGET} AND (", 400, "E0000053"),
        ('target.externalId eq "0oa2example0000000x7" AND target.type eq "APPLICATION"', 404, "E0000007"),
    ],
)
def test_bad_filters(text: str, status: int, code: str) -> None:
    async def story(room: Room) -> None:
        response = await room.get(f"{GOV}/grants", filter=text)
        assert (response.status_code, response.json()["errorCode"]) == (status, code)

    within(story)


def test_principal_access_tells_base_from_additional() -> None:
    async def story(room: Room) -> None:
        who = principal(await room.user_id(ALICE))
        parent = TARGET.replace("target.", "parent.")
        found = await room.ok(f"{GOV}/principal-access", filter=f"{parent} AND {who}")
        assert (found["base"]["grantType"], found["base"]["grantMethod"]) == ("POLICY", "POLICY")
        assert [g["bundle"]["name"] for g in found["additional"]] == ["Basics"]
        nobody = principal(await room.user_id(BOB))
        assert "base" not in await room.ok(f"{GOV}/principal-access", filter=f"{parent} AND {nobody}")

    within(story, okta_apps=erp(grants=[grant("POLICY", "Admin"), BUNDLE]))


def test_grants_that_are_not_active_are_never_listed() -> None:
    async def story(room: Room) -> None:
        assert await room.grants() == []
        await room.grant(ALICE, "Auditor")
        assert len((await room.ok("/_emulator/state"))["okta_apps"][0]["grants"]) == 3

    inactive = [grant("CUSTOM", "Admin", status="INACTIVE"), grant("CUSTOM", "Clerk", status="SCHEDULED")]
    within(story, okta_apps=erp(grants=inactive))
