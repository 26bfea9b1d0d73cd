"""The records of runs, kept, checked and deleted, as terminal text."""

from __future__ import annotations

from rich.console import Console

from pipeline.record_views import EvidenceView
from pipeline.report.text import plain

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
