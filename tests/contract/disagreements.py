"""Where recorded traffic and the descriptions disagree: recorded traffic is right."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Disagreement:
    operation: str
    """A pattern for `METHOD path`."""
    fault: str
    """A pattern for what the judge says."""
    recording: str
    seq: int

    def covers(self, operation: str, fault: str) -> bool:
        return bool(re.fullmatch(self.operation, operation) and re.fullmatch(self.fault, fault))


_USER = "core/TestAccResourceOktaUser_statusDeprovisioned.json"
_ASSIGNMENT = "core/TestAccDataSourceOktaAppUserAssignments_read.json"
_ENTITLEMENT = "entitlements__get_entitlement.cb98d23.json"
_SSWS = "core/pysdk__TestDPoPBackwardCompatibility.test_ssws_auth_unchanged.json"

DISAGREEMENTS = (
    Disagreement(
        "GET /.well-known/okta-organization",
        r"\$: Unevaluated .*\('cell', 'settings' were unexpected\)",
        *(_ASSIGNMENT, 4),
    ),
    Disagreement(
        "(GET|POST) /api/v1/apps/{appId}/users.*",
        r"\$.*\.externalId: None is not of type 'string'",
        *(_ASSIGNMENT, 10),
    ),
    Disagreement(
        "GET /api/v1/users/{id}", r"\$\['_links'\]: Unevaluated .*\('delete' was unexpected\)", *(_USER, 6)
    ),
    Disagreement(
        "GET /api/v1/.*users.*", r"\$.*credentials: Unevaluated .*\('emails' was unexpected\)", *(_SSWS, 0)
    ),
    Disagreement(
        "[A-Z]+ /governance/.*",
        r"\$.*\.(createdBy|lastUpdatedBy): 'pca\w{17}' is not a 'okta-user-id'",
        *(_ENTITLEMENT, 1),
    ),
)


def is_known(operation: str, fault: str) -> bool:
    return any(each.covers(operation, fault) for each in DISAGREEMENTS)
