"""The real difference carried out, with every action there is: nothing is lost, and then nothing is left."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.changes.diff import diff
from pipeline.changes.model import ChangeSet
from pipeline.changes.snapshot import AppUser, BaseAccess, OktaUser, Snapshot
from pipeline.plan.model import GrantOptions, Move, Plan
from pipeline.run.fold import fold
from pipeline.run.journal import JOURNAL, Journal
from pipeline.run.resume import close, settle_open
from pipeline.run.tenant import Pairs
from tests.builders import cohort, entitlement, found, plan, snapshot, value
from tests.run.fake_tenant import FakeTenant, Fault, Killed
from tests.run.scenario import carry_out, header
from tests.virtual_time import clock, run

USERS = ("ann", "bob", "cid")
HELD = ("Old", "Admin", "Legacy")
WANTED = ("New", "Admin", "Extra")
ENDS = (None, None, "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z")
TYPES = ("CUSTOM", "CUSTOM", "POLICY", "ENTITLEMENT", "ENTITLEMENT-BUNDLE")


@dataclass(frozen=True, slots=True)
class Seeded:
    user: str
    type: str
    values: frozenset[str]
    expires: str | None


@dataclass(frozen=True, slots=True)
class Story:
    plan: Plan
    grants: tuple[Seeded, ...]
    rows: frozenset[str]

    def tenant(self) -> FakeTenant:
        tenant = FakeTenant(clock())
        tenant.seed_entitlement("Role", *HELD)
        for user in sorted(self.rows | {each.user for each in self.grants}):
            tenant.seed_row(user)
        for each in self.grants:
            pairs = {("Role", name) for name in each.values}
            tenant.seed_grant(each.user, pairs, each.type, expires=each.expires)
        return tenant


@st.composite
def stories(draw: st.DrawFn) -> Story:
    some = st.lists(st.sampled_from(WANTED), min_size=1, unique=True)
    cohorts = [
        cohort({"Role": draw(some)}, user, expires=draw(st.sampled_from(ENDS)))
        for user in USERS
        if draw(st.booleans())
    ]
    role = entitlement(
        "Role", *(value(name, description=draw(st.sampled_from([None, "Text"]))) for name in WANTED)
    )
    options = GrantOptions(
        type=draw(st.sampled_from(["custom", "custom", "additive"])),
        policy_users=draw(st.sampled_from(["hold", "convert"])),
        with_additive=draw(st.sampled_from(["hold", "canary"])),
    )
    moved = [Move(entitlement="Role", from_="Old", to="New")] if draw(st.booleans()) else []
    grants = [
        Seeded(
            user, type_, draw(st.frozensets(st.sampled_from(HELD), min_size=1)), draw(st.sampled_from(ENDS))
        )
        for user in USERS
        for type_ in draw(st.lists(st.sampled_from(TYPES), max_size=2, unique=True))
    ]
    wanted = plan(entitlements=[role], access=cohorts, moved=moved, grants=options)
    return Story(wanted, tuple(grants), draw(st.frozensets(st.sampled_from(USERS))))


def seen(tenant: FakeTenant) -> Snapshot:
    """What reading the tenant shows."""
    grants = [grant for user in USERS for grant in tenant._grants(user)]
    whole = snapshot(
        people=[found(user, OktaUser(user, user, user, "ACTIVE")) for user in USERS],
        assigned=[AppUser(user, "USER", "ACTIVE") for user in tenant.rows],
        grants=grants,
        entitlements=tenant.entitlements_by_id.values(),
    )
    policies = [each for each in grants if each.type == "POLICY"]
    return replace(whole, bases={e.user_id: BaseAccess(e.id, e.type, e.values) for e in policies})


class Workplace:
    """One tenant, and one folder a run."""

    def __init__(self, folder: Path, story: Story) -> None:
        self.folder = folder
        self.story = story
        self.tenant = story.tenant()
        self.before = self.held()
        self.runs = 0
        self.tenant.before_write = lambda _name: self.check_preserved()

    def held(self) -> dict[str, Pairs]:
        """By ids, since a rename changes names and takes nothing away."""
        return {
            user: frozenset(pair for grant in self.tenant._grants(user) for pair in grant.values)
            for user in USERS
        }

    def check_preserved(self) -> None:
        now = self.held()
        assert all(self.before[user] <= now[user] for user in USERS)

    def difference(self) -> ChangeSet:
        return diff(self.story.plan, "d", seen(self.tenant))

    def apply(self) -> None:
        self.runs += 1
        path = self.folder / str(self.runs) / JOURNAL
        path.parent.mkdir()
        changes = self.difference()

        async def live() -> None:
            with Journal.create(path, header(), self.tenant.clock) as journal:
                await carry_out(changes, self.tenant, journal, self.tenant.clock)

        try:
            run(live())
        except BaseExceptionGroup as group:
            killed, other = group.split(Killed)
            assert killed is not None
            assert other is None
            self.tenant.failing_reads = set()
            run(self.settle(path, changes))

    async def settle(self, path: Path, changes: ChangeSet) -> None:
        """After a crash only reads; the next run compares afresh."""
        writes = len(self.tenant.writes)
        journal, entries = Journal.reopen(path, self.tenant.clock)
        entitlements = tuple(self.tenant.entitlements_by_id.values())
        with journal:
            clock_ = self.tenant.clock
            close(
                journal, await settle_open(fold(entries), changes, journal, self.tenant, entitlements, clock_)
            )
        assert len(self.tenant.writes) == writes

    def check_nothing_twice(self) -> None:
        for user in USERS:
            grants = self.tenant._grants(user)
            seeded = {each.type for each in self.story.grants if each.user == user}
            assert sum(each.type in {"CUSTOM", "POLICY"} for each in grants) <= max(
                1, len(seeded & {"CUSTOM", "POLICY"})
            )
            new = [each for each in grants if each.type == "ENTITLEMENT"]
            assert len(new) <= 1 + ("ENTITLEMENT" in seeded)


@settings(max_examples=60, deadline=None)
@given(
    stories(), st.lists(st.sampled_from(list(Fault)), max_size=10), st.sets(st.integers(1, 30), max_size=3)
)
def test_whatever_happens_nothing_is_lost_and_the_next_applies_leave_nothing_to_send(
    story: Story, faults: list[Fault], failing_reads: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), story)
        held_back = {hold.address for hold in place.difference().holds}
        place.tenant.faults, place.tenant.failing_reads = faults, failing_reads
        place.apply()
        place.check_preserved()
        place.tenant.faults, place.tenant.failing_reads = [], set()
        place.apply()
        place.check_preserved()
        place.check_nothing_twice()
        again = place.difference()
        assert again.changes == ()
        assert {hold.address for hold in again.holds} <= held_back
        writes = len(place.tenant.writes)
        place.apply()
        assert len(place.tenant.writes) == writes
