"""The commands of approvals: approve and approvals."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli_answers import answer_async, guarded
from pipeline.cli_options import Json, PlanName
from pipeline.errors import ErrorCode, RefusedError

if TYPE_CHECKING:
    from pipeline.approval_views import ApproveView
    from pipeline.use_cases.desk import Desk

SCOPES = "structure|grants|all"


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options of ``approve``."""

    plan: str
    scope: str
    changes: Path | None
    expires: str | None
    sign: Path | None
    approver: str | None
    reason: str
    conflicts: tuple[str, ...]
    allow: tuple[str, ...]
    json: bool


def register(okta_plan: typer.Typer) -> None:
    """Add the commands to ``okta_plan``."""
    okta_plan.command(short_help="Approve a stored change set: read it, type its counts.")(approve)
    okta_plan.command(short_help="Whether the approval beside a plan counts, and what is left.")(approvals)


def approve(
    plan: PlanName,
    scope: Annotated[str, typer.Option(metavar=SCOPES, help="The part that is approved.")] = "all",
    expires: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="3d, 2026-12-01 or an instant; default 7d, most 30d."),
    ] = None,
    sign: Annotated[Path | None, typer.Option(metavar="KEY", help="Sign with this SSH key.")] = None,
    changes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The change set (from diff); default: the newest of this plan."),
    ] = None,
    approver: Annotated[
        str | None, typer.Option(metavar="WHO", help="Default: whose key it is, else the system's user.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the approval.")] = "",
    conflict: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="A rule of duties to be broken. Repeatable."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="GUARD=N", help="A limit that may go up to N; needs --reason. Repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Approve a change set that diff stored: read it, type its counts."""
    asked = _Asked(
        plan, scope, changes, expires, sign, approver, reason, tuple(conflict or ()), tuple(allow or ()), json
    )
    guarded("approve", json, lambda: _refuse_without_terminal(json))
    answer_async("approve", json, None, lambda desk: _approve(desk, asked))


def approvals(plan: PlanName, json: Json = False) -> None:
    """Whether the approval beside a plan counts, and what is left of it."""
    from pipeline.use_cases import approving

    answer_async("approvals", json, None, lambda desk: approving.approvals(desk, plan))


def _refuse_without_terminal(json: bool) -> None:
    """Nobody approves by a pipe. With --json the person reads on stderr."""
    needed = [sys.stdin, sys.stdout, *([sys.stderr] if json else [])]
    if not all(stream.isatty() for stream in needed):
        raise RefusedError(
            ErrorCode.NOT_CONFIRMED,
            "An approval needs a person at a terminal",
            "Input or output is not a terminal, so nobody can read the change set and type its counts.",
            next_step="Run `okta-plan approve` in a terminal of your own.",
        )


async def _approve(desk: Desk, asked: _Asked) -> ApproveView:
    from pipeline.report.approvals import PROVISIONING, ask_for_counts, ask_to_name, show_pending
    from pipeline.report.text import open_console
    from pipeline.use_cases import approving

    console = open_console(stderr=asked.json)
    scope = approving.scope_of(asked.scope)
    allow = approving.allowances(asked.allow, asked.reason)
    pending = approving.pending(desk, asked.plan, scope=scope, changes=asked.changes)
    given = approving.Given(
        typed="",
        approver=approving.approver_of(desk, asked.approver, asked.sign),
        reason=asked.reason,
        conflicts=asked.conflicts,
        allow=allow,
        expires=asked.expires,
        sign_key=asked.sign,
    )
    approving.draft(desk, pending, given)
    show_pending(desk.mask.view(approving.pending_view(desk, pending)), pending.needs.privileged, console)
    said = {each.casefold() for each in asked.conflicts}
    broken = [each for each in pending.needs.conflicts if each.casefold() not in said]
    named = ask_to_name(
        pending.needs.privileged, broken, provisioning=pending.needs.provisioning, console=console
    )
    given = replace(
        given,
        conflicts=(*asked.conflicts, *(each for each in broken if each in named)),
        privileged=tuple(word for word in pending.needs.privileged if word in named),
        provisioning=PROVISIONING in named,
        typed=ask_for_counts(pending.to_type, console),
    )
    return approving.approve(desk, pending, given)
