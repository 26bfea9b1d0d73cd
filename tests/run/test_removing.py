"""Taking values away: what may never happen (DESIGN 4) on every fault schedule, and what drift does."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, ChangeSet, HoldReason, PersonTarget, holding
from pipeline.errors import ErrorCode
from pipeline.okta.answers import Accepted, WriteAnswer
from pipeline.run.catalog import Catalog
from pipeline.run.fold import fold
from pipeline.run.journal import JOURNAL, Journal, read_journal
from pipeline.run.result import RunResult
from pipeline.run.resume import close, settle_open
from pipeline.run.tenant import Pairs
from tests.run.fake_tenant import FakeTenant, Fault, Killed
from tests.run.scenario import Names, Wanted, carry_out, compare, run_once
from tests.virtual_time import clock, run

ROLES = tuple(f"R{number}" for number in range(8))
USERS = ("ann", "bob", "cid", "dan")
SURVIVABLE = (Fault.NONE, Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.REFUSE, Fault.CREDENTIAL)
DEADLY = (Fault.KILL_BEFORE, Fault.KILL_AFTER)


def roles(*names: str) -> Names:
    return {("Role", name) for name in names}


@dataclass(slots=True)
class Story:
    """What people hold in CUSTOM and ENTITLEMENT grants, and what they shall get and lose."""

    custom: dict[str, Names]
    beside: dict[str, Names] = field(default_factory=dict)
    gets: dict[str, Names] = field(default_factory=dict)
    loses: dict[str, Names] = field(default_factory=dict)

    def tenant(self) -> FakeTenant:
        tenant = FakeTenant(clock())
        tenant.seed_entitlement("Role", *ROLES)
        for user_id in USERS:
            tenant.seed_row(user_id)
            if self.custom.get(user_id):
                tenant.seed_grant(user_id, self.custom[user_id])
            if self.beside.get(user_id):
                tenant.seed_grant(user_id, self.beside[user_id], "ENTITLEMENT")
        return tenant

    def before(self, user_id: str) -> Names:
        return self.custom.get(user_id, set()) | self.beside.get(user_id, set())

    def after(self, user_id: str) -> Names:
        gets = set() if self.beside.get(user_id) else self.gets.get(user_id, set())
        return (self.before(user_id) | gets) - self.loses.get(user_id, set())

    def changes(self, tenant: FakeTenant) -> ChangeSet:
        """As the diff would make them from what ``tenant`` holds now."""
        gets = {user_id: pairs for user_id, pairs in self.gets.items() if not self.beside.get(user_id)}
        given = compare(tenant, Wanted(people=gets)).changes
        found = [change for user_id in USERS for change in self._of(tenant, user_id, given)]
        return replace(compare(tenant, Wanted()), changes=tuple(found))

    def _of(self, tenant: FakeTenant, user_id: str, given: tuple[Change, ...]) -> list[Change]:
        own = [each for each in given if each.person is not None and each.person.user_id == user_id]
        takes = self.loses.get(user_id, set()) & tenant.held(user_id)
        if not takes:
            return own
        grants = {raw["id"]: raw["grantType"] for raw in tenant.raw_grants.values() if owner(raw) == user_id}
        custom = next((id_ for id_, type_ in grants.items() if type_ == "CUSTOM"), None)
        held = tenant.held(user_id)
        adds = {pair for each in own for name, values in each.after for pair in {(name, v) for v in values}}
        after = (held | adds) - takes
        by_name = len(grants) > 1 or not after or custom is None
        revoke = Change(
            address=Address(Kind.REMOVAL, f"{user_id}@acme.example.com"),
            action=Action.REVOKE,
            message="",
            before=names(held),
            after=names(held - takes if by_name else after),
            person=PersonTarget(
                principals=(f"{user_id}@acme.example.com",),
                user_id=user_id,
                login=f"{user_id}@acme.example.com",
                grant_id=None if by_name else custom,
            ),
        )
        return [*own, revoke] if by_name else [revoke]


def owner(raw: dict[str, object]) -> object:
    principal = raw["targetPrincipal"]
    return principal["externalId"] if isinstance(principal, dict) else None


def names(pairs: Names) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return holding({"Role": {value for _, value in pairs}})


def some(*, least: int = 0) -> st.SearchStrategy[Names]:
    return st.sets(st.sampled_from(ROLES), min_size=least).map(lambda held: roles(*held))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    story = Story({user_id: draw(some()) for user_id in USERS})
    for user_id in USERS:
        story.beside[user_id] = draw(st.one_of(st.just(roles()), some(least=1)))
        story.gets[user_id] = draw(some()) - story.before(user_id)
        story.loses[user_id] = draw(some()) - story.gets[user_id]
    return story


class Workplace:
    """A tenant whose every write is watched, and a folder for each run."""

    def __init__(self, folder: Path, story: Story) -> None:
        self.folder = folder
        self.story = story
        self.tenant = story.tenant()
        self.tenant.before_write = lambda _name: self.check()
        self.runs = 0

    def check(self) -> None:
        """Nothing else is lost, nothing else given, and no grant is left empty that was written whole."""
        for user_id in USERS:
            held = self.tenant.held(user_id)
            before, after = self.story.before(user_id), self.story.after(user_id)
            assert before & after <= held <= before | after, user_id

    def check_final(self) -> None:
        for user_id in USERS:
            assert self.tenant.held(user_id) == self.story.after(user_id), user_id

    def apply(self, change_set: ChangeSet | None = None) -> RunResult | None:
        """One run of what is different now; None when it was killed."""
        changes = change_set or self.story.changes(self.tenant)
        self.runs += 1
        folder = self.folder / str(self.runs)
        folder.mkdir()
        try:
            result = run(run_once(changes, self.tenant, folder, self.tenant.clock))
        except BaseExceptionGroup as group:
            killed, other = group.split(Killed)
            assert killed is not None
            assert other is None
            return None
        places = [*(e.change.address for e in result.ended), *(h.address for h in result.held)]
        places += [change.address for change in result.not_started]
        assert sorted(places) == sorted(change.address for change in changes.changes)
        return result


@settings(max_examples=100, deadline=None)
@given(stories(), st.lists(st.sampled_from(SURVIVABLE), max_size=14), st.sets(st.integers(1, 30), max_size=4))
def test_any_faults_take_what_was_to_be_taken_and_nothing_else(
    story: Story, faults: list[Fault], failing_reads: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), story)
        place.tenant.faults, place.tenant.failing_reads = faults, failing_reads
        place.apply()
        place.check()
        place.tenant.faults, place.tenant.failing_reads = [], set()
        place.apply()
        place.check_final()
        writes = len(place.tenant.writes)
        again = place.apply()
        assert again is not None
        assert (again.ended, len(place.tenant.writes)) == ((), writes)


@settings(max_examples=60, deadline=None)
@given(stories())
def test_one_write_takes_and_gives_and_the_same_change_set_sent_twice_sends_no_second(story: Story) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), story)
        changes = story.changes(place.tenant)
        place.apply(changes)
        place.check_final()
        writes = list(place.tenant.writes)
        by_name = sum(-(-sum(len(v) for _, v in c.before) // 5) for c in changes.changes if is_by_name(c))
        assert len(writes) <= sum(not is_by_name(each) for each in changes.changes) + by_name
        second = place.apply(changes)
        assert second is not None
        assert place.tenant.writes == writes
        assert all(each.outcome == "already_so" for each in second.ended)


def is_by_name(change: Change) -> bool:
    return change.action is Action.REVOKE and change.person is not None and change.person.grant_id is None


@settings(max_examples=100, deadline=None)
@given(
    stories(), st.integers(0, 10), st.sampled_from(DEADLY), st.floats(0, 1, exclude_max=True), st.booleans()
)
def test_a_run_killed_anywhere_and_its_journal_cut_at_any_byte_ends_the_same(
    story: Story, survived: int, death: Fault, cut: float, same_changes: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), story)
        place.tenant.faults = [*[Fault.NONE] * survived, death]
        changes = story.changes(place.tenant)
        killed = place.apply(changes) is None
        place.check()
        place.tenant.faults = []
        path = Path(folder) / "1" / JOURNAL
        content = path.read_bytes()
        header_end = content.index(b"\n") + 1
        path.write_bytes(content[: header_end + int(cut * (len(content) - header_end + 1))])
        if killed or fold(read_journal(path).entries).closed is None:
            run(settle(place, path, changes, same_changes=same_changes))
            if not same_changes:
                place.apply()
        place.check_final()


async def settle(place: Workplace, path: Path, changes: ChangeSet, *, same_changes: bool) -> None:
    tenant = place.tenant
    entitlements = tuple(tenant.entitlements_by_id.values())
    journal, entries = Journal.reopen(path, tenant.clock)
    with journal:
        earlier = await settle_open(fold(entries), changes, journal, tenant, entitlements, tenant.clock)
        if same_changes:
            done = fold(read_journal(path).entries).outcomes
            await carry_out(changes, tenant, journal, tenant.clock, done=done)
        else:
            close(journal, earlier)


def place_of(folder: Path, **story: dict[str, Names]) -> Workplace:
    return Workplace(folder, Story(**story))


def test_what_an_admin_gave_meanwhile_stays(tmp_path: Path) -> None:
    place = place_of(tmp_path, custom={"ann": roles("R1", "R2")}, loses={"ann": roles("R1")})
    changes = place.story.changes(place.tenant)
    (raw,) = place.tenant.raw_grants.values()
    raw["entitlements"][0]["values"].append({"id": dict(place.tenant.ids_of(roles("R5")))["esp1"]})
    place.story.custom["ann"] |= roles("R5")
    place.apply(changes)
    assert place.tenant.held("ann") == roles("R2", "R5")


@pytest.mark.parametrize("lost", ["R2", None])
def test_a_grant_that_lost_what_it_was_to_keep_or_is_gone_is_held(lost: str | None, tmp_path: Path) -> None:
    place = place_of(tmp_path, custom={"ann": roles("R1", "R2", "R3")}, loses={"ann": roles("R1")})
    place.tenant.before_write = lambda _name: None
    changes = place.story.changes(place.tenant)
    id_ = next(iter(place.tenant.raw_grants))
    if lost is None:
        place.tenant.raw_grants.clear()
    else:
        place.tenant.raw_grants[id_]["entitlements"] = wire(place.tenant.ids_of(roles("R1", "R3")))
    result = place.apply(changes)
    assert result is not None
    assert [hold.reason for hold in result.held] == [HoldReason.DRIFTED]
    assert [hold.removes for hold in result.held] == [holding({"Role": {"R1"}})]
    assert place.tenant.writes == []


def test_a_first_smaller_grant_is_not_written_beside_grants_that_the_comparison_did_not_see(
    tmp_path: Path,
) -> None:
    place = place_of(tmp_path, custom={"ann": roles("R1", "R2")}, loses={"ann": roles("R1")})
    place.tenant.before_write = lambda _name: None
    changes = place.story.changes(place.tenant)
    place.tenant.seed_grant("ann", roles("R5"), "ENTITLEMENT")
    result = place.apply(changes)
    assert result is not None
    assert [hold.reason for hold in result.held] == [HoldReason.DRIFTED]
    assert place.tenant.writes == []


@pytest.mark.parametrize(
    ("type_", "more"), [("POLICY", {}), ("ENTITLEMENT-BUNDLE", {}), ("CUSTOM", {"action": "DENY"})]
)
def test_by_name_nothing_is_taken_that_something_else_gives_by_now(
    type_: str, more: dict[str, str], tmp_path: Path
) -> None:
    place = place_of(tmp_path, custom={"ann": roles("R1")}, loses={"ann": roles("R1")})
    changes = place.story.changes(place.tenant)
    place.tenant.seed_grant("ann", roles("R1"), type_, **more)
    result = place.apply(changes)
    assert result is not None
    assert [hold.reason for hold in result.held] == [HoldReason.DRIFTED]
    assert place.tenant.writes == []


def wire(pairs: Pairs) -> list[dict[str, object]]:
    (entitlement_id,) = {each for each, _ in pairs}
    return [{"id": entitlement_id, "values": [{"id": value} for _, value in sorted(pairs)]}]


def test_the_first_of_both_kinds_is_sent_alone_and_read_back(tmp_path: Path) -> None:
    people = {f"p{number}": roles("R1", "R2") for number in range(20)}
    tenant = FakeTenant(clock())
    tenant.seed_entitlement("Role", *ROLES)
    story = Story(
        people, loses={u: roles("R1") if n % 2 else roles("R1", "R2") for n, u in enumerate(people)}
    )
    for user_id, held in people.items():
        tenant.seed_row(user_id)
        tenant.seed_grant(user_id, held)
    changes = [change for user_id in people for change in story._of(tenant, user_id, ())]
    change_set = replace(compare(tenant, Wanted()), changes=tuple(changes))
    run(run_once(change_set, tenant, tmp_path, tenant.clock))
    assert tenant.writes[:2] == ["revoke p0", "put p1"]
    assert [each for each in tenant.reads if each.startswith("grants_of")] == [
        *["grants_of p0"] * 2,
        *["grants_of p1"] * 2,
    ]
    assert tenant.most_in_flight > 5


def test_after_a_failed_grant_nothing_is_taken_from_the_same_person(tmp_path: Path) -> None:
    tenant = FakeTenant(clock(), [Fault.REFUSE])
    tenant.seed_entitlement("Role", *ROLES)
    tenant.seed_row("ann")
    tenant.seed_grant("ann", roles("R1", "R2"))
    given = compare(tenant, Wanted(people={"ann": roles("R3")}))
    taking = Story({}, loses={"ann": roles("R1", "R2")})._of(tenant, "ann", ())
    result = run(run_once(replace(given, changes=(*given.changes, *taking)), tenant, tmp_path, tenant.clock))
    assert tenant.writes == ["put ann"]
    assert [(hold.address.kind, hold.reason) for hold in result.held] == [
        (Kind.REMOVAL, HoldReason.DEPENDS_ON_HELD)
    ]


def test_what_was_taken_in_part_and_finds_no_room_for_the_rest_is_not_called_held(tmp_path: Path) -> None:
    values = [f"R{number}" for number in range(7)]
    tenant = FakeTenant(clock())
    tenant.seed_entitlement("Role", *values)
    tenant.seed_row("ann")
    tenant.seed_grant("ann", roles(*values))
    taking = Story({}, loses={"ann": roles(*values)})._of(tenant, "ann", ())

    def fill_up(_name: str) -> None:
        tenant.full_for = 1000

    tenant.before_write = fill_up
    change_set = replace(compare(tenant, Wanted()), changes=tuple(taking))
    result = run(run_once(change_set, tenant, tmp_path, tenant.clock))
    assert len(tenant.held("ann")) == 2
    assert (result.counts["unresolved"], result.counts["held"]) == (1, 0)


def test_a_first_revoke_that_takes_more_halts_and_names_the_call_that_restores_it(tmp_path: Path) -> None:
    people = {user_id: roles("R1", "R2", "R3") for user_id in USERS}
    place = place_of(tmp_path, custom=people, loses=dict.fromkeys(USERS, roles("R1")))
    place.tenant.before_write = lambda _name: None
    changes = place.story.changes(place.tenant)
    place.tenant = lossy = like(LossyTenant, place.tenant)
    result = place.apply(changes)
    assert result is not None
    assert result.halt is not None
    assert result.halt.code is ErrorCode.CANARY_FAILED
    assert "not held: Role: R2." in result.halt.detail
    kept = lossy.ids_of(roles("R2", "R3"))
    grant_id = next(iter(lossy.raw_grants))
    wanted = ", ".join(f"{entitlement}/{value}" for entitlement, value in sorted(kept))
    assert f"PUT /governance/api/v1/grants/{grant_id} and values {wanted}" in result.halt.detail
    assert lossy.writes == ["put ann"]


T = TypeVar("T", bound=FakeTenant)


def like(kind: type[T], tenant: FakeTenant) -> T:
    return kind(**{each.name: getattr(tenant, each.name) for each in fields(tenant)})


class LossyTenant(FakeTenant):
    """Takes one value more than it was asked to."""

    async def put_grant(self, grant: Mapping[str, Any], pairs: Pairs, *, not_after_s: float) -> WriteAnswer:
        names = Catalog(self.entitlements_by_id.values())
        fewer = frozenset(pair for pair in pairs if names.names([pair]) != "Role: R2")
        return await super().put_grant(grant, fewer, not_after_s=not_after_s)


class DeafTenant(FakeTenant):
    """Accepts a revoke and does nothing."""

    async def revoke_values(
        self, principal_orn: str, value_orns: Sequence[str], *, not_after_s: float
    ) -> WriteAnswer:
        assert value_orns
        assert not self._is_late(not_after_s)
        return await self._write("revoke", principal_orn, lambda: Accepted(200, {}, "req"))


def test_a_first_revoke_without_effect_halts(tmp_path: Path) -> None:
    everybody = dict.fromkeys(USERS, roles("R1"))
    place = place_of(tmp_path, custom=everybody, loses=everybody)
    changes = place.story.changes(place.tenant)
    place.tenant = like(DeafTenant, place.tenant)
    result = place.apply(changes)
    assert result is not None
    assert result.halt is not None
    assert "still held: Role: R1." in result.halt.detail
    assert place.tenant.writes == ["revoke"]
