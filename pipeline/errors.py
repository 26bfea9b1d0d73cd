"""The errors a person sees: what is wrong with what, why, and what to do next.

OktaPlanError
├── InputError          exit 1   the input cannot be used (file, plan, settings)
├── TenantError         exit 1   Okta answered with something this step cannot go on from
│   └── CredentialError exit 1   the credential is missing, refused or lacks a permission
├── RefusedError        exit 4   refused before any write
├── StoppedError        exit 5   stopped early; the run can be resumed
└── UsageError          exit 64  the command line is off
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum

from pipeline.findings import Finding, Location


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    ERROR = 1
    CHANGES = 2
    HELD = 3
    REFUSED = 4
    STOPPED = 5
    USAGE = 64


class ErrorCode(StrEnum):
    """The closed list of error codes; scripts may rely on them."""

    # source
    FILE_NOT_FOUND = "file_not_found"
    FILE_UNREADABLE = "file_unreadable"
    FILE_UNWRITABLE = "file_unwritable"
    FILE_EMPTY = "file_empty"
    FILE_TOO_LARGE = "file_too_large"
    FILE_CHANGED = "file_changed"
    NOT_UTF8 = "not_utf8"
    NOT_A_TABLE = "not_a_table"
    TOO_MANY_REJECTS = "too_many_rejects"
    DUPLICATE_COLUMN = "duplicate_column"
    NO_USER_COLUMN = "no_user_column"
    NO_ENTITLEMENT_COLUMN = "no_entitlement_column"
    NO_USABLE_ROWS = "no_usable_rows"
    BAD_CELLS = "bad_cells"
    DATE_ORDER_UNKNOWN = "date_order_unknown"
    MAPPING_INVALID = "mapping_invalid"
    MAPPING_EXISTS = "mapping_exists"
    AS_OF_MISSING = "as_of_missing"
    SINCE_REFUSED = "since_refused"
    # plan
    PLAN_INVALID = "plan_invalid"
    PLAN_EXISTS = "plan_exists"
    POLICY_INVALID = "policy_invalid"
    OUTSIDE_WORKSPACE = "outside_workspace"
    CHANGES_INVALID = "changes_invalid"
    # settings
    SETTINGS_INVALID = "settings_invalid"
    NO_CREDENTIAL = "no_credential"
    NO_WORKSPACE = "no_workspace"
    ORG_FILE_INVALID = "org_file_invalid"
    SHARED_UNUSABLE = "shared_unusable"
    S3_DISABLED = "s3_disabled"
    S3_UNUSABLE = "s3_unusable"
    # tenant
    TENANT_UNREACHABLE = "tenant_unreachable"
    TENANT_ANSWER = "tenant_answer"
    INCOMPLETE_READ = "incomplete_read"
    CREDENTIAL_REFUSED = "credential_refused"
    PERMISSION_MISSING = "permission_missing"
    SCOPE_MISSING = "scope_missing"
    APP_NOT_FOUND = "app_not_found"
    APP_AMBIGUOUS = "app_ambiguous"
    APP_INACTIVE = "app_inactive"
    # refused before any write
    NO_ADDITIVE_GRANTS = "no_additive_grants"
    ENTITLEMENT_MANAGEMENT_OFF = "entitlement_management_off"
    OTHER_ORG = "other_org"
    OTHER_CHANGES = "other_changes"
    LIMIT_EXCEEDED = "limit_exceeded"
    PRIVILEGED_VALUE = "privileged_value"
    PROVISIONING_UNNAMED = "provisioning_unnamed"
    CHANGES_TOO_OLD = "changes_too_old"
    LEASE_HELD = "lease_held"
    NOT_CONFIRMED = "not_confirmed"
    APPROVAL_MISSING = "approval_missing"
    APPROVAL_INVALID = "approval_invalid"
    APPROVAL_OF_OTHER_PLAN = "approval_of_other_plan"
    APPROVAL_OF_OTHER_CHANGES = "approval_of_other_changes"
    APPROVAL_EXPIRED = "approval_expired"
    APPROVAL_USED_UP = "approval_used_up"
    APPROVAL_EXCEEDED = "approval_exceeded"
    APPROVAL_UNSIGNED = "approval_unsigned"
    APPROVAL_BAD_SIGNATURE = "approval_bad_signature"
    APPROVAL_UNKNOWN_SIGNER = "approval_unknown_signer"
    APPROVAL_BY_AUTHOR = "approval_by_author"
    APPROVAL_BY_FORM = "approval_by_form"
    APPROVAL_OF_OTHER_PART = "approval_of_other_part"
    NOT_NAMED = "not_named"
    FREEZE = "freeze"
    NOT_APPLIED = "not_applied"
    # runs
    RUN_NOT_FOUND = "run_not_found"
    RUN_CLOSED = "run_closed"
    RUN_UNFINISHED = "run_unfinished"
    OTHER_RUN = "other_run"
    JOURNAL_DAMAGED = "journal_damaged"
    EVIDENCE_DAMAGED = "evidence_damaged"
    RUN_STOPPED = "run_stopped"
    LEASE_LOST = "lease_lost"
    SPENDING_DAMAGED = "spending_damaged"
    CANARY_FAILED = "canary_failed"
    # command line
    USAGE = "usage"
    INTERNAL = "internal"


class OktaPlanError(Exception):
    """Base of all expected errors; never raised directly."""

    exit_code: Exit = Exit.ERROR

    def __init__(
        self,
        code: ErrorCode,
        summary: str,
        detail: str,
        *,
        location: Location | None = None,
        next_step: str | None = None,
        findings: tuple[Finding, ...] = (),
        people: Iterable[str] = (),
    ) -> None:
        super().__init__(summary)
        self.code = code
        self.summary = summary
        self.detail = detail
        self.location = location
        self.next_step = next_step
        self.findings = findings
        self.people = tuple(people)
        """Names of people that its texts may hold, so that they can be masked."""


class InputError(OktaPlanError):
    """A file, plan or setting cannot be used; nothing was changed."""


class TenantError(OktaPlanError):
    """Okta's answer does not allow this step to go on."""


class CredentialError(TenantError):
    """The credential is missing, refused, or lacks a permission."""


class RefusedError(OktaPlanError):
    """Refused before any write."""

    exit_code = Exit.REFUSED


class StoppedError(OktaPlanError):
    """The run stopped early and can be resumed."""

    exit_code = Exit.STOPPED


class UsageError(OktaPlanError):
    """The command line is off."""

    exit_code = Exit.USAGE
