"""An admin who changes access while a client is at work."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.fault_room import (
    ALICE,
    BOB,
    LIST_GRANTS,
    POST_GRANT,
    PUT_GRANT,
    StormyRoom,
    fault,
    stormy,
)
from tests.emulator.org_room import APP, GOV, TARGET, Json, org_data, principal

HELD = {"user": BOB, "type": "CUSTOM", "values": {"role": ["Auditor"], "tier": ["Gold"]}}


def org(*grants: dict[str, Any]) -> dict[str, Any]:
    data = org_data()
    data["okta_apps"][0]["grants"] = list(grants)
    data["okta_apps"][0]["assigned"] = [ALICE, BOB]
    return data


async def read_and_write(room: StormyRoom, *names: str) -> Json:
    """Bob's grant is read by id, then written with these values as a client would do it."""
    [grant] = [each for each in await room.grants() if each["grantType"] == "CUSTOM"]
    read = await room.ok(f"{GOV}/grants/{grant['id']}")
    body = {**read, "entitlements": await room.entitlements(*names)}
    return await room.send("PUT", f"{GOV}/grants/{grant['id']}", body)


def change(name: str, **options: Json) -> dict[str, Any]:
    return fault("admin_change", change=name, **options)


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        (
            change("add_value", entitlement="role", value="Admin"),
            {"role": {"Auditor", "Admin"}, "tier": {"Gold"}},
        ),
        (change("add_value", entitlement="tier", value="Silver"), {"role": {"Auditor"}, "tier": {"Silver"}}),
        (change("remove_value", value="Gold"), {"role": {"Auditor"}}),
        (change("new_grant", value="Clerk"), {"role": {"Clerk"}}),
        (change("revoke_all"), None),
        (change("to_policy"), {"role": {"Auditor"}, "tier": {"Gold"}}),
        (change("unassign"), None),
        (change("deprovision"), None),
        (change("remove_entitlement_value", value="Auditor"), {"tier": {"Gold"}}),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_of_what_someone_holds(
    asked: dict[str, Json], held: dict[str, set[str]] | None, when: str
) -> None:
    async def story(room: StormyRoom) -> None:
        bob = await room.user_id(BOB)
        await room.set_faults({**asked, "user": BOB, "when": when, "match": LIST_GRANTS, "times": 1})
        shown = await room.grants(f" AND {principal(bob)}")
        shown_now = {group["externalValue"] for grant in shown for group in grant["entitlements"]}
        now = await room.base(BOB)
        values = {key: set(names) for key, names in now["values"].items()} if now else None
        assert values == held
        assert now is None or now["type"] == ("POLICY" if asked["change"] == "to_policy" else "CUSTOM")
        # Made before the call it shows in its answer; after, not yet.
        assert shown_now == (set(held or {}) if when == "before" else {"role", "tier"})
        [noted] = await room.changes()
        assert (noted["change"], await room.fired()) == (asked["change"], [1])
        lines = await room.ok("/_emulator/requests")
        [listing] = [line["n"] for line in lines if line["path"] == f"{GOV}/grants"]
        assert noted["after_request"] == (listing - 1 if when == "before" else listing)

    stormy(story, **org(HELD))


def test_an_unassigned_and_a_deprovisioned_user_are_so_everywhere() -> None:
    async def story(room: StormyRoom) -> None:
        bob = await room.user_id(BOB)
        await room.set_faults(change("unassign", match="POST /api/v1/apps/*/users/{id}", times=1))
        gone = await room.send("POST", f"/api/v1/apps/{APP}/users/{bob}", {})
        assert (gone.status_code, await room.base(BOB)) == (404, None)
        await room.set_faults(change("deprovision", match="GET /api/v1/users/*", times=1, user=BOB))
        assert (await room.ok(f"/api/v1/users/{bob}"))["status"] == "DEPROVISIONED"
        assert (await room.grant(BOB, "Admin")).status_code == 403

    stormy(story, **org(HELD))


def test_a_group_gives_the_app_to_who_does_not_have_it() -> None:
    async def story(room: StormyRoom) -> None:
        assigned = f"/api/v1/apps/{APP}/users"
        asked = change("assign_group", match=f"GET {assigned}", okta_app=APP, user=BOB)
        await room.set_faults(asked)
        assert [each["scope"] for each in await room.ok(assigned)] == ["USER", "GROUP"]
        await room.ok(assigned)
        # Once: who has the app needs no group for it.
        assert [each["change"] for each in await room.changes()] == ["assign_group"]

    data = org()
    data["okta_apps"][0]["assigned"] = [ALICE]
    stormy(story, **data)


def test_a_bundle_and_a_new_value() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(
            change("add_bundle", bundle="Basics", match=LIST_GRANTS, user=BOB, times=1),
            change("add_entitlement_value", entitlement="role", match=LIST_GRANTS),
        )
        kinds = {grant["grantType"] for grant in await room.grants()}
        assert kinds == {"CUSTOM", "ENTITLEMENT-BUNDLE"}
        # An additional grant outdoes his own Gold, as the entitlement takes one value.
        assert await room.held(BOB) == {"Auditor", "Silver"}
        await room.grants()
        assert {"admin-1", "admin-2"} <= (await room.value_ids()).keys()
        assert [(each["change"], each["user"]) for each in await room.changes()] == [
            ("add_bundle", BOB),
            ("add_entitlement_value", None),
            ("add_entitlement_value", None),
        ]

    stormy(story, **org(HELD))


def test_between_a_read_and_the_write_that_follows() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(change("add_value", value="Admin", when="between", match=PUT_GRANT, times=1))
        answer = await read_and_write(room, "Auditor", "Gold", "Clerk")
        # Okta has no conditional write: the admin's value, unseen by the client, is overwritten.
        assert answer.status_code == 200
        now = await room.base(BOB)
        assert now is not None
        assert set(now["values"]["role"]) == {"Auditor", "Clerk"}
        [noted] = await room.changes()
        assert (noted["value"], noted["user"], noted["okta_app"]) == ("Admin", BOB, APP)
        lines = await room.ok("/_emulator/requests")
        assert lines[noted["after_request"]]["method"] == "PUT"

    stormy(story, **org(HELD))


def test_between_needs_a_read_of_that_person() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(change("add_bundle", when="between"))
        assert (await room.grant(BOB, "Admin")).status_code == 201
        assert (await room.changes(), await room.fired()) == ([], [0])
        # Someone else's grants do not tell of Bob's.
        alice, bob = await room.user_id(ALICE), await room.user_id(BOB)
        await room.grants(f" AND {principal(alice)}")
        assert (await room.grant(BOB, "Admin")).status_code == 201
        assert await room.fired() == [0]
        # That Bob holds nothing is knowledge, too.
        await room.grants(f" AND {principal(bob)}")
        assert (await room.grant(BOB, "Admin")).status_code == 201
        assert await room.fired() == [1]
        # His grants were written since, so they would have to be read again.
        assert (await room.grant(BOB, "Admin")).status_code == 201
        assert await room.fired() == [1]

    stormy(story, **org())


def test_a_grant_converted_before_the_write_refuses_it() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(change("to_policy", when="between"))
        assert (await read_and_write(room, "Auditor", "Gold", "Clerk")).status_code == 400
        now = await room.base(BOB)
        assert now is not None
        assert now["type"] == "POLICY"

    stormy(story, **org(HELD))


def test_the_person_of_the_call_is_meant() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(change("add_value", match=POST_GRANT, when="after"))
        for login in (ALICE, BOB):
            assert (await room.grant(login, "Admin")).status_code == 201
        assert [each["user"] for each in await room.changes()] == [ALICE, BOB]
        for login in (ALICE, BOB):
            now = await room.base(login)
            assert now is not None
            assert sum(len(values) for values in now["values"].values()) == 2

    stormy(story, **org())


def test_a_call_about_nobody_means_someone_whom_the_change_fits() -> None:
    async def story(room: StormyRoom) -> None:
        for seed in range(8):
            await room.client.post("/_emulator/reset")
            await room.set_faults(change("revoke_all", match=LIST_GRANTS), seed=seed)
            await room.grants()
            # Only Bob holds something.
            assert [each["user"] for each in await room.changes()] == [BOB]
            assert await room.base(BOB) is None

    stormy(story, **org(HELD))


def test_what_cannot_be_changed_is_not_counted() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(
            change("add_bundle", bundle="None such"),
            change("remove_value", user=ALICE),
            change("to_policy", okta_app="Wiki", user=BOB),
            change("unassign", user="nobody@acme.example.com"),
        )
        await room.ok(f"{GOV}/grants", filter=TARGET)
        assert (await room.fired(), await room.changes()) == ([0, 0, 0, 0], [])

    stormy(story, **org(HELD))


@pytest.mark.parametrize("name", ["add_value", "new_grant", "add_bundle"])
def test_an_admin_keeps_to_the_orgs_rules(name: str) -> None:
    async def story(room: StormyRoom) -> None:
        for login in ("carol@acme.example.com", "gone@acme.example.com"):
            await room.set_faults(change(name, user=login, match=LIST_GRANTS))
            await room.grants()
            assert await room.fired() == [0]
        await room.set_faults(change(name, user=ALICE, match=LIST_GRANTS))
        await room.grants()
        assert await room.fired() == [1]

    # Carol is not assigned, and one user is gone.
    stormy(story, **org(), switches={"grant_needs_assignment": True})


def test_the_list_of_changes_goes_on_and_is_reset() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(change("add_entitlement_value"))
        for _ in range(3):
            await room.ok("/api/v1/org")
        assert [each["n"] for each in await room.ok("/_emulator/changes", since=1)] == [2, 3]
        assert (await room.get("/_emulator/changes", since="x")).status_code == 400
        await room.client.post("/_emulator/reset")
        assert await room.changes() == []

    stormy(story, **org(HELD))
