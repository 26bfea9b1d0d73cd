"""What an undo would take away, and what it leaves, as terminal text."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from pipeline.report.text import SHOWN, more, plain
from pipeline.review.words import counted, people_counted
from pipeline.views import RemainsView, UndoView


def show_undo(view: UndoView, console: Console) -> None:
    """The plan that was written, what stays all the same, and what to do next."""
    if view.plan is None:
        console.print(f"Nothing to undo: run {plain(view.run or '')} gave nobody anything.")
    else:
        state = "Wrote" if view.written else "Unchanged:"
        console.print(f"{state} [bold]{plain(view.plan)}[/]  plan_digest {(view.plan_digest or '')[:12]}")
        console.print(
            f"It takes {counted(view.values, 'value', 'values')} from {people_counted(view.people)}."
        )
    lines = list(_lines(view.remains))
    if lines:
        console.print("What stays as the run left it:")
    for line in lines[:SHOWN]:
        console.print(f"  {plain(line)}")
    more(console, len(lines))
    if view.plan is not None:
        console.print(
            f"[bold]Next:[/] review it, then `okta-plan diff {plain(view.plan)} -o FILE` and "
            f"`okta-plan apply {plain(view.plan)} --changes FILE`."
        )


def _lines(remains: RemainsView) -> Iterator[str]:
    for message in remains.unsure:
        yield f"not known whether it took effect: {message}"
    for each in remains.revoked:
        yield f"taken away, to be given again by a plan: {each.principal} {each.entitlement}: {each.value}"
    for message in remains.reworked:
        yield f"changed: {message}"
    for name in remains.entitlements:
        yield f"entitlement created: {name}"
    for name, values in remains.values.items():
        yield f"values added to {name}: {', '.join(values)}"
    for grant in remains.grants:
        yield f"grant created: {grant.grant_id} of {grant.principal}"
    for who in remains.assigned:
        yield f"assigned to the app: {who}"
