"""Views as terminal text: counts first, then what needs a decision, then detail."""

from __future__ import annotations

from functools import singledispatch

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.envelope import ErrorAnswer, FindingView, HeldView, View
from pipeline.report.markdown import verified_line
from pipeline.report.sources import show_archive, show_files, show_sources
from pipeline.report.text import MINUTE_S, SHOWN, confirmation, duration, more, plain, shortened
from pipeline.report.undone import show_undo
from pipeline.source_views import ArchiveView, FilesView
from pipeline.views import (
    AnalyzeView,
    ApplyView,
    CheckView,
    CohortView,
    DemoView,
    DiffView,
    ForecastView,
    GenerateView,
    MissingView,
    PersonView,
    RejectedView,
    ResetView,
    RunsView,
    SchemaView,
    ScopeView,
    ShowView,
    SimulateView,
    TotalsView,
    UndoView,
    ValidateView,
    VerificationView,
    VerifyView,
)

WHOLE_SECONDS = 1.0
"""Okta's Date header has whole seconds: a smaller difference is none."""


def render(view: View, console: Console | None = None) -> None:
    """Print ``view`` on stdout."""
    _render(view, console or Console(highlight=False, soft_wrap=True))


def render_error(answer: ErrorAnswer) -> None:
    """Print an error on stderr: what is wrong, why, what to do next, and every finding with its place."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if answer.error is None:
        return
    place = f"{answer.error.location}: " if answer.error.location else ""
    console.print(f"[bold red]Error:[/] {plain(place + answer.error.summary)}")
    console.print(plain(answer.error.detail))
    _findings(console, answer.findings)
    if answer.error.next:
        console.print(f"[bold]Next:[/] {plain(answer.error.next)}")


def say(text: str) -> None:
    """Print one line of the demo's story: a sentence, or a command after ``$``."""
    style = "bold cyan" if text.startswith("$") else "italic"
    Console(highlight=False, soft_wrap=True).print(f"\n[{style}]{escape(text)}[/]")


def ask(view: DiffView) -> bool:
    """Show a change set on stderr and ask whether to send it: by typing ``yes``, and where access is taken
    away, what is taken how often.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    _render(view, console)
    word = confirmation(view.counts)
    return console.input(f"Send these changes? Type {word}: ").strip() == word


@singledispatch
def _render(view: View, _console: Console) -> None:
    raise TypeError(f"no text form for {type(view).__name__}")


@_render.register
def _(view: FilesView, console: Console) -> None:
    show_files(view, console)


@_render.register
def _(view: ArchiveView, console: Console) -> None:
    show_archive(view, console)


@_render.register
def _(view: AnalyzeView, console: Console) -> None:
    console.print(f"[bold]{plain(view.source)}[/]  sha256 {view.sha256[:12]}")
    _totals(console, view.totals)
    table = _table("column", "read as", "why")
    for each in view.columns:
        table.add_row(plain(each.name), plain(each.role), plain(each.reason))
    console.print(table)
    for entitlement in view.entitlements:
        values = shortened([plain(value) for value in entitlement.values])
        console.print(f"[bold]{plain(entitlement.name)}[/] ({len(entitlement.values)} values): {values}")
    _rejected(console, view.rejected)
    _findings(console, view.findings)


@_render.register
def _(view: GenerateView, console: Console) -> None:
    state = "Wrote" if view.written else "Unchanged:"
    console.print(f"{state} [bold]{plain(view.plan)}[/]  plan_digest {(view.plan_digest or '')[:12]}")
    _totals(console, view.totals)
    _rejected(console, view.rejected)
    _findings(console, view.findings)
    console.print(f"[bold]Next:[/] review it, then `okta-plan diff {plain(view.plan)}`.")


@_render.register
def _(view: ValidateView, console: Console) -> None:
    for each in view.plans:
        state = "[green]valid[/]" if each.ok else "[red]invalid[/]"
        digest = f"  plan_digest {each.plan_digest[:12]}" if each.plan_digest else ""
        console.print(f"{plain(each.path)}: {state}{digest}")
        _findings(console, each.findings)


@_render.register
def _(view: ShowView, console: Console) -> None:
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


@_render.register
def _(view: CheckView, console: Console) -> None:
    console.print(f"Connected to [bold]{plain(view.org_host)}[/] (org {plain(view.org_id)})")
    console.print(f"Signed in with: {plain(view.credential)}")
    _scopes(console, view.scopes)
    if view.okta_app:
        console.print(f"App {plain(view.okta_app)}: entitlement management {view.entitlement_management}")
    if view.clock_skew_s is not None:
        skew = f"differs from ours by {view.clock_skew_s:+.0f} s"
        agrees = abs(view.clock_skew_s) <= WHOLE_SECONDS
        console.print(f"Clock: the tenant's {'agrees with ours' if agrees else skew}")
    table = _table("bucket", "limit/min", "remaining", "resets in")
    for each in view.buckets:
        table.add_row(each.bucket, str(each.limit_per_min), str(each.remaining), f"{each.reset_s:.0f} s")
    console.print(table)


@_render.register
def _(view: DiffView, console: Console) -> None:
    console.print(f"[bold]{plain(view.plan)}[/] against {plain(view.org_host)}, app {plain(view.okta_app)}")
    _counts(console, view)
    for each in sorted(view.changes, key=lambda each: each.action != "revoke")[:SHOWN]:
        sign = "[red]-[/]" if each.action == "revoke" else "[green]+[/]"
        console.print(f"  {sign} {plain(each.message)}")
    more(console, len(view.changes))
    _held(console, view.held)
    _findings(console, view.findings)
    if view.changes:
        _forecast(console, view.forecast)
        console.print(
            f"changes_digest {view.changes_digest}  stored at {plain(view.paths.get('changes', ''))}"
        )


@_render.register
def _(view: ApplyView, console: Console) -> None:
    for earlier in view.earlier:
        done = ", ".join(f"{count} {name}" for name, count in sorted(earlier.counts.items())) or "nothing"
        console.print(f"An earlier run {earlier.run} ended before its time; it had done: {done}")
    if view.run is None:
        console.print("Nothing to do: the tenant holds what the plan says.")
    else:
        done = ", ".join(f"{count} {name}" for name, count in sorted(view.outcomes.items())) or "nothing sent"
        console.print(f"[bold]Run {view.run}[/]: {done} in {duration(view.elapsed_s)}")
    for revoked in view.revoked[:SHOWN]:
        value = f"{plain(revoked.entitlement)}: {plain(revoked.value)}"
        console.print(f"  [red]revoked[/] {plain(revoked.principal)} {value}")
    more(console, len(view.revoked))
    for each in view.problems[:SHOWN]:
        console.print(f"  [red]{each.outcome}[/] {plain(each.address)}: {plain(each.detail)}")
    more(console, len(view.problems))
    _held(console, view.held)
    _findings(console, view.findings)
    if view.verification:
        _verification(console, view.verification)
    for name, path in view.paths.items():
        console.print(f"{name}: {plain(path)}")
    if view.error:
        word = "Stopped" if view.resume else "Not verified"
        console.print(f"[bold red]{word}:[/] {plain(view.error.summary)}. {plain(view.error.detail)}")
    if view.resume:
        console.print(f"[bold]Next:[/] {plain(view.resume)}")


@_render.register
def _(view: SimulateView, console: Console) -> None:
    console.print(
        f"[bold]{plain(view.plan)}[/] on app {plain(view.okta_app)}, as {plain(view.org_host)} is now"
    )
    done = ", ".join(f"{count} {name}" for name, count in sorted(view.outcomes.items())) or "nothing to do"
    console.print(f"[bold]Simulated[/], nothing was sent: {done}")
    for each in view.problems[:SHOWN]:
        console.print(f"  [red]{each.outcome}[/] {plain(each.address)}: {plain(each.detail)}")
    more(console, len(view.problems))
    _held(console, view.held)
    _findings(console, view.findings)
    if view.simulated:
        table = _table("calls to", "calls", "limit/min")
        for bucket, calls in sorted(view.simulated.calls.items(), key=lambda each: -each[1]):
            table.add_row(bucket, str(calls), str(view.simulated.limit_per_min.get(bucket, "")))
        console.print(table)
        _took(console, view.simulated)
    if view.verification:
        _verification(console, view.verification)
    for difference in view.unlike:
        console.print(f"  [cyan]unlike the tenant[/]: {plain(difference)}")
    if view.error:
        console.print(f"[bold red]Stopped:[/] {plain(view.error.summary)}. {plain(view.error.detail)}")


@_render.register
def _(view: VerifyView, console: Console) -> None:
    console.print(f"[bold]{plain(view.plan)}[/] against {plain(view.org_host)}, app {plain(view.okta_app)}")
    if view.verification:
        _verification(console, view.verification)
        _held(console, view.verification.held_back)
        for pair in view.verification.beyond[:SHOWN]:
            console.print(f"  beyond the plan {_pair(pair)}")
        more(console, len(view.verification.beyond))


@_render.register
def _(view: RunsView, console: Console) -> None:
    if view.report is not None:
        console.print(plain(view.report), markup=True)
        return
    if not view.runs:
        console.print("No runs in this workspace.")
    table = _table("run", "plan", "org", "started", "state", "outcomes")
    for each in view.runs:
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(each.outcomes.items()))
        table.add_row(each.run, plain(each.plan), plain(each.org_host), each.started_at, each.state, outcomes)
    if view.runs:
        console.print(table)


@_render.register
def _(view: UndoView, console: Console) -> None:
    show_undo(view, console)


@_render.register
def _(view: SchemaView, console: Console) -> None:
    for name in view.schemas:
        console.print(view.paths.get(name, name))


@_render.register
def _(view: ResetView, console: Console) -> None:
    console.print(f"Removed the state of {len(view.removed)} embedded emulator(s).")


@_render.register
def _(view: DemoView, console: Console) -> None:
    console.print(f"That was the whole story, in {len(view.steps)} commands.")


def _scopes(console: Console, scopes: list[ScopeView]) -> None:
    for each in scopes:
        mark = "granted" if each.granted else "[yellow]missing[/]"
        console.print(f"  {mark} {each.scope} {each.needed_for}")
    if not all(each.granted for each in scopes):
        console.print("  Grant them in the Admin Console: Applications > the app > Okta API Scopes.")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    return table


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
        place = f"line {row.line}" + (f", byte {row.byte}" if row.byte is not None else "")
        console.print(f"  [yellow]rejected[/] {place}: {row.reason}: {plain(row.detail)}")
    more(console, len(rows))


def _findings(console: Console, findings: list[FindingView]) -> None:
    colour = {"error": "red", "warning": "yellow", "note": "cyan"}
    for each in findings[:SHOWN]:
        place = f"{plain(each.location)}: " if each.location else ""
        shade = colour[each.severity]
        console.print(
            f"  {place}[{shade}]{each.severity}[/] {each.code}: {plain(each.detail or each.summary)}"
        )
    more(console, len(findings))


def _held(console: Console, held: list[HeldView]) -> None:
    for each in held[:SHOWN]:
        who = each.principal or each.address
        console.print(f"  [yellow]held[/] {plain(who)}: {each.reason}: {plain(each.detail)}")
    more(console, len(held))


def _counts(console: Console, view: View) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in view.counts.items())
    console.print(counts or "No difference: the tenant holds what the plan says.")


def _forecast(console: Console, forecast: ForecastView | None) -> None:
    if forecast is None:
        return
    calls = sum(forecast.calls.values())
    slowest = f"; slowest: {_bottleneck(forecast)}" if forecast.bottleneck else ""
    share = f"{forecast.rate_share:.0%} of the limits"
    time = "under a minute" if forecast.seconds < MINUTE_S else f"about {duration(forecast.seconds)}"
    console.print(f"Forecast: {calls} calls, {time} at {share}{slowest}")


def _took(console: Console, simulated: ForecastView) -> None:
    calls = sum(simulated.calls.values())
    slowest = f"; slowest: {simulated.bottleneck}" if simulated.bottleneck else ""
    share = f"{simulated.rate_share:.0%} of the limits"
    console.print(f"{calls} calls in {duration(simulated.seconds)} at {share}{slowest}")


def _bottleneck(forecast: ForecastView) -> str:
    if forecast.bottleneck == "concurrency":
        return f"only {forecast.concurrency} calls at a time (--concurrency)"
    return str(forecast.bottleneck)


def _pair(pair: MissingView) -> str:
    why = f": {plain(pair.why)}" if pair.why else ""
    return f"{plain(pair.principal)}: {plain(pair.entitlement)} {plain(pair.value)}{why}"


def _verification(console: Console, found: VerificationView) -> None:
    state = "[green]verified[/]" if found.is_good else "[red]differences[/]"
    console.print(f"{state}: {verified_line(found)}")
    for each in found.missing[:SHOWN]:
        console.print(f"  [red]missing[/] {_pair(each)}")
    more(console, len(found.missing))
    for each in found.still_held[:SHOWN]:
        console.print(f"  [red]still held[/] {_pair(each)}")
    more(console, len(found.still_held))
    for principal in found.not_assigned[:SHOWN]:
        console.print(f"  [red]not assigned[/] {plain(principal)}")
    more(console, len(found.not_assigned))
    for message in found.otherwise[:SHOWN]:
        console.print(f"  [red]not yet[/] {plain(message)}")
    more(console, len(found.otherwise))


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
    for end in person.expires:
        console.print(f"  until {plain(end)}")
