"""A form in the client by which a person may approve. Off unless the settings turn it on, and never enough
for what takes access away: the approval's own rules say what a form may do.

Its text is made of the stored plan and change set alone, and of the changes tells what the digest covers: no
word of it comes from a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import anyio
from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit
from mcp.shared.exceptions import MCPError
from mcp_types.version import is_version_at_least
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from pipeline.errors import OktaPlanError
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.jobs import StillWorking
from pipeline.mcp_server.places import plan_place
from pipeline.mcp_server.untrusted import visible

if TYPE_CHECKING:
    from pipeline.use_cases.approving import PendingApproval
    from pipeline.use_cases.desk import Desk

STATELESS = "2026-07-28"
"""From this version on a form is a round trip of its own: the call ends, and comes again with the answer."""
SHOWN = 15
NAME_CHARACTERS_MAX = 80
CHANGE_CHARACTERS_MAX = 300


class Typed(BaseModel):
    """What came of asking. ``counts`` is what the person typed; None where nobody was asked. ``refused``: the
    form was declined, failed, or nobody answered in time.
    """

    counts: str | None = None
    refused: bool = False


class TypedCounts(Typed):
    """The form itself: one field, to be typed."""

    counts: Annotated[str, Field(description="Type the counts of the change set", max_length=300)] = ""
    refused: SkipJsonSchema[bool] = False


async def ask(plan: str, changes_digest: str, ctx: Context[Door]) -> Elicit[TypedCounts] | Typed:
    """The form, where one may be shown and would count; else nobody is asked."""
    if not _shows_forms(ctx):
        return Typed()
    door = ctx.request_context.lifespan_context
    try:
        text = await door.ask_okta(
            "form", [plan, changes_digest], lambda desk: _form_text(desk, plan, changes_digest), fresh=True
        )
    except (OktaPlanError, StillWorking):
        return Typed()  # the tool meets the same and tells of it
    if text is None:
        return Typed()
    if is_version_at_least(ctx.protocol_version or "", STATELESS):
        return Elicit(text, TypedCounts)
    return await _asked_now(ctx, text, door.form_wait_s)


async def _asked_now(ctx: Context[Door], text: str, wait_s: float) -> Typed:
    """The answer to a form shown while the call waits, which it does not do for ever."""
    with anyio.move_on_after(wait_s):
        try:
            answer = await ctx.elicit(text, TypedCounts)
        except (MCPError, ValueError, RuntimeError):
            return Typed(refused=True)  # the client could not show it, or answered with something else
        if isinstance(answer, AcceptedElicitation):
            return Typed(counts=answer.data.counts)
    return Typed(refused=True)


def _shows_forms(ctx: Context[Door]) -> bool:
    """Whether the client says that it shows forms; a client that shows web pages only does not."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


async def _form_text(desk: Desk, plan: str, digest: str) -> str | None:
    """None where a form would not count, or is not needed any more."""
    from pipeline.plan.approval import Channel, why_not_by
    from pipeline.use_cases.approval_checks import allowed_signers, check
    from pipeline.use_cases.approving import pending
    from pipeline.use_cases.working import earlier_run, find_wanted

    if not desk.settings.form_approval:
        return None
    given = plan_place(desk, plan)
    wanted = find_wanted(desk, given, digest)
    status = await check(desk, given, changes_digest=digest, org_id=wanted.changes.org_id)
    if status.counts or earlier_run(desk, wanted) is not None:
        return None
    waiting = pending(desk, given, digest=digest)
    why_not = why_not_by(
        Channel.FORM,
        actions=waiting.counts,
        privileged=waiting.needs.privileged,
        conflicts=waiting.needs.conflicts,
        form_approval=True,
        needs_signature=allowed_signers(desk) is not None,
    )
    return None if why_not or waiting.needs.provisioning else _text(waiting)


def _text(waiting: PendingApproval) -> str:
    from pipeline.changes.telling import told

    changes = waiting.changes
    people = [visible(told(each), characters_max=CHANGE_CHARACTERS_MAX) for each in changes.changes[:SHOWN]]
    more = len(changes.changes) - len(people)
    okta_app = visible(changes.okta_app_label, characters_max=NAME_CHARACTERS_MAX)
    org = f"{visible(changes.org_host, characters_max=NAME_CHARACTERS_MAX)} ({changes.org_id})"
    lines = [
        f"Change Okta? Plan {waiting.plan.name}, app {okta_app} ({changes.okta_app_id}), org {org}.",
        f"It holds: {waiting.to_type}. Held back: {len(changes.holds)}.",
        *(f"- {each}" for each in people),
        *([f"- and {more} more"] if more > 0 else []),
        f"Change set {waiting.whole_digest[:12]}. To approve, type: {waiting.to_type}",
    ]
    return "\n".join(lines)


def record_typed(desk: Desk, plan: str, digest: str, counts: str) -> None:
    """Write down what a person typed into the form. Raises RefusedError where it does not count."""
    from pipeline.plan.approval import Channel
    from pipeline.use_cases.approving import Given, approver_of, pending, record

    waiting = pending(desk, plan, digest=digest)
    record(desk, waiting, Given(typed=counts, approver=approver_of(desk, None, None), channel=Channel.FORM))
