"""Pages of any size add up to the whole, for every listing, and links point where Okta's point."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.emulator.org_room import APP, GOV, PARENT, TARGET, Room, within

COUNT = 23


def big_org() -> dict[str, Any]:
    logins = [f"user{n}@acme.example.com" for n in range(COUNT)]
    names = [f"E{n % 7}-{n}" for n in range(COUNT)]
    entitlements = [{"name": name[:2], "external_value": name, "values": ["x"]} for name in names]
    entitlements[0]["values"] = [f"v{n}" for n in range(COUNT)]
    values = {names[0]: ["v1"]}
    erp = {
        "id": APP,
        "label": "ERP",
        "assigned": logins,
        "entitlements": entitlements,
        "grants": [{"user": login, "values": values} for login in logins],
    }
    others = [{"label": f"App {n}"} for n in range(COUNT - 1)]
    return {"users": [{"login": login} for login in logins], "okta_apps": [erp, *others]}


CORE = ["/api/v1/users", "/api/v1/apps", f"/api/v1/apps/{APP}/users"]
GOVERNED = [
    (f"{GOV}/entitlements", {"filter": PARENT}, COUNT),
    (f"{GOV}/entitlements", {"filter": PARENT, "orderBy": "created desc"}, COUNT),
    (f"{GOV}/entitlements/values", {"filter": PARENT}, 2 * COUNT - 1),
    (f"{GOV}/grants", {"filter": TARGET}, COUNT),
]


@pytest.mark.parametrize("limit", [1, 2, 5, 22, 23, 24, 200])
@pytest.mark.parametrize("path", CORE)
def test_core_pages_add_up(path: str, limit: int) -> None:
    async def story(room: Room) -> None:
        seen: list[str] = []
        url = f"{path}?limit={limit}"
        while url:
            response = await room.client.get(url)
            assert isinstance(response.json(), list)
            seen += [item["id"] for item in response.json()]
            lines = response.headers.get_list("link")
            assert len(lines) == len(response.links)
            url = _way_on(response.links, "https://acme.okta.com")
        assert len(seen) == len(set(seen)) == COUNT

    within(story, **big_org())


@pytest.mark.parametrize("limit", [1, 2, 7, 22, 23, 24, 200])
@pytest.mark.parametrize(("path", "params", "count"), GOVERNED)
def test_governance_pages_add_up(path: str, params: dict[str, str], count: int, limit: int) -> None:
    async def story(room: Room) -> None:
        response = await room.get(path, **params, limit=limit)
        seen: list[str] = []
        while True:
            body = response.json()
            seen += [item["id"] for item in body["data"]]
            if "metadata" in body:
                assert body["metadata"]["total"] == count
            linked = {rel: found["href"] for rel, found in body["_links"].items()}
            assert linked == {rel: found["url"] for rel, found in response.links.items()}
            url = _way_on(response.links, "https://acme-admin.okta.com")
            if not url:
                break
            response = await room.client.get(url)
        assert len(seen) == len(set(seen)) == count

    within(story, **big_org())


def _way_on(links: dict[Any, Any], origin: str) -> str:
    assert links["self"]["url"].startswith(origin + "/")
    if "next" not in links:
        return ""
    parts = urlsplit(links["next"]["url"])
    assert f"{parts.scheme}://{parts.netloc}" == origin
    return f"{parts.path}?{parts.query}"


def test_rows_that_vanish_while_paging_do_not_hide_others() -> None:
    async def story(room: Room) -> None:
        first = (await room.client.get(f"{GOV}/grants", params={"filter": TARGET, "limit": 5})).json()
        last = first["data"][-1]["targetPrincipal"]["externalId"]
        login = (await room.ok(f"/api/v1/users/{last}"))["profile"]["login"]
        body = {"grantType": "POLICY", "target": {"externalId": APP, "type": "APPLICATION"}}
        principal = {"externalId": await room.user_id(login), "type": "OKTA_USER"}
        await room.send("POST", f"{GOV}/grants", {**body, "targetPrincipal": principal})
        parts = urlsplit(first["_links"]["next"]["href"])
        second = (await room.client.get(f"{parts.path}?{parts.query}")).json()
        assert second["data"][0]["id"] > first["data"][-1]["id"]
        assert len(second["data"]) == 5

    within(story, **big_org())


@pytest.mark.parametrize("limit", ["0", "201", "x", "-1", ""])
def test_governance_refuses_a_bad_limit(limit: str) -> None:
    async def story(room: Room) -> None:
        response = await room.get(f"{GOV}/grants", filter=TARGET, limit=limit)
        assert (response.status_code, response.json()["errorCode"]) == (400, "E0000029")

    within(story)


def test_defaults() -> None:
    async def story(room: Room) -> None:
        assert len((await room.ok(f"{GOV}/grants", filter=TARGET))["data"]) == 20
        assert len((await room.ok(f"{GOV}/entitlements", filter=PARENT))["data"]) == 20
        assert len(await room.ok("/api/v1/users")) == COUNT

    within(story, **big_org())
