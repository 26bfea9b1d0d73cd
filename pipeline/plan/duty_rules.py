"""Separation of duties inside the plan itself, checked offline: what one cohort combines."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.duties import Conflict, Duties, Rule
from pipeline.plan.model import Plan
from pipeline.plan.rules import LineOf
from pipeline.plan.value_texts import Pair, Texts, merged, texts_of


def planned_texts(plan: Plan) -> dict[Pair, Texts]:
    """By which texts files may name each value of ``plan``."""
    return dict(
        merged(
            ((entitlement.external_value, value.external_value), texts_of(entitlement, value))
            for entitlement in plan.entitlements
            for value in entitlement.values
        )
    )


def check_duties(plan: Plan, rules: Sequence[Rule], line_of: LineOf, path: str) -> tuple[Finding, ...]:
    """One finding for each rule that a cohort of ``plan`` breaks by itself, in the order of the file.

    A rule about an app by its id alone is left to ``diff`` where the plan names its app by label alone.
    """
    asked = plan.okta_app
    texts = planned_texts(plan)
    about = [rule for rule in rules if rule.is_about(asked.id, asked.label)]
    duties = Duties(about, lambda pair: texts.get(pair, frozenset()))
    return tuple(
        _finding(conflict, len(cohort.users), Location(path, line_of(("access", index, "values"))))
        for index, cohort in enumerate(plan.access)
        for conflict in duties.conflicts(
            (name, value) for name, values in cohort.values.items() for value in values
        )
    )


def _finding(conflict: Conflict, users: int, location: Location) -> Finding:
    rule = conflict.rule
    people = "1 person gets" if users == 1 else f"{users:,} people get"
    return Finding(
        FindingCode.SOD_CONFLICT,
        Severity.WARNING if rule.warns else Severity.ERROR,
        "Values that nobody may hold together",
        f"{people} {conflict.told}. Rule {rule.id} ({rule.place}): {rule.why}",
        location,
    )
