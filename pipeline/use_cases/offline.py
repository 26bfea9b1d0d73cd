"""The verbs that look at plans alone: validate, show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.address import principal_key
from pipeline.envelope import FindingView, error_view
from pipeline.errors import ErrorCode, Exit, InputError, RefusedError
from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.approval import APPROVAL_ENDING
from pipeline.plan.comparison import rules_of
from pipeline.plan.digest import plan_digest
from pipeline.plan.model import Cohort, Entitlement, Plan, Totals
from pipeline.survey_views import (
    CohortView,
    EntitlementView,
    NotedView,
    PersonView,
    ShowView,
    TotalsView,
)
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.policies import read_policies
from pipeline.use_cases.sources import sources_of
from pipeline.use_cases.witnessing import explained
from pipeline.views import ValidatedPlan, ValidateView

if TYPE_CHECKING:
    from pipeline.plan.duties import Rule

_RULES = ("grants.", "limits.", "assignments.", "moved", "tenant", "author")


def validate(desk: Desk, plans: list[str]) -> ValidateView:
    """Every problem of every plan, with file:line, what its cohorts combine against the policies among them;
    exit code 1 where there is an error. Raises InputError where a policy cannot be used.
    """
    rules = read_policies(desk)
    checked = [_validated(desk, given, rules) for given in plans]
    ok = all(each.ok for each in checked)
    return ValidateView(
        ok=ok,
        exit_code=Exit.DONE if ok else Exit.ERROR,
        error=None if ok else error_view(_unusable(checked)),
        plans=checked,
        plan_digest=checked[0].plan_digest if len(checked) == 1 else None,
    )


def show(desk: Desk, given: str, *, user: str | None, with_lines: bool = True) -> ShowView:
    """The plan, or what it gives one person, ``with_lines`` with the lines of the sources behind each value.
    Raises InputError where that person is not in it, or a source whose lines are wanted is not what the plan
    was made of any more.
    """
    path, plan = read_plan(desk, given)
    desk.mask.learn([user] if user else [])
    view = ShowView(
        plan=desk.shown(path),
        plan_digest=plan_digest(plan),
        okta_app=plan.okta_app.label or plan.okta_app.id or "",
        totals=totals_view(plan.totals) if plan.totals else None,
        entitlements=[entitlement_view(each) for each in plan.entitlements],
    )
    if user is not None:
        person = _person(plan, user, desk.shown(path))
        return view.model_copy(update={"person": explained(desk, plan, person) if with_lines else person})
    return view.model_copy(
        update={
            "sources": sources_of(desk, plan),
            "access": _cohorts(plan.access),
            "removals": _cohorts(plan.removals),
            "assigned": list(plan.assignments.users),
            "rules": {rule: text for rule, text in rules_of(plan).items() if rule.startswith(_RULES)},
            "privileged": list(plan.limits.privileged),
            "noted": [
                NotedView(code=each.code, source=each.source, rows=list(each.rows), detail=each.detail)
                for each in plan.findings
            ],
        }
    )


def _cohorts(cohorts: Iterable[Cohort]) -> list[CohortView]:
    return [
        CohortView(
            values={entitlement: list(values) for entitlement, values in cohort.values.items()},
            expires=cohort.expires,
            users=list(cohort.users),
        )
        for cohort in cohorts
    ]


def read_plan(desk: Desk, given: str) -> tuple[Path, Plan]:
    """The path and the plan meant by ``given``. Raises InputError with every problem found."""
    from pipeline.plan.file import load_plan

    path = desk.plan_path(given)
    plan = load_plan(path, shown_as=desk.shown(path)).plan
    desk.mask.learn(plan.people)
    return path, plan


def _unusable(checked: list[ValidatedPlan]) -> InputError:
    """All in short; the findings of each plan say what is wrong."""
    bad = [each for each in checked if not each.ok]
    errors = [each for plan in bad for each in plan.findings if each.severity is Severity.ERROR]
    count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
    first = f" The first: {errors[0].summary.removesuffix('.')} ({errors[0].location})." if errors else ""
    return InputError(
        ErrorCode.PLAN_INVALID,
        "A plan has problems",
        f"{count} in {', '.join(each.path for each in bad)}.{first}",
        location=Location(bad[0].path),
        next_step="Correct what plans[].findings name, each with file and line.",
    )


def _validated(desk: Desk, given: str, rules: Sequence[Rule]) -> ValidatedPlan:
    from pipeline.plan.duty_rules import check_duties
    from pipeline.plan.file import load_plan

    path = desk.plan_path(given)
    shown = desk.shown(path)
    if path.name.endswith(APPROVAL_ENDING):
        return _validated_approval(path, shown)
    try:
        loaded = load_plan(path, shown_as=shown)
    except InputError as error:
        if not error.findings:
            raise
        desk.mask.learn(error.people)
        return ValidatedPlan(path=shown, ok=False, findings=[FindingView.of(each) for each in error.findings])
    duties = check_duties(loaded.plan, rules, loaded.lines, shown)
    desk.mask.learn(loaded.plan.people)
    return ValidatedPlan(
        path=shown,
        ok=not any(each.severity is Severity.ERROR for each in duties),
        plan_digest=plan_digest(loaded.plan),
        findings=[FindingView.of(each) for each in (*loaded.findings, *duties)],
    )


def _validated_approval(path: Path, shown: str) -> ValidatedPlan:
    """``plans/*.yaml`` names approvals too: of these only the form is judged."""
    from pipeline.plan.approval_text import read_approval

    try:
        approval = read_approval(path.read_text("utf-8"), shown)
    except (RefusedError, OSError, UnicodeDecodeError) as error:
        problem = _approval_finding(error, shown)
        return ValidatedPlan(path=shown, ok=False, findings=[FindingView.of(each) for each in problem])
    return ValidatedPlan(path=shown, ok=True, plan_digest=approval.plan_digest)


def _approval_finding(error: Exception, shown: str) -> tuple[Finding, ...]:
    if isinstance(error, RefusedError) and error.findings:
        return error.findings
    detail = error.detail if isinstance(error, RefusedError) else f"{shown} cannot be read: {error}."
    return (
        Finding(
            FindingCode.BAD_VALUE, Severity.ERROR, "The approval cannot be read.", detail, Location(shown)
        ),
    )


def _person(plan: Plan, user: str, shown: str) -> PersonView:
    wanted = principal_key(user)
    given = [
        (each, cohort) for cohort in plan.access for each in cohort.users if principal_key(each) == wanted
    ]
    taken = [
        (each, cohort) for cohort in plan.removals for each in cohort.users if principal_key(each) == wanted
    ]
    if not given and not taken:
        raise InputError(
            ErrorCode.USAGE,
            "The person is not in the plan",
            f"{shown} gives this person nothing, and takes nothing away.",
            next_step="Run `okta-plan show` without --user to see everybody it names.",
        )
    return PersonView(
        principal=[*given, *taken][0][0],
        values=_values(cohort for _, cohort in given),
        expires=sorted({cohort.expires for _, cohort in given if cohort.expires}),
        removals=_values(cohort for _, cohort in taken),
    )


def _values(cohorts: Iterable[Cohort]) -> dict[str, list[str]]:
    values: dict[str, set[str]] = {}
    for cohort in cohorts:
        for entitlement, held in cohort.values.items():
            values.setdefault(entitlement, set()).update(held)
    return {entitlement: sorted(held) for entitlement, held in sorted(values.items())}


def entitlement_view(entitlement: Entitlement) -> EntitlementView:
    """``entitlement`` as data."""
    return EntitlementView(
        name=entitlement.name,
        external_value=entitlement.external_value,
        multi_value=entitlement.multi_value,
        values=[value.external_value for value in entitlement.values],
    )


def totals_view(totals: Totals) -> TotalsView:
    """``totals`` as data."""
    return TotalsView(**totals.model_dump())
