"""One view of each kind that says the same hostile or random things in every place it has for text."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.changes.model import HoldReason
from pipeline.envelope import ErrorView, FindingView, HeldView, View
from pipeline.errors import ErrorCode
from pipeline.findings import FindingCode, Severity
from pipeline.review_views import ComparedPersonView, CompareView, RuleView
from pipeline.source_views import PlanSourceView
from pipeline.survey_views import (
    BecauseView,
    CohortView,
    EntitlementView,
    NotedView,
    PersonView,
    ShowView,
    WitnessView,
)
from pipeline.views import (
    ApplyView,
    ChangeView,
    DiffView,
    MissingView,
    RunChangeView,
    RunsView,
    RunView,
    VerificationView,
)

KINDS = ("plan", "person", "changes", "comparison", "run", "runs")


def saying(kind: str, text: str) -> View:
    """The view of that kind with ``text`` wherever a CSV, a plan or Okta may have put it."""
    return {
        "plan": _plan,
        "person": _person,
        "changes": _changes,
        "comparison": _comparison,
        "run": _run,
        "runs": _runs,
    }[kind](text)


def _plan(text: str) -> View:
    values = {text: [text]}
    return ShowView(
        plan=text,
        okta_app=text,
        sources=[PlanSourceView(path=text, rows=1, sha256="a" * 64, state="moved", found=text)],
        entitlements=[EntitlementView(name=text, external_value=text, multi_value=True, values=[text])],
        access=[CohortView(values=values, expires=text, users=[text])],
        removals=[CohortView(values=values, expires=None, users=[f"{text}2"])],
        assigned=[f"{text}3"],
        rules={text: text},
        privileged=[f"{text}/{text}"],
        noted=[NotedView(code=text, source=text, rows=[1], detail=text)],
    )


def _person(text: str) -> View:
    because = BecauseView(
        entitlement=text, value=text, given=True, rows=[WitnessView(source=text, line=2, verdict="used")]
    )
    person = PersonView(
        principal=text, values={text: [text]}, removals={text: [text]}, because=[because], unread=[text]
    )
    return ShowView(plan=text, okta_app=text, person=person)


def change(text: str, who: str, **more: object) -> ChangeView:
    fields = {
        "address": f"grant/{text}",
        "action": "convert",
        "message": text,
        "principal": who,
        "also": [text],
        "adds": {text: [text]},
        "removes": {text: [f"{text}-"]},
        "keeps": {text: [f"{text}="]},
        "expires": text,
        "expires_before": text,
    }
    return ChangeView.model_validate({**fields, **more})


def hold(text: str, who: str | None) -> HeldView:
    return HeldView(
        principal=who,
        reason=HoldReason.POLICY_GRANT,
        detail=text,
        address=f"grant/{text}",
        action="grant",
        adds={text: [text]},
        removes={text: [text]},
    )


def _changes(text: str) -> View:
    finding = FindingView(
        code=FindingCode.USER_STATUS, severity=Severity.WARNING, summary=text, detail=text, location=text
    )
    return DiffView(
        plan=text,
        okta_app=text,
        org_id=text,
        org_host=text,
        observed_at=text,
        plan_digest=text,
        changes_digest=text,
        counts={"create": 1},
        changes=[
            change(text, text),
            change(text, text, principal=None, action="create", also=[]),
            change(text, f"{text}2"),
        ],
        held=[hold(text, f"{text}4"), hold(text, None)],
        privileged=[f"{text}/{text}"],
        findings=[finding],
        paths={"changes": text},
    )


def _comparison(text: str) -> View:
    values = {text: [text]}
    person = ComparedPersonView(
        principal=text,
        state="changed",
        adds=values,
        drops=values,
        keeps=values,
        takes=values,
        spares=values,
        expires=[text],
        expires_before=[text],
    )
    return CompareView(
        old=text,
        new=text,
        old_digest=text,
        plan_digest=text,
        okta_app=text,
        people=[person],
        values_added=values,
        values_gone=values,
        rules=[RuleView(rule=f"limits.{text}", old=text, new=text), RuleView(rule=text, old=None, new=text)],
        privileged=[f"{text}/{text}"],
    )


def _run_line(text: str) -> RunView:
    return RunView(
        run=text, plan=text, org_host=text, started_at=text, state="finished", outcomes={"applied": 1}
    )


def _runs(text: str) -> View:
    return RunsView(runs=[_run_line(text)])


def _run(text: str) -> View:
    pair = MissingView(principal=text, entitlement=text, value=text, why=text)
    told = ApplyView(
        plan=text,
        okta_app=text,
        org_id=text,
        org_host=text,
        error=ErrorView(code=ErrorCode.INTERNAL, summary="It stopped", detail=text, next=text),
        calls={"users": 1},
        verification=VerificationView(
            pairs_planned=1,
            pairs_held=0,
            missing=[pair],
            still_held=[pair],
            not_assigned=[text],
            otherwise=[text],
        ),
        resume=text,
        paths={"report": text},
    )
    changes = [
        RunChangeView(**change(text, f"{text}{n}").model_dump(), outcome=outcome, detail=text)
        for n, outcome in enumerate(("applied", "refused", "unresolved", "held", "begun", "not_started"))
    ]
    return RunsView(
        run=text, runs=[_run_line(text)], changes=changes, told=told, held=[hold(text, f"{text}9")]
    )


def drawn(sizes: Sequence[int]) -> DiffView:
    """A change set of cohorts of these sizes, each with values of its own; every third loses something, every
    fourth is held back."""
    changes, held = [], []
    for cohort, size in enumerate(sizes):
        values = {"Role": [f"Role {cohort}"]}
        for number in range(size):
            who = f"p{cohort}-{number}@acme.example.com"
            if cohort % 4 == 3:
                held.append(hold("Held for a reason.", who))
                continue
            taken = values if cohort % 3 == 2 else {}
            given = {} if taken else values
            changes.append(
                ChangeView(
                    address=f"grant/{who}",
                    action="grant",
                    message="",
                    principal=who,
                    adds=given,
                    removes=taken,
                )
            )
    return DiffView(plan="plans/t.yaml", okta_app="ERP", changes=changes, held=held)
