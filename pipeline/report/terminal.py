"""Views as terminal text: counts first, then what needs a decision, then detail."""

from __future__ import annotations

from functools import singledispatch

from rich.console import Console
from rich.markup import escape

from pipeline.approval_views import ApprovalsView, ApproveView
from pipeline.envelope import ErrorAnswer, HeldView, View
from pipeline.install_views import InstallView
from pipeline.record_views import EvidenceView, PruneView
from pipeline.report.approvals import show_approvals, show_approved
from pipeline.report.installed import show_install
from pipeline.report.markdown import verified_line
from pipeline.report.records import show_evidence, show_pruned
from pipeline.report.review_text import show_review
from pipeline.report.sources import show_archive, show_files
from pipeline.report.surveys import show_generated, show_person, show_survey
from pipeline.report.text import (
    SHOWN,
    confirmation,
    duration,
    more,
    open_console,
    plain,
    show_findings,
    table,
)
from pipeline.report.undone import show_undo
from pipeline.review.of_changes import review_changes
from pipeline.review.of_comparison import review_comparison
from pipeline.review.of_plan import review_plan
from pipeline.review.of_run import review_runs
from pipeline.review.words import counted
from pipeline.review_views import CompareView
from pipeline.source_views import ArchiveView, FilesView
from pipeline.survey_views import AnalyzeView, GenerateView, ShowView
from pipeline.views import (
    ApplyView,
    CheckView,
    DemoView,
    DiffView,
    ForecastView,
    MissingView,
    ResetView,
    RunsView,
    SchemaView,
    ScopeView,
    SimulateView,
    UndoView,
    ValidateView,
    VerificationView,
    VerifyView,
)

LEFT_OUT = "left_out"
"""The reason of what `--only` leaves out: chosen, so it is counted and not listed."""
WHOLE_SECONDS = 1.0
"""Okta's Date header has whole seconds: a smaller difference is none."""


def render(view: View, console: Console | None = None) -> None:
    """Print ``view`` on stdout."""
    _render(view, console or open_console())


def render_error(answer: ErrorAnswer) -> None:
    """Print an error on stderr: what is wrong, why, what to do next, and every finding with its place."""
    console = open_console(stderr=True)
    if answer.error is None:
        return
    place = f"{answer.error.location}: " if answer.error.location else ""
    console.print(f"[bold red]Error:[/] {plain(place + answer.error.summary)}")
    console.print(plain(answer.error.detail))
    show_findings(console, answer.findings)
    if answer.error.next:
        console.print(f"[bold]Next:[/] {plain(answer.error.next)}")


def say(text: str) -> None:
    """Print one line of the demo's story: a sentence, or a command after ``$``."""
    style = "bold cyan" if text.startswith("$") else "italic"
    open_console().print(f"\n[{style}]{escape(text)}[/]")


def ask(view: DiffView) -> bool:
    """Show a change set on stderr and ask whether to send it: by typing ``yes``, and where access is taken
    away, what is taken how often.
    """
    console = open_console(stderr=True)
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
    show_survey(view, console)


@_render.register
def _(view: GenerateView, console: Console) -> None:
    show_generated(view, console)


@_render.register
def _(view: ShowView, console: Console) -> None:
    if view.person is None:
        show_review(review_plan(view), console)
    else:
        show_person(view, view.person, console)


@_render.register
def _(view: ValidateView, console: Console) -> None:
    for each in view.plans:
        state = "[green]valid[/]" if each.ok else "[red]invalid[/]"
        digest = f"  plan_digest {each.plan_digest[:12]}" if each.plan_digest else ""
        console.print(f"{plain(each.path)}: {state}{digest}")
        show_findings(console, each.findings)


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
    rows = table("bucket", "limit/min", "remaining", "resets in", numbers=frozenset({1, 2, 3}))
    for each in view.buckets:
        rows.add_row(each.bucket, str(each.limit_per_min), str(each.remaining), f"{each.reset_s:.0f} s")
    console.print(rows)


@_render.register
def _(view: DiffView, console: Console) -> None:
    show_review(review_changes(view), console)


@_render.register
def _(view: CompareView, console: Console) -> None:
    show_review(review_comparison(view), console)


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
    for allowed in view.allowed:
        console.print(f"  allowed {plain(allowed.guard)}={plain(allowed.value)}: {plain(allowed.reason)}")
    for revoked in view.revoked[:SHOWN]:
        value = f"{plain(revoked.entitlement)}: {plain(revoked.value)}"
        console.print(f"  [red]revoked[/] {plain(revoked.principal)} {value}")
    more(console, len(view.revoked))
    for each in view.problems[:SHOWN]:
        console.print(f"  [red]{each.outcome}[/] {plain(each.address)}: {plain(each.detail)}")
    more(console, len(view.problems))
    _held(console, view.held)
    show_findings(console, view.findings)
    if view.verification:
        _read_back(view, view.verification, console)
    _notices(console, view.notices)
    for name, path in view.paths.items():
        console.print(f"{name}: {plain(path)}")
    if view.error:
        word = "Stopped" if view.resume else "Not verified"
        console.print(f"[bold red]{word}:[/] {plain(view.error.summary)}. {plain(view.error.detail)}")
    if view.resume:
        console.print(f"[bold]Next:[/] {plain(view.resume)}")


def _read_back(view: ApplyView, found: VerificationView, console: Console) -> None:
    """What is missing of what the run was not to send is no news, so it is counted and not listed."""
    if any(each.reason == LEFT_OUT for each in view.held):
        lists = f"`okta-plan verify {plain(view.plan)}` lists the rest."
        console.print(f"so far: {verified_line(found)} {lists}")
    else:
        _verification(console, found)


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
    show_findings(console, view.findings)
    if view.simulated:
        rows = table("calls to", "calls", "limit/min", numbers=frozenset({1, 2}))
        for bucket, calls in sorted(view.simulated.calls.items(), key=lambda each: -each[1]):
            rows.add_row(bucket, str(calls), str(view.simulated.limit_per_min.get(bucket, "")))
        console.print(rows)
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
    show_review(review_runs(view), console)


@_render.register
def _(view: UndoView, console: Console) -> None:
    show_undo(view, console)


@_render.register
def _(view: EvidenceView, console: Console) -> None:
    show_evidence(view, console)


@_render.register
def _(view: PruneView, console: Console) -> None:
    show_pruned(view, console)


@_render.register
def _(view: InstallView, console: Console) -> None:
    show_install(view, console)


@_render.register
def _(view: ApproveView, console: Console) -> None:
    show_approved(view, console)


@_render.register
def _(view: ApprovalsView, console: Console) -> None:
    show_approvals(view, console)


@_render.register
def _(view: SchemaView, console: Console) -> None:
    for name in view.schemas:
        console.print(view.paths.get(name, name))


@_render.register
def _(view: ResetView, console: Console) -> None:
    console.print(
        f"Removed the state of {counted(len(view.removed), 'embedded emulator', 'embedded emulators')}."
    )


@_render.register
def _(view: DemoView, console: Console) -> None:
    console.print(f"That was the whole story, in {len(view.steps)} commands.")


def _notices(console: Console, notices: list[str]) -> None:
    for each in notices:
        console.print(f"[cyan]note[/] {plain(each)}")


def _scopes(console: Console, scopes: list[ScopeView]) -> None:
    for each in scopes:
        mark = "granted" if each.granted else "[yellow]missing[/]"
        console.print(f"  {mark} {each.scope} {each.needed_for}")
    if not all(each.granted for each in scopes):
        console.print("  Grant them in the Admin Console: Applications > the app > Okta API Scopes.")


def _held(console: Console, held: list[HeldView]) -> None:
    listed = [each for each in held if each.reason != LEFT_OUT]
    for each in listed[:SHOWN]:
        who = each.principal or each.address
        console.print(f"  [yellow]held[/] {plain(who)}: {each.reason}: {plain(each.detail)}")
    more(console, len(listed))
    left_out = len(held) - len(listed)
    if left_out:
        console.print(f"  {counted(left_out, 'change is', 'changes are')} not part of this run (--only)")


def _took(console: Console, simulated: ForecastView) -> None:
    calls = sum(simulated.calls.values())
    slowest = f"; slowest: {simulated.bottleneck}" if simulated.bottleneck else ""
    share = f"{simulated.rate_share:.0%} of the limits"
    console.print(f"{calls} calls in {duration(simulated.seconds)} at {share}{slowest}")


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
