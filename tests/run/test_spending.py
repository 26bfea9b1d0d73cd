"""What is counted of an approval, whatever the order of reserving, settling and forgetting."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ErrorCode, InputError, RefusedError
from pipeline.run.entries import Begin, End, Entry, Held, Note
from pipeline.run.result import Outcome
from pipeline.run.spending import FileSpending, RunShare, S3Spending, Spending, touched
from tests.effort import examples
from tests.run.test_lease_s3 import Bucket
from tests.virtual_time import run

APPROVED = {"grant": 5, "assign": 3}
EMPTY = Spending(approval_digest="a" * 64, plan="t")
counts = st.fixed_dictionaries({action: st.integers(0, count) for action, count in APPROVED.items()})


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), counts, st.sampled_from(["reserve", "settle"])), max_size=12)
)
@settings(max_examples=examples(100), deadline=None)
def test_what_runs_hold_and_spent_is_never_more_than_was_approved(
    taken: list[tuple[str, dict[str, int], str]],
) -> None:
    """Each reserves only what is left, settles for no more than it reserved, and then sends no more unless it
    reserves again.
    """
    spending = EMPTY
    for name, wanted, what in taken:
        if what == "reserve":
            after = spending.reserving(name, "h", wanted, {})
            left = spending.left(APPROVED, but=name)
            fits = all(count <= left[action] for action, count in after.runs[name].reserved.items())
            spending = after if fits else spending
        elif name in spending.runs and spending.runs[name].spent is None:
            reserved = spending.runs[name].reserved
            used = {action: min(count, reserved.get(action, 0)) for action, count in wanted.items()}
            spending = spending.settling(name, used)
        total: Counter[str] = Counter()
        for share in spending.runs.values():
            total.update(share.counts)
        assert all(total[action] <= count for action, count in APPROVED.items())
        assert spending.left(APPROVED) == {a: count - total[a] for a, count in APPROVED.items()}


def test_what_was_settled_is_not_forgotten_with_its_journal() -> None:
    first = EMPTY.reserving("x", "h", {"grant": 3}, {}).settling("x", {"grant": 2})
    assert first.left(APPROVED) == {"grant": 3, "assign": 3}
    assert first.settling("x", {}).left(APPROVED) == first.left(APPROVED)
    again = first.reserving("x", "h", {"grant": 1}, {})
    assert again.runs["x"] == RunShare(host="h", reserved={"grant": 3})


def test_a_write_counts_once_it_may_have_taken_effect() -> None:
    def begin(who: str) -> Begin:
        return Begin(address=f"grant/{who}", action="grant", attempt=1)

    def end(who: str, outcome: Outcome) -> End:
        return End(address=f"grant/{who}", action="grant", attempt=1, outcome=outcome)

    entries: list[Entry] = [
        *(begin("applied"), end("applied", Outcome.APPLIED)),
        *(begin("lost"), end("lost", Outcome.UNRESOLVED), begin("lost"), end("lost", Outcome.ALREADY_SO)),
        *(begin("refused"), end("refused", Outcome.REFUSED)),
        *(begin("nothing"), Note(what="no_effect", address="grant/nothing")),
        *(begin("no room"), Held(address="grant/no room", action="grant", reason="incomplete_read")),
        end("there", Outcome.ALREADY_SO),
        begin("open"),
    ]
    assert {each.key for each in touched(entries)} == {"applied", "lost", "open"}


def test_a_file_keeps_it_for_its_owner_and_refuses_what_is_not_its_own(tmp_path: Path) -> None:
    path = tmp_path / "approvals" / "a.json"
    place = FileSpending(path, EMPTY)

    async def use() -> None:
        assert await place.read() == EMPTY
        await place.change(lambda spending: spending.reserving("x", "h", {"grant": 1}, {}))
        assert (await place.read()).left(APPROVED)["grant"] == 4

    asyncio.run(use())
    assert path.stat().st_mode & 0o077 == 0
    other = FileSpending(path, Spending(approval_digest="b" * 64, plan="t"))
    with pytest.raises(InputError) as refused:
        asyncio.run(other.read())
    assert refused.value.code is ErrorCode.SPENDING_DAMAGED


@pytest.mark.parametrize("seed", range(examples(20)))
def test_of_many_runners_that_reserve_at_once_no_more_get_room_than_there_is(seed: int) -> None:
    """Answers are lost, too: a runner that asks again finds its own reservation."""
    chance = random.Random(seed)

    async def contend() -> tuple[Spending, list[str]]:
        bucket = Bucket(rng=random.Random(seed), loses_answers=lambda: chance.random() < 0.2)
        won: list[str] = []

        async def runner(name: str) -> None:
            place = S3Spending(bucket, "approvals/a.json", EMPTY, "s3://b/approvals/a.json")

            def reserving(spending: Spending) -> Spending:
                if spending.left(APPROVED, but=name)["grant"] < 2:
                    raise RefusedError(ErrorCode.APPROVAL_USED_UP, "used up", "")
                return spending.reserving(name, name, {"grant": 2}, {})

            for _ in range(10):
                try:
                    await place.change(reserving)
                except RefusedError:
                    return
                except InputError:
                    continue
                won.append(name)
                return

        await asyncio.gather(*(runner(f"r{number}") for number in range(4)))
        bucket.loses_answers = lambda: False
        return await S3Spending(bucket, "approvals/a.json", EMPTY, "").read(), won

    spending, won = run(contend())
    assert spending.left(APPROVED)["grant"] >= 1, seed
    assert len(spending.runs) == 2, seed
    assert set(won) <= set(spending.runs), seed
