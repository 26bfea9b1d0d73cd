"""Turning entitlement management on and off: the operation, what is refused meanwhile, what is left after."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.emulator import OrgFileError
from pipeline.emulator.orgfile import org_file_from
from tests.emulator.org_room import APP, GOV, OFF, PARENT, TARGET, Json, Room, org_data, within

ALICE, BOB = "alice@acme.example.com", "bob@acme.example.com"


async def settings_url(room: Room, app_id: str) -> str:
    orn = (await room.ok(f"/api/v1/apps/{app_id}"))["orn"]
    return f"/governance/api/v2/resources/{orn}/entitlement-settings"


async def turn(room: Room, app_id: str, status: str) -> str:
    """The path of the operation."""
    answer = await room.send("PATCH", await settings_url(room, app_id), {"status": status})
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"status": status.replace("OPTED", "OPTING")}
    location = str(answer.headers["location"])
    assert answer.links["operation"]["url"] == location
    return location.removeprefix("https://acme-admin.okta.com")


async def statuses(room: Room, app_id: str) -> tuple[str, str]:
    shown = await room.ok(f"/api/v1/apps/{app_id}")
    return shown["settings"]["emOptInStatus"], (await room.ok(await settings_url(room, app_id)))["status"]


def wiki(**changes: Json) -> list[dict[str, Any]]:
    erp, off = org_data()["okta_apps"]
    return [erp, {**off, "assigned": [ALICE, {"user": BOB, "scope": "GROUP"}], **changes}]


def test_opting_in_takes_its_time_and_marks_assignments_as_custom() -> None:
    async def story(room: Room) -> None:
        assert await statuses(room, OFF) == ("NONE", "OPTED_OUT")
        operation = await turn(room, OFF, "OPTED_IN")
        room.now_s += 4
        running = await room.ok(operation)
        assert (running["status"], running["timeElapsedInSeconds"]) == ("RUNNING", 4)
        assert "completed" not in running
        assert await statuses(room, OFF) == ("ENABLING", "OPTING_IN")
        room.now_s += 100
        done = await room.ok(operation)
        assert (done["status"], done["timeElapsedInSeconds"]) == ("COMPLETED", 7)
        assert done["_links"]["self"]["href"].endswith(operation)
        assert done["completed"] == "2026-09-21T14:13:27.000Z"
        assert await statuses(room, OFF) == ("ENABLED", "OPTED_IN")
        grants = (await room.ok(f"{GOV}/grants", filter=TARGET.replace(APP, OFF)))["data"]
        who = [await room.user_id(login) for login in (ALICE, BOB)]
        assert [grant["targetPrincipal"]["externalId"] for grant in grants] == who
        assert {grant["grantType"] for grant in grants} == {"CUSTOM"}
        assert [grant["entitlements"] for grant in grants] == [[], []]
        assert {grant["created"] for grant in grants} == {"2026-09-21T14:13:27Z"}

    within(story, okta_apps=wiki(), switches={"opt_in_s": 7})


@pytest.mark.parametrize("late_s", [0, 0.5, 1, 60])
def test_nobody_can_tell_when_it_was_carried_out(late_s: float) -> None:
    async def story(room: Room) -> Json:
        await turn(room, OFF, "OPTED_IN")
        room.now_s += 3
        if late_s != 60:
            await room.ok("/_emulator/state")
        room.now_s += late_s
        await room.ok("/api/v1/org")
        return await room.ok("/_emulator/state")

    assert within(story, okta_apps=wiki()) == _after_a_minute()


def _after_a_minute() -> Json:
    async def story(room: Room) -> Json:
        await turn(room, OFF, "OPTED_IN")
        room.now_s += 60
        return await room.ok("/_emulator/state")

    return within(story, okta_apps=wiki())


@pytest.mark.parametrize("management", ["ENABLING", "DISABLING", "DISABLED", False])
def test_writes_are_refused_and_nothing_is_shown_while_it_is_not_on(management: Json) -> None:
    async def story(room: Room) -> None:
        await room.ok("/api/v1/org")
        app_id = APP
        target = {"externalId": app_id, "type": "APPLICATION"}
        grant = (await room.ok("/_emulator/state"))["okta_apps"][0]["grants"][0]["id"]
        bundle = (await room.ok("/_emulator/state"))["okta_apps"][0]["bundles"][0]["id"]
        role = (await room.ok("/_emulator/state"))["okta_apps"][0]["entitlements"][0]["id"]
        before = await room.ok("/_emulator/state")
        entitlement = {"name": "x", "externalValue": "x", "multiValue": True, "dataType": "array"}
        who = {"externalId": await room.user_id(ALICE), "type": "OKTA_USER"}
        later = {"id": grant, "scheduleSettings": {"expirationDate": "2030-01-01T00:00:00Z"}}
        writes: list[tuple[str, str, Json]] = [
            ("POST", "/entitlements", {**entitlement, "parent": target, "values": []}),
            ("PATCH", f"/entitlements/{role}", [_rename()]),
            ("DELETE", f"/entitlements/{role}", None),
            ("POST", "/grants", {"grantType": "CUSTOM", "target": target, "targetPrincipal": who}),
            ("PATCH", f"/grants/{grant}", later),
            ("POST", "/entitlement-bundles", {"name": "x", "target": target, "entitlements": [{}]}),
            ("DELETE", f"/entitlement-bundles/{bundle}", None),
        ]
        for method, path, body in writes:
            assert (await room.send(method, f"{GOV}{path}", body)).status_code in (400, 404), path
        for path in (f"/entitlements/{role}", f"/grants/{grant}", f"/entitlement-bundles/{bundle}"):
            assert (await room.get(f"{GOV}{path}")).status_code == 404
        assert (await room.get(f"{GOV}/entitlements", filter=PARENT)).status_code == 404
        assert (await room.ok(f"{GOV}/entitlement-bundles"))["data"] == []
        room.now_s += 3600
        assert await room.ok("/_emulator/state") == before

    erp, off = org_data()["okta_apps"]
    grants = [{"user": ALICE, "values": {"role": ["Admin"]}}]
    within(story, okta_apps=[{**erp, "entitlement_management": management, "grants": grants}, off])


def _rename() -> dict[str, str]:
    return {"op": "REPLACE", "path": "/name", "refType": "ENTITLEMENT", "value": "y"}


def test_opting_out_destroys_entitlement_data_and_leaves_assignments() -> None:
    async def story(room: Room) -> None:
        before = (await room.ok("/_emulator/state"))["okta_apps"][0]
        await turn(room, APP, "OPTED_OUT")
        assert await statuses(room, APP) == ("DISABLING", "OPTING_OUT")
        assert (await room.get(f"{GOV}/grants", filter=TARGET)).status_code == 404
        room.now_s += 3
        assert await statuses(room, APP) == ("DISABLED", "OPTED_OUT")
        erp = (await room.ok("/_emulator/state"))["okta_apps"][0]
        assert [erp[key] for key in ("entitlements", "bundles", "grants", "risk_rules")] == [[], [], [], []]
        assert erp["assigned"] == before["assigned"] != []
        await turn(room, APP, "OPTED_IN")
        room.now_s += 3
        assert [grant["entitlements"] for grant in await room.grants()] == [[], []]
        assert await room.value_ids() == {}

    erp, off = org_data()["okta_apps"]
    sides = [{"name": name, "values": {"role": [name]}} for name in ("Admin", "Clerk")]
    more = {"grants": [{"user": ALICE, "values": {"role": ["Admin"]}}]}
    within(story, okta_apps=[{**erp, **more, "risk_rules": [{"name": "Both", "criteria": sides}]}, off])


@pytest.mark.parametrize(
    ("app_id", "changes", "body", "reason"),
    [
        (OFF, {}, {}, "REQUIRED_PROPERTY_MISSING"),
        (OFF, {}, {"status": "OPTING_IN"}, "INVALID_ENUM_VALUE"),
        (OFF, {}, {"status": "OPTED_OUT"}, "OPERATION_STATUS_CONFLICT"),
        (APP, {}, {"status": "OPTED_IN"}, "OPERATION_STATUS_CONFLICT"),
        (OFF, {"entitlement_management": "ENABLING"}, {"status": "OPTED_OUT"}, "OPERATION_STATUS_CONFLICT"),
        (OFF, {"features": ["PUSH_NEW_USERS"]}, {"status": "OPTED_IN"}, "OPERATION_STATUS_CONFLICT"),
        (OFF, {"name": "bookmark"}, {"status": "OPTED_IN"}, "OPERATION_STATUS_CONFLICT"),
    ],
)
def test_refusals(app_id: str, changes: dict[str, Json], body: Json, reason: str) -> None:
    async def story(room: Room) -> None:
        before = await room.ok("/_emulator/state")
        refused = await room.send("PATCH", await settings_url(room, app_id), body)
        assert (refused.status_code, refused.json()["errorCauses"][0]["reason"]) == (400, reason)
        assert await room.ok("/_emulator/state") == before

    within(story, okta_apps=wiki(**changes))


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_unknown_resource_is_a_400(method: str) -> None:
    async def story(room: Room) -> None:
        url = (await settings_url(room, APP)).replace("orn:okta", "orn:oktapreview")
        refused = await room.send(method, url, {"status": "OPTED_IN"})
        assert (refused.status_code, refused.json()["errorCauses"][0]["reason"]) == (
            400,
            "INVALID_RESOURCE_ORN",
        )
        unknown = await room.get(f"{GOV}/operations/cpa1nobody0000000x7a")
        assert (unknown.status_code, unknown.json()["errorCauses"][0]["reason"]) == (
            400,
            "IDENTIFIER_NOT_FOUND",
        )

    within(story)


def test_a_state_on_its_way_loads_again_and_arrives() -> None:
    async def begun(room: Room) -> Json:
        await turn(room, OFF, "OPTED_IN")
        return await room.ok("/_emulator/state")

    async def arriving(room: Room) -> Json:
        again = await room.ok("/_emulator/state")
        (operation,) = again["operations"]
        assert (await room.ok(f"{GOV}/operations/{operation['id']}"))["status"] == "RUNNING"
        room.now_s += 3
        assert (await room.ok(f"{GOV}/operations/{operation['id']}"))["status"] == "COMPLETED"
        assert await statuses(room, OFF) == ("ENABLED", "OPTED_IN")
        return again

    state = within(begun, okta_apps=wiki())
    assert state["okta_apps"][1]["entitlement_management"] == "ENABLING"
    assert within(arriving, **state) == state


def test_an_operation_must_fit_its_app() -> None:
    running = {"target": "OPTED_IN", "status": "RUNNING", "created": "2026-01-01", "due": "2026-01-02"}
    for app_id, message in ((APP, "needs ENABLING there"), ("0oa9" + "0" * 16, "there is no app")):
        entry = {"id": "cpa1example0000000x7", "okta_app": app_id, **running}
        with pytest.raises(OrgFileError, match=rf"operations\[0\].*{message}"):
            org_file_from(org_data(operations=[entry]))
