"""The envelope every ``--json`` answer comes in, and what an error looks like inside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.changes.model import HoldReason
from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.findings import Finding, FindingCode, Severity

Counts = dict[str, int]
ValueLists = dict[str, list[str]]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FindingView(Part):
    code: FindingCode
    severity: Severity
    summary: str
    detail: str
    location: str | None = None
    rows: list[int] = []

    @classmethod
    def of(cls, finding: Finding) -> FindingView:
        return cls(
            code=finding.code,
            severity=finding.severity,
            summary=finding.summary,
            detail=finding.detail,
            location=str(finding.location) if finding.location else None,
            rows=list(finding.rows),
        )


class ErrorView(Part):
    """What is wrong with what, why, and what to do next."""

    code: ErrorCode
    summary: str
    detail: str
    location: str | None = None
    next: str | None = None


class HeldView(Part):
    """One wanted change that is not sent. ``principal`` is null where an entitlement is held; ``adds`` and
    ``removes`` are what it would have changed.
    """

    principal: str | None
    reason: HoldReason
    detail: str
    address: str
    action: str
    adds: ValueLists = {}
    removes: ValueLists = {}


class View(Part):
    """The envelope every command answers with under ``--json``."""

    schema_: Annotated[str, Field(alias="schema")]
    ok: bool = True
    exit_code: int = 0
    command: str
    error: ErrorView | None = None
    plan_digest: str | None = None
    changes_digest: str | None = None
    counts: Counts = {}
    held: list[HeldView] = []
    run: str | None = None
    paths: dict[str, str] = {}
    findings: list[FindingView] = []


class ErrorAnswer(View):
    """Any command that ended with an error before it had a view of its own."""

    schema_: Annotated[Literal["okta-plan/error/v1"], Field(alias="schema")] = "okta-plan/error/v1"
    ok: bool = False


def error_view(error: OktaPlanError) -> ErrorView:
    """The part of an answer that explains ``error``."""
    return ErrorView(
        code=error.code,
        summary=error.summary,
        detail=error.detail,
        location=str(error.location) if error.location else None,
        next=error.next_step,
    )


def error_answer(error: OktaPlanError, command: str) -> ErrorAnswer:
    """The whole answer of ``command`` when it ended with ``error``."""
    return ErrorAnswer(
        command=command,
        exit_code=int(error.exit_code),
        error=error_view(error),
        findings=[FindingView.of(finding) for finding in error.findings],
    )


def to_json(view: View) -> str:
    """One JSON object, keys in a fixed order, ending in a newline."""
    return view.model_dump_json(by_alias=True, indent=2) + "\n"
