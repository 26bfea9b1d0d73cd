"""Errors for models: which, and which tool to call next. No text of sources or of Okta is in a sentence."""

from __future__ import annotations

import json
from typing import Any

from mcp_types import CallToolResult, TextContent

from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.masking import Mask
from pipeline.mcp_server.untrusted import cleaned

_SETTINGS = "Ask the person to correct the settings of the workspace, then call okta_test."
_CREDENTIAL = "Ask the person to run `okta-plan check` in a terminal: it says what the credential lacks."
_FILES = "Call list_csv_files for sources or list_plans for plans, then name one of them."
_CSV = "A person has to correct the file; of a CSV, validate_csv_preflight says what is wrong."
_MAPPING = (
    "A mapping file of a person must say which columns hold users and access: name it to generate_plan."
)
_PLANS = "Call list_plans, then name one of them."
_DIFF = "Call diff_plan for a fresh changes_digest, and ask the person to approve that."
_NAMED = (
    "The approval must name it. Ask the person to run `okta-plan approve` in a terminal, which asks for it;"
    " then call apply_plan again."
)
_RUNS = "Call run_status without a run for the list of runs."
_LATER = "Call the tool again in a minute; ask the person if it stays so."
NEXT: dict[ErrorCode, str] = {
    ErrorCode.FILE_NOT_FOUND: _FILES,
    ErrorCode.FILE_UNREADABLE: _CSV,
    ErrorCode.FILE_EMPTY: _CSV,
    ErrorCode.FILE_TOO_LARGE: _CSV,
    ErrorCode.FILE_CHANGED: "Call generate_plan again: the source is not what the plan was made of.",
    ErrorCode.NOT_UTF8: _CSV,
    ErrorCode.NOT_A_TABLE: _CSV,
    ErrorCode.TOO_MANY_REJECTS: _CSV,
    ErrorCode.DUPLICATE_COLUMN: _CSV,
    ErrorCode.NO_USER_COLUMN: _MAPPING,
    ErrorCode.NO_ENTITLEMENT_COLUMN: _MAPPING,
    ErrorCode.NO_USABLE_ROWS: _CSV,
    ErrorCode.BAD_CELLS: _CSV,
    ErrorCode.DATE_ORDER_UNKNOWN: "A mapping file of a person must say date_order, dmy or mdy: name it to"
    " generate_plan.",
    ErrorCode.MAPPING_INVALID: "Ask the person to correct the mapping file.",
    ErrorCode.SINCE_REFUSED: "Ask the person whether the source is whole; call generate_plan without since.",
    ErrorCode.AS_OF_MISSING: "Call generate_plan with as_of, a day the person names.",
    ErrorCode.PLAN_INVALID: "A person has to correct the file; `okta-plan validate` in a terminal tells"
    " all that is wrong with it.",
    ErrorCode.PLAN_EXISTS: "Call generate_plan with another name, or go on with the plan that is there.",
    ErrorCode.OUTSIDE_WORKSPACE: "Name a file that list_csv_files or list_plans shows.",
    ErrorCode.CHANGES_INVALID: _DIFF,
    ErrorCode.OTHER_CHANGES: _DIFF,
    ErrorCode.OTHER_ORG: _SETTINGS,
    ErrorCode.SETTINGS_INVALID: _SETTINGS,
    ErrorCode.NO_CREDENTIAL: _SETTINGS,
    ErrorCode.NO_WORKSPACE: "Ask the person to set OKTA_PLAN_HOME for this server in the client's"
    " configuration, to the folder with their csv/ and plans/.",
    ErrorCode.S3_UNUSABLE: "Name a file that list_csv_files shows; a person decides what else of S3 is read.",
    ErrorCode.S3_DISABLED: "S3 is off. Work with the files that list_csv_files shows.",
    ErrorCode.TENANT_UNREACHABLE: _LATER,
    ErrorCode.TENANT_ANSWER: _LATER,
    ErrorCode.INCOMPLETE_READ: _LATER,
    ErrorCode.CREDENTIAL_REFUSED: _CREDENTIAL,
    ErrorCode.PERMISSION_MISSING: _CREDENTIAL,
    ErrorCode.SCOPE_MISSING: _CREDENTIAL,
    ErrorCode.APP_NOT_FOUND: "Ask the person for the app's id or exact label.",
    ErrorCode.APP_AMBIGUOUS: "Ask the person for the app's id.",
    ErrorCode.APP_INACTIVE: "Ask the person to activate the app, or for another one.",
    ErrorCode.ENTITLEMENT_MANAGEMENT_OFF: "Ask the person to turn on Entitlement Management for the app.",
    ErrorCode.LEASE_HELD: "Another apply of this app is under way. Call run_status later.",
    ErrorCode.LIMIT_EXCEEDED: "The plan's limits forbid it. Ask the person to correct the plan, or to approve"
    " again with --allow GUARD=N --reason TEXT; then call apply_plan again.",
    ErrorCode.PRIVILEGED_VALUE: _NAMED,
    ErrorCode.PROVISIONING_UNNAMED: _NAMED,
    ErrorCode.CHANGES_TOO_OLD: _DIFF,
    ErrorCode.FREEZE: "Nothing is sent in a freeze. Ask the person; call apply_plan again when it is over.",
    ErrorCode.NOT_NAMED: _NAMED,
    ErrorCode.RUN_NOT_FOUND: _RUNS,
    ErrorCode.RUN_CLOSED: "It is over. Call run_status with this run.",
    ErrorCode.RUN_UNFINISHED: _RUNS,
    ErrorCode.OTHER_RUN: _DIFF,
    ErrorCode.NOT_APPLIED: _RUNS,
    ErrorCode.USAGE: "Correct the argument and call again.",
}
_APPROVE = (
    "Nothing was sent. Show the counts of diff_plan to the person and ask them to run `command` in a"
    " terminal; then call apply_plan again."
)
_ELSE = "Tell the person; `okta-plan` in a terminal says more."
_PLAIN_DETAIL = frozenset(
    {
        ErrorCode.SETTINGS_INVALID,
        ErrorCode.NO_CREDENTIAL,
        ErrorCode.NO_WORKSPACE,
        ErrorCode.S3_DISABLED,
        ErrorCode.TENANT_UNREACHABLE,
        ErrorCode.TENANT_ANSWER,
        ErrorCode.INCOMPLETE_READ,
        ErrorCode.PERMISSION_MISSING,
        ErrorCode.LEASE_HELD,
        ErrorCode.FREEZE,
        ErrorCode.RUN_CLOSED,
        ErrorCode.OTHER_RUN,
        ErrorCode.USAGE,
    }
)
"""Codes whose details are made of our own words, numbers and settings: no text of a source or a tenant."""


def after(code: str | None, otherwise: str) -> str:
    """What to do about a run whose process ended with the error of that code."""
    if code is None:
        return otherwise
    if code.startswith("approval_"):
        return _DIFF
    return NEXT.get(ErrorCode(code), otherwise) if code in {*ErrorCode} else otherwise


def refusal(error: OktaPlanError, *, mask: Mask, command: str | None = None) -> CallToolResult:
    """The answer of a tool that ended with ``error``; ``command`` is what a person may type about it."""
    told: dict[str, Any] = {
        "error": error.code.value,
        "what": error.summary,
        "next": _APPROVE if command else NEXT.get(error.code, _ELSE),
        "command": command,
        "location": str(error.location) if error.location else None,
    }
    if error.code in _PLAIN_DETAIL:
        told["why"] = error.detail
    if error.findings:
        told["problems"] = len(error.findings)
        told["first"] = [
            {"code": each.code.value, "what": each.summary, "location": str(each.location or "")}
            for each in error.findings[:10]
        ]
    return refused({key: each for key, each in told.items() if each is not None}, mask=mask)


def refused(told: dict[str, Any], *, mask: Mask) -> CallToolResult:
    """An error result of these fields, as one line of JSON."""
    text = json.dumps(cleaned(told, mask=mask), ensure_ascii=False)
    return CallToolResult(content=[TextContent(text=text)], is_error=True)
