"""The answers of ``approve`` and ``approvals`` as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.envelope import Counts, View
from pipeline.plan.approval import Approval


class ApproveView(View):
    """An approval that was recorded. ``counts`` are what it covers."""

    schema_: Annotated[Literal["okta-plan/approve/v1"], Field(alias="schema")] = "okta-plan/approve/v1"
    command: Literal["approve"] = "approve"
    plan: str = ""
    approval: Approval | None = None
    approval_digest: str = ""


class ApprovalsView(View):
    """The approval beside a plan: whether it counts now, as far as that can be told without the tenant.
    ``error`` says why it does not.
    """

    schema_: Annotated[Literal["okta-plan/approvals/v1"], Field(alias="schema")] = "okta-plan/approvals/v1"
    command: Literal["approvals"] = "approvals"
    plan: str = ""
    approval: Approval | None = None
    approval_digest: str = ""
    left: Counts = {}
    """Of ``counts``, what no run has used or reserved."""
    signed: Literal["checked", "unchecked", "no"] = "no"
    """``unchecked``: there is a signature, and no OKTA_PLAN_ALLOWED_SIGNERS to check it against."""
