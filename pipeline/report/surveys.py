"""What sources hold and plans give as terminal text."""

from __future__ import annotations

import shlex

from rich.console import Console

from pipeline.report.text import SHOWN, more, one_line, plain, shortened, show_findings, table
from pipeline.review.words import counted, people_counted
from pipeline.survey_views import (
    AnalyzeView,
    GenerateView,
    PersonView,
    RejectedView,
    ShowView,
    SinceView,
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
    mapping = view.paths.get("mapping")
    if mapping:
        console.print(f"Wrote [bold]{plain(mapping)}[/]: correct it, then name it with --mapping.")
    # Whoever may write to the bucket names its keys: quoted, they cannot become commands when this is pasted.
    words = [
        "okta-plan",
        "generate",
        view.source,
        "--app",
        "APP",
        *(["--mapping", mapping] if mapping else []),
    ]
    console.print(f"[bold]Next:[/] {plain(shlex.join(words))}")


def show_generated(view: GenerateView, console: Console) -> None:
    """Which plan was written, and what to look at in it."""
    state = "Wrote" if view.written else "Unchanged:"
    console.print(f"{state} [bold]{plain(view.plan)}[/]  plan_digest {(view.plan_digest or '')[:12]}")
    _totals(console, view.totals)
    if view.since:
        _since(console, view.since)
    _rejected(console, view.rejected)
    show_findings(console, view.findings)
    console.print(f"[bold]Next:[/] review it, then `okta-plan diff {plain(view.plan)}`.")


def show_person(view: ShowView, person: PersonView, console: Console) -> None:
    """What of a plan concerns one person, and why."""
    console.print(f"[bold]{one_line(view.plan)}[/] for {one_line(view.okta_app)}")
    _person(console, person)


def _since(console: Console, since: SinceView) -> None:
    console.print(
        f"Since {plain(since.plan)}: {since.removals} values are to be taken away; review removals."
    )
    if since.not_ours:
        console.print(
            f"  {since.not_ours} more are gone that no run of ours gave (--since-all takes them too)"
        )
    if since.doubted:
        console.print(f"  {since.doubted} more are gone of people with rejected rows; they stay")


def _totals(console: Console, totals: TotalsView | None) -> None:
    if totals is None:
        return
    left_out = {**{f"excluded: {k}": n for k, n in totals.excluded.items()}}
    left_out |= {f"rejected: {k}": n for k, n in totals.rejected.items()}
    parts = [f"{totals.used} used", *(f"{count} {name}" for name, count in left_out.items() if count)]
    console.print(f"{totals.rows} rows = {' + '.join(parts)}")
    values, cohorts = counted(totals.values, "value", "values"), counted(totals.cohorts, "cohort", "cohorts")
    console.print(f"{people_counted(totals.users)}, {values}, {cohorts}")


def _rejected(console: Console, rows: list[RejectedView]) -> None:
    for row in rows[:SHOWN]:
        place = f"{plain(row.source)}, line {row.line}" if row.source else f"line {row.line}"
        place += f", byte {row.byte}" if row.byte is not None else ""
        console.print(f"  [yellow]rejected[/] {place}: {row.reason}: {plain(row.detail)}")
    more(console, len(rows))


def _person(console: Console, person: PersonView) -> None:
    console.print(f"{one_line(person.principal)} gets at least:")
    for entitlement, values in person.values.items():
        console.print(f"  {one_line(entitlement)}: {', '.join(map(one_line, values))}")
    for entitlement, values in person.removals.items():
        console.print(f"  loses {one_line(entitlement)}: {', '.join(map(one_line, values))}")
    for each in person.because:
        what = f"{one_line(each.entitlement)} {one_line(each.value)}{'' if each.given else ' (not given)'}"
        rows = [f"{one_line(row.source)}:{row.line} ({row.verdict})" for row in each.rows]
        console.print(f"  {what}: {shortened(rows) if rows else 'in the plan alone'}")
    for source in person.unread:
        console.print(f"  [yellow]{one_line(source)} is not there any more; its rows are not shown[/]")
    for end in person.expires:
        console.print(f"  until {one_line(end)}")
