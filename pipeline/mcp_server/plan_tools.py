"""Tools that make plans and change sets. Nothing here changes Okta."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.errors import ErrorCode, InputError
from pipeline.mcp_server.answers import Answer, Cursor, Rows, Shape, page_of, paged
from pipeline.mcp_server.commands import approve_command
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.file_tools import File, Next
from pipeline.mcp_server.offers import PLANS, READS_FILES, WRITES_FILES, offered
from pipeline.mcp_server.places import list_plans, plan_place, source_place
from pipeline.mcp_server.tenant_tools import AppId, Concurrency
from pipeline.mcp_server.typed_grants import WantedGrant, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pipeline.survey_views import CohortView, GenerateView, ShowView
    from pipeline.use_cases.desk import Desk
    from pipeline.use_cases.paging import Item, StoredChanges
    from pipeline.views import DiffView

PlanName = Annotated[str, Field(description="Plan from list_plans", max_length=300)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
UserId = Annotated[str, Field(pattern=r"^00u[A-Za-z0-9]{17}$")]
USERS_SHOWN = 5
VALUES_SHOWN = 20
ITEMS_MAX = 5_000
APPROVE = (
    "Show the counts to the person and ask them to run `command` in a terminal; it shows the change set and asks "
    "them to type its counts. Then call apply_plan with plan and changes_digest."
)
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
    entitlements: list[HeldValues] = []
    rows: list[CohortRow] = []


class ItemRow(Shape):
    action: str
    about: Literal["user", "entitlement"]
    subject: str
    hold: str | None
    adds: list[HeldValues]
    removes: list[HeldValues]


class ChangesAnswer(Rows):
    headline: ClassVar[str] = "The change set, stored for review."
    plan: str = ""
    okta_app: str = ""
    org_host: str = ""
    plan_digest: str = ""
    changes_digest: str = ""
    counts: dict[str, int] = {}
    held: dict[str, int] = {}
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


class PlanTools:
    def __init__(self, door: Door) -> None:
        self.door = door

    @offered("Generate a plan", WRITES_FILES)
    async def generate_plan(
        self,
        filename: File,
        appId: AppId,
        name: Annotated[str | None, Field(max_length=100, description="Default: of the file")] = None,
        mapping: Annotated[str | None, Field(description="Mapping file in plans/")] = None,
        as_of: Annotated[str | None, Field(description="Day for validity columns, 2026-01-31")] = None,
        since: Annotated[str | None, Field(description="Older plan: propose removals")] = None,
    ) -> GeneratedAnswer:
        """Write plans/NAME.yaml of a CSV for an app: who gets what. Offline; a different plan is never replaced."""
        from pathlib import Path

        from pipeline.use_cases import generating

        listed = self.door.listed

        def call(desk: Desk) -> GenerateView:
            source = source_place(desk, filename, listed)
            file = Path(plan_place(desk, mapping)) if mapping else None
            older = plan_place(desk, since) if since else None
            how = generating.Reading(mapping=file, as_of=as_of)
            return generating.generate(
                desk, [source], generating.Wanted(okta_app=appId, name=name, since=older), how=how
            )

        view = await self.door.work("generate_plan", [filename, appId, name, mapping, as_of, since], call)
        totals = view.totals
        return GeneratedAnswer(
            plan=view.plan,
            written=view.written,
            plan_digest=view.plan_digest or "",
            source_rows=totals.rows if totals else 0,
            used=totals.used if totals else 0,
            excluded=totals.excluded if totals else {},
            rejected=totals.rejected if totals else {},
            users=totals.users if totals else 0,
            values=totals.values if totals else 0,
            warnings=sum(each.severity == "warning" for each in view.findings),
            next="Call diff_plan with the plan.",
        )

    @offered("List plans", READS_FILES)
    async def list_plans(self, cursor: Next = None) -> PlansAnswer:
        """Plan files in plans/, newest first."""
        place = Cursor.parse(cursor)

        def call(desk: Desk) -> list[PlanRow]:
            return [
                PlanRow(
                    plan=desk.shown(path),
                    size_bytes=path.stat().st_size,
                    has_approval=path.with_name(f"{path.stem}.approval.yaml").is_file(),
                )
                for path in list_plans(desk)
            ]

        rows = await self.door.work("list_plans", None, call)
        answer = PlansAnswer(
            total=len(rows),
            rows=list(page_of(rows, place)),
            next="Call show_plan or diff_plan with one of them." if rows else "Call generate_plan.",
        )
        return paged(answer, place)

    @offered("Show a plan", READS_FILES)
    async def show_plan(
        self,
        plan: PlanName,
        user: Annotated[str | None, Field(max_length=300, description="Only this person")] = None,
        cursor: Next = None,
    ) -> PlanAnswer:
        """What a plan gives and takes, by groups of people with the same values, or of one person."""
        from pipeline.use_cases import offline

        place = Cursor.parse(cursor)
        view = await self.door.work(
            "show_plan",
            [plan, user],
            lambda desk: offline.show(desk, plan_place(desk, plan), user=user),
        )
        rows = _person_rows(view) if view.person else _cohort_rows(view, place)
        answer = PlanAnswer(
            plan=view.plan,
            plan_digest=view.plan_digest or "",
            okta_app=view.okta_app,
            users=sum(len(each.users) for each in view.access),
            entitlements=_held({each.external_value: each.values for each in view.entitlements}),
            total=len(rows) if view.person else len(view.access) + len(view.removals),
            rows=rows,
            next="Call diff_plan with the plan.",
        )
        return paged(answer, place)

    @offered("Compare a plan with Okta", PLANS)
    async def diff_plan(self, plan: PlanName, cursor: Next = None) -> ChangesAnswer:
        """The exact change set of a plan: counts, changes_digest, forecast, held changes with reasons. With a
        cursor: the next page of the same change set."""
        place = Cursor.parse(cursor)
        return await self._changes("diff_plan", place, [plan], lambda desk: plan_place(desk, plan))

    @offered("Stage 2: plan the entitlements of an app", PLANS)
    async def prepare_entitlement_structure(
        self,
        filename: File,
        appId: AppId,
        mode: Literal["auto", "update", "replace"] = "auto",
        cursor: Next = None,
    ) -> ChangesAnswer:
        """Plan the entitlements and values of a CSV that the app lacks; what is there stays. Mode replace is
        refused: deleting entitlements would take everybody's access."""
        if mode == "replace":
            raise _no_replacing()
        place = Cursor.parse(cursor)
        return await self._stage("prepare_entitlement_structure", filename, appId, place, only_structure=True)

    @offered("Stage 3: plan who gets what", PLANS)
    async def execute_user_grants(self, filename: File, appId: AppId, cursor: Next = None) -> ChangesAnswer:
        """Plan what a CSV permits its people: assignments and grants, adding to what they hold. Carried out by
        apply_plan once a person approved."""
        place = Cursor.parse(cursor)
        return await self._stage("execute_user_grants", filename, appId, place, only_structure=False)

    @offered("Plan app assignments", PLANS)
    async def okta_batch_assign_users(
        self,
        appId: AppId,
        userIds: Annotated[list[UserId], Field(min_length=1, max_length=ITEMS_MAX)],
        concurrency: Concurrency = 5,
        cursor: Next = None,
    ) -> ChangesAnswer:
        """Plan to assign users, by id, to an app. Carried out by apply_plan once a person approved."""
        from pipeline.use_cases import staging

        return await self._changes(
            "okta_batch_assign_users",
            Cursor.parse(cursor),
            [appId, userIds],
            lambda desk: staging.stage_assignments(desk, appId, userIds),
        )

    @offered("Plan grants", PLANS)
    async def okta_batch_create_grants(
        self,
        grants: Annotated[list[WantedGrant], Field(min_length=1, max_length=ITEMS_MAX)],
        concurrency: Concurrency = 5,
        cursor: Next = None,
    ) -> ChangesAnswer:
        """Plan CUSTOM grants of one app, adding to what the users hold. Carried out by apply_plan once a person
        approved."""
        from pipeline.use_cases import staging

        wanted = [typed(each) for each in grants]
        asked = [each.model_dump() for each in grants]
        place = Cursor.parse(cursor)
        staged = ""
        if not place.digest:
            staged = await self.door.ask_okta(
                "okta_batch_create_grants plan", asked, lambda desk: staging.stage_grants(desk, wanted)
            )
        return await self._changes("okta_batch_create_grants", place, asked, lambda _desk: staged)

    @offered("Plan to undo a run", WRITES_FILES)
    async def undo_run(self, run: Annotated[str, Field(description="Run from run_status")]) -> UndoAnswer:
        """Write the plan that takes away what a run gave; says what would remain. Sends nothing."""
        from pipeline.use_cases import undoing

        view = await self.door.work("undo_run", run, lambda desk: undoing.undo(desk, run))
        return UndoAnswer(
            plan=view.plan,
            plan_digest=view.plan_digest,
            people=view.people,
            values=view.values,
            entitlements_left=view.remains.entitlements,
            assignments_left=len(view.remains.assigned),
            revoked_before=len(view.remains.revoked),
            unsure=len(view.remains.unsure),
            next="Call diff_plan with the plan; a person has to approve it in a terminal."
            if view.plan
            else "The run gave nobody anything, so there is nothing to take away.",
        )

    async def _stage(
        self, tool: str, filename: str, app: str, place: Cursor, *, only_structure: bool
    ) -> ChangesAnswer:
        from pipeline.use_cases import staging

        listed = self.door.listed

        def stage(desk: Desk) -> str:
            source = source_place(desk, filename, listed)
            return staging.stage_source(desk, source, app, only_structure=only_structure)

        return await self._changes(tool, place, [filename, app], stage)

    async def _changes(
        self, tool: str, place: Cursor, asked: list[object], stage: Callable[[Desk], str]
    ) -> ChangesAnswer:
        """The change set of the plan that ``stage`` names: compared now, or a page of one that is stored."""
        from pipeline.use_cases import online, paging

        digest, view = place.digest, None
        if not digest:

            async def compare(desk: Desk) -> DiffView:
                return await online.diff(desk, stage(desk))

            view = await self.door.ask_okta(tool, json.loads(json.dumps(asked, default=str)), compare)
            digest = view.changes_digest or ""
        found = await self.door.work("change set", digest, lambda desk: paging.stored(desk, digest))
        answer = _changes_answer(found, digest, view, Cursor(place.first, digest))
        if found.changes.changes:
            answer.command = approve_command(self.door.open_desk(), answer.plan, digest)
        return answer


def _changes_answer(found: StoredChanges, digest: str, view: DiffView | None, place: Cursor) -> ChangesAnswer:
    changes = found.changes
    plan = view.plan if view else f"plans/{changes.plan_name}.yaml"
    forecast = view.forecast if view else None
    answer = ChangesAnswer(
        plan=plan,
        okta_app=changes.okta_app_label,
        org_host=changes.org_host,
        plan_digest=changes.plan_digest,
        changes_digest=digest,
        counts=found.counts,
        held=found.held,
        forecast_s=forecast.seconds if forecast else None,
        bottleneck=forecast.bottleneck if forecast else None,
        changes_file=f"plans/.runs/changes/{digest}.json",
        total=len(found.items),
        rows=[_item_row(each) for each in page_of(found.items, place)],
        next=APPROVE if changes.changes else NOTHING,
    )
    return paged(answer, place)


def _item_row(item: Item) -> ItemRow:
    return ItemRow(
        action=item.action,
        about="user" if item.about == "user" else "entitlement",
        subject=item.subject,
        hold=item.hold,
        adds=_held(dict(item.adds)),
        removes=_held(dict(item.removes)),
    )


def _held(values: Mapping[str, Iterable[str]]) -> list[HeldValues]:
    return [
        HeldValues(entitlement=name, values_total=len(each), values=each[:VALUES_SHOWN])
        for name, each in ((name, list(each)) for name, each in values.items())
    ]


def _cohort_rows(view: ShowView, place: Cursor) -> list[CohortRow]:
    cohorts: list[tuple[Literal["access", "removal"], CohortView]] = []
    cohorts += [("access", each) for each in view.access]
    cohorts += [("removal", each) for each in view.removals]
    return [
        CohortRow(
            kind=kind,
            users_total=len(each.users),
            users=each.users[:USERS_SHOWN],
            expires=each.expires,
            gives=_held(each.values),
        )
        for kind, each in page_of(cohorts, place)
    ]


def _person_rows(view: ShowView) -> list[CohortRow]:
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
            gives=_held(values),
        )
        for kind, values in parts
        if values
    ]


def _no_replacing() -> InputError:
    return InputError(
        ErrorCode.USAGE,
        "Mode replace is refused",
        "It would delete every entitlement of the app, and with them everybody's access. Mode update adds what"
        " is missing; what should go is written into a plan's removals by a person.",
    )
