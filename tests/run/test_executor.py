"""Carrying out a change set against a tenant in memory, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.address import Address
from pipeline.changes.model import Action, Change, ChangeSet, HoldReason
from pipeline.changes.snapshot import AppUser, OktaGrant
from pipeline.errors import ErrorCode
from pipeline.run.canary import restoring_calls
from pipeline.run.folder import not_applied_csv
from pipeline.run.journal import JOURNAL, Journal, read_journal
from pipeline.run.result import Outcome, Progress, RunResult
from tests.run.fake_tenant import FakeTenant, Fault
from tests.run.scenario import Wanted, carry_out, compare, header, run_once
from tests.virtual_time import clock, run

ROLE_VALUES = ("Admin", "Auditor", "Clerk")


def a_tenant(*faults: Fault) -> FakeTenant:
    tenant = FakeTenant(clock(), list(faults))
    tenant.seed_entitlement("Role", *ROLE_VALUES)
    return tenant


class OddTenant(FakeTenant):
    """One whose grants, read by id, have parts that nobody has recorded."""

    odd: Mapping[str, Mapping[str, Any]]

    async def grant(self, grant_id: str) -> dict[str, Any] | None:
        found = await super().grant(grant_id)
        return None if found is None else {**found, **self.odd.get(grant_id, {})}


def apply(change_set: ChangeSet, tenant: FakeTenant, folder: Path, **options: object) -> RunResult:
    return run(run_once(change_set, tenant, folder, tenant.clock, **options))


def roles(*names: str) -> set[tuple[str, str]]:
    return {("Role", name) for name in names}


def test_a_person_without_a_grant_gets_an_assignment_and_one_grant(tmp_path: Path) -> None:
    tenant = a_tenant()
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin", "Clerk")}))
    result = apply(change_set, tenant, tmp_path)
    assert tenant.writes == ["assign ann", "post ann"]
    assert tenant.held("ann") == roles("Admin", "Clerk")
    assert result.counts == {
        "applied": 2, "already_so": 0, "refused": 0, "unresolved": 0, "held": 0, "not_started": 0,
    }  # fmt: skip
    assert result.counts_by_action == {
        Action.ASSIGN: {Outcome.APPLIED: 1},
        Action.GRANT: {Outcome.APPLIED: 1},
    }
    assert not result.stopped


def test_an_existing_grant_is_extended_to_the_union(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    tenant.seed_grant("ann", roles("Auditor"))
    apply(compare(tenant, Wanted(people={"ann": roles("Admin")})), tenant, tmp_path)
    assert tenant.writes == ["put ann"]
    assert tenant.held("ann") == roles("Admin", "Auditor")


def test_what_an_admin_added_meanwhile_stays(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    grant_id = tenant.seed_grant("ann", roles("Auditor"))
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin")}))
    tenant.raw_grants.pop(grant_id)
    changed = tenant.seed_grant("ann", roles("Auditor", "Clerk"))
    tenant.raw_grants[grant_id] = {**tenant.raw_grants.pop(changed), "id": grant_id}
    result = apply(change_set, tenant, tmp_path)
    assert tenant.held("ann") == roles("Admin", "Auditor", "Clerk")
    assert result.counts["applied"] == 1


def test_what_an_admin_took_away_is_not_given_back(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    grant_id = tenant.seed_grant("ann", roles("Auditor", "Clerk"))
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin")}))
    less = tenant.raw_grants.pop(tenant.seed_grant("ann", roles("Auditor")))
    tenant.raw_grants[grant_id] = {**less, "id": grant_id}
    result = apply(change_set, tenant, tmp_path)
    assert [hold.reason for hold in result.held] == [HoldReason.DRIFTED]
    assert tenant.writes == []


def test_a_grant_that_changed_its_nature_is_held(tmp_path: Path) -> None:
    natures: list[dict[str, Any]] = [
        {"action": "DENY"},
        {"status": "EXPIRED"},
        {"grantType": "POLICY"},
        {"scheduleSettings": {"expirationDate": "2030-01-01T00:00:00Z"}},
        {"target": {"externalId": "0oa2"}},
    ]
    for number, change in enumerate(natures):
        tenant = a_tenant()
        tenant.seed_row("ann")
        grant_id = tenant.seed_grant("ann", roles("Auditor"))
        change_set = compare(tenant, Wanted(people={"ann": roles("Admin")}))
        tenant.raw_grants[grant_id].update(change)
        folder = tmp_path / str(number)
        folder.mkdir()
        result = apply(change_set, tenant, folder)
        assert [hold.reason for hold in result.held] == [HoldReason.DRIFTED], change
        assert tenant.writes == []


def test_a_grant_in_another_shape_than_is_known_is_held_and_the_rest_goes_on(tmp_path: Path) -> None:
    shapes: list[dict[str, Any]] = [
        {"id": None},
        {"id": "gra99"},
        {"action": None},
        {"target": "0oa1"},
        {"scheduleSettings": "never"},
        {"scheduleSettings": {"expirationDate": 1893456000}},
        {"entitlements": None},
        {"entitlements": [{"id": "esp1"}]},
        {"entitlements": [{"id": "esp1", "values": [{"id": ["ent2"]}]}]},
    ]
    for number, change in enumerate(shapes):
        tenant = OddTenant(clock())
        tenant.seed_entitlement("Role", *ROLE_VALUES)
        for user_id in ("ann", "bob"):
            tenant.seed_row(user_id)
        tenant.seed_grant("ann", roles("Auditor"))
        tenant.odd = {tenant.seed_grant("bob", roles("Auditor")): change}
        change_set = compare(tenant, Wanted(people={"ann": roles("Admin"), "bob": roles("Admin")}))
        folder = tmp_path / str(number)
        folder.mkdir()
        result = apply(change_set, tenant, folder)
        assert [hold.reason for hold in result.held] == [HoldReason.DRIFTED], change
        assert tenant.writes == ["put ann"]


def test_a_grant_that_appeared_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin")}))
    tenant.seed_grant("ann", roles("Clerk"), "POLICY")
    result = apply(change_set, tenant, tmp_path)
    assert [hold.reason for hold in result.held] == [HoldReason.DRIFTED]
    assert tenant.held("ann") == roles("Clerk")
    assert tenant.writes == []


def test_a_row_that_appeared_meanwhile_is_not_posted_again(tmp_path: Path) -> None:
    tenant = a_tenant()
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin")}))
    tenant.seed_row("ann", "GROUP")
    result = apply(change_set, tenant, tmp_path)
    assert tenant.writes == ["post ann"]
    assert tenant.rows["ann"].scope == "GROUP"
    assert result.counts["already_so"] == 1


def test_an_assignment_that_is_refused_since_somebody_else_made_it_is_already_so(tmp_path: Path) -> None:
    tenant = a_tenant(Fault.REFUSE)
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin")}))
    tenant.before_write = lambda _name: tenant.seed_row("ann")
    result = apply(change_set, tenant, tmp_path)
    assert (result.counts["already_so"], result.counts["applied"]) == (1, 1)
    assert tenant.writes == ["assign ann", "post ann"]


@pytest.mark.parametrize("status", ["DEPROVISIONED", "UNASSIGNED", "REVOKED"])
def test_who_was_unassigned_is_assigned_again(status: str, tmp_path: Path) -> None:
    tenant = a_tenant()
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin")}))
    tenant.rows["ann"] = AppUser("ann", "USER", status)
    assert apply(change_set, tenant, tmp_path).counts["applied"] == 2
    assert tenant.writes == ["assign ann", "post ann"]


def test_new_values_get_their_ids_before_people_are_granted_them(tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = Wanted(
        structure={"Role": [*ROLE_VALUES, "Owner"], "Site": ["North"]},
        people={"ann": {("Role", "Owner"), ("Site", "North")}},
    )
    result = apply(compare(tenant, wanted), tenant, tmp_path)
    assert tenant.held("ann") == {("Role", "Owner"), ("Site", "North")}
    assert result.counts["applied"] == 4
    assert [each for each in tenant.reads if each.startswith("entitlements")] == [
        "entitlements 0oa1example0000000x7"
    ]


def test_an_entitlement_of_2250_values_takes_one_create_and_13_additions(tmp_path: Path) -> None:
    tenant = a_tenant()
    values = [f"v{number:04}" for number in range(2250)]
    result = apply(compare(tenant, Wanted(structure={"Site": values})), tenant, tmp_path)
    assert len(tenant.writes) == 1 + 13
    assert tenant.structure()["Site"] == values
    assert result.counts["applied"] == 1


def test_an_entitlement_that_exists_already_is_adopted_and_completed(tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = Wanted(structure={"Site": ["North", "South"]})
    change_set = compare(tenant, wanted)

    def somebody_creates_it(name: str) -> None:
        if name.startswith("create") and "Site" not in tenant.structure():
            tenant.seed_entitlement("Site", "North")

    tenant.before_write = somebody_creates_it
    result = apply(change_set, tenant, tmp_path)
    assert tenant.structure()["Site"] == ["North", "South"]
    assert result.counts["applied"] == 1
    assert len(tenant.writes) == 2


def test_an_existing_entitlement_of_the_other_multiplicity_is_held(tmp_path: Path) -> None:
    tenant = a_tenant()
    change_set = compare(tenant, Wanted(structure={"Site": ["North"]}, people={"ann": {("Site", "North")}}))
    tenant.seed_entitlement("Site", "North", multi_value=False)
    result = apply(change_set, tenant, tmp_path)
    assert [hold.reason for hold in result.held] == [HoldReason.SINGLE_VALUE, HoldReason.DEPENDS_ON_HELD]


def test_what_depends_on_a_refused_change_is_held(tmp_path: Path) -> None:
    tenant = a_tenant(Fault.REFUSE, Fault.REFUSE)
    wanted = Wanted(structure={"Site": ["North"]}, people={"ann": {("Site", "North")}, "bob": roles("Admin")})
    result = apply(compare(tenant, wanted), tenant, tmp_path)
    assert [str(each.change.address) for each in result.refused] == [
        "entitlement/Site",
        "assignment/ann@acme.example.com",
    ]
    assert {(hold.address.key, hold.reason) for hold in result.held} == {
        ("ann@acme.example.com", HoldReason.DEPENDS_ON_HELD)
    }
    assert tenant.held("bob") == roles("Admin")
    assert "'" not in not_applied_csv(result).splitlines()[1]
    assert len(not_applied_csv(result).splitlines()) == 4


def test_what_was_not_reviewed_is_not_sent(tmp_path: Path) -> None:
    tenant = a_tenant()
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin"), "bob": roles("Admin")}))
    result = apply(
        change_set, tenant, tmp_path, reviewed=lambda c: c.principal is not None and "bob" in c.principal
    )
    assert {hold.reason for hold in result.held} == {HoldReason.NOT_REVIEWED, HoldReason.DEPENDS_ON_HELD}
    assert tenant.held("ann") == set()
    assert tenant.held("bob") == roles("Admin")


def test_lost_answers_are_read_back_before_anything_is_sent_again(tmp_path: Path) -> None:
    tenant = a_tenant(Fault.LOST_AFTER, Fault.LOST_BEFORE)
    result = apply(compare(tenant, Wanted(people={"ann": roles("Admin")})), tenant, tmp_path)
    assert tenant.writes == ["assign ann", "post ann", "post ann"]
    assert result.counts["applied"] == 2
    assert [each.attempts for each in result.ended] == [1, 2]


def test_a_write_whose_answers_stay_lost_ends_unresolved(tmp_path: Path) -> None:
    tenant = a_tenant(*[Fault.LOST_BEFORE] * 3)
    tenant.seed_row("ann")
    result = apply(compare(tenant, Wanted(people={"ann": roles("Admin")})), tenant, tmp_path)
    assert tenant.writes == ["post ann"] * 3
    assert result.counts["unresolved"] == 1
    assert not result.stopped


def test_a_lost_answer_that_cannot_be_read_back_is_unresolved_not_failed(tmp_path: Path) -> None:
    tenant = a_tenant(Fault.LOST_AFTER)
    tenant.seed_row("ann")
    tenant.failing_reads = {3}
    result = apply(compare(tenant, Wanted(people={"ann": roles("Admin")})), tenant, tmp_path)
    assert tenant.reads == ["grants_of ann"] * 3
    assert result.counts["unresolved"] == 1


def test_a_refusal_that_cannot_be_looked_into_is_a_refusal(tmp_path: Path) -> None:
    tenant = a_tenant(Fault.REFUSE)
    tenant.failing_reads = {1}
    result = apply(compare(tenant, Wanted(structure={"Site": ["North"]})), tenant, tmp_path)
    assert [each.status for each in result.refused] == [400]
    assert tenant.writes == ["create Site"]


def test_a_refusal_of_the_rest_says_that_a_part_was_accepted(tmp_path: Path) -> None:
    tenant = a_tenant(Fault.NONE, Fault.REFUSE)
    values = [f"v{number:03}" for number in range(150)]
    [refused] = apply(compare(tenant, Wanted(structure={"Role": values})), tenant, tmp_path).refused
    assert "1 writes of this change were accepted before" in refused.detail
    assert len(tenant.structure()["Role"]) == 3 + 100


def test_a_failed_read_before_a_write_holds_the_change(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    tenant.failing_reads = {2}
    result = apply(compare(tenant, Wanted(people={"ann": roles("Admin")})), tenant, tmp_path)
    assert [hold.reason for hold in result.held] == [HoldReason.INCOMPLETE_READ]
    assert tenant.writes == []


def test_a_dead_credential_halts_the_run(tmp_path: Path) -> None:
    tenant = a_tenant(Fault.NONE, Fault.CREDENTIAL)
    people = {f"p{number}": roles("Admin") for number in range(30)}
    result = apply(compare(tenant, Wanted(people=people)), tenant, tmp_path)
    assert result.stopped
    assert result.halt is not None
    assert result.halt.exit_code == 5
    assert result.halt.code is ErrorCode.CREDENTIAL_REFUSED
    assert result.counts["applied"] == 1
    assert result.counts["not_started"] == 59
    assert len(tenant.writes) == 2


def test_ten_refusals_in_a_row_stop_the_run(tmp_path: Path) -> None:
    tenant = a_tenant(*[Fault.REFUSE] * 1000)
    people = {f"p{number}": roles("Admin") for number in range(50)}
    for user_id in people:
        tenant.seed_row(user_id)
    result = apply(compare(tenant, Wanted(people=people)), tenant, tmp_path, concurrency=1)
    assert result.halt is not None
    assert result.halt.code is ErrorCode.RUN_STOPPED
    assert (result.counts["refused"], result.counts["not_started"]) == (10, 40)


def test_more_than_a_fifth_refused_stops_the_run(tmp_path: Path) -> None:
    tenant = a_tenant(*[Fault.NONE, Fault.NONE, Fault.REFUSE] * 1000)
    people = {f"p{number:03}": roles("Admin") for number in range(200)}
    for user_id in people:
        tenant.seed_row(user_id)
    result = apply(compare(tenant, Wanted(people=people)), tenant, tmp_path, concurrency=1)
    assert result.halt is not None
    assert len(result.ended) == 50


def seen_beside(changes: ChangeSet) -> ChangeSet:
    """``changes`` whose people are known to have ENTITLEMENT grants, too."""
    knowing = [
        replace(each, person=replace(each.person, beside=("ENTITLEMENT",))) if each.person else each
        for each in changes.changes
    ]
    return replace(changes, changes=tuple(knowing))


def test_a_canary_is_not_sent_beside_grants_that_the_comparison_did_not_see(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    tenant.seed_grant("ann", roles("Auditor"))
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin")}))
    tenant.seed_grant("ann", roles("Clerk"), "ENTITLEMENT")
    result = apply(change_set, tenant, tmp_path)
    assert tenant.writes == []
    assert result.counts["held"] == 1


def test_a_canary_that_loses_access_halts_and_names_what_to_restore(tmp_path: Path) -> None:
    tenant = a_tenant()
    people = {"ann": roles("Admin"), "bob": roles("Admin"), "cid": roles("Admin")}
    for user_id in people:
        tenant.seed_row(user_id)
        tenant.seed_grant(user_id, roles("Auditor"))
    change_set = seen_beside(compare(tenant, Wanted(people=people)))
    tenant.seed_grant("ann", roles("Clerk"), "ENTITLEMENT")
    tenant.custom_replaces_additive = True
    result = apply(change_set, tenant, tmp_path)
    assert result.halt is not None
    assert result.halt.code is ErrorCode.CANARY_FAILED
    assert result.halt.exit_code == 5
    assert "not held: Role: Clerk." in result.halt.detail
    assert (
        "POST /governance/api/v1/grants with grantType ENTITLEMENT and values esp1/ent4" in result.halt.detail
    )
    assert tenant.writes == ["put ann"]
    assert (result.counts["applied"], result.counts["not_started"]) == (1, 2)


def test_what_restores_a_base_grant_gives_also_what_was_to_be_given_and_what_is_there() -> None:
    def grant(type_: str, *values: str) -> OktaGrant:
        return OktaGrant(
            "gra1", "ann", type_, "ALLOW", "ACTIVE", frozenset(("esp1", each) for each in values)
        )

    adds = frozenset({("esp1", "new")})
    there = (grant("CUSTOM", "other"),)
    assert restoring_calls((grant("CUSTOM", "old"),), there, adds) == [
        "PUT /governance/api/v1/grants/gra1 and values esp1/new, esp1/old, esp1/other"
    ]
    assert restoring_calls((grant("POLICY", "old"),), (), adds) == [
        "POST /governance/api/v1/grants with grantType CUSTOM and values esp1/new, esp1/old"
    ]


def test_a_canary_that_loses_a_grant_of_which_no_value_is_told_halts(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    tenant.seed_grant("ann", roles("Auditor"))
    change_set = seen_beside(compare(tenant, Wanted(people={"ann": roles("Admin")})))
    tenant.seed_grant("ann", set(), "ENTITLEMENT")
    tenant.custom_replaces_additive = True
    result = apply(change_set, tenant, tmp_path)
    assert result.halt is not None
    assert result.halt.code is ErrorCode.CANARY_FAILED


def test_each_kind_is_sent_alone_until_it_is_proven(tmp_path: Path) -> None:
    tenant = a_tenant()
    people = {f"p{number}": roles("Admin") for number in range(40)}
    apply(compare(tenant, Wanted(people=people)), tenant, tmp_path)
    assert tenant.reads[:4] == ["grants_of p0"] * 4
    assert tenant.writes[0] == "assign p0"
    assert sum(each.startswith("grants_of") for each in tenant.reads) == 40 + 2 + 2
    assert tenant.most_in_flight > 5


def test_the_read_comes_after_the_wait_for_the_write_budget(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    tenant.seed_grant("ann", roles("Auditor"))
    times: list[tuple[str, float]] = []
    tenant.before_write = lambda name: times.append((name, tenant.clock.now()))

    @asynccontextmanager
    async def slow_budget(_change: Change) -> AsyncIterator[None]:
        await tenant.clock.sleep(60)
        times.append(("turn", tenant.clock.now()))
        yield

    apply(compare(tenant, Wanted(people={"ann": roles("Admin")})), tenant, tmp_path, turn=slow_budget)
    assert [name for name, _ in times] == ["turn", "put ann"]
    assert times[1][1] - times[0][1] <= 2
    assert tenant.reads.count("grant gra5") == 1


def test_a_write_that_finds_no_room_in_time_is_read_for_again(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    tenant.seed_grant("ann", roles("Auditor"))
    tenant.full_for = 3
    result = apply(compare(tenant, Wanted(people={"ann": roles("Admin")})), tenant, tmp_path)
    assert tenant.reads.count("grant gra5") == 4
    assert tenant.writes == ["put ann"]
    assert result.counts["applied"] == 1


def test_a_write_that_never_finds_room_in_time_is_held(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    tenant.full_for = 1000
    result = apply(compare(tenant, Wanted(people={"ann": roles("Admin")})), tenant, tmp_path)
    assert [hold.reason for hold in result.held] == [HoldReason.INCOMPLETE_READ]
    assert tenant.writes == []


def test_a_stop_lets_calls_in_flight_finish_and_starts_nothing_new(tmp_path: Path) -> None:
    tenant = a_tenant()
    people = {f"p{number}": roles("Admin") for number in range(40)}
    for user_id in people:
        tenant.seed_row(user_id)
    stop = asyncio.Event()
    tenant.before_write = lambda _name: stop.set() if len(tenant.writes) == 6 else None
    result = apply(compare(tenant, Wanted(people=people)), tenant, tmp_path, stop=stop)
    assert result.stopped
    assert result.halt is None
    assert result.counts["applied"] == len(tenant.writes)
    assert result.counts["applied"] + result.counts["not_started"] == 40
    kinds = [entry.kind for entry in read_journal(tmp_path / JOURNAL).entries]
    assert "closed" not in kinds
    assert kinds.count("begin") == kinds.count("outcome") + kinds.count("note") - 1


def test_outcomes_of_an_earlier_part_are_not_looked_at_again(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.seed_row("ann")
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin"), "bob": roles("Admin")}))
    done = {Address.parse("grant/ann@acme.example.com"): Outcome.APPLIED}
    result = apply(change_set, tenant, tmp_path, done=done)
    assert result.done_before == 1
    assert not any("ann" in each for each in (*tenant.writes, *tenant.reads))


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    tenant = a_tenant()
    seen: list[Progress] = []
    people = {f"p{number}": roles("Admin") for number in range(5)}
    apply(compare(tenant, Wanted(people=people)), tenant, tmp_path, seen=seen)
    assert [each.done for each in seen] == [*range(1, 11), 10]
    assert [each.over for each in seen] == [*[False] * 10, True]
    assert seen[-1].total == seen[-1].applied == 10


def test_a_journal_that_cannot_be_written_stops_before_the_write(tmp_path: Path) -> None:
    tenant = a_tenant()
    change_set = compare(tenant, Wanted(people={"ann": roles("Admin"), "bob": roles("Admin")}))
    result = run(_with_a_broken_journal(change_set, tenant, tmp_path))
    assert result.halt is not None
    assert "journal" in result.halt.summary
    assert tenant.writes == []
    assert result.counts["not_started"] == 4


async def _with_a_broken_journal(change_set: ChangeSet, tenant: FakeTenant, folder: Path) -> RunResult:
    journal = Journal.create(folder / JOURNAL, header(), tenant.clock)
    journal.close()
    return await carry_out(change_set, tenant, journal, tenant.clock)
