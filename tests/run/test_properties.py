"""What may never happen (DESIGN 4), on every fault schedule and for every place where a run can be cut."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.changes.model import ChangeSet
from pipeline.run.entries import Begin
from pipeline.run.fold import fold
from pipeline.run.journal import JOURNAL, Journal, read_journal
from pipeline.run.result import EarlierRun, RunResult
from pipeline.run.resume import close, settle_open
from tests.run.fake_tenant import FakeTenant, Fault, Killed
from tests.run.scenario import Names, Wanted, carry_out, compare, header
from tests.virtual_time import clock, run

OLD = ("Admin", "Auditor", "Clerk")
NEW = ("Owner", "Guest")
USERS = ("ann", "bob", "cid", "dan")
SURVIVABLE = (Fault.NONE, Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.REFUSE, Fault.CREDENTIAL)
DEADLY = (Fault.KILL_BEFORE, Fault.KILL_AFTER)


@dataclass(slots=True)
class Story:
    """Who held what before, and what the plan wants."""

    before: dict[str, Names]
    assigned: set[str]
    wanted: Wanted

    def tenant(self) -> FakeTenant:
        tenant = FakeTenant(clock())
        tenant.seed_entitlement("Role", *OLD)
        for user_id in sorted(self.assigned | {u for u, held in self.before.items() if held}):
            tenant.seed_row(user_id)
        for user_id, held in self.before.items():
            if held:
                tenant.seed_grant(user_id, held)
        return tenant

    def after(self, user_id: str) -> Names:
        return self.before[user_id] | self.wanted.people.get(user_id, set())


def _pairs(values: tuple[str, ...], *, least: int) -> st.SearchStrategy[Names]:
    return st.sets(st.sampled_from(values), min_size=least).map(lambda names: {("Role", n) for n in names})


@st.composite
def stories(draw: st.DrawFn) -> Story:
    site = st.sets(st.sampled_from([("Site", "North"), ("Site", "South")]))
    people = {u: draw(_pairs((*OLD, *NEW), least=1)) | draw(site) for u in USERS if draw(st.booleans())}
    return Story(
        before={user_id: draw(_pairs(OLD, least=0)) for user_id in USERS},
        assigned=draw(st.sets(st.sampled_from(USERS))),
        wanted=Wanted(structure={"Role": [*OLD, *NEW], "Site": ["North", "South"]}, people=people),
    )


def fault_lists(kinds: tuple[Fault, ...]) -> st.SearchStrategy[list[Fault]]:
    return st.lists(st.sampled_from(kinds), max_size=14)


class Workplace:
    """One folder per run, as plans/.runs would hold them, and one tenant."""

    def __init__(self, folder: Path, story: Story) -> None:
        self.folder = folder
        self.story = story
        self.tenant = story.tenant()
        self.tenant.before_write = lambda _name: self.check_preserved()
        self.runs = 0

    def check_preserved(self) -> None:
        for user_id, held in self.story.before.items():
            assert held <= self.tenant.held(user_id), user_id

    def apply(self, change_set: ChangeSet | None = None) -> RunResult | None:
        """One run of what is different now; None when it was killed."""
        wanted = change_set or compare(self.tenant, self.story.wanted)
        self.runs += 1
        path = self.folder / str(self.runs) / JOURNAL
        path.parent.mkdir()
        result: list[RunResult] = []

        async def live() -> None:
            with Journal.create(path, header(), self.tenant.clock) as journal:
                result.append(await carry_out(wanted, self.tenant, journal, self.tenant.clock))

        try:
            run(live())
        except BaseExceptionGroup as group:
            killed, other = group.split(Killed)
            assert killed is not None
            assert other is None
            return None
        self.check_accounted(wanted, result[0])
        return result[0]

    def check_accounted(self, wanted: ChangeSet, result: RunResult) -> None:
        places = [*(e.change.address for e in result.ended), *(h.address for h in result.held)]
        places += [change.address for change in result.not_started]
        assert sorted(places) == sorted(change.address for change in wanted.changes)

    def check_final(self) -> None:
        for user_id in USERS:
            assert self.tenant.held(user_id) == self.story.after(user_id)
            base = [
                g for g in self.tenant.raw_grants.values() if g["targetPrincipal"]["externalId"] == user_id
            ]
            assert len(base) <= 1
        assert self.tenant.structure() == {
            "Role": sorted((*OLD, *NEW)),
            "Site": ["North", "South"],
        }


@settings(max_examples=120, deadline=None)
@given(stories(), fault_lists(SURVIVABLE), st.sets(st.integers(1, 30), max_size=4))
def test_any_faults_preserve_access_and_account_for_every_change(
    story: Story, faults: list[Fault], failing_reads: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), story)
        place.tenant.faults = faults
        place.tenant.failing_reads = failing_reads
        place.apply()
        place.check_preserved()
        for user_id in USERS:
            assert place.tenant.held(user_id) <= story.after(user_id)
        place.tenant.faults, place.tenant.failing_reads = [], set()
        place.apply()
        place.check_final()
        writes = len(place.tenant.writes)
        again = place.apply()
        assert again is not None
        assert again.ended == ()
        assert len(place.tenant.writes) == writes


@settings(max_examples=60, deadline=None)
@given(stories())
def test_the_same_change_set_sent_twice_sends_no_second_write(story: Story) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), story)
        change_set = compare(place.tenant, story.wanted)
        place.apply(change_set)
        place.check_final()
        writes = len(place.tenant.writes)
        assert writes == len(change_set.changes)
        second = place.apply(change_set)
        assert second is not None
        assert len(place.tenant.writes) == writes
        sent = [e for e in second.ended if e.outcome != "already_so"]
        assert sent == []


@settings(max_examples=120, deadline=None)
@given(
    stories(),
    st.integers(0, 12),
    st.sampled_from(DEADLY),
    st.floats(0, 1, exclude_max=True),
    st.booleans(),
)
def test_a_run_killed_anywhere_and_its_journal_cut_at_any_byte_ends_the_same(
    story: Story, survived: int, death: Fault, cut: float, same_changes: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), story)
        place.tenant.faults = [*[Fault.NONE] * survived, death]
        change_set = compare(place.tenant, story.wanted)
        result = place.apply(change_set)
        place.check_preserved()
        place.tenant.faults = []
        path = Path(folder) / "1" / JOURNAL
        content = path.read_bytes()
        header_end = content.index(b"\n") + 1
        path.write_bytes(content[: header_end + int(cut * (len(content) - header_end + 1))])
        if result is None or fold(read_journal(path).entries).closed is None:
            go_on(place, path, change_set, same_changes=same_changes)
        place.check_final()


def go_on(place: Workplace, path: Path, change_set: ChangeSet, *, same_changes: bool) -> None:
    """Settle what was open; then the rest of the same change set, or a fresh difference."""
    tenant = place.tenant
    writes_before = len(tenant.writes)

    async def settle() -> EarlierRun:
        journal, entries = Journal.reopen(path, tenant.clock)
        with journal:
            earlier = await settle_open(
                fold(entries),
                change_set,
                journal,
                tenant,
                tuple(tenant.entitlements_by_id.values()),
                tenant.clock,
            )
            assert len(tenant.writes) == writes_before
            if same_changes:
                state = fold(read_journal(path).entries)
                await carry_out(change_set, tenant, journal, tenant.clock, done=state.outcomes)
            else:
                close(journal, earlier)
            return earlier

    earlier = run(settle())
    state = fold(read_journal(path).entries)
    assert state.open == {}
    assert state.closed is not None
    assert earlier.run_id == header().run_id
    if not same_changes:
        place.apply()


@settings(max_examples=60, deadline=None)
@given(stories(), fault_lists((Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER)))
def test_every_write_has_its_begin_on_disk_before_it_leaves(story: Story, faults: list[Fault]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), story)
        place.tenant.faults = faults

        def check(_name: str) -> None:
            entries = read_journal(Path(folder) / "1" / JOURNAL).entries
            begun = sum(isinstance(entry, Begin) for entry in entries)
            assert begun >= len(place.tenant.writes)

        place.tenant.before_write = check
        place.apply()
