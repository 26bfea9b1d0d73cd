"""An approval as YAML text and back. No I/O."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from pipeline.errors import ErrorCode, RefusedError
from pipeline.findings import Finding, Location
from pipeline.plan.approval import Approval
from pipeline.plan.schema import JSON_SCHEMA
from pipeline.plan.shape import shape_findings
from pipeline.plan.yaml_events import read_yaml
from pipeline.plan.yaml_text import flow

SCHEMA_COMMENT = "# yaml-language-server: $schema=../schemas/approval.schema.json"


def dump_approval(approval: Approval) -> str:
    """The file's whole text, ending in a newline. Each field is a line; a signature is a block."""
    fields = approval.model_dump(mode="json", by_alias=True)
    signature = fields.pop("signature")
    lines = [SCHEMA_COMMENT, *(f"{key}: {flow(value)}" for key, value in fields.items())]
    if signature is None:
        lines.append("signature: null")
    else:
        lines += ["signature: |", *(f"  {line}" for line in signature.splitlines())]
    return "".join(f"{line}\n" for line in lines)


def read_approval(text: str, shown_as: str) -> Approval:
    """The approval in ``text``. Raises RefusedError (APPROVAL_INVALID) with every problem of its shape."""
    document = read_yaml(text, shown_as)
    if document.root is None:
        raise _invalid(shown_as, document.findings)
    try:
        approval = Approval.model_validate(document.root, by_alias=True, by_name=False)
    except ValidationError as error:
        found = shape_findings(error.errors(include_url=False), document, shown_as, Approval)
        raise _invalid(shown_as, (*document.findings, *found)) from error
    if document.findings or "schema_" not in approval.model_fields_set:
        raise _invalid(shown_as, document.findings)
    return approval


def approval_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of an approval file."""
    schema = Approval.model_json_schema(by_alias=True)
    schema["required"] = ["schema", *schema["required"]]
    return schema | {"$schema": JSON_SCHEMA, "title": "okta-plan approval (okta-plan/approval/v1)"}


def _invalid(shown_as: str, findings: tuple[Finding, ...]) -> RefusedError:
    first = findings[0] if findings else None
    return RefusedError(
        ErrorCode.APPROVAL_INVALID,
        "The approval cannot be read",
        first.detail if first else f'{shown_as} does not say what it is: its key "schema" is missing.',
        location=first.location if first and first.location else Location(shown_as),
        next_step="Approve the plan again with `okta-plan approve`; approvals are not edited by hand.",
        findings=findings,
    )
