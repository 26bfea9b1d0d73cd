"""Tools about runs: start one that a person approved, follow it, stop it and go on with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from mcp.server.mcpserver import (
    AcceptedElicitation,
    CancelledElicitation,
    DeclinedElicitation,
    ElicitationResult,
    Resolve,
)
from pydantic import Field

from pipeline.errors import ErrorCode, OktaPlanError, RefusedError
from pipeline.mcp_server.answers import Cursor, Rows, Shape, page_of, paged
from pipeline.mcp_server.approval_form import Typed, ask, record_typed
from pipeline.mcp_server.commands import approve_command
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.file_tools import Next
from pipeline.mcp_server.offers import READS_FILES, WRITES_OKTA, Refused, offered
from pipeline.mcp_server.places import plan_place
from pipeline.mcp_server.plan_tools import Digest, PlanName
from pipeline.mcp_server.refusals import after, refusal

if TYPE_CHECKING:
    from pipeline.use_cases.desk import Desk
    from pipeline.use_cases.run_standing import RunStanding

RunId = Annotated[str, Field(description="Run from apply_plan or run_status", max_length=40)]
WAIT_S_MAX = 45
WAITED_S_MAX = 38.0
"""What a call waits of that, so that it is answered in time."""
WHY_SHOWN = 10
NEEDS_PERSON = {"anthropic/requiresUserInteraction": True}
STATES = Literal[
    "starting", "running", "paused", "interrupted", "cancelled", "refused", "finished", "damaged", "none"
]
GOES_ON = (
    "It goes on without you. Tell the person, and call run_status after check_back_after_s, or when they ask."
)
AFTER: dict[str, str] = {
    "starting": GOES_ON,
    "running": GOES_ON,
    "paused": "It stopped in good order. Ask the person; control_run with resume goes on.",
    "interrupted": "Its process ended before it was done. Ask the person; control_run with resume goes on.",
    "cancelled": "It was cancelled. What was done until then stays; undo_run plans to take it away.",
    "refused": "Nothing was sent. See error; `okta-plan diff` and `okta-plan apply` in a terminal say more.",
    "finished": "It is done. Tell the person the counts, what was read back and what was not done.",
    "damaged": "Its journal cannot be read. Tell the person.",
}
CANARY_FAILED = (
    "The first change of its kind, sent alone, did not turn out as it should: somebody may have lost access."
    " Show `why` to the person first; it says what was lost and what restores it, and `okta-plan runs` with"
    " this run in a terminal says all of it. Resume only when they say so."
)
HAD_TO_STOP = (
    "It had to stop: see error and why. Tell the person; when they have put it right, control_run with resume"
    " goes on."
)
NOT_BY_FORM = (
    "The form was declined, cancelled or never shown, so nothing was sent. Ask the person to run `command`"
    " in a terminal, then call apply_plan again."
)


class RunRow(Shape):
    run: str
    plan: str
    run_state: str
    started_at: str


class ProblemRow(Shape):
    subject: str
    action: str
    why: str


class RunAnswer(Rows):
    headline: ClassVar[str] = "The run."
    run: str | None = None
    plan: str = ""
    run_state: STATES = "none"
    is_new: bool | None = None
    done: int = 0
    changes: int = 0
    outcomes: dict[str, int] = {}
    held: dict[str, int] = {}
    planned_pairs: int | None = None
    verified_pairs: int | None = None
    elapsed_s: float = 0.0
    rate_per_min: float = 0.0
    eta_s: float | None = None
    check_back_after_s: float | None = None
    error: str | None = None
    why: list[str] = []
    """What the error says."""
    rows: list[ProblemRow] = []
    runs: list[RunRow] = []

    def in_words(self) -> str:
        if self.run is None:
            return f"{self.total} runs."
        return f"The run is {self.run_state}: {self.done} of {self.changes} changes ended."


class RunTools:
    def __init__(self, door: Door) -> None:
        self.door = door

    @offered("Apply an approved change set", WRITES_OKTA, NEEDS_PERSON)
    async def apply_plan(
        self,
        plan: PlanName,
        changes_digest: Digest,
        form: Annotated[ElicitationResult[Typed], Resolve(ask)],
    ) -> RunAnswer:
        """Carry out exactly the change set of this digest, if a person approved it; else nothing happens and
        the answer says what the person has to do. Returns a run at once; the same digest, the same run."""
        from pipeline.use_cases import working

        door = self.door
        try:
            match form:
                case AcceptedElicitation(data=Typed(counts=str(counts))):
                    await door.look(
                        "approve by form",
                        [plan, changes_digest, counts],
                        lambda desk: record_typed(desk, plan_place(desk, plan), changes_digest, counts),
                    )
                case AcceptedElicitation(data=Typed(refused=True)):
                    raise _not_approved()
                case DeclinedElicitation() | CancelledElicitation():
                    raise _not_approved()
                case _:
                    pass
            started = await door.ask_okta(
                "apply_plan",
                [plan, changes_digest],
                lambda desk: working.start_run(desk, plan_place(desk, plan), changes_digest, door.launch),
                fresh=True,
            )
        except OktaPlanError as error:
            command = None
            if _lets_approve(error):
                desk = door.open_desk()
                command = approve_command(desk, plan_place(desk, plan), changes_digest)
            raise Refused(refusal(error, mask=door.mask(), command=command)) from error
        told = await self._standing(started.run)
        return _answer(told, Cursor()).model_copy(update={"is_new": started.is_new})

    @offered("Status of runs", READS_FILES)
    async def run_status(
        self,
        run: RunId | None = None,
        wait_s: Annotated[float, Field(ge=0, le=WAIT_S_MAX, description="Wait so long for it to end")] = 0,
        cursor: Next = None,
    ) -> RunAnswer:
        """How far a run is: counts, rate, time left, what was not done and why. Without a run: all runs."""
        place = Cursor.parse(cursor)
        if run is None:
            return await self._all(place)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + min(wait_s, WAITED_S_MAX)
        told = await self._standing(run)
        while told.is_under_way and (left_s := until_s - loop.time()) > 0:
            await asyncio.wait([loop.create_future()], timeout=min(self.door.look_s, left_s))
            # All of the journal is read at the end only: a run of thousands has a long one.
            if not await self._is_under_way(run) or loop.time() >= until_s:
                told = await self._standing(run)
        return _answer(told, place)

    @offered("Control a run", WRITES_OKTA)
    async def control_run(self, run: RunId, action: Literal["pause", "resume", "cancel"]) -> RunAnswer:
        """Pause a run in good order, go on with it under the same approval, or cancel it for good."""
        from pipeline.use_cases import working

        if action == "resume":
            await self.door.look(
                "control_run", [run, action], lambda desk: working.go_on(desk, run, self.door.launch)
            )
        else:
            how: Literal["pause", "cancel"] = action
            await self.door.look("control_run", [run, how], lambda desk: working.ask_to_stop(desk, run, how))
        return _answer(await self._standing(run), Cursor())

    async def _is_under_way(self, run: str) -> bool:
        from pipeline.use_cases import run_standing

        return await self.door.look("state", run, lambda desk: run_standing.is_under_way(desk, run))

    async def _standing(self, run: str) -> RunStanding:
        from pipeline.use_cases import run_standing

        return await self.door.look("run_status", run, lambda desk: run_standing.standing(desk, run))

    async def _all(self, place: Cursor) -> RunAnswer:
        from pipeline.use_cases.run_standing import in_short, run_ids

        def call(desk: Desk) -> tuple[int, list[RunRow]]:
            found = run_ids(desk)
            told = [in_short(desk, run) for run in page_of(found, place)]
            return len(found), [
                RunRow(run=each.run, plan=each.plan, run_state=each.state, started_at=each.started_at)
                for each in told
            ]

        total, rows = await self.door.look("runs", place.first, call)
        after = place.first + len(rows)
        return RunAnswer(
            total=total,
            first=place.first,
            next_cursor=str(after) if after < total else None,
            runs=rows,
            next="Call run_status with one of them." if rows else "There are none; apply_plan starts one.",
        )


def _answer(told: RunStanding, place: Cursor) -> RunAnswer:
    answer = RunAnswer(
        run=told.run,
        plan=told.plan,
        run_state=told.state,
        done=told.done,
        changes=told.total,
        outcomes=dict(told.outcomes),
        held=dict(told.held),
        planned_pairs=told.planned,
        verified_pairs=told.verified,
        elapsed_s=round(told.elapsed_s, 1),
        rate_per_min=round(told.rate_per_min, 1),
        eta_s=round(told.eta_s) if told.eta_s is not None else None,
        check_back_after_s=told.check_back_after_s,
        error=told.error,
        why=list(told.why[:WHY_SHOWN]),
        total=len(told.problems),
        rows=[
            ProblemRow(subject=each.subject, action=each.action, why=each.why)
            for each in page_of(told.problems, place)
        ],
        next=_next(told),
    )
    return paged(answer, place)


def _next(told: RunStanding) -> str:
    """What refused a run, or its going on, tells what to do; what was asked to stop goes on."""
    if told.error == ErrorCode.CANARY_FAILED:
        return CANARY_FAILED
    if told.state == "paused" and told.error is not None:
        return HAD_TO_STOP
    if told.state in ("refused", "interrupted", "finished") and told.error is not None:
        return after(told.error, AFTER[told.state])
    return AFTER[told.state]


def _not_approved() -> OktaPlanError:
    return RefusedError(ErrorCode.NOT_CONFIRMED, "Nobody approved the change set", NOT_BY_FORM)


def _lets_approve(error: OktaPlanError) -> bool:
    """Whether a person can put it right by approving in a terminal."""
    return error.code is ErrorCode.NOT_CONFIRMED or error.code.value.startswith("approval_")
