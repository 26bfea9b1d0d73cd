"""Survey to plan: the desired state that a person reviews."""

from __future__ import annotations

from pipeline.plan.model import OktaAppRef, Plan, PlanFinding
from pipeline.survey.survey import Survey


def draft_plan(survey: Survey, *, okta_app: OktaAppRef, name: str) -> Plan:
    """The plan for ``okta_app`` that gives everybody what the survey found permitted; a pure function."""
    return Plan(
        name=name,
        okta_app=okta_app,
        sources=survey.sources,
        mapping=survey.mapping,
        totals=survey.totals,
        entitlements=survey.entitlements,
        access=survey.cohorts,
        findings=_findings(survey),
    )


def _findings(survey: Survey) -> tuple[PlanFinding, ...]:
    """Ordered by content, so that the order of the source's rows shows in line numbers only."""
    is_one = len(survey.sources) == 1
    lines: dict[tuple[str, str, str], list[int]] = {}
    offsets: dict[tuple[str, str, str], list[int]] = {}
    for row in sorted(survey.rejected, key=lambda row: row.line):
        key = (row.reason, row.detail, row.source or "")
        lines.setdefault(key, []).append(row.line)
        if row.byte is not None:
            offsets.setdefault(key, []).append(row.byte)
    for each in survey.findings:
        source = (each.location.path if each.location and not is_one else None) or ""
        lines.setdefault((each.code, each.detail, source), []).extend(each.rows)
    return tuple(
        PlanFinding(
            code=key[0],
            source=key[2] or None,
            rows=tuple(sorted(rows)),
            bytes_=tuple(offsets[key]) if key in offsets else None,
            detail=key[1],
        )
        for key, rows in sorted(lines.items(), key=lambda each: each[0])
    )
