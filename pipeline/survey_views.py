"""Results about sources and the plans made of them as data: how rows were read, what a plan gives."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.envelope import Counts, Part, ValueLists, View
from pipeline.source_views import PlanSourceView


class TotalsView(Part):
    """Control totals: ``rows`` = ``used`` + the sum of ``excluded`` + the sum of ``rejected``."""

    rows: int
    used: int
    excluded: Counts
    rejected: Counts
    users: int
    values: int
    cohorts: int


class ColumnView(Part):
    name: str
    role: str
    reason: str
    confidence: Literal["certain", "likely", "guess"]
    separator: str | None = None


class EntitlementView(Part):
    name: str
    external_value: str
    multi_value: bool
    values: list[str]


class RejectedView(Part):
    """A row that cannot be used. ``byte`` is where a row that could not be read begins; ``source`` is given
    where there are several.
    """

    source: str | None = None
    line: int
    byte: int | None = None
    reason: str
    detail: str


class AnalyzeView(View):
    schema_: Annotated[Literal["okta-plan/analyze/v1"], Field(alias="schema")] = "okta-plan/analyze/v1"
    command: Literal["analyze"] = "analyze"
    source: str = ""
    sha256: str = ""
    columns: list[ColumnView] = []
    entitlements: list[EntitlementView] = []
    totals: TotalsView | None = None
    rejected: list[RejectedView] = []


class SinceView(Part):
    """What became of values that the older plan gave and the sources do not: ``removals`` stand in the plan
    for review. ``not_ours``: no run of this workspace added them (``--since-all`` takes them too).
    ``doubted``: rows of that person were rejected.
    """

    plan: str
    removals: int
    not_ours: int
    doubted: int


class GenerateView(View):
    schema_: Annotated[Literal["okta-plan/generate/v1"], Field(alias="schema")] = "okta-plan/generate/v1"
    command: Literal["generate"] = "generate"
    plan: str = ""
    written: bool = False
    """False where the file already held exactly this plan."""
    totals: TotalsView | None = None
    rejected: list[RejectedView] = []
    since: SinceView | None = None


class CohortView(Part):
    values: ValueLists
    expires: str | None
    users: list[str]


class WitnessView(Part):
    """A row of a source that names a value for the person, and what became of it (used, denied, ...)."""

    source: str
    line: int
    verdict: str
    ends: str | None = None


class BecauseView(Part):
    """Why the person gets a value, or does not. Without ``rows`` it stands in the plan alone."""

    entitlement: str
    value: str
    given: bool
    rows: list[WitnessView]


class PersonView(Part):
    """What the plan gives one person, and takes from it."""

    principal: str
    values: ValueLists
    expires: list[str] = []
    removals: ValueLists = {}
    because: list[BecauseView] = []
    unread: list[str] = []
    """Sources that are not there any more, so that ``because`` lacks their rows."""


class NotedView(Part):
    """A finding as it stands in the plan; ``rows`` are lines of the source."""

    code: str
    source: str | None
    rows: list[int]
    detail: str


class ShowView(View):
    schema_: Annotated[Literal["okta-plan/show/v1"], Field(alias="schema")] = "okta-plan/show/v1"
    command: Literal["show"] = "show"
    plan: str = ""
    okta_app: str = ""
    sources: list[PlanSourceView] = []
    totals: TotalsView | None = None
    entitlements: list[EntitlementView] = []
    access: list[CohortView] = []
    removals: list[CohortView] = []
    assigned: list[str] = []
    """Who gets the app without a value."""
    rules: dict[str, str] = {}
    """What the plan says of grants, limits, assignments, moves and its tenant: dotted key -> JSON."""
    privileged: list[str] = []
    noted: list[NotedView] = []
    person: PersonView | None = None
