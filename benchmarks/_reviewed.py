"""A change set as large as wanted, with all that a reviewer has to look at: the same for the same number."""

from __future__ import annotations

import random

from pipeline.changes.model import HoldReason
from pipeline.envelope import HeldView
from pipeline.views import ChangeView, DiffView, ForecastView

GIVEN = (
    "alice",
    "bob",
    "carol",
    "david",
    "emma",
    "frank",
    "grace",
    "henry",
    "irene",
    "jack",
    "karen",
    "liam",
)
FAMILY = ("johnson", "smith", "davis", "wilson", "brown", "miller", "lee", "clark", "walker", "young", "hill")
ROLES = (
    "Analyst",
    "Approver",
    "Auditor",
    "Clerk",
    "Controller",
    "Developer",
    "Manager",
    "Power User",
    "Viewer",
)
PERMISSIONS = tuple(f"PERM_{number:03}" for number in range(120))
PROFILES = 200
REVOKED, HELD, NEWCOMERS = 0.004, 0.01, 0.5
"""Parts of the people."""
HOLDS = (
    (
        HoldReason.POLICY_GRANT,
        "The person has the app by a policy, and the plan does not convert (policy_users: hold).",
    ),
    (HoldReason.USER_NOT_FOUND, "No user of the org has this login or e-mail."),
    (HoldReason.ADDITIVE_PRESENT, "The person has bundles beside, and the plan does not write beside them."),
)


def reviewed(people: int, seed: int = 1) -> DiffView:
    """What `diff` would answer for so many people, a small part of whom lose something or are held back."""
    rng = random.Random(seed)
    profiles = [
        {
            "Permission_Set": sorted(rng.sample(PERMISSIONS, rng.randint(1, 4))),
            "Role": sorted(rng.sample(ROLES, rng.randint(1, 2))),
        }
        for _ in range(PROFILES)
    ]
    weights = [1 / (rank + 1) for rank in range(PROFILES)]
    chosen = rng.choices(profiles, weights, k=people)
    changes = [_structure(), _added()]
    held: list[HeldView] = []
    for number, adds in enumerate(chosen):
        who = f"{rng.choice(GIVEN)}.{rng.choice(FAMILY)}{number}@acme.example.com"
        lot = rng.random()
        if lot < HELD:
            held.append(_held(rng, who, adds))
        elif lot < HELD + REVOKED:
            changes.append(_revoke(who, adds))
        elif lot < NEWCOMERS:
            changes += [_change("assign", "assignment", who, {}), _change("grant", "grant", who, adds)]
        else:
            changes.append(_change("extend", "grant", who, adds, keeps={"Role": ["Employee"]}))
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.action] = counts.get(change.action, 0) + 1
    return DiffView(
        plan="plans/erp.yaml",
        okta_app="ERP",
        org_id="00o1example0000000x7",
        org_host="acme.okta.com",
        observed_at="2026-01-01T00:00:00Z",
        plan_digest="a" * 64,
        changes_digest="b" * 64,
        counts=counts | {"held": len(held)},
        changes=changes,
        privileged=["Role/Controller"],
        held=held,
        kept=people // 10,
        forecast=ForecastView(
            calls={"governance grants write": people, "app users": people // 2, "users": people // 30 + 1},
            limit_per_min={"governance grants write": 50, "app users": 50, "users": 300},
            bottleneck="governance grants write",
            seconds=people / 35 * 60,
            rate_share=0.7,
            concurrency=10,
        ),
        paths={"changes": f"plans/.runs/changes/{'b' * 64}.json"},
    )


def _structure() -> ChangeView:
    adds = {"Permission_Set": list(PERMISSIONS)}
    message = f"create entitlement Permission_Set with {len(PERMISSIONS)} values"
    return ChangeView(address="entitlement/permission_set", action="create", message=message, adds=adds)


def _added() -> ChangeView:
    message = "add 1 value to Role: Controller"
    return ChangeView(address="values/role", action="add", message=message, adds={"Role": ["Controller"]})


def _change(
    action: str, kind: str, who: str, adds: dict[str, list[str]], keeps: dict[str, list[str]] | None = None
) -> ChangeView:
    return ChangeView(
        address=f"{kind}/{who}",
        action=action,
        message=f"{action} {who}",
        principal=who,
        adds=adds,
        keeps=keeps or {},
    )


def _revoke(who: str, adds: dict[str, list[str]]) -> ChangeView:
    return ChangeView(
        address=f"removal/{who}",
        action="revoke",
        message=f"revoke {who} Role: Admin",
        principal=who,
        adds={},
        removes={"Role": ["Admin"]},
        keeps=adds,
    )


def _held(rng: random.Random, who: str, adds: dict[str, list[str]]) -> HeldView:
    reason, detail = rng.choice(HOLDS)
    return HeldView(
        principal=who, reason=reason, detail=detail, address=f"grant/{who}", action="grant", adds=adds
    )
