"""The live tenant of a run, over the real client and budget, against a transport with rate windows."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, ChangeSet, PersonTarget
from pipeline.clock import Clock
from pipeline.okta.budget import Budget
from pipeline.okta.client import Connection, OktaClient
from pipeline.okta.pace import Pace
from pipeline.okta.reads import Reads
from pipeline.okta.sign_in import ApiToken
from pipeline.okta.writes import Writes
from pipeline.run.journal import JOURNAL, Journal
from pipeline.run.okta_tenant import OktaTenant, WriteTurns
from pipeline.run.result import RunResult
from pipeline.runtime import Runtime
from tests.run.fake_tenant import FakeTenant
from tests.run.scenario import Wanted, carry_out, compare, header
from tests.virtual_time import SleepyClock, clock, run

WINDOW_S = 60.0
LINKS = {"self": {"href": "https://acme.okta.com/"}}


@dataclass(slots=True)
class Windowed:
    """Serves the grants and app users of ``tenant`` with fixed rate windows, as Okta counts them."""

    tenant: FakeTenant
    limits: dict[str, int]
    latency_s: float = 0.2
    seen: list[tuple[float, str, str, int]] = field(default_factory=list)
    windows: dict[str, tuple[float, int]] = field(default_factory=dict)
    answered: Callable[[httpx.Request], None] = lambda _request: None
    """Hears of each call before its answer is back."""
    confirmed: int = 0
    refusal: tuple[int, dict[str, Any]] | None = None
    """What every PUT is answered with, instead of taking effect."""

    async def confirm(self) -> None:
        self.confirmed += 1

    async def answer(self, request: httpx.Request) -> httpx.Response:
        bucket = _bucket(request)
        now_s = self.tenant.clock.now()
        start_s, used = self.windows.get(bucket, (now_s, 0))
        if now_s >= start_s + WINDOW_S:
            start_s, used = now_s, 0
        limit = self.limits.get(bucket, 10_000)
        throttled = used >= limit
        self.windows[bucket] = (start_s, used + 1)
        rate = {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(max(0, limit - used - 1)),
            "x-rate-limit-reset": str(int(start_s + WINDOW_S)),
            "date": format_datetime(datetime.fromtimestamp(int(now_s), UTC), usegmt=True),
        }
        status, body = (429, {"errorCode": "E0000047"}) if throttled else self._effect(request)
        self.seen.append((now_s, request.method, _who(request, self.tenant), status))
        await self.tenant.clock.sleep(self.latency_s)
        self.answered(request)
        return httpx.Response(status, json=body, headers=rate)

    def _effect(self, request: httpx.Request) -> tuple[int, Any]:
        last = request.url.path.rpartition("/")[2]
        if "/apps/" in request.url.path:
            return 200, {"id": last, "scope": "USER", "status": "ACTIVE"}
        if request.method == "PUT" and self.refusal is not None:
            return self.refusal
        if request.method == "PUT":
            body = json.loads(request.content)
            self.tenant.raw_grants[last] = body
            return 200, body
        if last != "grants":
            return 200, {**self.tenant.raw_grants[last], "_links": LINKS}
        user_id = request.url.params["filter"].split('"')[5]
        held = [
            raw for raw in self.tenant.raw_grants.values() if raw["targetPrincipal"]["externalId"] == user_id
        ]
        return 200, {"data": held, "_links": LINKS}


def _bucket(request: httpx.Request) -> str:
    return "write" if request.method in ("PUT", "POST") else "read"


def _who(request: httpx.Request, tenant: FakeTenant) -> str:
    last = request.url.path.rpartition("/")[2]
    if last in tenant.raw_grants:
        return str(tenant.raw_grants[last]["targetPrincipal"]["externalId"])
    return "listing"


def runtime_of(served: Windowed, folder: Path) -> Runtime:
    rng = random.Random(1)
    return Runtime(served.tenant.clock, rng, httpx.MockTransport(served.answer), folder)


def apply(served: Windowed, change_set: ChangeSet, folder: Path, *, share: float = 0.7) -> RunResult:
    async def live() -> RunResult:
        ticking: Clock = served.tenant.clock
        budget = Budget(share)
        connection = Connection("https://acme.okta.com", ApiToken("sandbox"))
        async with OktaClient(
            connection, runtime_of(served, folder), budget=budget, user_agent="test"
        ) as client:
            tenant = OktaTenant(Reads(client), Writes(client))
            with Journal.create(folder / JOURNAL, header(), ticking) as journal:
                return await carry_out(
                    change_set,
                    tenant,
                    journal,
                    ticking,
                    entitlements=tuple(served.tenant.entitlements_by_id.values()),
                    turn=WriteTurns(client.pace, served.confirm).turn,
                )

    return run(live())


def people_with_a_grant(count: int) -> tuple[FakeTenant, ChangeSet]:
    tenant = FakeTenant(clock())
    tenant.seed_entitlement("Role", "Admin", "Auditor")
    users = [f"p{number:03}" for number in range(count)]
    for user_id in users:
        tenant.seed_row(user_id)
        tenant.seed_grant(user_id, {("Role", "Auditor")})
    return tenant, compare(tenant, Wanted(people={user_id: {("Role", "Admin")} for user_id in users}))


def test_what_was_read_before_the_machine_slept_is_read_again(tmp_path: Path) -> None:
    """Meanwhile somebody else gave the person something."""
    tenant, change_set = people_with_a_grant(3)
    own_clock = SleepyClock()
    tenant.clock = own_clock

    def doze(request: httpx.Request) -> None:
        last = request.url.path.rpartition("/")[2]
        if request.method == "GET" and last in tenant.raw_grants and last not in slept:
            slept.append(last)
            own_clock.fall_asleep(3600)
            tenant.give(last, {("Team", "Blue")})

    slept: list[str] = []
    tenant.seed_entitlement("Team", "Blue")
    served = Windowed(tenant, {}, answered=doze)
    result = apply(served, change_set, tmp_path)
    assert len(slept) == 3
    assert result.counts["applied"] == 3
    wanted = {("Role", "Admin"), ("Role", "Auditor"), ("Team", "Blue")}
    assert [tenant.held(f"p{n:03}") for n in range(3)] == [wanted] * 3
    assert served.confirmed >= 6, "before each read that a write rests on"


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("grant_id", [None, "gra1"])
def test_every_action_gets_a_turn_alone_in_unknown_buckets(action: Action, grant_id: str | None) -> None:
    """One that changes an entitlement's structure reads nothing before it and so waits for nothing here."""
    person = PersonTarget(principals=("ann",), user_id="ann", login="ann", grant_id=grant_id)
    address = Address(Kind.GRANT, "ann")
    change = Change(address=address, action=action, message="", before=(), after=(), person=person)
    under_way: list[int] = []

    async def confirm() -> None:
        under_way.append(1)

    async def story() -> None:
        turns = WriteTurns(Pace(Budget(1.0), clock()), confirm)
        async with turns.turn(change):
            second = asyncio.create_task(_turn(turns, change))
            await clock().sleep(1)
            assert len(under_way) == 1 + (action in (Action.CREATE, Action.ADD, Action.KEEP))
        await second
        assert len(under_way) == 2

    run(story())


async def _turn(turns: WriteTurns, change: Change) -> None:
    async with turns.turn(change):
        pass


def test_what_okta_says_it_has_no_operation_for_is_refused_and_sent_once(tmp_path: Path) -> None:
    tenant, change_set = people_with_a_grant(1)
    body = {"errorCode": "E0000060", "errorSummary": "Unsupported operation."}
    served = Windowed(tenant, {}, refusal=(501, body))
    result = apply(served, change_set, tmp_path)
    assert [each.status for each in result.refused] == [501]
    assert [method for _, method, _, _ in served.seen].count("PUT") == 1


@pytest.mark.parametrize("latency_s", [0.2, 1.5])
def test_every_put_leaves_within_two_seconds_of_its_read_at_the_pace_the_tenant_allows(
    tmp_path: Path, latency_s: float
) -> None:
    tenant, change_set = people_with_a_grant(150)
    served = Windowed(tenant, {"write": 50}, latency_s)
    result = apply(served, change_set, tmp_path)
    assert result.counts["applied"] == 150
    assert all(tenant.held(f"p{n:03}") == {("Role", "Admin"), ("Role", "Auditor")} for n in range(150))
    assert not any(status == 429 for *_, status in served.seen)
    reads = {who: at_s for at_s, method, who, _ in served.seen if method == "GET" and who != "listing"}
    puts = {who: at_s for at_s, method, who, _ in served.seen if method == "PUT"}
    assert len(puts) == 150
    # the read is stamped when it arrives, its answer comes one latency later
    assert max(puts[who] - reads[who] - latency_s for who in puts) <= 2.0
    assert result.elapsed_s <= 4 * (WINDOW_S + 2) + 30
    per_person = Counter(who for _, method, who, _ in served.seen if method == "GET" and who != "listing")
    assert sum(per_person.values()) <= 150 * 1.02


def test_a_noisy_neighbour_makes_the_read_be_repeated_never_the_write_be_stale(tmp_path: Path) -> None:
    tenant, change_set = people_with_a_grant(60)
    served = Windowed(tenant, {"write": 20})
    result = apply(served, change_set, tmp_path, share=2.0)
    assert any(status == 429 for *_, status in served.seen)
    assert result.counts["applied"] == 60
    last_read: dict[str, float] = {}
    for at_s, method, who, _status in served.seen:
        if method == "GET":
            last_read[who] = at_s
        else:
            assert at_s - last_read[who] <= 2.0 + served.latency_s
