"""Results as data: one JSON shape for ``--json``, from which every text form is rendered.

Each command has one view; all share the envelope of `View`. ``schemas/`` holds their JSON Schemas.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.approval_views import ApprovalsView, ApproveView
from pipeline.envelope import Counts, ErrorAnswer, FindingView, HeldView, Part, ValueLists, View
from pipeline.errors import ErrorCode
from pipeline.install_views import InstallView
from pipeline.record_views import EvidenceView, PruneView
from pipeline.review_views import CompareView
from pipeline.source_views import ArchiveView, FilesView
from pipeline.survey_views import AnalyzeView, GenerateView, ShowView


class ValidatedPlan(Part):
    path: str
    ok: bool
    plan_digest: str | None = None
    findings: list[FindingView] = []


class ValidateView(View):
    schema_: Annotated[Literal["okta-plan/validate/v1"], Field(alias="schema")] = "okta-plan/validate/v1"
    command: Literal["validate"] = "validate"
    plans: list[ValidatedPlan] = []


class BucketView(Part):
    """One rate bucket: the header's limit per minute, what is left of it, and when the window ends."""

    bucket: str
    limit_per_min: int
    remaining: int
    reset_s: float


class ScopeView(Part):
    """An OAuth scope this software can use, and whether the service app was granted it."""

    scope: str
    granted: bool
    needed_for: str


class CheckView(View):
    schema_: Annotated[Literal["okta-plan/check/v1"], Field(alias="schema")] = "okta-plan/check/v1"
    command: Literal["check"] = "check"
    org_id: str = ""
    org_host: str = ""
    credential: str = ""
    """The login of the user that owns the token, or the service app's client id."""
    scopes: list[ScopeView] = []
    """Empty for an API token, which has none: its owner's admin roles decide."""
    okta_app: str | None = None
    entitlement_management: str | None = None
    clock_skew_s: float | None = None
    """Tenant's clock minus ours."""
    buckets: list[BucketView] = []


class ChangeView(Part):
    """One change. ``principal`` is null where an entitlement is changed; a person holds ``keeps`` and
    ``removes`` before, ``keeps`` and ``adds`` after.
    """

    address: str
    action: str
    message: str
    principal: str | None = None
    also: list[str] = []
    """Other names that the source has for the person."""
    adds: ValueLists
    removes: ValueLists = {}
    keeps: ValueLists = {}
    expires: str | None = None
    expires_before: str | None = None


class ForecastView(Part):
    """Calls per bucket and the time they take at our share of the tenant's limits, so many at a time."""

    calls: Counts
    limit_per_min: Counts
    bottleneck: str | None
    """A bucket, or "concurrency"."""
    seconds: float
    rate_share: float
    concurrency: int


class RefusalView(Part):
    """Why a guard would refuse the change set now: its arithmetic, and what lets this pass once."""

    guard: str
    code: ErrorCode
    detail: str
    override: str


class AllowedView(Part):
    """One override of this run: ``--allow GUARD=VALUE --reason REASON``."""

    guard: str
    value: str
    reason: str


class DiffView(View):
    schema_: Annotated[Literal["okta-plan/diff/v1"], Field(alias="schema")] = "okta-plan/diff/v1"
    command: Literal["diff"] = "diff"
    plan: str = ""
    okta_app: str = ""
    org_id: str = ""
    org_host: str = ""
    observed_at: str = ""
    changes: list[ChangeView] = []
    privileged: list[str] = []
    """Values that the plan calls privileged, as ``Entitlement/value``."""
    kept: int = 0
    refusals: list[RefusalView] = []
    """What ``apply`` would be refused for."""
    forecast: ForecastView | None = None
    notices: list[str] = []


class MissingView(Part):
    """``why`` tells of a difference what the tenant shows, and what the runs of the workspace made of it."""

    principal: str
    entitlement: str
    value: str
    why: str = ""


class VerificationView(Part):
    """Read back by listing: planned pairs held, missing, apart because held back, and beyond the plan."""

    pairs_planned: int
    pairs_held: int
    missing: list[MissingView] = []
    not_assigned: list[str] = []
    still_held: list[MissingView] = []
    """What the plan removes and is held still."""
    pairs_removed: int = 0
    """What the plan removes and is not held."""
    otherwise: list[str] = []
    """What is there but not as the plan wants it: what another apply would send to put it right."""
    held_back: list[HeldView] = []
    extras: int = 0
    beyond: list[MissingView] = []
    """The extras: what people of the plan hold and the plan does not name. No differences."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is missing but what is held for a reason."""
        return not (self.missing or self.not_assigned or self.still_held or self.otherwise)

    @property
    def pairs_held_back(self) -> int:
        """Planned pairs that are not there for a reason that is listed."""
        return self.pairs_planned - self.pairs_held - len(self.missing)


class VerifyView(View):
    schema_: Annotated[Literal["okta-plan/verify/v1"], Field(alias="schema")] = "okta-plan/verify/v1"
    command: Literal["verify"] = "verify"
    plan: str = ""
    okta_app: str = ""
    org_host: str = ""
    verification: VerificationView | None = None


class OutcomeView(Part):
    address: str
    action: str
    outcome: str
    detail: str
    request_id: str | None = None


class EarlierView(Part):
    """What an earlier, unfinished run of this plan had done before it ended."""

    run: str
    counts: Counts
    settled: Counts = {}


class ApplyView(View):
    schema_: Annotated[Literal["okta-plan/apply/v1"], Field(alias="schema")] = "okta-plan/apply/v1"
    command: Literal["apply"] = "apply"
    plan: str = ""
    okta_app: str = ""
    org_id: str = ""
    org_host: str = ""
    outcomes: Counts = {}
    allowed: list[AllowedView] = []
    revoked: list[MissingView] = []
    """Values that this run took away."""
    problems: list[OutcomeView] = []
    """Changes that were refused or stayed unresolved."""
    forecast: ForecastView | None = None
    elapsed_s: float = 0.0
    calls: Counts = {}
    earlier: list[EarlierView] = []
    verification: VerificationView | None = None
    resume: str | None = None
    """The command that goes on where this run stopped."""
    notices: list[str] = []
    """What there is to say of the approval: why it does not count, or where its use is counted."""


class SimulateView(View):
    """An apply that was carried out in virtual time; nothing of it was sent to the tenant."""

    schema_: Annotated[Literal["okta-plan/simulate/v1"], Field(alias="schema")] = "okta-plan/simulate/v1"
    command: Literal["simulate"] = "simulate"
    plan: str = ""
    okta_app: str = ""
    org_id: str = ""
    org_host: str = ""
    outcomes: Counts = {}
    problems: list[OutcomeView] = []
    simulated: ForecastView | None = None
    """The calls that were made and the virtual time that they took, reading and verifying included."""
    forecast: ForecastView | None = None
    """What ``diff`` foretold."""
    verification: VerificationView | None = None
    unlike: list[str] = []
    """What of the tenant the simulation could not show."""


class RunView(Part):
    run: str
    plan: str
    org_host: str
    started_at: str
    state: Literal["finished", "running", "unfinished", "damaged"]
    """``running``: a process of this host is at it. One of another host shows as unfinished."""
    outcomes: Counts = {}


class RunChangeView(ChangeView):
    """A change of a run and what became of it: an outcome, ``held``, ``not_started``, or ``left_out``
    (``--only``).
    """

    outcome: str
    detail: str = ""


class RunsView(View):
    schema_: Annotated[Literal["okta-plan/runs/v1"], Field(alias="schema")] = "okta-plan/runs/v1"
    command: Literal["runs"] = "runs"
    runs: list[RunView] = []
    report: str | None = None
    """The report of the run asked for, as Markdown."""
    changes: list[RunChangeView] = []
    """The change set of the run asked for."""
    told: ApplyView | None = None
    """What that run said at its end; null where it did not come to it."""


class CreatedGrantView(Part):
    principal: str
    grant_id: str


class RemainsView(Part):
    """What a run left in the tenant that its undo does not take back."""

    entitlements: list[str] = []
    values: ValueLists = {}
    """Values added to entitlements, those of created ones included."""
    assigned: list[str] = []
    """Who was assigned to the app."""
    grants: list[CreatedGrantView] = []
    """Grants that were created: they stay, without the values."""
    revoked: list[MissingView] = []
    """What the run took away: to be given again by a plan."""
    reworked: list[str] = []
    """What was changed beside values, as the run's messages."""
    unsure: list[str] = []
    """Sent, and not known whether they took effect: look at these people yourself."""


class UndoView(View):
    schema_: Annotated[Literal["okta-plan/undo/v1"], Field(alias="schema")] = "okta-plan/undo/v1"
    command: Literal["undo"] = "undo"
    plan: str | None = None
    """None where the run gave nobody anything."""
    okta_app: str = ""
    org_host: str = ""
    written: bool = False
    people: int = 0
    values: int = 0
    """(person, value) pairs that the run added and the plan removes."""
    remains: RemainsView = RemainsView()


class SchemaView(View):
    schema_: Annotated[Literal["okta-plan/schema/v1"], Field(alias="schema")] = "okta-plan/schema/v1"
    command: Literal["schema"] = "schema"
    schemas: dict[str, dict[str, object]] = {}


class StepView(Part):
    """One step of the demo: the command as a person would type it, and its exit code."""

    command: str
    exit_code: int


class DemoView(View):
    schema_: Annotated[Literal["okta-plan/demo/v1"], Field(alias="schema")] = "okta-plan/demo/v1"
    command: Literal["demo"] = "demo"
    steps: list[StepView] = []


class ResetView(View):
    schema_: Annotated[Literal["okta-plan/emulator-reset/v1"], Field(alias="schema")] = (
        "okta-plan/emulator-reset/v1"
    )
    command: Literal["emulator reset"] = "emulator reset"
    removed: list[str] = []


VIEWS: tuple[type[View], ...] = (
    AnalyzeView,
    ApplyView,
    ApprovalsView,
    ApproveView,
    ArchiveView,
    CheckView,
    CompareView,
    DemoView,
    DiffView,
    ErrorAnswer,
    EvidenceView,
    FilesView,
    GenerateView,
    InstallView,
    PruneView,
    ResetView,
    RunsView,
    SchemaView,
    ShowView,
    SimulateView,
    UndoView,
    ValidateView,
    VerifyView,
)
"""Every view that has a schema of its own in ``schemas/``."""
