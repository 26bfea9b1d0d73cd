"""Okta's error bodies (okta-api.md section 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorKind:
    code: str
    status: int
    summary: str


VALIDATION = ErrorKind("E0000001", 400, "Api validation failed")
BAD_JSON = ErrorKind("E0000003", 400, "The request body was not well-formed.")
FORBIDDEN = ErrorKind("E0000006", 403, "You do not have permission to perform the requested action")
NOT_FOUND = ErrorKind("E0000007", 404, "Not found: Resource not found")
NO_SUCH_PATH = ErrorKind("E0000008", 404, "The requested path was not found")
BAD_TOKEN = ErrorKind("E0000011", 401, "Invalid token provided")
BAD_METHOD = ErrorKind("E0000022", 405, "The endpoint does not support the provided HTTP method")
MISSING_PARAMETER = ErrorKind("E0000028", 400, "The request is missing a required parameter.")
BAD_PAGING = ErrorKind("E0000029", 400, "Invalid paging request")
BAD_SEARCH = ErrorKind("E0000031", 400, "Invalid search criteria.")
INTERNAL = ErrorKind("E0000009", 500, "Internal Server Error")
READ_ONLY = ErrorKind("E0000010", 503, "Service is in read only mode")
WRONG_USER_STATUS = ErrorKind("E0000038", 403, "This operation is not allowed in the user's current status.")
UNASSIGN_FORBIDDEN = ErrorKind("E0000046", 403, "Deactivate application for user forbidden.")
BAD_PROOF = ErrorKind("", 400, "")
"""Answered without a body: all is in WWW-Authenticate (okta-sdk-dotnet tests its reading of such answers)."""
TOO_MANY = ErrorKind("E0000047", 429, "API call exceeded rate limit due to too many requests.")
BAD_FILTER = ErrorKind("E0000053", 400, "Invalid SCIM filter")
STATUS_CONFLICT = ErrorKind("E0000169", 409, "Object status conflicts with requested operation.")


class OktaError(Exception):
    """An answer other than success; the app turns it into status and body."""

    def __init__(
        self, kind: ErrorKind, summary: str | None = None, causes: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(summary or kind.summary)
        self.status = kind.status
        self.code = kind.code
        self.summary = summary or kind.summary
        self.causes = causes or []
        self.headers: tuple[tuple[str, str], ...] = ()

    def body(self, error_id: str) -> dict[str, Any] | None:
        if not self.code:
            return None
        return {
            "errorCode": self.code,
            "errorSummary": self.summary,
            "errorLink": self.code,
            "errorId": error_id,
            "errorCauses": self.causes,
        }


def not_found(what: str, kind: str) -> OktaError:
    """As recorded: `Not found: Resource not found: X (User)`."""
    return OktaError(NOT_FOUND, f"{NOT_FOUND.summary}: {what} ({kind})")


def management_invalid(field: str, cause: str) -> OktaError:
    """Core validation, as recorded for app users: `Api validation failed: assignment`."""
    return OktaError(VALIDATION, f"{VALIDATION.summary}: {field}", [{"errorSummary": cause}])


def invalid(
    location: str, cause: str, reason: str, *, domain: str = "governance", place: str = "body"
) -> OktaError:
    """Governance validation, shaped as the API description's sample grant-id-missing."""
    detail = {
        "domain": domain,
        "errorSummary": cause,
        "location": location,
        "locationType": place,
        "reason": reason,
    }
    return OktaError(VALIDATION, f"{VALIDATION.summary}: {location} {cause}", [detail])


def unknown_id(location: str, given: object) -> OktaError:
    return invalid(location, f"{given} not found", "IDENTIFIER_NOT_FOUND")


def bad_query(
    kind: ErrorKind, location: str, cause: str, reason: str, summary: str | None = None
) -> OktaError:
    """A bad filter, limit or cursor of a governance listing (samples invalid-limit, -after, -filter)."""
    detail = {
        "errorSummary": cause,
        "reason": reason,
        "locationType": "query",
        "location": location,
        "domain": "governance",
    }
    return OktaError(kind, summary, [detail])
