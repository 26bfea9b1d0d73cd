"""What the tools about plans answer, and how that is made of plans and change sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pipeline.address import principal_key
from pipeline.mcp_server.answers import Answer, Cursor, Rows, Shape, page_of, paged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.survey_views import CohortView, ShowView
    from pipeline.use_cases.paging import Item, StoredChanges
    from pipeline.views import DiffView

USERS_SHOWN = 5
VALUES_SHOWN = 20
APPROVE = (
    "Show the counts to the person and ask them to run `command` in a terminal; it shows the change set and"
    " asks them to type its counts. "
)
THEN_APPLY = "Then call apply_plan with plan and changes_digest."
THEN_IN_TERMINAL = (
    "This server is read-only: `okta-plan apply` with the plan and --require-approval, in that terminal, then"
    " carries it out."
)
REFUSED_NOW = (
    "As things stand apply will refuse it: see refusals. The person has to correct the plan, or to allow it"
    " when they approve: `okta-plan approve` asks for privileged values and takes --allow GUARD=N with"
    " --reason TEXT. Then: "
)
REFUSALS_SHOWN = 10
NOTHING = "There is nothing to send: what the plan wants is there or held. Nothing needs approval."


class PlanRow(Shape):
    plan: str
    size_bytes: int
    has_approval: bool


class PlansAnswer(Rows):
    headline: ClassVar[str] = "Plans."
    rows: list[PlanRow] = []


class HeldValues(Shape):
    entitlement: str
    values_total: int
    values: list[str]


class GeneratedAnswer(Answer):
    headline: ClassVar[str] = "The plan is in the workspace."
    plan: str = ""
    written: bool = False
    plan_digest: str = ""
    source_rows: int = 0
    used: int = 0
    excluded: dict[str, int] = {}
    rejected: dict[str, int] = {}
    users: int = 0
    values: int = 0
    warnings: int = 0


class CohortRow(Shape):
    kind: Literal["access", "removal"]
    users_total: int
    users: list[str]
    expires: str | None
    gives: list[HeldValues]


class PlanAnswer(Rows):
    headline: ClassVar[str] = "The plan by groups of people who get the same."
    plan: str = ""
    plan_digest: str = ""
    okta_app: str = ""
    users: int = 0
    assigned: int = 0
    """Who gets the app without a value."""
    entitlements: list[HeldValues] = []
    rows: list[CohortRow] = []


class ItemRow(Shape):
    action: str
    about: Literal["user", "entitlement"]
    subject: str
    hold: str | None
    adds: list[HeldValues]
    removes: list[HeldValues]


class RefusalRow(Shape):
    guard: str
    why: str


class ChangesAnswer(Rows):
    headline: ClassVar[str] = "The change set, stored for review."
    plan: str = ""
    okta_app: str = ""
    org_host: str = ""
    plan_digest: str = ""
    changes_digest: str = ""
    counts: dict[str, int] = {}
    held: dict[str, int] = {}
    refusals: list[RefusalRow] = []
    """What guards have against it now; told with the first page."""
    forecast_s: float | None = None
    bottleneck: str | None = None
    command: str | None = None
    changes_file: str = ""
    rows: list[ItemRow] = []


class UndoAnswer(Answer):
    headline: ClassVar[str] = "What a run gave can be taken away by a plan."
    plan: str | None = None
    plan_digest: str | None = None
    people: int = 0
    values: int = 0
    entitlements_left: list[str] = []
    assignments_left: int = 0
    revoked_before: int = 0
    unsure: int = 0


def changes_answer(
    found: StoredChanges, digest: str, view: DiffView | None, place: Cursor, *, read_only: bool
) -> ChangesAnswer:
    """The page at ``place`` of a stored change set; ``view`` is of the comparison that was made just now."""
    changes = found.changes
    plan = view.plan if view else f"plans/{changes.plan_name}.yaml"
    forecast = view.forecast if view else None
    refusals = view.refusals if view else []
    approve = f"{REFUSED_NOW if refusals else ''}{APPROVE}{THEN_IN_TERMINAL if read_only else THEN_APPLY}"
    answer = ChangesAnswer(
        plan=plan,
        okta_app=changes.okta_app_label,
        org_host=changes.org_host,
        plan_digest=changes.plan_digest,
        changes_digest=digest,
        counts=found.counts,
        held=found.held,
        cut=["refusals"] if len(refusals) > REFUSALS_SHOWN else [],
        refusals=[RefusalRow(guard=each.guard, why=each.detail) for each in refusals[:REFUSALS_SHOWN]],
        forecast_s=forecast.seconds if forecast else None,
        bottleneck=forecast.bottleneck if forecast else None,
        changes_file=f"plans/.runs/changes/{digest}.json",
        total=len(found.items),
        rows=[_item_row(each) for each in page_of(found.items, place)],
        next=approve if changes.changes else NOTHING,
    )
    return paged(answer, place)


def _item_row(item: Item) -> ItemRow:
    return ItemRow(
        action=item.action,
        about="user" if item.about == "user" else "entitlement",
        subject=item.subject,
        hold=item.hold,
        adds=held_values(dict(item.adds)),
        removes=held_values(dict(item.removes)),
    )


def held_values(values: Mapping[str, Iterable[str]]) -> list[HeldValues]:
    return [
        HeldValues(entitlement=name, values_total=len(each), values=each[:VALUES_SHOWN])
        for name, each in ((name, list(each)) for name, each in values.items())
    ]


def people_in(view: ShowView) -> int:
    """How many people a plan, or the part of it that is shown, gives values to or takes them from."""
    cohorts = (*view.access, *view.removals)
    return 1 if view.person else len({principal_key(each) for cohort in cohorts for each in cohort.users})


def cohort_rows(view: ShowView, place: Cursor) -> list[CohortRow]:
    cohorts: list[tuple[Literal["access", "removal"], CohortView]] = []
    cohorts += [("access", each) for each in view.access]
    cohorts += [("removal", each) for each in view.removals]
    return [
        CohortRow(
            kind=kind,
            users_total=len(each.users),
            users=each.users[:USERS_SHOWN],
            expires=each.expires,
            gives=held_values(each.values),
        )
        for kind, each in page_of(cohorts, place)
    ]


def person_rows(view: ShowView) -> list[CohortRow]:
    person = view.person
    if person is None:
        return []
    parts: list[tuple[Literal["access", "removal"], Mapping[str, list[str]]]] = [
        ("access", person.values),
        ("removal", person.removals),
    ]
    return [
        CohortRow(
            kind=kind,
            users_total=1,
            users=[person.principal],
            expires=person.expires[0] if len(person.expires) == 1 and kind == "access" else None,
            gives=held_values(values),
        )
        for kind, values in parts
        if values
    ]
