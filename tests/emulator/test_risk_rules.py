"""Risk rules and what they say about access that would be granted."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.emulator import OrgFileError
from pipeline.emulator.orgfile import org_file_from
from tests.emulator.org_room import APP, GOV, OFF, PARENT, Json, Room, org_data, principal, within

URL, ASSESS = f"{GOV}/risk-rules", f"{GOV}/risk-rule-assessments"
ALICE, BOB = "alice@acme.example.com", "bob@acme.example.com"


def side(operation: str, **values: list[str]) -> dict[str, Any]:
    return {"name": f"{operation} {sorted(values)}", "operation": operation, "values": values}


def rule(name: str, *sides: Json, **more: Json) -> dict[str, Any]:
    return {"name": name, "criteria": list(sides), **more}


ADMIN_AND_CLERK = rule("Both", side("CONTAINS_ONE", role=["Admin"]), side("CONTAINS_ONE", role=["Clerk"]))


def erp(*rules: Json, **changes: Json) -> list[dict[str, Any]]:
    first, second = org_data()["okta_apps"]
    return [{**first, "risk_rules": list(rules), **changes}, second]


async def criterion(room: Room, operation: str, *names: str) -> dict[str, Any]:
    value = {"type": "ENTITLEMENTS", "value": await room.entitlements(*names)}
    return {
        "name": "list",
        "attribute": "principal.effective_grants",
        "operation": operation,
        "value": value,
    }


async def new_rule(room: Room, **changes: Json) -> dict[str, Any]:
    sides = [
        await criterion(room, "CONTAINS_ONE", "Admin"),
        await criterion(room, "CONTAINS_ALL", "Clerk", "Gold"),
    ]
    body = {
        "name": "Process and approve",
        "description": "Nobody does both",
        "notes": "Asked for by audit",
        "type": "SEPARATION_OF_DUTIES",
        "resources": [{"resourceOrn": (await room.ok(f"/api/v1/apps/{APP}"))["orn"]}],
        "conflictCriteria": {"and": sides},
    }
    return {key: value for key, value in {**body, **changes}.items() if value is not None}


async def conflicts(room: Room, login: str, *names: str, bundle: bool = False) -> list[str]:
    """Names of the rules that the assessment of these values, or of the bundle, names."""
    who = principal(await room.user_id(login))
    access = await room.ok(f"{GOV}/principal-access", filter=f"{PARENT} AND {who}")
    found = (await room.ok(f"{GOV}/entitlements/values", filter=PARENT))["data"]
    if bundle:
        found = (await room.ok(f"{GOV}/entitlement-bundles"))["data"]
    asked = [one["orn"] for one in found if one["name"] in names]
    key = {"resourceOrn": asked[0]} if bundle else {"resourceOrnList": asked}
    answer = await room.send("POST", ASSESS, {"principalOrn": access["targetPrincipalOrn"], **key})
    assert answer.status_code == 200, answer.text
    return [one["ruleName"] for one in answer.json()["data"]]


def test_a_created_rule_reads_back_and_is_listed() -> None:
    async def story(room: Room) -> None:
        body = await new_rule(room)
        made = await room.send("POST", URL, body)
        assert made.status_code == 201, made.text
        shown = made.json()
        assert (shown["id"][:3], shown["status"]) == ("rul", "ACTIVE")
        assert made.headers["location"] == made.links["self"]["url"] == shown["_links"]["self"]["href"]
        for key in ("name", "description", "notes", "type", "resources"):
            assert shown[key] == body[key]
        first, second = shown["conflictCriteria"]["and"]
        assert (first["operation"], second["operation"]) == ("CONTAINS_ONE", "CONTAINS_ALL")
        assert first["value"]["value"][0]["values"][0]["externalValue"] == "Admin"
        assert [e["name"] for e in second["value"]["value"]] == ["Role", "Tier"]
        assert await room.ok(f"{URL}/{shown['id']}") == shown
        listed = await room.ok(URL)
        assert (listed["data"], listed["metadata"]) == ([shown], {"total": 1})
        assert listed["_links"]["self"]["href"] == f"https://acme-admin.okta.com{URL}?limit=20"

    within(story)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('name sw "both"', ["Both"]),
        ('name co "OT"', ["Both", "Other"]),
        ('resourceOrn eq "ORN"', ["Both", "Other"]),
        ('resourceOrn eq "orn:okta:x" OR name sw "o"', ["Other"]),
    ],
)
def test_filters_and_pages(text: str, names: list[str]) -> None:
    async def story(room: Room) -> None:
        orn = (await room.ok(f"/api/v1/apps/{APP}"))["orn"]
        asked: dict[str, Json] = {"filter": text.replace("ORN", orn), "limit": 1}
        seen: list[Json] = []
        while True:
            page = await room.ok(URL, **asked)
            seen += page["data"]
            if "next" not in page["_links"]:
                break
            asked["after"] = page["data"][-1]["id"]
        assert [one["name"] for one in seen] == names

    within(story, okta_apps=erp(ADMIN_AND_CLERK, {**ADMIN_AND_CLERK, "name": "Other"}))


@pytest.mark.parametrize(
    ("changes", "code", "location", "reason"),
    [
        ({"name": None}, "E0000001", "/name", "REQUIRED_PROPERTY_MISSING"),
        ({"name": "x" * 256}, "E0000001", "/name", "INVALID_STRING_LENGTH_OVER_MAX"),
        ({"name": "Both"}, "E0000028", "name", "INVALID_RULE_NAME"),
        ({"description": ""}, "E0000001", "/description", "INVALID_STRING_LENGTH_UNDER_MIN"),
        ({"notes": "x" * 1001}, "E0000001", "/notes", "INVALID_STRING_LENGTH_OVER_MAX"),
        ({"type": "OTHER"}, "E0000001", "/type", "INVALID_ENUM_VALUE"),
        ({"resources": None}, "E0000001", "/resources", "REQUIRED_PROPERTY_MISSING"),
        ({"resources": []}, "E0000001", "/resources", "INVALID_ARRAY_LENGTH_UNDER_MIN"),
        ({"resources": [{}, {}]}, "E0000001", "/resources", "INVALID_ARRAY_LENGTH_OVER_MAX"),
        (
            {"resources": [{"resourceOrn": "x"}]},
            "E0000001",
            "/resources/0/resourceOrn",
            "INVALID_RESOURCE_ORN",
        ),
        ({"conflictCriteria": None}, "E0000001", "/conflictCriteria", "REQUIRED_PROPERTY_MISSING"),
        (
            {"conflictCriteria": {"and": [{}]}},
            "E0000001",
            "/conflictCriteria/and",
            "INVALID_ARRAY_LENGTH_UNDER_MIN",
        ),
    ],
)
def test_refusals(changes: dict[str, Json], code: str, location: str, reason: str) -> None:
    async def story(room: Room) -> None:
        before = await room.ok("/_emulator/state")
        refused = await room.send("POST", URL, await new_rule(room, **changes))
        (cause,) = refused.json()["errorCauses"]
        assert (refused.status_code, refused.json()["errorCode"]) == (400, code)
        assert (cause["location"], cause["reason"]) == (location, reason)
        assert await room.ok("/_emulator/state") == before

    within(story, okta_apps=erp(ADMIN_AND_CLERK))


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({"name": ""}, "/name"),
        ({"attribute": "principal.groups"}, "/attribute"),
        ({"operation": "CONTAINS_NONE"}, "/operation"),
        ({"value": {"type": "GROUPS", "value": [{}]}}, "/value/type"),
        ({"value": {"type": "ENTITLEMENTS", "value": []}}, "/value/value"),
        ({"value": {"type": "ENTITLEMENTS", "value": [{"id": "esp9"}]}}, "/value/value/0/id"),
    ],
)
def test_bad_criteria_are_named(changes: dict[str, Json], location: str) -> None:
    async def story(room: Room) -> None:
        body = await new_rule(room)
        body["conflictCriteria"]["and"][1].update(changes)
        refused = await room.send("POST", URL, body)
        (cause,) = refused.json()["errorCauses"]
        assert (refused.status_code, cause["location"]) == (400, f"/conflictCriteria/and/1{location}")

    within(story)


def test_a_put_changes_what_it_names() -> None:
    async def story(room: Room) -> None:
        made = (await room.send("POST", URL, await new_rule(room))).json()
        url = f"{URL}/{made['id']}"
        room.now_s += 60
        put = await room.send("PUT", url, {"id": made["id"], "name": "New", "notes": "", "description": None})
        assert put.status_code == 200, put.text
        expected = {**made, "name": "New", "lastUpdated": "2026-09-21T14:14:20Z"}
        del expected["notes"]
        assert put.json() == await room.ok(url) == expected
        sides = [await criterion(room, "CONTAINS_ONE", name) for name in ("Gold", "Silver")]
        changed = await room.send("PUT", url, {"id": made["id"], "conflictCriteria": {"and": sides}})
        both = changed.json()["conflictCriteria"]["and"]
        assert [one["value"]["value"][0]["values"][0]["name"] for one in both] == ["Gold", "Silver"]
        for body in ({"name": "x"}, {"id": "rul9"}, {"id": made["id"], "name": "Both"}):
            assert (await room.send("PUT", url, body)).status_code == 400
        assert await room.ok(url) == changed.json()

    within(story, okta_apps=erp(ADMIN_AND_CLERK))


def test_a_deleted_rule_is_unknown_as_any_other_id() -> None:
    async def story(room: Room) -> None:
        (found,) = (await room.ok(URL))["data"]
        gone = await room.client.delete(f"{URL}/{found['id']}")
        assert (gone.status_code, gone.content) == (204, b"")
        for method in ("GET", "PUT", "DELETE"):
            refused = await room.send(method, f"{URL}/{found['id']}", {})
            assert refused.status_code == 400
            assert refused.json()["errorCauses"][0]["reason"] == "IDENTIFIER_NOT_FOUND"
        assert await conflicts(room, ALICE, "Admin", "Clerk") == []

    within(story, okta_apps=erp(ADMIN_AND_CLERK))


@pytest.mark.parametrize(
    ("held", "asked", "conflict"),
    [
        ([], ["Admin", "Clerk"], True),
        ([], ["Admin"], False),
        (["Clerk"], ["Admin"], True),
        (["Clerk"], ["Auditor"], False),
        (["Admin", "Clerk"], ["Auditor"], True),
    ],
)
def test_held_and_asked_for_count_together(held: list[str], asked: list[str], conflict: bool) -> None:
    async def story(room: Room) -> None:
        await room.grant(BOB, *held)
        assert await conflicts(room, BOB, *asked) == (["Both"] if conflict else [])

    within(story, okta_apps=erp(ADMIN_AND_CLERK))


@pytest.mark.parametrize(
    ("operations", "asked", "conflict"),
    [
        (("CONTAINS_ONE", "CONTAINS_ONE"), ["Admin", "Gold"], True),
        (("CONTAINS_ALL", "CONTAINS_ONE"), ["Admin", "Gold"], False),
        (("CONTAINS_ALL", "CONTAINS_ONE"), ["Admin", "Clerk", "Silver"], True),
        (("CONTAINS_ALL", "CONTAINS_ONE"), ["Admin", "Clerk", "Auditor"], False),
        (("CONTAINS_ONE", "CONTAINS_ALL"), ["Clerk", "Gold"], False),
    ],
)
def test_one_and_all(operations: tuple[str, str], asked: list[str], conflict: bool) -> None:
    first = side(operations[0], role=["Admin", "Clerk"])
    second = side(operations[1], tier=["Gold", "Silver"])

    async def story(room: Room) -> None:
        assert await conflicts(room, BOB, *asked) == (["Wide"] if conflict else [])

    within(story, okta_apps=erp(rule("Wide", first, second)))


def test_a_bundle_is_assessed_by_what_it_holds() -> None:
    async def story(room: Room) -> None:
        assert await conflicts(room, ALICE, "Basics", bundle=True) == []
        await room.grant(ALICE, "Admin")
        assert await conflicts(room, ALICE, "Basics", bundle=True) == ["Seen"]

    seen = rule(
        "Seen", side("CONTAINS_ONE", role=["Admin"]), side("CONTAINS_ALL", role=["Auditor"], tier=["Silver"])
    )
    within(story, okta_apps=erp(seen))


def test_a_conflict_names_who_what_and_which_rule() -> None:
    async def story(room: Room) -> None:
        (found,) = (await room.ok(URL))["data"]
        who = await room.ok(
            f"{GOV}/principal-access", filter=f"{PARENT} AND {principal(await room.user_id(BOB))}"
        )
        values = (await room.ok(f"{GOV}/entitlements/values", filter=PARENT))["data"]
        body = {
            "principalOrn": who["targetPrincipalOrn"],
            "resourceOrnList": [value["orn"] for value in values],
        }
        answer = (await room.send("POST", ASSESS, body)).json()
        (conflict,) = answer["data"]
        assert conflict["id"].endswith(f":{found['id']}")
        expected = {
            "principalOrn": who["targetPrincipalOrn"],
            "resourceOrn": who["parentResourceOrn"],
            "ruleName": "Both",
            "ruleId": found["id"],
            "type": "SEPARATION_OF_DUTIES",
            "conflictCriteria": found["conflictCriteria"],
        }
        assert {key: conflict[key] for key in expected} == expected
        assert answer["_links"]["self"]["href"] == f"https://acme-admin.okta.com{ASSESS}"

    within(story, okta_apps=erp(ADMIN_AND_CLERK))


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({"principalOrn": None}, "/principalOrn"),
        ({"principalOrn": "x"}, "/principalOrn"),
        ({"resourceOrn": None}, "/resourceOrnList"),
        ({"resourceOrnList": ["x"]}, "/resourceOrnList"),
        ({"resourceOrn": "x"}, "/resourceOrn"),
        ({"resourceOrn": 7}, "/resourceOrn"),
        ({"resourceOrn": "APP"}, "/resourceOrn"),
        ({"resourceOrn": None, "resourceOrnList": []}, "/resourceOrnList"),
        ({"resourceOrn": None, "resourceOrnList": ["VALUE"] * 21}, "/resourceOrnList"),
        ({"resourceOrn": None, "resourceOrnList": [7]}, "/resourceOrnList/0"),
        ({"resourceOrn": None, "resourceOrnList": ["BUNDLE", "VALUE"]}, "/resourceOrnList"),
    ],
)
def test_bad_assessments(changes: dict[str, Json], location: str) -> None:
    async def story(room: Room) -> None:
        who = await room.ok(
            f"{GOV}/principal-access", filter=f"{PARENT} AND {principal(await room.user_id(BOB))}"
        )
        known = {
            "APP": who["parentResourceOrn"],
            "VALUE": (await room.ok(f"{GOV}/entitlements/values", filter=PARENT))["data"][0]["orn"],
            "BUNDLE": (await room.ok(f"{GOV}/entitlement-bundles"))["data"][0]["orn"],
        }
        body = {"principalOrn": who["targetPrincipalOrn"], "resourceOrn": known["VALUE"]}
        assert (await room.send("POST", ASSESS, body)).status_code == 200

        def meant(given: Json) -> Json:
            return [meant(one) for one in given] if isinstance(given, list) else known.get(given, given)

        refused = await room.send(
            "POST", ASSESS, {**body, **{key: meant(value) for key, value in changes.items()}}
        )
        assert (refused.status_code, refused.json()["errorCauses"][0]["location"]) == (400, location)

    within(story)


def test_a_rule_that_loses_a_value_is_invalid_until_it_gets_new_criteria() -> None:
    async def story(room: Room) -> Json:
        role, clerk = (await room.value_ids())["Clerk"]
        removal = {"op": "REMOVE", "path": f"/values/{clerk}", "refType": "ENTITLEMENT-VALUE"}
        await room.send("PATCH", f"{GOV}/entitlements/{role}", [removal])
        (found,) = (await room.ok(URL))["data"]
        assert (found["status"], found["conflictCriteria"]["and"][1]["value"]["value"]) == ("INVALID", [])
        assert await conflicts(room, ALICE, "Admin") == []
        return await room.ok("/_emulator/state")

    async def mended(room: Room) -> Json:
        again = await room.ok("/_emulator/state")
        (found,) = (await room.ok(URL))["data"]
        sides = [await criterion(room, "CONTAINS_ONE", name) for name in ("Admin", "Gold")]
        body = {"id": found["id"], "conflictCriteria": {"and": sides}}
        assert (await room.send("PUT", f"{URL}/{found['id']}", body)).json()["status"] == "ACTIVE"
        assert await conflicts(room, ALICE, "Admin", "Gold") == ["Both"]
        return again

    state = within(story, okta_apps=erp(ADMIN_AND_CLERK))
    assert within(mended, **state) == state


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([ADMIN_AND_CLERK, ADMIN_AND_CLERK], "risk_rules: the same name appears twice: Both"),
        ([rule("Half", side("CONTAINS_ONE", role=["Admin"]))], r"risk_rules\[0\].criteria"),
        ([rule("Odd", *[side("CONTAINS_ONE", role=["Boss"])] * 2)], r"criteria\[0\].values.role: .*'Boss'"),
        ([rule("None", *[side("CONTAINS_ONE")] * 2)], r"criteria\[0\].values: name at least one value"),
    ],
)
def test_org_files_are_checked(rules: list[Json], message: str) -> None:
    with pytest.raises(OrgFileError, match=message):
        org_file_from(org_data(okta_apps=erp(*rules)))


def test_rules_need_an_app_under_management() -> None:
    async def story(room: Room) -> None:
        orn = (await room.ok(f"/api/v1/apps/{OFF}"))["orn"]
        refused = await room.send("POST", URL, await new_rule(room, resources=[{"resourceOrn": orn}]))
        assert refused.json()["errorCauses"][0]["reason"] == "INVALID_RESOURCE_ORN"

    within(story)
