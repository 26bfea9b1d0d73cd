"""Survey to plan: the desired state that a person reviews."""

from __future__ import annotations

from pipeline.plan.model import OktaAppRef, Plan, PlanFinding
from pipeline.survey.survey import Survey


def draft_plan(survey: Survey, *, okta_app: OktaAppRef, name: str) -> Plan:
    """The plan for ``okta_app`` that gives everybody what the survey found permitted; a pure function."""
    return Plan(
        name=name,
        okta_app=okta_app,
        sources=(survey.source,),
        mapping=survey.mapping,
        totals=survey.totals,
        entitlements=survey.entitlements,
        access=survey.cohorts,
        findings=_findings(survey),
    )


def _findings(survey: Survey) -> tuple[PlanFinding, ...]:
    """Ordered by content, so that the order of the source's rows shows in line numbers only."""
    lines: dict[tuple[str, str], list[int]] = {}
    for row in survey.rejected:
        lines.setdefault((row.reason, row.detail), []).append(row.line)
    for each in survey.findings:
        lines.setdefault((each.code, each.detail), []).extend(each.rows)
    return tuple(
        PlanFinding(code=code, rows=tuple(sorted(rows)), detail=detail)
        for (code, detail), rows in sorted(lines.items())
    )
