"""Lists of sources as terminal text: what there is, what came from S3, what was put away."""

from __future__ import annotations

from rich.console import Console

from pipeline.report.text import SHOWN, more, plain
from pipeline.source_views import ArchiveView, FilesView, SyncView

_QUIET = ("unchanged", "archived")


def show_files(view: FilesView, console: Console) -> None:
    """What the sync did, the numbered sources, and those that were dealt with."""
    if view.sync:
        _sync(view.sync, console)
    if not view.files:
        console.print("No CSV files in csv/.")
    for each in view.files:
        size = f"{each.size_bytes:,} bytes"
        console.print(f"{each.number:>3}  {_name(each.path)}  {size}  {_day(each.modified_at)}")
    if view.finished:
        console.print("Dealt with:")
    for done in view.finished[:SHOWN]:
        size = f"{done.size_bytes:,} bytes"
        console.print(f"     {_name(done.path)}  {size}  {_day(done.modified_at)}")
    more(console, len(view.finished))


def show_archive(view: ArchiveView, console: Console) -> None:
    """What was moved where, and on what grounds."""
    part = "applied" if view.applied == "all" else "applied as to its structure"
    run = f" by run {view.run}" if view.run else ", with nothing left to send"
    console.print(f"[bold]{plain(view.plan)}[/] was {part} on {plain(view.org_host)}{run}.")
    for each in view.moved:
        console.print(f"  moved {_name(each.path)} to {plain(each.to)}")
    for kept in view.kept:
        why = (
            "lies in S3 and stays there"
            if kept.state == "in_s3"
            else f"is at {plain(kept.found or '')} already"
        )
        console.print(f"  {_name(kept.path)} {why}")


def _sync(sync: SyncView, console: Console) -> None:
    roots = ", ".join(plain(each) or "all of it" for each in sync.roots)
    counts = ", ".join(f"{count} {state}" for state, count in sync.states.items()) or "nothing there"
    others = f"; {sync.others} other objects are no sources" if sync.others else ""
    console.print(f"[bold]s3://{plain(sync.bucket)}[/] ({roots}): {counts}{others}")
    told = [each for each in sync.synced if each.state not in _QUIET]
    for each in sorted(told, key=lambda each: each.state == "fetched")[:SHOWN]:
        shade = {"conflict": "red", "edited": "yellow"}.get(each.state, "green")
        console.print(f"  [{shade}]{each.state}[/] {_name(each.path)}{_advice(each.state)}")
    more(console, len(told))
    for refused in sync.refused[:SHOWN]:
        console.print(
            f"  [yellow]refused[/] {_name(refused.key)}: {refused.reason.value}: {_name(refused.detail)}"
        )
    more(console, len(sync.refused))


def _advice(state: str) -> str:
    match state:
        case "conflict":
            return ": the file here differs and was kept; move it away to fetch that of S3"
        case "edited":
            return ": changed here, not in S3; kept"
        case _:
            return ""


def _day(modified_at: str) -> str:
    return modified_at[:10]


def _name(text: str) -> str:
    """A name from S3 or the disk on one line, so that none can pass for a line of this list."""
    return plain(text).replace("\n", "\\n")
