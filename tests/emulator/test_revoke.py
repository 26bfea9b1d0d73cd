"""revoke-principal-access: what a value, a bundle and an app ORN take away, and what stays."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.emulator.org_room import APP, GOV, OFF, Json, Room, org_data, principal, within

URL = "/governance/api/v2/revoke-principal-access"
ALICE, BOB = "alice@acme.example.com", "bob@acme.example.com"
ADDITIVE = {"additive_entitlements": True}


def erp(*grants: Json) -> list[dict[str, Any]]:
    first, second = org_data()["okta_apps"]
    return [{**first, "grants": list(grants)}, second]


def grant(kind: str, *names: str, **more: Json) -> dict[str, Any]:
    return {"user": ALICE, "type": kind, "values": {"role": list(names)} if names else {}, **more}


BUNDLE = grant("ENTITLEMENT-BUNDLE", bundle="Basics")


async def orns(room: Room) -> dict[str, str]:
    """By name, as the org writes them."""
    values = (await room.ok(f"{GOV}/entitlements/values", filter=_parent()))["data"]
    bundles = (await room.ok(f"{GOV}/entitlement-bundles"))["data"]
    named = {one["name"]: str(one["orn"]) for one in (*values, *bundles)}
    named |= {"ERP": (await room.ok(f"/api/v1/apps/{APP}"))["orn"]}
    for login in (ALICE, BOB):
        who = principal(await room.user_id(login))
        found = await room.ok(f"{GOV}/principal-access", filter=f"{_parent()} AND {who}")
        named[login] = found["targetPrincipalOrn"]
    return named


def _parent() -> str:
    return f'parent.externalId eq "{APP}" AND parent.type eq "APPLICATION"'


async def revoke(room: Room, *names: str, login: str = ALICE) -> Json:
    known = await orns(room)
    body = {"principalOrn": known[login], "revokeOrns": [known[name] for name in names]}
    answer = await room.send("POST", URL, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def kinds(room: Room) -> list[str]:
    return [grant["grantType"] for grant in await room.grants()]


def test_a_value_leaves_custom_and_entitlement_grants_and_stays_where_policy_or_bundle_gives_it() -> None:
    async def story(room: Room) -> None:
        await revoke(room, "Admin")
        assert await room.held(ALICE) == {"Auditor", "Silver", "Clerk"}
        await revoke(room, "Auditor")
        assert await room.held(ALICE) == {"Auditor", "Silver", "Clerk"}

    custom = grant("CUSTOM", "Admin", "Auditor", "Clerk")
    within(story, okta_apps=erp(custom, BUNDLE, grant("ENTITLEMENT", "Admin", "Clerk")), switches=ADDITIVE)


def test_a_value_that_policy_gives_stays() -> None:
    async def story(room: Room) -> None:
        before = await room.ok("/_emulator/state")
        await revoke(room, "Admin")
        assert await room.ok("/_emulator/state") == before

    within(story, okta_apps=erp(grant("POLICY", "Admin")))


@pytest.mark.parametrize("ends", [False, True])
def test_grants_left_without_values(ends: bool) -> None:
    async def story(room: Room) -> None:
        await revoke(room, "Admin", "Clerk")
        assert await room.held(ALICE) == set()
        assert await kinds(room) == ([] if ends else ["CUSTOM"])
        assert (await room.get(f"/api/v1/apps/{APP}/users/{await room.user_id(ALICE)}")).status_code == 200

    grants = (grant("CUSTOM", "Admin"), grant("ENTITLEMENT", "Clerk"))
    switches = {**ADDITIVE, "revoke_ends_empty_custom": ends}
    within(story, okta_apps=erp(*grants), switches=switches)


def test_a_bundle_ends_its_grants_of_this_user_only() -> None:
    async def story(room: Room) -> None:
        await revoke(room, "Basics")
        assert await room.held(ALICE) == {"Admin"}
        assert await room.held(BOB) == {"Auditor", "Silver"}

    within(story, okta_apps=erp(grant("CUSTOM", "Admin"), BUNDLE, {**BUNDLE, "user": BOB}))


def test_values_and_bundles_may_be_mixed_and_each_has_its_links() -> None:
    async def story(room: Room) -> None:
        answer = await revoke(room, "Basics", "Admin", "Clerk")
        assert await room.held(ALICE) == set()
        assert len(answer["data"]) == 3
        links = answer["data"][0]["_links"]
        assert set(links) == {"principal-access", "principal-entitlements"}
        for found in links.values():
            parts = urlsplit(found["href"])
            assert parts.netloc == "acme-admin.okta.com"
            assert (await room.client.get(f"{parts.path}?{parts.query}")).status_code == 200
            assert await room.user_id(ALICE) in unquote(parts.query)

    within(story, okta_apps=erp(grant("CUSTOM", "Admin", "Clerk"), BUNDLE))


def test_an_app_goes_with_everything() -> None:
    async def story(room: Room) -> None:
        await revoke(room, "ERP")
        assert await kinds(room) == []
        assert (await room.get(f"/api/v1/apps/{APP}/users/{await room.user_id(ALICE)}")).status_code == 404

    within(story, okta_apps=erp(grant("POLICY", "Admin"), BUNDLE))


def test_what_is_not_held_is_revoked_without_effect() -> None:
    async def story(room: Room) -> None:
        before = await room.ok("/_emulator/state")
        await revoke(room, "Basics", "Gold")
        await revoke(room, "Admin", login=BOB)
        assert await room.ok("/_emulator/state") == before

    within(story, okta_apps=erp(grant("CUSTOM", "Admin")))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"principalOrn": None}, "principalOrn is required"),
        ({"principalOrn": "00u1"}, "Invalid ORN format for principalOrn"),
        ({"principalOrn": 7}, "Invalid ORN format for principalOrn"),
        ({"revokeOrns": None}, "revokeOrns is required"),
        ({"revokeOrns": []}, "1 to 5"),
        ({"revokeOrns": "Admin"}, "1 to 5"),
        ({"revokeOrns": ["Admin"] * 6}, "1 to 5"),
        ({"revokeOrns": ["ERP", "Admin"]}, "an app must be revoked alone"),
        ({"revokeOrns": ["ERP", "OFF"]}, "not found"),
        ({"revokeOrns": ["Admin", "nonsense"]}, "Invalid ORN format for revokeOrns"),
        ({"revokeOrns": ["Admin", {}]}, "Invalid ORN format for revokeOrns"),
        ({"revokeOrns": ["alice@acme.example.com"]}, "Invalid ORN format for revokeOrns"),
        ({"revokeOrns": ["PREVIEW"]}, "Invalid ORN format for revokeOrns"),
        ({"revokeOrns": ["Admin", "UNKNOWN"]}, "not found"),
    ],
)
def test_refusals_take_nothing_away(changes: dict[str, Json], cause: str) -> None:
    async def story(room: Room) -> None:
        known = await orns(room)
        known["OFF"] = (await room.ok(f"/api/v1/apps/{OFF}"))["orn"]
        known["PREVIEW"] = known["Admin"].replace("orn:okta", "orn:oktapreview")
        known["UNKNOWN"] = known["Admin"][:-1] + "_"
        before = await room.ok("/_emulator/state")
        body: dict[str, Json] = {"principalOrn": known[ALICE], "revokeOrns": ["Admin"], **changes}
        if isinstance(body["revokeOrns"], list):
            body["revokeOrns"] = [known.get(str(name), name) for name in body["revokeOrns"]]
        refused = await room.send("POST", URL, body)
        assert (refused.status_code, refused.json()["errorCode"]) == (400, "E0000001")
        assert cause in refused.json()["errorCauses"][0]["errorSummary"]
        assert await room.ok("/_emulator/state") == before

    within(story, okta_apps=erp(grant("CUSTOM", "Admin"), BUNDLE))


def test_an_unknown_actor_is_refused() -> None:
    async def story(room: Room) -> None:
        known = await orns(room)
        body = {"principalOrn": known[ALICE], "revokeOrns": [known["Admin"]]}
        refused = await room.send("POST", URL, {**body, "actor": "ME"})
        assert refused.json()["errorCauses"][0]["reason"] == "INVALID_ENUM_VALUE"
        assert (await room.send("POST", URL, {**body, "actor": "ADMIN"})).status_code == 200

    within(story)
