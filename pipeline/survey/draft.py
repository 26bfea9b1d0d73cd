"""Survey to plan: the desired state that a person reviews."""

from __future__ import annotations

from pipeline.plan.model import OktaAppRef, Plan, PlanFinding
from pipeline.survey.survey import Survey


def draft_plan(survey: Survey, *, okta_app: OktaAppRef, name: str) -> Plan:
    """The plan for ``okta_app`` that gives everybody what the survey found permitted; a pure function."""
    rejected = [PlanFinding(code=row.reason, rows=(row.line,), detail=row.detail) for row in survey.rejected]
    found = [PlanFinding(code=each.code, rows=each.rows, detail=each.detail) for each in survey.findings]
    return Plan(
        name=name,
        okta_app=okta_app,
        sources=(survey.source,),
        mapping=survey.mapping,
        totals=survey.totals,
        entitlements=survey.entitlements,
        access=survey.cohorts,
        findings=(*rejected, *found),
    )
