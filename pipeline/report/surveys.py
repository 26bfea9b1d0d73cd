"""What sources hold and plans give as terminal text."""

from __future__ import annotations

from rich.console import Console

from pipeline.report.sources import show_sources
from pipeline.report.text import SHOWN, more, plain, shortened, show_findings, table
from pipeline.survey_views import (
    AnalyzeView,
    CohortView,
    GenerateView,
    PersonView,
    RejectedView,
    ShowView,
    TotalsView,
)


def show_survey(view: AnalyzeView, console: Console) -> None:
    """How a source is read, column by column, and what it holds."""
    console.print(f"[bold]{plain(view.source)}[/]  sha256 {view.sha256[:12]}")
    _totals(console, view.totals)
    columns = table("column", "read as", "sure", "why")
    for each in view.columns:
        columns.add_row(plain(each.name), plain(each.role), each.confidence, plain(each.reason))
    console.print(columns)
    for entitlement in view.entitlements:
        values = shortened([plain(value) for value in entitlement.values])
        console.print(f"[bold]{plain(entitlement.name)}[/] ({len(entitlement.values)} values): {values}")
    _rejected(console, view.rejected)
    show_findings(console, view.findings)


def show_generated(view: GenerateView, console: Console) -> None:
    """Which plan was written, and what to look at in it."""
    state = "Wrote" if view.written else "Unchanged:"
    console.print(f"{state} [bold]{plain(view.plan)}[/]  plan_digest {(view.plan_digest or '')[:12]}")
    _totals(console, view.totals)
    _rejected(console, view.rejected)
    show_findings(console, view.findings)
    console.print(f"[bold]Next:[/] review it, then `okta-plan diff {plain(view.plan)}`.")


def show_plan(view: ShowView, console: Console) -> None:
    """What a plan gives and takes, or what of it concerns one person."""
    console.print(f"[bold]{plain(view.plan)}[/] for {plain(view.okta_app)}")
    if view.person:
        return _person(console, view.person)
    show_sources(view.sources, console)
    _totals(console, view.totals)
    for each in view.entitlements:
        console.print(f"{plain(each.name)}: {shortened([plain(value) for value in each.values])}")
    for cohort in view.removals:
        _cohort(console, cohort, " lose")
    for cohort in view.access:
        _cohort(console, cohort)
    return None


def _totals(console: Console, totals: TotalsView | None) -> None:
    if totals is None:
        return
    left_out = {**{f"excluded: {k}": n for k, n in totals.excluded.items()}}
    left_out |= {f"rejected: {k}": n for k, n in totals.rejected.items()}
    parts = [f"{totals.used} used", *(f"{count} {name}" for name, count in left_out.items() if count)]
    console.print(f"{totals.rows} rows = {' + '.join(parts)}")
    console.print(f"{totals.users} people, {totals.values} values, {totals.cohorts} cohorts")


def _rejected(console: Console, rows: list[RejectedView]) -> None:
    for row in rows[:SHOWN]:
        place = f"{plain(row.source)}, line {row.line}" if row.source else f"line {row.line}"
        place += f", byte {row.byte}" if row.byte is not None else ""
        console.print(f"  [yellow]rejected[/] {place}: {row.reason}: {plain(row.detail)}")
    more(console, len(rows))


def _cohort(console: Console, cohort: CohortView, lose: str = "") -> None:
    values = "; ".join(f"{plain(e)}: {', '.join(map(plain, held))}" for e, held in cohort.values.items())
    ends = f" until {plain(cohort.expires)}" if cohort.expires else ""
    console.print(f"[bold]{len(cohort.users)}[/] people{lose}: {values}{ends}")
    console.print(f"  {shortened([plain(user) for user in cohort.users])}")


def _person(console: Console, person: PersonView) -> None:
    console.print(f"{plain(person.principal)} gets at least:")
    for entitlement, values in person.values.items():
        console.print(f"  {plain(entitlement)}: {', '.join(map(plain, values))}")
    for entitlement, values in person.removals.items():
        console.print(f"  loses {plain(entitlement)}: {', '.join(map(plain, values))}")
    for each in person.because:
        what = f"{plain(each.entitlement)} {plain(each.value)}{'' if each.given else ' (not given)'}"
        rows = [f"{plain(row.source)}:{row.line} ({row.verdict})" for row in each.rows]
        console.print(f"  {what}: {shortened(rows) if rows else 'in the plan alone'}")
    for source in person.unread:
        console.print(f"  [yellow]{plain(source)} is not there any more; its rows are not shown[/]")
    for end in person.expires:
        console.print(f"  until {plain(end)}")
