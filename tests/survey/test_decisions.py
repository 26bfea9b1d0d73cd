"""Which of several rows decides, against a plain reading of the rules, row by row."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.plan.pins import PinnedRows, Pins
from pipeline.survey.survey import Survey, survey
from tests.effort import examples
from tests.survey.test_survey import Row, frame

HEADER = ("Email", "Role", "Effective_Access", "Access_Date", "Expires", "Valid From")
AS_OF = "2026-06-15"
DAYS = ["2026-06-14", "2026-06-15", "2026-06-16"]

rows_of = st.lists(
    st.tuples(
        st.sampled_from(["a@x", "A@x", "b@x", "c@x"]),
        st.sampled_from(["R1", "R2", "R1; R2", "R3"]),
        st.sampled_from(["Permitted", "Permitted", "Denied"]),
        st.sampled_from(DAYS),
        st.sampled_from(["", "", "99991231", *DAYS, "2026-12-31"]),
        st.sampled_from(["", *DAYS]),
    ),
    min_size=1,
    max_size=14,
)
Held = dict[tuple[str, str], str | None]


def expected(rows: list[Row], on_conflict: str) -> Held:
    given: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for user, roles, status, day, end, start in rows:
        has_end = end not in {"", "99991231"}
        if (has_end and end < AS_OF) or start > AS_OF:
            continue
        for role in roles.split("; "):
            given.setdefault((user.casefold(), role), []).append((status, day, end if has_end else ""))
    held: Held = {}
    for pair, found in given.items():
        permitted = [each for each in found if each[0] == "Permitted"]
        newest = max(day for _, day, _ in found)
        denied = {
            "filter": False,
            "deny_wins": len(permitted) < len(found),
            "latest": any(status == "Denied" and day == newest for status, day, _ in found),
        }[on_conflict]
        if permitted and not denied:
            ends = [end for *_, end in permitted]
            held[pair] = None if "" in ends else f"{max(ends)}T23:59:59Z"
    return held


def held(surveyed: Survey) -> Held:
    listed = [
        ((user.casefold(), value), cohort.expires)
        for cohort in surveyed.cohorts
        for user in cohort.users
        for values in cohort.values.values()
        for value in values
    ]
    assert not [pair for pair, count in Counter(pair for pair, _ in listed).items() if count > 1]
    return dict(listed)


@pytest.mark.parametrize("on_conflict", ["filter", "deny_wins", "latest"])
@settings(deadline=None, max_examples=examples(20))
@given(rows=rows_of, rng=st.randoms(use_true_random=False))
def test_the_rows_that_decide_are_those_of_the_rules_in_any_order(
    on_conflict: str, rows: list[Row], rng: random.Random
) -> None:
    certain = ("sure@x", "R9", "Permitted", DAYS[1], "", "")
    rows = [certain, *rows]
    pins = Pins(rows=PinnedRows.model_validate({"on_conflict": on_conflict}))
    surveyed = survey(frame(rows, HEADER), pins, as_of=AS_OF)
    assert held(surveyed) == expected(rows, on_conflict)
    totals = surveyed.totals
    assert totals.rows == len(rows) == totals.used + sum(totals.excluded.values())
    assert totals.users == len({user for user, _ in held(surveyed)})
    again = survey(frame(rng.sample(rows, len(rows)), HEADER), pins, as_of=AS_OF)
    assert (again.cohorts, again.totals) == (surveyed.cohorts, totals)


def test_where_every_row_is_overruled_nothing_is_left_to_plan() -> None:
    rows: list[Row] = [("a@x", "R", "Permitted"), ("a@x", "R", "Denied")]
    with pytest.raises(InputError) as refused:
        survey(frame(rows, HEADER[:3]), Pins(rows=PinnedRows(on_conflict="deny_wins")))
    assert "1 denied, 1 overruled" in refused.value.detail
