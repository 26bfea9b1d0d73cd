"""What a review says: whom it names, what it counts, what it puts first."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipeline.changes.codec import changes_digest
from pipeline.changes.model import Action
from pipeline.report.review_text import show_review
from pipeline.review.model import Review, Table
from pipeline.review.of_changes import review_changes
from pipeline.review.of_run import review_runs
from pipeline.use_cases.change_views import change_view, covered
from pipeline.views import DiffView, RunsView
from tests.builders import change_set, grant_change
from tests.effort import examples
from tests.review.made import drawn, saying

ALICE = "alice@acme.example.com"


def test_whom_a_change_to_be_approved_concerns_is_told_from_what_its_digest_covers() -> None:
    change = grant_change(ALICE, {"Role": ["Admin", "Clerk"]}, before={"Role": ["Clerk"]})
    assert change.person is not None
    renamed = replace(
        change, person=replace(change.person, principals=("somebody.else",), expires="2027-01-01")
    )
    nobodys = replace(change, person=None)
    for edited in (renamed, nobodys):
        assert changes_digest(change_set(edited)) == changes_digest(change_set(change))
        fields = covered(edited)
        assert (fields["principal"], fields["also"], fields["expires"]) == (ALICE, [], None)
        assert fields["keeps"] == {"Role": ["Clerk"]}


def test_a_person_with_several_changes_is_one_person_before_and_after() -> None:
    taken = replace(
        grant_change(ALICE, {"Role": ["Clerk"]}, before={"Role": ["Clerk", "Admin"]}), action=Action.REVOKE
    )
    given_ = grant_change(ALICE.upper(), {"Site": ["North"]})
    review = review_changes(DiffView(changes=[change_view(taken), change_view(given_)]))
    people = review.people
    assert people is not None
    assert people.names == (ALICE,)
    [cohort] = people.cohorts
    held = [
        {name: [each.value for each in values] for name, values in people.held(number).items()}
        for number in (cohort.loses, cohort.gains, people.keeps_of[0])
    ]
    assert held == [{"Role": ["Admin"]}, {"Site": ["North"]}, {"Role": ["Clerk"]}]


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.integers(1, 30), max_size=12))
def test_everybody_stands_in_one_cohort_and_who_loses_something_stands_first(sizes: list[int]) -> None:
    view = drawn(sizes)
    people = review_changes(view).people
    assert people is not None
    assert len(people.names) == sum(sizes)
    assert sum(each.people for each in people.cohorts) == sum(sizes)
    weights = [people.cohorts[number].weight for number in people.cohort_of]
    assert weights == sorted(weights)
    assert [each.weight for each in people.cohorts] == sorted(each.weight for each in people.cohorts)


def test_what_a_run_did_not_do_is_told_before_what_it_did() -> None:
    view = saying("run", "x")
    assert isinstance(view, RunsView)
    review = review_runs(view)
    keys = [risk.key for risk in review.risks]
    assert keys == [
        "stopped",
        "refused",
        "unresolved",
        "begun",
        "held",
        "not_started",
        "missing",
        "revocations",
        "held",
    ]
    assert _counted(review)["values given to people"] == 1
    assert _counted(review)["changes not started"] == 1


def test_a_run_without_changes_and_report_says_so() -> None:
    view = saying("run", "x")
    assert isinstance(view, RunsView)
    review = review_runs(view.model_copy(update={"changes": [], "told": None, "held": []}))
    assert "ended before it could write its report" in review.lead
    assert review.risks == ()


def test_many_columns_stand_below_each_other_where_the_terminal_is_narrow() -> None:
    row = (
        "20261126T050935Z-t6sg",
        "plans/sample_medium_denormalized.yaml",
        "demo.okta.com",
        "2026-11-26T05:09:36Z",
    )
    table = Table(
        title="Runs", columns=("Run", "Plan", "Org", "Started", "State"), rows=((*row, "finished"),)
    )
    review = Review(kind="runs", title="Runs", lead="1 run.", facts=(), tables=(table,))
    shown = {}
    for width in (80, 160):
        console = Console(width=width, soft_wrap=True)
        with console.capture() as captured:
            show_review(review, console)
        shown[width] = captured.get().splitlines()[-3:]
    assert shown[80] == [
        "  20261126T050935Z-t6sg",
        "      plan plans/sample_medium_denormalized.yaml, org demo.okta.com",
        "      started 2026-11-26T05:09:36Z, state finished",
    ]
    assert all(cell in shown[160][-1] for cell in row)


def _counted(review: Review) -> dict[str, int]:
    return {each.label: each.number for each in review.counts}
