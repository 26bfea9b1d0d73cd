"""The records of runs, kept, checked and deleted, as terminal text."""

from __future__ import annotations

from rich.console import Console

from pipeline.record_views import EvidenceView, PruneView, WhyKept
from pipeline.report.text import SHOWN, more, open_console, plain
from pipeline.review.words import counted, people_counted

_WHY = {
    WhyKept.NEWEST: "one of the newest of its plan",
    WhyKept.RUNNING: "it is under way",
    WhyKept.UNFINISHED: "it did not end; the next apply of its plan settles it",
    WhyKept.DAMAGED: "its journal is damaged; look at it yourself",
    WhyKept.APPROVAL: "what it used of its approval is not written down",
}
_SHADE = {"good": "[green]good[/]", "bad": "[bold red]BAD[/]", "absent": "none"}


def show_evidence(view: EvidenceView, console: Console) -> None:
    """What was looked at in a pack, and what was seen."""
    shown = plain(view.paths["evidence"])
    wrote = "Wrote " if view.written else ""
    of = f": run {view.run} on {plain(view.org_host)}, {view.state}" if view.run else ""
    console.print(f"{wrote}[bold]{shown}[/]{of}")
    for each in view.checks:
        console.print(f"  {_SHADE[each.verdict]} {each.what}: {plain(each.detail)}")
    if view.error is None:
        console.print(f"sha256 {view.sha256}")
        return
    console.print(f"[bold red]Error:[/] {plain(view.error.summary)}: {shown}")
    console.print(f"[bold]Next:[/] {plain(view.error.next or '')}")


def show_pruned(view: PruneView, console: Console) -> None:
    """What goes or went, and which old runs stay and why."""
    word = "Deleted" if view.deleted else "To be deleted"
    if not view.pruned and not view.change_sets:
        console.print(f"Nothing to delete: no finished run began before {view.before}.")
    else:
        sets = counted(view.change_sets, "stored change set", "stored change sets")
        console.print(f"[bold]{word}[/]: {counted(len(view.pruned), 'run', 'runs')}, {sets}")
    for each in view.pruned[:SHOWN]:
        values = counted(each.values, "value", "values")
        gave = f"; it gave {values} to {people_counted(each.people)}" if each.values else ""
        console.print(f"  {each.run} {plain(each.plan)} on {plain(each.org_host)}{gave}")
    more(console, len(view.pruned))
    if any(each.values for each in view.pruned):
        console.print("  Without them, undo cannot take that back, nor does generate --since propose it.")
    for kept in view.kept[:SHOWN]:
        console.print(f"  [yellow]stays[/] {kept.run}: {_WHY[kept.why]}")
    more(console, len(view.kept))


def ask_to_prune(view: PruneView) -> bool:
    """Show on stderr what would be deleted, and ask whether to."""
    console = open_console(stderr=True)
    show_pruned(view, console)
    word = f"delete {len(view.pruned) + view.change_sets}"
    return console.input(f"Delete these for good? Type {word}: ").strip() == word
