"""Tools that make plans and change sets. Nothing here changes Okta."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline.errors import ErrorCode, InputError
from pipeline.mcp_server.answers import Cursor, page_of, paged
from pipeline.mcp_server.commands import approve_command
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.file_tools import File, Next
from pipeline.mcp_server.offers import PLANS, READS_FILES, WRITES_FILES, WRITES_FROM_SOURCES, offered
from pipeline.mcp_server.places import list_plans, plan_place, source_place
from pipeline.mcp_server.plan_shapes import (
    ChangesAnswer,
    GeneratedAnswer,
    PlanAnswer,
    PlanRow,
    PlansAnswer,
    UndoAnswer,
    changes_answer,
    cohort_rows,
    held_values,
    people_in,
    person_rows,
)
from pipeline.mcp_server.tenant_tools import AppId, Concurrency
from pipeline.mcp_server.typed_grants import WantedGrant, typed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pipeline.survey_views import GenerateView
    from pipeline.use_cases.desk import Desk
    from pipeline.views import DiffView

PlanName = Annotated[str, Field(description="Plan from list_plans", max_length=300)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
UserId = Annotated[str, Field(pattern=r"^00u[A-Za-z0-9]{17}$")]
PLAN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
ITEMS_MAX = 5_000


class PlanTools:
    def __init__(self, door: Door) -> None:
        self.door = door

    @offered("Generate a plan", WRITES_FROM_SOURCES)
    async def generate_plan(
        self,
        filename: File,
        appId: AppId,
        name: Annotated[str | None, Field(pattern=PLAN_NAME, description="Default: of the file")] = None,
        mapping: Annotated[str | None, Field(description="Mapping file in plans/")] = None,
        as_of: Annotated[str | None, Field(description="Day for validity columns, 2026-01-31")] = None,
        since: Annotated[str | None, Field(description="Older plan: propose removals")] = None,
    ) -> GeneratedAnswer:
        """Write plans/NAME.yaml of a CSV for an app: who gets what. Offline; no other plan is replaced."""
        from pathlib import Path

        from pipeline.use_cases import generating

        source = self.door.source(filename)

        def call(desk: Desk) -> GenerateView:
            file = Path(plan_place(desk, mapping)) if mapping else None
            older = plan_place(desk, since) if since else None
            how = generating.Reading(mapping=file, as_of=as_of)
            return generating.generate(
                desk,
                [source_place(desk, source)],
                generating.Wanted(okta_app=appId, name=name, since=older),
                how=how,
            )

        view = await self.door.work("generate_plan", [source, appId, name, mapping, as_of, since], call)
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

        rows = await self.door.look("list_plans", None, call)
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
            lambda desk: offline.show(desk, plan_place(desk, plan), user=user, with_lines=False),
        )
        rows = person_rows(view) if view.person else cohort_rows(view, place)
        answer = PlanAnswer(
            plan=view.plan,
            plan_digest=view.plan_digest or "",
            okta_app=view.okta_app,
            users=people_in(view),
            assigned=len(view.assigned),
            entitlements=held_values({each.external_value: each.values for each in view.entitlements}),
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

        async def named(desk: Desk) -> str:
            return plan_place(desk, plan)

        return await self._changes("diff_plan", place, [plan], named)

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
        """Plan what a CSV permits its people: assignments and grants, adding to what they hold. Carried out
        by apply_plan once a person approved."""
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

        async def stage(desk: Desk) -> str:
            return staging.stage_assignments(desk, appId, userIds)

        place = Cursor.parse(cursor)
        return await self._changes("okta_batch_assign_users", place, [appId, userIds], stage)

    @offered("Plan grants", PLANS)
    async def okta_batch_create_grants(
        self,
        grants: Annotated[list[WantedGrant], Field(min_length=1, max_length=ITEMS_MAX)],
        concurrency: Concurrency = 5,
        cursor: Next = None,
    ) -> ChangesAnswer:
        """Plan CUSTOM grants of one app, adding to what the users hold. Carried out by apply_plan once a
        person approved."""
        from pipeline.use_cases import staging

        wanted = [typed(each) for each in grants]
        asked = [each.model_dump() for each in grants]
        return await self._changes(
            "okta_batch_create_grants",
            Cursor.parse(cursor),
            asked,
            lambda desk: staging.stage_grants(desk, wanted),
        )

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

        source = self.door.source(filename)

        async def stage(desk: Desk) -> str:
            path = source_place(desk, source)
            return await staging.stage_source(desk, path, app, only_structure=only_structure)

        return await self._changes(tool, place, [source, app], stage)

    async def _changes(
        self, tool: str, place: Cursor, asked: Sequence[object], stage: Callable[[Desk], Awaitable[str]]
    ) -> ChangesAnswer:
        """The change set of the plan that ``stage`` names: compared now, or a page of one that is stored."""
        from pipeline.use_cases import online, paging

        digest, view = place.digest, None
        if not digest:

            async def compare(desk: Desk) -> DiffView:
                return await online.diff(desk, await stage(desk))

            view = await self.door.ask_okta(tool, asked, compare)
            digest = view.changes_digest or ""
        found = await self.door.work("change set", digest, lambda desk: paging.stored(desk, digest))
        page = Cursor(place.first, digest)
        answer = changes_answer(found, digest, view, page, read_only=self.door.read_only)
        if found.changes.changes:
            answer.command = approve_command(self.door.open_desk(), answer.plan, digest)
        return answer


def _no_replacing() -> InputError:
    return InputError(
        ErrorCode.USAGE,
        "Mode replace is refused",
        "It would delete every entitlement of the app, and with them everybody's access. Mode update adds"
        " what is missing; what should go is written into a plan's removals by a person.",
    )
