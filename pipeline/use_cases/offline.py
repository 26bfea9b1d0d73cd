"""The verbs that need no tenant: analyze, generate, validate, show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.address import principal_key
from pipeline.envelope import FindingView
from pipeline.errors import ErrorCode, Exit, InputError
from pipeline.plan.digest import plan_digest
from pipeline.plan.model import Cohort, Entitlement, OktaAppRef, Plan, Totals
from pipeline.source import REJECTS_MAX
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.sources import read_source, sources_of
from pipeline.views import (
    AnalyzeView,
    CohortView,
    ColumnView,
    EntitlementView,
    GenerateView,
    PersonView,
    RejectedView,
    ShowView,
    TotalsView,
    ValidatedPlan,
    ValidateView,
)

if TYPE_CHECKING:
    from pipeline.survey.survey import Survey


def analyze(desk: Desk, csv: str, *, rejects_max: int = REJECTS_MAX) -> AnalyzeView:
    """What the source holds and how it would be read. Raises InputError where it cannot be."""
    surveyed = _survey(desk, csv, rejects_max)
    return AnalyzeView(
        source=surveyed.source.path,
        sha256=surveyed.source.sha256,
        columns=[
            ColumnView(name=each.name, role=each.role, reason=each.reason, separator=each.separator)
            for each in surveyed.columns
        ],
        entitlements=[_entitlement(each) for each in surveyed.entitlements],
        totals=_totals(surveyed.totals),
        rejected=_rejected(surveyed),
        findings=[FindingView.of(finding) for finding in surveyed.findings],
    )


def generate(
    desk: Desk,
    csv: str,
    *,
    okta_app: str,
    name: str | None,
    output: Path | None,
    force: bool,
    rejects_max: int = REJECTS_MAX,
) -> GenerateView:
    """Write the plan of one source; offline. Raises InputError where the source cannot be read or another
    plan stands in the way.
    """
    from pipeline.plan.file import write_plan
    from pipeline.source.local import source_stem
    from pipeline.survey.draft import draft_plan

    surveyed = _survey(desk, csv, rejects_max)
    stem = source_stem(Path(surveyed.source.path).name)
    plan = draft_plan(surveyed, okta_app=app_reference(okta_app), name=name or plan_name(stem))
    path = desk.inside(output or Path("plans") / f"{plan.name}.yaml")
    written = write_plan(path, plan, force=force)
    return GenerateView(
        plan=desk.shown(path),
        written=written,
        paths={"plan": desk.shown(path)},
        plan_digest=plan_digest(plan),
        totals=_totals(surveyed.totals),
        rejected=_rejected(surveyed),
        findings=[FindingView.of(finding) for finding in surveyed.findings],
    )


def validate(desk: Desk, plans: list[str]) -> ValidateView:
    """Every problem of every plan, with file:line; exit code 1 where there is an error."""
    checked = [_validated(desk, given) for given in plans]
    ok = all(each.ok for each in checked)
    return ValidateView(
        ok=ok,
        exit_code=Exit.DONE if ok else Exit.ERROR,
        plans=checked,
        plan_digest=checked[0].plan_digest if len(checked) == 1 else None,
    )


def show(desk: Desk, given: str, *, user: str | None) -> ShowView:
    """The plan, or what it gives one person. Raises InputError where that person is not in it."""
    path, plan = read_plan(desk, given)
    view = ShowView(
        plan=desk.shown(path),
        plan_digest=plan_digest(plan),
        okta_app=plan.okta_app.label or plan.okta_app.id or "",
        sources=sources_of(desk, plan),
        totals=_totals(plan.totals) if plan.totals else None,
        entitlements=[_entitlement(each) for each in plan.entitlements],
    )
    if user is not None:
        return view.model_copy(update={"person": _person(plan, user, desk.shown(path))})
    return view.model_copy(update={"access": _cohorts(plan.access), "removals": _cohorts(plan.removals)})


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
    return path, load_plan(path, shown_as=desk.shown(path)).plan


def app_reference(text: str) -> OktaAppRef:
    """``0oa`` and 17 characters are an id; anything else is an exact label."""
    if len(text) == 20 and text.startswith("0oa") and text.isalnum() and text.isascii():  # noqa: PLR2004
        return OktaAppRef(id=text)
    if not text.strip():
        raise InputError(
            ErrorCode.USAGE,
            "No app is named",
            "--app is empty.",
            next_step="Give the app's id or exact label.",
        )
    return OktaAppRef(label=text)


def plan_name(stem: str) -> str:
    """A plan name made of a source's stem: characters that cannot stand in one become ``-``."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in stem).strip("-._")
    return name[:100] or "plan"


def _survey(desk: Desk, csv: str, rejects_max: int) -> Survey:
    from pipeline.survey.survey import survey

    return survey(read_source(desk, csv, rejects_max=rejects_max))


def _validated(desk: Desk, given: str) -> ValidatedPlan:
    from pipeline.plan.file import load_plan

    path = desk.plan_path(given)
    shown = desk.shown(path)
    try:
        loaded = load_plan(path, shown_as=shown)
    except InputError as error:
        if not error.findings:
            raise
        return ValidatedPlan(path=shown, ok=False, findings=[FindingView.of(each) for each in error.findings])
    return ValidatedPlan(
        path=shown,
        ok=True,
        plan_digest=plan_digest(loaded.plan),
        findings=[FindingView.of(each) for each in loaded.findings],
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
            ErrorCode.PLAN_INVALID,
            "The person is not in the plan",
            f"{shown} gives nothing to {user} and takes nothing away.",
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


def _entitlement(entitlement: Entitlement) -> EntitlementView:
    return EntitlementView(
        name=entitlement.name,
        external_value=entitlement.external_value,
        multi_value=entitlement.multi_value,
        values=[value.external_value for value in entitlement.values],
    )


def _totals(totals: Totals) -> TotalsView:
    return TotalsView(**totals.model_dump())


def _rejected(surveyed: Survey) -> list[RejectedView]:
    return [
        RejectedView(line=e.line, byte=e.byte, reason=e.reason, detail=e.detail) for e in surveyed.rejected
    ]
