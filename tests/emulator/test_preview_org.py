"""An org at oktapreview.com: where its links point, and which of its names say so."""

from __future__ import annotations

from typing import Any

from tests.emulator.org_room import APP, GOV, PARENT, TARGET, Json, Room, org_data, within

ALICE = "alice@acme.example.com"
PREVIEW = {"subdomain": "acme", "preview": True}
SITE = "https://acme.oktapreview.com"
ADMIN = "https://acme-admin.oktapreview.com"


def hrefs(body: Json) -> list[str]:
    if isinstance(body, dict):
        own = [body["href"]] if isinstance(body.get("href"), str) else []
        return own + [href for value in body.values() for href in hrefs(value)]
    return [href for value in body for href in hrefs(value)] if isinstance(body, list) else []


def test_links_stay_at_oktapreview() -> None:
    async def story(room: Room) -> None:
        await room.grant(ALICE, "Admin")
        core = [f"/api/v1/apps/{APP}", f"/api/v1/users/{ALICE}", "/.well-known/okta-organization"]
        governed = {
            f"{GOV}/entitlements": PARENT,
            f"{GOV}/grants": TARGET,
            f"{GOV}/entitlement-bundles": TARGET,
        }
        for path in core:
            assert {href.startswith(SITE) for href in hrefs(await room.ok(path))} == {True}
        for path, text in governed.items():
            found = await room.get(path, filter=text, limit=1)
            assert {href.startswith(ADMIN) for href in hrefs(found.json())} == {True}
            assert found.links["self"]["url"].startswith(ADMIN)

    within(story, org=PREVIEW)


def test_apps_and_users_say_oktapreview_values_and_bundles_do_not() -> None:
    async def story(room: Room) -> None:
        await room.grant(ALICE, "Admin")
        (grant,) = await room.grants()
        (bundle,) = (await room.ok(f"{GOV}/entitlement-bundles"))["data"]
        org_id = (await room.ok("/api/v1/org"))["id"]
        assert grant["targetResourceOrn"] == f"orn:oktapreview:idp:{org_id}:apps:oidc_client:{APP}"
        who = await room.user_id(ALICE)
        assert grant["targetPrincipalOrn"] == f"orn:oktapreview:directory:{org_id}:users:{who}"
        value = grant["entitlements"][0]["values"][0]
        assert value["orn"] == f"orn:okta:governance:{org_id}:entitlement-values:{value['id']}"
        assert bundle["orn"] == f"orn:okta:governance:{org_id}:entitlement-bundles:{bundle['id']}"
        assert bundle["targetResourceOrn"] == grant["targetResourceOrn"]
        by_orn = f'targetResourceOrn eq "{grant["targetResourceOrn"]}"'
        who_orn = f'targetPrincipalOrn eq "{grant["targetPrincipalOrn"]}"'
        found = await room.ok(f"{GOV}/grants", filter=f"{by_orn} AND {who_orn}")
        assert [one["id"] for one in found["data"]] == [grant["id"]]
        settings = f"/governance/api/v2/resources/{grant['targetResourceOrn']}/entitlement-settings"
        assert await room.ok(settings) == {"status": "OPTED_IN"}
        body = {"principalOrn": grant["targetPrincipalOrn"], "revokeOrns": [value["orn"]]}
        assert (
            await room.send("POST", "/governance/api/v2/revoke-principal-access", body)
        ).status_code == 200
        assert await room.held(ALICE) == set()

    within(story, org=PREVIEW)


def test_names_built_with_the_wrong_partition_find_nothing() -> None:
    async def story(room: Room) -> None:
        orn = (await room.ok(f"/api/v1/apps/{APP}"))["orn"].replace("oktapreview", "okta")
        assert (await room.get(f"{GOV}/grants", filter=f'targetResourceOrn eq "{orn}"')).status_code == 400
        assert (
            await room.get(f"{GOV}/entitlements", filter=f'parentResourceOrn eq "{orn}"')
        ).status_code == 400
        who = f"orn:okta:directory:{(await room.ok('/api/v1/org'))['id']}:users:{await room.user_id(ALICE)}"
        asked = await room.get(
            f"{GOV}/principal-access", filter=f'{PARENT} AND targetPrincipalOrn eq "{who}"'
        )
        assert asked.status_code == 404

    within(story, org=PREVIEW)


def test_the_state_says_preview_and_only_then() -> None:
    async def state(room: Room) -> dict[str, Any]:
        return dict(await room.ok("/_emulator/state"))

    first = within(state, org=PREVIEW)
    assert first["org"]["preview"] is True
    assert within(state, **first) == first
    assert "preview" not in within(state, **org_data())["org"]
