"""A plan as lines that a diff can show: one for each person and value, one for each setting, all sorted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pipeline.address import principal_key
from pipeline.plan.comparison import declared, pairs_of, rules_of
from pipeline.plan.model import Cohort, Plan
from pipeline.visible import visible


def plan_lines(plan: Plan) -> Iterator[str]:
    """All that ``plan`` means, and its findings and totals; hidden characters are visible."""
    for rule, content in sorted(rules_of(plan).items()):
        yield visible(f"{rule}: {content}")
    if plan.totals:
        yield f"totals: {json.dumps(plan.totals.model_dump(mode='json'), sort_keys=True)}"
    for finding in plan.findings:
        yield visible(f"finding: {finding.code} rows {list(finding.rows)} {finding.detail}")
    for entitlement, value in sorted(declared(plan.entitlements)):
        yield visible(f"value: {entitlement}: {value}")
    for user in sorted(plan.assignments.users, key=principal_key):
        yield visible(f"{user} has the app")
    yield from _people(plan.access, "+")
    yield from _people(plan.removals, "-")


def _people(cohorts: Sequence[Cohort], sign: str) -> Iterator[str]:
    """Lines of every person together; a plan lists its people by cohort."""
    ordered = []
    for cohort in cohorts:
        ends = f" until {cohort.expires}" if cohort.expires else ""
        tails = [f" {sign} {entitlement}: {value}{ends}" for entitlement, value in sorted(pairs_of(cohort))]
        ordered += [(principal_key(user), user, tails) for user in cohort.users]
    for _, user, tails in sorted(ordered, key=lambda each: each[0]):
        yield from (visible(f"{user}{tail}") for tail in tails)
