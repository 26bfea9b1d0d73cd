"""The lines of a journal. They hold addresses and ids, never a token, never profile data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pipeline.changes.model import Holding
from pipeline.changes.permissions import Allowance
from pipeline.run.result import Outcome

FORMAT_VERSION = 1
NO_LINE = "0" * 64
"""``prev`` of the first line."""


class Line(BaseModel):
    """Base of all entries. The journal fills in ``n``, ``at`` and ``prev`` when it writes the line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = 0
    """Its place: 0 for the header."""
    at: str = ""
    """When, in UTC, ISO 8601."""
    prev: str = NO_LINE
    """sha256 of the line before, without its line end."""


class Header(Line):
    kind: Literal["header"] = "header"
    format_version: int = FORMAT_VERSION
    tool_version: str
    run_id: str
    org_id: str
    org_host: str
    okta_app_id: str
    plan_name: str
    plan_path: str
    plan_digest: str
    changes_digest: str
    reviewed_digest: str = ""
    """The changes_digest of what a person had agreed to; "" in journals that cannot be resumed."""
    approval_digest: str = ""
    """Of the approval that the run uses, if it uses one."""
    only: str | None = None
    """The part of the change set that was asked for."""
    allowed: tuple[Allowance, ...] = ()
    """Guards that were overridden for this run, each with its reason."""
    started_at: str
    embedded: bool = False
    """Whether the org was an embedded emulator (--org)."""


class Begin(Line):
    """A write is about to be sent. ``attempt`` counts from 1 within the change; ``adds`` is what it gives,
    where part of what the change adds was there already.
    """

    kind: Literal["begin"] = "begin"
    address: str
    action: str
    attempt: int
    adds: Holding | None = None


class End(Line):
    """A change ended."""

    kind: Literal["outcome"] = "outcome"
    address: str
    action: str
    attempt: int
    outcome: Outcome
    status: int | None = None
    okta_id: str | None = None
    request_id: str | None = None
    detail: str = ""


class Held(Line):
    """A change was held while applying."""

    kind: Literal["held"] = "held"
    address: str
    action: str
    reason: str
    detail: str = ""


class Note(Line):
    """Something worth remembering. ``no_effect`` says that what began at ``address`` changed nothing."""

    kind: Literal["note"] = "note"
    what: Literal["resumed", "stopped", "halted", "no_effect", "canary", "settled"]
    address: str | None = None
    detail: str = ""


class Closed(Line):
    """Nothing follows: the run finished, or a later one settled it."""

    kind: Literal["closed"] = "closed"
    counts: dict[str, int]


Entry = Annotated[Header | Begin | End | Held | Note | Closed, Field(discriminator="kind")]
ENTRY: TypeAdapter[Header | Begin | End | Held | Note | Closed] = TypeAdapter(Entry)
