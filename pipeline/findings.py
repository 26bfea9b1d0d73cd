"""Findings: problems and remarks that are collected, never raised one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters: an error stops the step that found it, a warning does not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class FindingCode(StrEnum):
    """The closed list of finding codes; scripts may rely on them."""

    # reading the source
    ENCODING = "encoding"
    DELIMITER = "delimiter"
    LINES_LEFT_OUT = "lines_left_out"
    SHEET_LIMIT = "sheet_limit"
    BLANK_HEADER = "blank_header"
    REPEATED_HEADER = "repeated_header"
    RAGGED_ROW = "ragged_row"
    BROKEN_QUOTES = "broken_quotes"
    UNKNOWN_ACCESS_STATUS = "unknown_access_status"
    COLUMN_UNHEEDED = "column_unheeded"
    SEVERAL_SYSTEMS = "several_systems"
    NO_USER = "no_user"
    PERMITTED_AND_DENIED = "permitted_and_denied"
    DUPLICATE_ROWS = "duplicate_rows"
    NEAR_COLLISION = "near_collision"
    LAYOUT = "layout"
    SEPARATOR = "separator"
    VALIDITY = "validity"
    BAD_DATE = "bad_date"
    NO_VALUE_TEXT = "no_value_text"
    SPREADSHEET_DAMAGE = "spreadsheet_damage"
    MOJIBAKE = "mojibake"
    OVER_LONG_VALUE = "over_long_value"
    UNKNOWN_COLUMN = "unknown_column"
    # a plan file
    BAD_YAML = "bad_yaml"
    UNKNOWN_KEY = "unknown_key"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    BAD_VALUE = "bad_value"
    DUPLICATE_KEY = "duplicate_key"
    DUPLICATE_USER = "duplicate_user"
    DUPLICATE_VALUE = "duplicate_value"
    UNKNOWN_VALUE = "unknown_value"
    TOO_LONG = "too_long"
    TOO_MANY_VALUES = "too_many_values"
    SINGLE_VALUE = "single_value"
    GRANTED_AND_REMOVED = "granted_and_removed"
    UNBALANCED_TOTALS = "unbalanced_totals"
    UNSUPPORTED_SCHEMA = "unsupported_schema"
    # the tenant
    PROVISIONING_PUSHES = "provisioning_pushes"
    SOD_CONFLICT = "sod_conflict"
    SOD_UNCHECKED = "sod_unchecked"
    USER_STATUS = "user_status"
    EXTRA_ACCESS = "extra_access"
    MISSING_ACCESS = "missing_access"
    CLOCK_SKEW = "clock_skew"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a finding is: a file, optionally with a 1-based line, and what in it (a key or a column)."""

    path: str | None = None
    line: int | None = None
    subject: str | None = None

    def __str__(self) -> str:
        place = self.path or ""
        if self.line is not None:
            place = f"{place}:{self.line}"
        return f"{place} ({self.subject})" if self.subject and place else place or (self.subject or "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One collected problem.

    ``summary`` is short fixed wording without user data, so that readers learn to recognise it; ``detail``
    says in full sentences what is wrong with what, why, and what to do next. ``rows`` are physical 1-based
    line numbers in the source.
    """

    code: FindingCode
    severity: Severity
    summary: str
    detail: str
    location: Location | None = None
    rows: tuple[int, ...] = ()
