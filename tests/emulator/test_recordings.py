"""What real Okta answered, key for key. Skipped where the recordings are not at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.emulator.org_room import APP, GOV, PARENT, Json, Room, within
from tests.emulator.service_app import TOKEN_URL, App, client_entry, ec_key, proof

RECORDINGS = Path(__file__).parents[3] / "shared" / "reference" / "recordings"
pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of real Okta are not at hand")

RATE = {"x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset", "date", "content-type"}


def interactions_of(name: str) -> list[dict[str, Any]]:
    return list(json.loads((RECORDINGS / name).read_text(encoding="utf-8"))["interactions"])


def recorded(name: str, path_end: str, method: str = "GET", status: int = 200) -> dict[str, Any]:
    """The last such interaction whose path matches the pattern to its end."""
    found = [
        i
        for i in interactions_of(name)
        if i["method"] == method and i["status"] == status and re.search(f"{path_end}$", i["path"])
    ]
    return found[-1]


def assert_alike(
    ours: httpx.Response, theirs: dict[str, Any], *, optional: AbstractSet[str] = frozenset()
) -> None:
    assert ours.status_code == theirs["status"]
    names = {name.lower() for name in theirs["responseHeaders"]}
    assert (RATE | {"link"}) & names <= set(ours.headers)
    assert_keys(ours.json(), theirs["responseBody"], optional, at="body")


def assert_keys(ours: Json, theirs: Json, optional: AbstractSet[str], at: str) -> None:
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), at
        missing, surplus = theirs.keys() - ours.keys() - optional, ours.keys() - theirs.keys() - optional
        assert (missing, surplus) == (set(), set()), at
        for key in theirs.keys() & ours.keys():
            assert_keys(ours[key], theirs[key], optional, f"{at}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), at
        for mine, real in zip(ours[:1], theirs[:1], strict=False):
            assert_keys(mine, real, optional, f"{at}[0]")
    elif theirs is not None and ours is not None:
        assert type(ours) is type(theirs), at


GOVERNED = [
    (
        "entitlements__list_entitlements.cb98d23.json",
        "/entitlements",
        f"{GOV}/entitlements",
        {"filter": PARENT},
    ),
    (
        "entitlements__list_all_entitlement_values.cb98d23.json",
        "/entitlements/values",
        f"{GOV}/entitlements/values",
        {"filter": PARENT},
    ),
    ("entitlements__get_entitlement.cb98d23.json", "", f"{GOV}/entitlements/ESP", {}),
    ("entitlements__list_entitlement_values.cb98d23.json", "/values", f"{GOV}/entitlements/ESP/values", {}),
]


@pytest.mark.parametrize(("name", "end", "path", "params"), GOVERNED)
def test_governance_reads(name: str, end: str, path: str, params: dict[str, str]) -> None:
    async def story(room: Room) -> None:
        role = (await room.value_ids())["Admin"][0]
        response = await room.get(path.replace("ESP", role), **params)
        assert_alike(response, recorded(name, end), optional={"next", "description"})

    within(story, limits="observed")


def test_one_value() -> None:
    async def story(room: Room) -> None:
        role, admin = (await room.value_ids())["Admin"]
        theirs = recorded("entitlements__get_entitlement_value.cb98d23.json", "/values/ent.*")
        ours = await room.get(f"{GOV}/entitlements/{role}/values/{admin}")
        assert_alike(ours, theirs, optional={"description"})

    within(story)


def test_governance_links_repeat_the_question_as_recorded() -> None:
    async def story(room: Room) -> None:
        theirs = recorded("entitlements__list_entitlements.cb98d23.json", "/entitlements")
        links = theirs["responseBody"]["_links"]
        ours = (await room.ok(f"{GOV}/entitlements", filter=PARENT, limit=1))["_links"]
        assert set(ours) == set(links) == {"self", "next"}
        for rel in ours:
            assert _shape(ours[rel]["href"]) == _shape(links[rel]["href"]).replace("limit=10", "limit=1")

    within(story)


def _shape(url: str) -> str:
    """The part of a link after the host, without ids."""
    rest = url.split(".com", 1)[1]
    for start in ("after=", "eq%20%22"):
        before, found, after = rest.partition(start)
        rest = before + found + after[20:] if found else rest
    return rest


def test_entitlement_settings() -> None:
    async def story(room: Room) -> None:
        orn = (await room.ok(f"/api/v1/apps/{APP}"))["orn"]
        theirs = recorded(
            "entitlement_settings__get_entitlement_settings.cb98d23.json", "/entitlement-settings"
        )
        assert_alike(await room.get(f"/governance/api/v2/resources/{orn}/entitlement-settings"), theirs)

    within(story)


def test_well_known_organization() -> None:
    async def story(room: Room) -> None:
        theirs = recorded("core/TestAccDataSourceOktaAppUserAssignments_read.json", "/okta-organization")
        anonymous = await room.client.get("/.well-known/okta-organization", headers={"Authorization": ""})
        assert_alike(anonymous, theirs)

    within(story)


def test_users_and_their_search() -> None:
    async def story(room: Room) -> None:
        theirs = recorded("core/TestAccDataSourceOktaUsers_read.json", "/api/v1/users")
        ours = await room.get("/api/v1/users", search='profile.email sw "bob"', limit=200)
        assert_alike(ours, theirs)

    within(story)


def test_app_users() -> None:
    async def story(room: Room) -> None:
        theirs = recorded(
            "core/TestAccDataSourceOktaAppUserAssignments_read.json", r"/apps/\w+/users", method="POST"
        )
        body = {"id": await room.user_id("bob@acme.example.com"), "scope": "USER"}
        ours = await room.send("POST", f"/api/v1/apps/{APP}/users", body)
        # The profile of an app user follows the app's own schema, which an org file does not describe.
        profile = set(theirs["responseBody"]["profile"])
        assert_alike(ours, theirs, optional=profile)

    within(story)


def test_apps() -> None:
    async def story(room: Room) -> None:
        theirs = recorded("core/TestAccDataSourceOktaApp_read.json", "/api/v1/apps")
        real = theirs["responseBody"][0]
        ours = (await room.ok("/api/v1/apps"))[0]
        assert set(ours) == set(real)
        assert set(ours["settings"]) == set(real["settings"]) - {"oauthClient", "signOn"}

    within(story)


def test_errors() -> None:
    async def story(room: Room) -> None:
        name = "core/pysdk__TestApplicationFeaturesResource.test_comprehensive_coverage_push.json"
        missing = recorded(name, "/features", status=404)
        assert_alike(await room.get("/api/v1/apps/nothing"), missing)
        over = recorded(name, "/features", status=429)
        await room.get("/api/v1/org")
        refused = await room.get("/api/v1/org")
        assert_alike(refused, over)
        assert refused.json()["errorSummary"] == over["responseBody"]["errorSummary"]

    within(story, limits={"/api/v1/org": 1})


def test_signing_in_with_dpop() -> None:
    name = "core/pysdk__TestDPoPIntegration.test_dpop_api_request.json"
    bare = "core/pysdk__TestDPoPBackwardCompatibility.test_private_key_auth_without_dpop.json"

    async def story(room: Room) -> None:
        app, key = App(room), ec_key("recorded")

        def made(nonce: str | None) -> str:
            return proof(key, room.now_s, "POST", TOKEN_URL, nonce=nonce, jti=f"with {nonce}")

        without = await app.ask()
        asked = await app.ask(proof=made(None))
        token = await app.ask(proof=made(asked.headers["dpop-nonce"]))
        theirs = interactions_of(name)
        for ours, real in ((without, interactions_of(bare)[0]), (asked, theirs[0]), (token, theirs[1])):
            assert_alike(ours, real)
            assert ("dpop-nonce" in ours.headers) == ("dpop-nonce" in real["responseHeaders"])
            assert ours.headers["x-rate-limit-limit"] == real["responseHeaders"]["x-rate-limit-limit"]
        assert without.json() == interactions_of(bare)[0]["responseBody"]
        assert asked.json() == theirs[0]["responseBody"]
        assert token.json()["token_type"] == theirs[1]["responseBody"]["token_type"]

    within(story, clients=[client_entry(dpop=True)], limits="observed")
