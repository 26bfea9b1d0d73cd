"""The history of what somebody held: true at every instant, whatever changed it, free until it is needed."""

from __future__ import annotations

import base64
import random
from datetime import UTC, datetime
from itertools import chain, pairwise
from typing import Any

import pytest

from tests.emulator.org_room import APP, GOV, OFF, Json, Room, within
from tests.emulator.test_access import ALICE, BOB, CAROL, erp, grant

HISTORY = f"{GOV}/principal-entitlements/history"
CHANGES = f"{GOV}/principal-entitlements-changes"
HOUR_S = 3600.0


def instant(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def who(room: Room, login: str, *more: str) -> str:
    parts = (
        f'resource.externalId eq "{APP}"',
        'resource.type eq "APPLICATION"',
        f'principal.externalId eq "{await room.user_id(login)}"',
        'principal.type eq "OKTA_USER"',
    )
    return " AND ".join((*parts, *more))


async def history(room: Room, login: str, *more: str, **params: Json) -> list[dict[str, Any]]:
    found = await room.ok(HISTORY, filter=await who(room, login, *more), **params)
    return list(found["entitlementHistory"])


def names(record: dict[str, Any]) -> set[str]:
    return {value["name"] for entitlement in record["entitlements"] for value in entitlement["values"]}


async def replaced(room: Room, grant_id: str, *values: str) -> None:
    body = await room.ok(f"{GOV}/grants/{grant_id}")
    body["entitlements"] = await room.entitlements(*values)
    answer = await room.send("PUT", f"{GOV}/grants/{grant_id}", body)
    assert answer.status_code == 200, answer.text


async def access_changes(room: Room) -> list[dict[str, Any]]:
    return list(await room.ok("/_emulator/access-changes"))


def test_each_change_ends_one_record_and_begins_the_next() -> None:
    async def story(room: Room) -> None:
        loaded = room.now_s
        first = (await history(room, ALICE))[0]
        assert (first["startDate"], first["lifecycle"]) == (instant(loaded), "ACTIVE")
        assert names(first) == {"Admin"}
        assert "endDate" not in first
        room.now_s += HOUR_S
        (held,) = await room.grants()
        await replaced(room, held["id"], "Admin", "Gold")
        room.now_s += HOUR_S
        assert (await room.grant(ALICE, "Clerk")).status_code == 201
        found = await history(room, ALICE)
        assert [names(each) for each in found] == [{"Clerk"}, {"Admin", "Gold"}, {"Admin"}]
        assert [each["lifecycle"] for each in found] == ["ACTIVE", "INACTIVE", "INACTIVE"]
        starts = [instant(loaded + hours * HOUR_S) for hours in (2, 1, 0)]
        assert [each["startDate"] for each in found] == starts
        assert [each.get("endDate") for each in found] == [None, *starts[:2]]

    within(story, okta_apps=erp(grant(ALICE, values={"role": ["Admin"]})))


def test_a_first_grant_is_the_first_record_and_nothing_held_is_a_record_too() -> None:
    async def story(room: Room) -> None:
        assert await history(room, BOB) == []
        assert (await room.grant(BOB, "Admin")).status_code == 201
        room.now_s += HOUR_S
        user = await room.user_id(BOB)
        assert (await room.client.delete(f"/api/v1/apps/{APP}/users/{user}")).status_code == 204
        assert [names(each) for each in await history(room, BOB)] == [set(), {"Admin"}]

    within(story)


def test_an_expiry_is_recorded_with_its_own_instant_however_late_somebody_looks() -> None:
    ends = [1_790_000_000.0 + hours * HOUR_S for hours in (1, 2)]
    grants = (
        grant(ALICE, values={"role": ["Admin"], "tier": ["Gold"]}, expires=instant(ends[1])),
        grant(ALICE, "ENTITLEMENT", values={"tier": ["Silver"]}, expires=instant(ends[0])),
    )

    async def story(room: Room) -> None:
        assert await room.grants(), "the org is loaded by its first call"
        room.now_s += 1000 * HOUR_S
        found = await history(room, ALICE)
        assert [names(each) for each in found] == [set(), {"Admin", "Gold"}, {"Admin", "Silver"}]
        assert [seconds(each["startDate"]) for each in found[:2]] == ends[::-1]

    within(story, okta_apps=erp(*grants))


def test_a_refused_call_and_a_change_without_effect_record_nothing() -> None:
    async def story(room: Room) -> None:
        (held,) = await room.grants()
        await replaced(room, held["id"], "Admin")
        assert (await room.grant(ALICE, "Gold", "Silver")).status_code == 400
        revoked = {"principalOrn": held["targetPrincipalOrn"], "revokeOrns": ["orn:okta:odd"]}
        answer = await room.send("POST", "/governance/api/v2/revoke-principal-access", revoked)
        assert answer.status_code == 400
        assert [names(each) for each in await history(room, ALICE)] == [{"Admin"}]
        assert await access_changes(room) == []

    within(story, okta_apps=erp(grant(ALICE, values={"role": ["Admin"]})))


def test_a_deleted_value_leaves_everybody_and_stays_in_what_they_held() -> None:
    everybody = (ALICE, BOB, CAROL)
    grants = [grant(login, values={"role": ["Admin", "Clerk"]}) for login in everybody[:2]]

    async def story(room: Room) -> None:
        role, admin = (await room.value_ids())["Admin"]
        room.now_s += HOUR_S
        removal = {"op": "REMOVE", "path": f"/values/{admin}", "refType": "ENTITLEMENT-VALUE"}
        answer = await room.send("PATCH", f"{GOV}/entitlements/{role}", [removal])
        assert answer.status_code == 200, answer.text
        for login in everybody[:2]:
            assert [names(each) for each in await history(room, login)] == [{"Clerk"}, {"Admin", "Clerk"}]
        assert await history(room, CAROL) == []
        assert [each["user"] for each in await access_changes(room)] == list(everybody[:2])

    within(story, okta_apps=erp(*grants))


def test_a_bundle_that_changes_changes_what_its_holders_held_from_then_on() -> None:
    async def story(room: Room) -> None:
        (bundle,) = (await room.ok(f"{GOV}/entitlement-bundles"))["data"]
        bundle = await room.ok(f"{GOV}/entitlement-bundles/{bundle['id']}")
        bundle["entitlements"] = await room.entitlements("Admin")
        url = f"{GOV}/entitlement-bundles/{bundle['id']}"
        assert (await room.send("PUT", url, bundle)).status_code == 200
        assert (await room.client.delete(url)).status_code == 204
        found = [names(each) for each in await history(room, ALICE)]
        assert found == [set(), {"Admin"}, {"Auditor", "Silver"}]

    within(story, okta_apps=erp(grant(ALICE, "ENTITLEMENT-BUNDLE", bundle="Basics")))


def test_an_admin_of_the_faults_is_recorded_like_anybody() -> None:
    fault = {"kind": "admin_change", "change": "revoke_all", "when": "after", "match": f"GET {GOV}/grants"}

    async def story(room: Room) -> None:
        assert await room.grants()
        assert [names(each) for each in await history(room, ALICE)] == [set(), {"Admin"}]

    within(story, okta_apps=erp(grant(ALICE, values={"role": ["Admin"]})), faults=[{**fault, "times": 1}])


async def random_write(room: Room, rng: random.Random) -> None:
    """Any write, refused ones among them; the time moves on between."""
    login = rng.choice((ALICE, BOB))
    values = rng.sample(("Admin", "Auditor", "Clerk", "Gold", "Silver"), rng.randint(0, 3))
    until = {"scheduleSettings": {"expirationDate": instant(room.now_s + rng.choice((-1, 1, 5)) * HOUR_S)}}
    found = await room.grants()
    one = rng.choice(found) if found else None
    match rng.randrange(6):
        case 0 | 1:
            kind = rng.choice(("CUSTOM", "ENTITLEMENT"))
            await room.grant(login, *values, grantType=kind, **rng.choice(({}, until)))
        case 2 if one and one["grantType"] == "CUSTOM":
            body = await room.ok(f"{GOV}/grants/{one['id']}")
            body["entitlements"] = await room.entitlements(*values)
            await room.send("PUT", f"{GOV}/grants/{one['id']}", body)
        case 3 if one:
            await room.send("PATCH", f"{GOV}/grants/{one['id']}", {"id": one["id"], **until})
        case 4 if one and one["entitlements"]:
            orn = rng.choice(rng.choice(one["entitlements"])["values"])["orn"]
            body = {"principalOrn": one["targetPrincipalOrn"], "revokeOrns": [orn]}
            await room.send("POST", "/governance/api/v2/revoke-principal-access", body)
        case 5:
            await room.client.delete(f"/api/v1/apps/{APP}/users/{await room.user_id(login)}")
        case _:
            pass
    room.now_s += rng.choice((60, HOUR_S, 2 * HOUR_S))


@pytest.mark.parametrize("seed", range(6))
def test_the_history_tells_for_every_instant_what_was_held_then(seed: int) -> None:
    rng = random.Random(seed)

    async def story(room: Room) -> None:
        held: list[tuple[float, str, set[str]]] = []
        for _ in range(40):
            await random_write(room, rng)
            # Between two writes too: what expires needs no call.
            for ahead_s in (1800, 1):
                held += [(room.now_s, login, await room.held(login)) for login in (ALICE, BOB)]
                room.now_s += ahead_s
        for login in (ALICE, BOB):
            records = await history(room, login, limit=100)
            for at, _, values in (each for each in held if each[1] == login):
                then = [
                    names(each)
                    for each in records
                    if seconds(each["startDate"]) <= at < seconds(each.get("endDate", "9999-01-01T00:00:00Z"))
                ]
                assert then == [values] or (then == [] and not values), (at, login, values, then)
            assert all(names(a) != names(b) for a, b in pairwise(records))

    within(story, okta_apps=erp(grant(ALICE, values={"role": ["Admin"]})), switches=_ADDITIVE)


_ADDITIVE = {"additive_entitlements": True, "custom_post_replaces_additive": False}


async def busy(room: Room) -> list[float]:
    """Seven records of Alice, an hour apart: the instants at which they begin."""
    assert await room.grants(), "the org is loaded by its first call"
    begins = [room.now_s]
    for n in range(6):
        room.now_s += HOUR_S
        begins.append(room.now_s)
        await room.grant(ALICE, ("Clerk", "Admin")[n % 2])
    return begins


BUSY = erp(grant(ALICE, values={"role": ["Admin"]}))


def test_pages_join_to_the_whole_and_counts_are_told_when_asked() -> None:
    async def story(room: Room) -> None:
        await busy(room)
        whole = await history(room, ALICE)
        assert len(whole) == 7
        asked = await who(room, ALICE)
        answer = await room.get(HISTORY, filter=asked, limit=3, include="counts")
        pages = [answer.json()["entitlementHistory"]]
        assert answer.json()["metadata"] == {"total": 7}
        while "next" in answer.links:
            url = answer.links["next"]["url"]
            assert answer.json()["_links"]["next"]["href"] == url
            answer = await room.client.get(url.replace("https://acme-admin.okta.com", ""))
            pages.append(answer.json()["entitlementHistory"])
        assert [len(page) for page in pages] == [3, 3, 1]
        assert list(chain.from_iterable(pages)) == whole
        assert "metadata" not in await room.ok(HISTORY, filter=asked)

    within(story, okta_apps=BUSY)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (0.5, None, (0, 1, 2, 3, 4, 5, 6)),
        (1, None, (1, 2, 3, 4, 5, 6)),
        (None, 1, (0, 1)),
        (None, 0.5, (0,)),
        (2.5, 3.5, (2, 3)),
        (100, None, (6,)),
        (None, -1, ()),
    ],
)
def test_a_range_finds_what_had_effect_within_it(
    start: float | None, end: float | None, found: tuple[int, ...]
) -> None:
    async def story(room: Room) -> None:
        begins = await busy(room)
        sides = {"startDate": start, "endDate": end}
        more = [
            f'{name} eq "{instant(begins[0] + hours * HOUR_S)}"'
            for name, hours in sides.items()
            if hours is not None
        ]
        records = await history(room, ALICE, *more)
        assert [each["startDate"] for each in reversed(records)] == [instant(begins[n]) for n in found]

    within(story, okta_apps=BUSY)


def test_every_change_is_read_by_its_id_and_is_what_two_records_differ_in() -> None:
    async def story(room: Room) -> None:
        await busy(room)
        records = [names(each) for each in reversed(await history(room, ALICE))]
        listed = await access_changes(room)
        assert [(each["okta_app"], each["user"]) for each in listed] == [(APP, ALICE)] * 6
        for n, (each, (old, new)) in enumerate(zip(listed, pairwise(records), strict=True)):
            change = await room.ok(f"{CHANGES}/{each['id']}")
            told = {
                (value["name"], value["changeType"])
                for entitlement in change["entitlementsChanged"]
                for value in entitlement["values"]
            }
            wanted = {(name, "ADDED") for name in new - old} | {(name, "REMOVED") for name in old - new}
            assert told == wanted, n
            now = change["_links"]["principal-entitlements"]["href"].partition("okta.com")[2]
            assert (await room.client.get(now)).status_code == 200
        assert await room.ok("/_emulator/access-changes", since=listed[4]["n"]) == listed[5:]

    within(story, okta_apps=BUSY)


def test_only_ids_of_two_records_in_a_row_are_changes() -> None:
    async def story(room: Room) -> None:
        await busy(room)
        listed = await access_changes(room)
        pairs = [base64.urlsafe_b64decode(f"{each['id']}==").decode().split(":") for each in listed]
        skipping, back = f"{pairs[0][0]}:{pairs[1][1]}", f"{pairs[0][1]}:{pairs[0][0]}"
        encoded = [base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") for text in (skipping, back)]
        for bad in (*encoded, f"{listed[0]['id']}=", pairs[0][1], "odd", "ÿ", "a"):
            answer = await room.get(f"{CHANGES}/{bad}")
            assert (answer.status_code, answer.json()["errorCode"]) == (404, "E0000007"), bad

    within(story, okta_apps=BUSY)


@pytest.mark.parametrize(
    ("text", "params", "status", "code"),
    [
        ("", {}, 400, "E0000053"),
        ("odd", {}, 400, "E0000053"),
        ("APP AND ALICE AND odd eq 1", {}, 400, "E0000053"),
        ("APP", {}, 400, "E0000029"),
        ("ALICE", {}, 400, "E0000029"),
        ('APP AND ALICE AND startDate eq "yesterday"', {}, 400, "E0000053"),
        ('APP AND ALICE AND startDate gt "2026-01-01T00:00:00Z"', {}, 400, "E0000053"),
        ('APP AND ALICE AND (startDate eq "2026-01-01T00:00:00Z" OR BOB)', {}, 400, "E0000053"),
        ("OFF AND ALICE", {}, 404, "E0000007"),
        ("APP AND NOBODY", {}, 404, "E0000007"),
        ('resourceId eq "res1" AND principalId eq "pri1"', {}, 404, "E0000007"),
        ("APP AND ALICE", {"limit": 101}, 400, "E0000029"),
        ("APP AND ALICE", {"limit": 0}, 400, "E0000029"),
        ("APP AND ALICE", {"after": "odd"}, 400, "E0000029"),
        ("APP AND ALICE", {"include": "odd"}, 400, "E0000029"),
    ],
)
def test_what_cannot_be_answered_is_refused(text: str, params: Json, status: int, code: str) -> None:
    async def story(room: Room) -> None:
        words = {
            "APP": f'resource.externalId eq "{APP}" AND resource.type eq "APPLICATION"',
            "OFF": f'resource.externalId eq "{OFF}" AND resource.type eq "APPLICATION"',
            "NOBODY": 'principal.externalId eq "00unobody" AND principal.type eq "OKTA_USER"',
        }
        for name, login in (("ALICE", ALICE), ("BOB", BOB)):
            user = await room.user_id(login)
            words[name] = f'principal.externalId eq "{user}" AND principal.type eq "OKTA_USER"'
        asked = text
        for word, meant in words.items():
            asked = asked.replace(word, meant)
        answer = await room.get(HISTORY, filter=asked, **params)
        assert (answer.status_code, answer.json()["errorCode"]) == (status, code), answer.text

    within(story)


def test_resource_names_name_the_same_and_are_shown() -> None:
    async def story(room: Room) -> None:
        by_id = await room.ok(HISTORY, filter=await who(room, ALICE))
        named = f'resourceOrn eq "{by_id["resourceOrn"]}" AND principalOrn eq "{by_id["principalOrn"]}"'
        assert (await room.ok(HISTORY, filter=named))["entitlementHistory"] == by_id["entitlementHistory"]
        assert by_id["resource"] == {"externalId": APP, "type": "APPLICATION"}
        assert by_id["principal"] == {"externalId": await room.user_id(ALICE), "type": "OKTA_USER"}

    within(story, okta_apps=BUSY)


def test_loading_records_nothing_and_a_reset_forgets() -> None:
    async def story(room: Room) -> None:
        await busy(room)
        assert await access_changes(room)
        assert (await room.send("POST", "/_emulator/reset", None)).status_code == 200
        assert await access_changes(room) == []
        assert len(await history(room, ALICE)) == 1

    within(story, okta_apps=BUSY)


def test_turning_entitlement_management_off_destroys_the_history() -> None:
    async def story(room: Room) -> None:
        await busy(room)
        orn = (await room.grants())[0]["targetResourceOrn"]
        settings = f"/governance/api/v2/resources/{orn}/entitlement-settings"
        for status, records in (("OPTED_OUT", None), ("OPTED_IN", [])):
            assert (await room.send("PATCH", settings, {"status": status})).status_code == 202
            room.now_s += HOUR_S
            answer = await room.get(HISTORY, filter=await who(room, ALICE))
            assert answer.json().get("entitlementHistory") == records

    within(story, okta_apps=BUSY)
