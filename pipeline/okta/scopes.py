"""The OAuth scopes each command needs (okta-api.md section 10).

A scope that the app was not granted makes the whole token request fail, so a command asks only for its own.
"""

from __future__ import annotations

USERS = "okta.users.read"
APPS = "okta.apps.read"
GOVERNANCE = "okta.governance.entitlements.read"
ASSIGN = "okta.apps.manage"
GOVERN = "okta.governance.entitlements.manage"

RISK_RULES = "okta.governance.riskRule.read"

TO_READ = frozenset({USERS, APPS, GOVERNANCE})
"""For check, diff and verify: none of them ever holds a scope that writes."""

NEEDED_FOR = {
    USERS: "to find people (check, diff, apply, verify)",
    APPS: "to read the app and who is assigned (check, diff, apply, verify)",
    GOVERNANCE: "to read entitlements and grants (diff, apply, verify)",
    RISK_RULES: "to check Okta's own risk rules (diff, apply, verify; without it only policies are checked)",
    GOVERN: "to create entitlements and grants (apply)",
    ASSIGN: "to assign people to the app (apply of a plan with `assignments.missing: assign`)",
}
ALL = frozenset(NEEDED_FOR)


OPTIONAL = frozenset({RISK_RULES})
"""Asked for where a command can use them; without them it does less, and says so."""


def to_apply(*, assigns: bool) -> frozenset[str]:
    """What an apply asks for; ``assigns``: the plan lets people be assigned to the app."""
    return TO_READ | {GOVERN} | ({ASSIGN} if assigns else frozenset())
