"""Sets of faults: reading them, counting, chance, composition, changing them while the org runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.emulator import FaultsError, create_app, fault_set_from, load_org_file
from pipeline.emulator.broken_answers import CannotHangUpError
from pipeline.emulator.fault_kinds import ChangeName
from pipeline.emulator.orgfile import org_file_from
from tests import virtual_time
from tests.emulator.fault_room import ALICE, BOB, LIST_GRANTS, POST_GRANT, StormyRoom, fault, stormy
from tests.emulator.org_room import APP, GOV, PARENT, TARGET, Json, org_data

ORG, USERS = "/api/v1/org", "/api/v1/users"


async def statuses(room: StormyRoom, path: str, count: int) -> list[int]:
    return [(await room.get(path)).status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([fault("rain")], "faults[0]: Input tag 'rain' found using 'kind' does not match"),
        ([{}], "faults[0]: Unable to extract tag using discriminator 'kind'"),
        ([fault("rate_limit", status=429)], "faults[0].rate_limit.status: Extra inputs"),
        ([fault("slow")], "faults[0].slow.delay_s: Field required"),
        ([fault("server_error", status=418)], "faults[0].server_error.status: Input should be 500"),
        ([fault("rate_limit", probability=1.5)], "faults[0].rate_limit.probability"),
        ([fault("rate_limit", times=0)], "faults[0].rate_limit.times"),
        (
            [fault("rate_limit", match="/api/v1/users")],
            "faults[0].rate_limit.match: must be a method and a path",
        ),
        ([fault("quota_taken")], "needs per_call or per_s, and not both"),
        ([fault("quota_taken", per_call=1, per_s=1)], "needs per_call or per_s, and not both"),
        ([fault("clock_skew")], "needs skew_s or jitter_s"),
        (
            [fault("admin_change", change="unassign", value="Admin")],
            "unassign takes no entitlement and no value",
        ),
        ([fault("admin_change", change="unassign", bundle="Basics")], "unassign takes no bundle"),
        (
            [fault("admin_change", change="elope")],
            "faults[0].admin_change.change: Input should be 'add_value'",
        ),
        ({"faults": [], "speed": 1}, "speed: Extra inputs"),
        ("faults", "faults: Input should be"),
        (None, "faults: Input should be"),
    ],
)
def test_a_problem_is_told_with_its_place(raw: Json, message: str) -> None:
    with pytest.raises(FaultsError) as error:
        fault_set_from(raw)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("template", "strikes"),
    [
        (None, [True, True, True]),
        ("GET /api/v1/users", [True, False, False]),
        ("GET /api/v1/users/{id}", [False, True, False]),
        ("GET /api/v1/users/*", [False, True, False]),
        ("* /api/v1/users", [True, False, True]),
        ("POST /api/v1/users", [False, False, True]),
        ("GET /api/*/users", [True, False, False]),
    ],
)
def test_match_is_a_method_and_a_path_template(template: str | None, strikes: list[bool]) -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("rate_limit", **({"match": template} if template else {})))
        calls = [("GET", USERS), ("GET", f"{USERS}/{ALICE}"), ("POST", USERS)]
        found = [(await room.client.request(*call)).status_code == 429 for call in calls]
        assert found == strikes
        # Paths beside Okta's are never struck.
        assert (await room.get("/_emulator/state")).status_code == 200

    stormy(story)


def test_after_and_times_bound_it() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("rate_limit", match=f"GET {ORG}", after=2, times=2))
        assert await statuses(room, ORG, 6) == [200, 200, 429, 429, 200, 200]
        told = await room.ok("/_emulator/faults")
        assert told["faults"] == [
            fault("rate_limit", match=f"GET {ORG}", probability=1.0, after=2, times=2, matched=6, fired=2)
        ]

    stormy(story)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_the_same_seed_gives_the_same_faults(seed: int) -> None:
    async def story(room: StormyRoom) -> list[int]:
        await room.set_faults(
            fault("rate_limit", probability=0.3), fault("server_error", probability=0.3), seed=seed
        )
        return await statuses(room, ORG, 30)

    first = stormy(story)
    assert stormy(story) == first
    assert {200, 429, 500} == set(first)


def test_chance_is_near_its_probability_and_differs_between_seeds() -> None:
    async def story(room: StormyRoom) -> list[list[int]]:
        found = []
        for seed in range(4):
            await room.set_faults(fault("rate_limit", probability=0.25), seed=seed)
            found.append(await statuses(room, ORG, 200))
        return found

    found = stormy(story)
    assert all(25 <= each.count(429) <= 75 for each in found)
    assert len({tuple(each) for each in found}) == 4


def test_a_fault_keeps_its_chance_whatever_other_calls_are_made() -> None:
    async def story(room: StormyRoom, others: int) -> list[int]:
        await room.set_faults(fault("rate_limit", match=f"GET {ORG}", probability=0.5))
        found = []
        for _ in range(20):
            found += await statuses(room, ORG, 1)
            await statuses(room, USERS, others)
        return found

    assert stormy(lambda room: story(room, 0)) == stormy(lambda room: story(room, 3))


def test_faults_compose() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(
            fault("slow", delay_s=5, match=POST_GRANT),
            fault("slow", delay_s=7, match=POST_GRANT, when="after"),
            fault("clock_skew", skew_s=100),
            fault("quota_taken", per_call=4, match=POST_GRANT),
            fault("admin_change", change="add_bundle", when="after", match=POST_GRANT),
            fault("server_error", when="after", status=503, times=1, match=POST_GRANT),
            fault("rate_limit", times=1, after=1, match=POST_GRANT),
        )
        start = room.clock.now()
        first = await room.grant(BOB, "Admin")
        assert (first.status_code, first.headers["x-rate-limit-remaining"]) == (503, "45")
        assert room.clock.now() - start == pytest.approx(12)
        assert await room.held(BOB) == {"Admin", "Auditor", "Silver"}
        second = await room.grant(BOB, "Admin")
        # It was refused before it had an effect, so there was none to hide.
        assert second.status_code == 429
        assert await room.fired() == [2, 2, 8, 2, 1, 1, 1]
        assert (await room.grant(BOB, "Admin")).status_code == 201

    stormy(story, limits="observed")


def test_of_faults_that_exclude_one_another_the_first_counts() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(
            fault("server_error", times=1), fault("rate_limit", times=1), fault("captive_portal", times=1)
        )
        assert await statuses(room, ORG, 4) == [500, 429, 200, 200]
        assert await room.fired() == [1, 1, 1]

    stormy(story)


def test_they_change_while_the_org_runs() -> None:
    async def story(room: StormyRoom) -> None:
        assert await statuses(room, ORG, 1) == [200]
        await room.set_faults(fault("rate_limit"))
        assert await statuses(room, ORG, 1) == [429]
        await room.set_faults(fault("server_error"))
        assert await statuses(room, ORG, 1) == [500]
        refused = await room.client.post("/_emulator/faults", json=[fault("rain")])
        assert (refused.status_code, "rain" in refused.json()["error"]) == (400, True)
        assert (await room.client.post("/_emulator/faults", content=b"{")).status_code == 400
        assert await statuses(room, ORG, 1) == [500]
        await room.set_faults()
        assert await statuses(room, ORG, 1) == [200]

    stormy(story)


def test_a_call_under_way_keeps_the_faults_it_met() -> None:
    async def story(room: StormyRoom) -> None:
        await room.set_faults(fault("slow", delay_s=10), fault("rate_limit"))
        under_way = asyncio.ensure_future(room.get(ORG))
        await room.clock.sleep(5)
        await room.set_faults()
        assert await statuses(room, ORG, 1) == [200]
        assert (await under_way).status_code == 429

    stormy(story)


def test_the_org_file_brings_faults_and_a_reset_brings_them_back() -> None:
    async def story(room: StormyRoom) -> None:
        assert await statuses(room, ORG, 2) == [429, 200]
        await room.set_faults(fault("server_error"))
        await room.client.post("/_emulator/reset")
        assert await statuses(room, ORG, 2) == [429, 200]

    stormy(story, faults=[fault("rate_limit", times=1)])


def test_the_state_holds_the_faults_and_loads_back() -> None:
    async def state(room: StormyRoom) -> Json:
        return await room.ok("/_emulator/state")

    async def story(room: StormyRoom) -> Json:
        await room.set_faults(
            fault("rate_limit", match=f"GET {ORG}", times=1),
            fault("admin_change", change="add_bundle"),
            seed=9,
        )
        await room.get(ORG)
        return await state(room)

    first = stormy(story)
    assert first["faults"]["seed"] == 9
    assert [each["kind"] for each in first["faults"]["faults"]] == ["rate_limit", "admin_change"]
    assert stormy(state, **first) == first


def test_faults_given_to_the_app_stand_in_for_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "org.yaml"
    path.write_text("org: {subdomain: acme}\ntokens: [t]\nfaults: [{kind: rate_limit}]\n", encoding="utf-8")
    clock = virtual_time.clock()
    app = create_app(
        load_org_file(path), now=clock.now, sleep=clock.sleep, faults=fault_set_from([fault("server_error")])
    )

    async def story() -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return (await client.get(ORG)).status_code

    assert virtual_time.run(story()) == 500
    app.state.close()


def test_a_transport_that_cannot_drop_says_so() -> None:
    clock = virtual_time.clock()
    app = create_app(
        org_file_from(org_data()),
        now=clock.now,
        sleep=clock.sleep,
        faults=fault_set_from([fault("dropped_connection")]),
    )

    async def story() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            await client.get(ORG)

    with pytest.raises(CannotHangUpError, match="InMemoryTransport"):
        virtual_time.run(story())
    app.state.close()


COMMON = {
    "probability": st.sampled_from([1, 0.5]),
    "after": st.integers(0, 3),
    "match": st.sampled_from([None, POST_GRANT, LIST_GRANTS, "* /governance/*/*/grants/{id}", "GET /*/*/*"]),
}
WHEN = st.sampled_from(["before", "after"])
OPTIONS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "rate_limit": {},
    "concurrency_limit": {},
    "server_error": {"status": st.sampled_from([500, 502, 503, 504]), "when": WHEN},
    "dropped_connection": {"when": WHEN, "reset": st.booleans()},
    "slow": {"delay_s": st.sampled_from([1, 100]), "when": WHEN},
    "truncated_body": {},
    "captive_portal": {},
    "repeated_page": {},
    "page_loop": {},
    "skipped_page": {},
    "early_end": {},
    "quota_taken": {
        "per_call": st.integers(1, 30),
        "whose": st.sampled_from(["same_client", "other_clients"]),
    },
    "clock_skew": {"skew_s": st.integers(1, 9)},
    "lost_index": {"for_s": st.just(5)},
    "admin_change": {
        "change": st.sampled_from(get_args(ChangeName)),
        "when": st.sampled_from(["before", "between", "after"]),
        "user": st.sampled_from([None, ALICE, BOB, "gone@acme.example.com"]),
    },
}
FAULTS = st.one_of(
    *[st.fixed_dictionaries({"kind": st.just(k), **COMMON, **o}) for k, o in OPTIONS.items()],
    # Half of them admins: only they change the org.
    *[st.fixed_dictionaries({"kind": st.just("admin_change"), **COMMON, **OPTIONS["admin_change"]})] * 14,
)
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["grant", "bundle", "list", "put", "delete", "read", "users"]),
        st.sampled_from([ALICE, BOB, "carol@acme.example.com"]),
        st.sampled_from(["Admin", "Gold", "Silver"]),
    ),
    max_size=12,
)


async def call(room: StormyRoom, ids: dict[str, Any], what: str, login: str, value: str) -> None:
    user, (entitlement, value_id) = ids[login], ids[value]
    person = {"targetPrincipal": {"externalId": user, "type": "OKTA_USER"}}
    target = {"externalId": APP, "type": "APPLICATION"}
    body: Json = {**person, "target": target, "grantType": "CUSTOM"}
    body["entitlements"] = [{"id": entitlement, "values": [{"id": value_id}]}]
    match what:
        case "grant":
            await room.send("POST", f"{GOV}/grants", body)
        case "bundle":
            bundle = {"grantType": "ENTITLEMENT-BUNDLE", "entitlementBundleId": ids["bundle"]}
            await room.send("POST", f"{GOV}/grants", {**person, **bundle})
        case "list":
            await room.get(f"{GOV}/grants", filter=TARGET, limit=1)
        case "put":
            await put(room, user, body["entitlements"])
        case "delete":
            await room.client.delete(f"/api/v1/apps/{APP}/users/{user}")
        case "read":
            who = f'targetPrincipal.externalId eq "{user}" AND targetPrincipal.type eq "OKTA_USER"'
            await room.get(f"{GOV}/principal-access", filter=f"{PARENT} AND {who}")
        case _:
            await room.get(USERS, search='status eq "ACTIVE"', limit=1)


async def put(room: StormyRoom, user: str, entitlements: Json) -> None:
    listed = await room.get(f"{GOV}/grants", filter=TARGET)
    found = (
        listed.json()["data"]
        if listed.status_code == 200 and "json" in listed.headers["content-type"]
        else []
    )
    for grant in [g for g in found if g["targetPrincipal"]["externalId"] == user][:1]:
        await room.send("PUT", f"{GOV}/grants/{grant['id']}", {**grant, "entitlements": entitlements})


@given(
    faults=st.lists(FAULTS, min_size=1, max_size=5),
    calls=CALLS,
    seed=st.integers(0, 99),
    needs=st.booleans(),
    replaces=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_org_stays_whole_under_any_faults(
    faults: list[dict[str, Any]], calls: list[tuple[str, str, str]], seed: int, needs: bool, replaces: bool
) -> None:
    async def story(room: StormyRoom) -> None:
        state = await room.ok("/_emulator/state")
        erp = state["okta_apps"][0]
        ids: dict[str, Any] = {user["login"]: user["id"] for user in state["users"]}
        ids |= {v["name"]: (e["id"], v["id"]) for e in erp["entitlements"] for v in e["values"]}
        ids["bundle"] = erp["bundles"][0]["id"]
        await room.set_faults(*faults, seed=seed)
        for each in calls:
            try:
                await call(room, ids, *each)
            except (httpx.TransportError, ValueError):
                # What the faults are for: an answer that is lost, or cut in two.
                continue
        await room.clock.sleep(1000)
        state = await room.ok("/_emulator/state")
        # Reading an org file checks all its references, one base grant each, single values.
        org_file_from(state)
        check_rows(room)

    changes = {"grant_needs_assignment": needs, "custom_post_replaces_additive": replaces}
    stormy(story, limits="observed", latency_ms=[10, 50], switches=changes)


def check_rows(room: StormyRoom) -> None:
    """What an org file cannot show: rows that nothing refers to."""
    db = room.gate.tenant.db
    for table, holder, owners in (
        ("grant_values", "grant_id", "grants"),
        ("bundle_values", "bundle_id", "bundles"),
    ):
        lost = f"SELECT count(*) FROM {table} WHERE {holder} NOT IN (SELECT id FROM {owners})"  # noqa: S608
        assert db.execute(lost).fetchone()[0] == 0
    assert not db.in_transaction
    assert room.gate.in_flight.count == 0
