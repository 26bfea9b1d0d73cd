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
    places: dict[tuple[str, str, str], list[tuple[int, int | None]]] = {}
    for row in survey.rejected:
        places.setdefault((row.reason, row.detail, row.source or ""), []).append((row.line, row.byte))
    for each in survey.findings:
        source = (each.location.path if each.location and not is_one else None) or ""
        places.setdefault((each.code, each.detail, source), []).extend((line, None) for line in each.rows)
    return tuple(
        _finding(code, detail, source, sorted(found, key=lambda place: place[0]))
        for (code, detail, source), found in sorted(places.items())
    )


def _finding(code: str, detail: str, source: str, places: list[tuple[int, int | None]]) -> PlanFinding:
    offsets = tuple(byte for _, byte in places if byte is not None)
    rows = tuple(line for line, _ in places)
    return PlanFinding(code=code, source=source or None, rows=rows, bytes_=offsets or None, detail=detail)
