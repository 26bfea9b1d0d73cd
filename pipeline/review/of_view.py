"""Which views have a review, and which."""

from __future__ import annotations

from pipeline.envelope import View
from pipeline.review.model import Review
from pipeline.review.of_changes import review_changes
from pipeline.review.of_comparison import review_comparison
from pipeline.review.of_plan import review_plan
from pipeline.review.of_run import review_runs
from pipeline.review_views import CompareView
from pipeline.survey_views import ShowView
from pipeline.views import DiffView, RunsView


def review_of(view: View) -> Review | None:
    """The review of ``view``; None where it is no view of plan, change set, comparison or run."""
    match view:
        case ShowView():
            return review_plan(view)
        case DiffView():
            return review_changes(view)
        case CompareView():
            return review_comparison(view)
        case RunsView():
            return review_runs(view)
        case _:
            return None
