"""What listings of grants find, what has effect when grants meet, and how a grant ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.org_room import APP, GOV, PARENT, TARGET, Json, Room, org_data, principal, within

ALICE, BOB, CAROL = (f"{name}@acme.example.com" for name in ("alice", "bob", "carol"))


def erp(*grants: Json) -> list[dict[str, Any]]:
    first, second = org_data()["okta_apps"]
    return [{**first, "grants": list(grants)}, second]


def grant(login: str, kind: str = "CUSTOM", **more: Json) -> dict[str, Any]:
    return {"user": login, "type": kind, **more}


EVERYBODY = erp(
    grant(ALICE, values={"role": ["Admin"], "tier": ["Gold"]}),
    grant(ALICE, "ENTITLEMENT-BUNDLE", bundle="Basics"),
    grant(BOB, "POLICY", values={"role": ["Clerk"]}),
    grant(BOB, "ENTITLEMENT", values={"role": ["Admin"]}),
    grant(CAROL, action="DENY"),
)


async def access(room: Room, login: str) -> dict[str, Any]:
    who = principal(await room.user_id(login))
    return dict(await room.ok(f"{GOV}/principal-access", filter=f"{PARENT} AND {who}"))


@pytest.mark.parametrize("form", ["id", "orn"])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["CUSTOM", "ENTITLEMENT-BUNDLE", "POLICY", "ENTITLEMENT", "CUSTOM"]),
        ("AND targetPrincipal.externalId eq ALICE", ["CUSTOM", "ENTITLEMENT-BUNDLE"]),
        (
            "AND targetPrincipal.externalId eq ALICE AND targetPrincipal.type eq TYPE",
            ["CUSTOM", "ENTITLEMENT-BUNDLE"],
        ),
        ("AND targetPrincipalOrn eq ORN_BOB", ["POLICY", "ENTITLEMENT"]),
        (
            "AND (targetPrincipalOrn eq ORN_BOB OR targetPrincipal.externalId eq CAROL)",
            ["POLICY", "ENTITLEMENT", "CUSTOM"],
        ),
        ("AND entitlementBundleId eq BASICS", ["ENTITLEMENT-BUNDLE"]),
        ("AND entitlements.id eq TIER", ["CUSTOM"]),
        ("AND entitlements.id eq ROLE", ["CUSTOM", "POLICY", "ENTITLEMENT"]),
        ("AND entitlements.values.id eq CLERK", ["POLICY"]),
        (
            "AND (entitlements.values.id eq ADMIN OR entitlementBundleId eq BASICS)",
            ["CUSTOM", "ENTITLEMENT-BUNDLE", "ENTITLEMENT"],
        ),
        ("AND action eq DENY", ["CUSTOM"]),
        ("AND action eq ALLOW AND targetPrincipal.externalId eq CAROL", []),
    ],
)
def test_filters(form: str, text: str, found: list[str]) -> None:
    async def story(room: Room) -> None:
        ids = await room.value_ids()
        (bundle,) = (await room.ok(f"{GOV}/entitlement-bundles"))["data"]
        orn = (await room.ok(f"/api/v1/apps/{APP}"))["orn"]
        names = {
            "ORN_BOB": (await access(room, BOB))["targetPrincipalOrn"],
            "ALICE": await room.user_id(ALICE),
            "CAROL": await room.user_id(CAROL),
            "BASICS": bundle["id"],
            "ADMIN": ids["Admin"][1],
            "CLERK": ids["Clerk"][1],
            "ROLE": ids["Admin"][0],
            "TIER": ids["Gold"][0],
            "TYPE": "OKTA_USER",
            "DENY": "DENY",
            "ALLOW": "ALLOW",
        }
        words = [
            f'"{names[word.strip(")")]}"{")" * word.count(")")}' if word.strip(")") in names else word
            for word in text.split()
        ]
        target = TARGET if form == "id" else f'targetResourceOrn eq "{orn}"'
        listed = await room.ok(f"{GOV}/grants", filter=" ".join((target, *words)))
        assert [one["grantType"] for one in listed["data"]] == found

    within(story, okta_apps=EVERYBODY)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('entitlements.id eq "esp1nobody0000000x7a"', 404),
        ('entitlements.values.id eq "ent1nobody0000000x7a"', 404),
        ('entitlementBundleId eq "enb1nobody0000000x7a"', 200),
        ('entitlements.id sw "esp"', 400),
        ('status eq "ACTIVE"', 400),
    ],
)
def test_what_cannot_be_found(text: str, status: int) -> None:
    async def story(room: Room) -> None:
        answer = await room.get(f"{GOV}/grants", filter=f"{TARGET} AND {text}")
        assert answer.status_code == status
        if status == 404:
            assert answer.json()["errorCode"] == "E0000007"
            assert "nobody" in answer.json()["errorCauses"][0]["errorSummary"]

    within(story)


@pytest.mark.parametrize("include", [None, "full_entitlements", "metadata", "metadata,full_entitlements"])
def test_include(include: str | None) -> None:
    async def story(room: Room) -> None:
        params = {} if include is None else {"include": include}
        listed = (await room.ok(f"{GOV}/grants", filter=TARGET, **params))["data"]
        values = [
            value for one in listed for entry in one.get("entitlements", []) for value in entry["values"]
        ]
        assert {"name" in value for value in values} == {"full" in (include or "")}
        with_values = [one["grantType"] for one in listed if one.get("entitlements")]
        assert ("POLICY" in with_values) == ("full" in (include or ""))
        alone = await room.ok(f"{GOV}/grants/{listed[0]['id']}", **params)
        assert alone == listed[0]

    within(story, okta_apps=EVERYBODY)


def test_additional_grants_outdo_the_base_where_one_value_is_allowed() -> None:
    async def story(room: Room) -> None:
        shown = await access(room, ALICE)
        effects = {
            (value["name"], value["effective"])
            for held in (shown["base"], *shown["additional"])
            for entitlement in held["entitlements"]
            for value in entitlement["values"]
        }
        assert effects == {("Admin", True), ("Gold", False), ("Auditor", True), ("Silver", True)}
        assert await room.held(ALICE) == {"Admin", "Auditor", "Silver"}
        tier = await room.entitlements("Gold")
        room.now_s += 1
        await room.grant(ALICE, grantType="ENTITLEMENT", entitlements=tier)
        assert await room.held(ALICE) == {"Admin", "Auditor", "Gold"}
        assert "base" not in await access(room, CAROL)

    within(story, okta_apps=EVERYBODY, switches={"additive_entitlements": True})


def test_the_expiry_of_the_whole_is_that_of_the_base_grant() -> None:
    async def story(room: Room) -> None:
        shown = await access(room, ALICE)
        assert (shown["expirationTime"], shown["timeZone"]) == ("2026-10-01T00:00:00Z", "America/Toronto")
        assert shown["base"]["expirationTime"] == shown["expirationTime"]
        (bundle,) = shown["additional"]
        assert (bundle["expirationTime"], bundle["startTime"]) == (
            "2026-09-22T00:00:00Z",
            "2026-09-21T14:13:20Z",
        )
        room.now_s += 86_400
        assert "additional" not in await access(room, ALICE)
        assert await room.held(ALICE) == {"Admin"}
        room.now_s += 86_400 * 10
        assert set(await access(room, ALICE)) == {
            "parentResourceOrn",
            "parent",
            "targetPrincipalOrn",
            "targetPrincipal",
        }
        assert await room.grants() == []

    base = grant(
        ALICE, values={"role": ["Admin"]}, expires="2026-10-01T00:00:00Z", time_zone="America/Toronto"
    )
    bundle = grant(ALICE, "ENTITLEMENT-BUNDLE", bundle="Basics", expires="2026-09-22T00:00:00Z")
    within(story, okta_apps=erp(base, bundle))


@pytest.mark.parametrize("status", ["EXPIRED", "INACTIVE", "SCHEDULED", "ACTIVE"])
def test_an_ended_grant_gets_no_new_expiry(status: str) -> None:
    async def story(room: Room) -> None:
        (found,) = (await room.ok("/_emulator/state"))["okta_apps"][0]["grants"]
        url = f"{GOV}/grants/{found['id']}"
        body = {"id": found["id"], "scheduleSettings": {"expirationDate": "2030-01-01T00:00:00Z"}}
        answer = await room.send("PATCH", url, body)
        assert answer.status_code == (200 if status in ("SCHEDULED", "ACTIVE") else 400)
        assert (await room.ok(url))["status"] == status
        room.now_s += 86_400 * 365 * 5
        late = await room.send("PATCH", url, body)
        assert late.status_code == (200 if status == "SCHEDULED" else 400)

    within(story, okta_apps=erp(grant(ALICE, status=status)))


def test_a_policy_grant_takes_the_place_of_a_custom_one_and_of_what_it_held() -> None:
    async def story(room: Room) -> None:
        made = await room.grant(ALICE, grantType="POLICY", entitlements=None, actor="NONE")
        assert made.status_code == 201
        assert "entitlements" not in made.json()
        shown = await access(room, ALICE)
        assert (shown["base"]["grantType"], shown["base"]["grantMethod"]) == ("POLICY", "POLICY")
        assert [one["bundle"]["name"] for one in shown["additional"]] == ["Basics"]

    within(story, okta_apps=EVERYBODY)
