"""What `mcp install` changes in a client's configuration, as terminal text."""

from __future__ import annotations

import json

from rich.console import Console

from pipeline.install_views import InstallView
from pipeline.report.text import open_console, plain

_SHADES = {"+": "green", "-": "red", "@": "cyan"}


def show_install(view: InstallView, console: Console) -> None:
    """What was or would be written, where the old content is, what to do next."""
    if view.state == "unchanged":
        console.print(f"Nothing to do: {plain(view.file)} has {plain(view.server)} already.")
    if view.state == "shown":
        show_change(view, console)
        console.print("Nothing was written.")
    if view.state == "written":
        console.print(f"Wrote [bold]{plain(view.server)}[/] to {plain(view.file)}")
        console.print(f"Before: {plain(view.backup)}" if view.backup else "The file is new.")
        console.print("No secret is in it: tenant and credential stay in the workspace's .env.")
    for note in view.notes:
        console.print(f"  {plain(note)}")


def show_change(view: InstallView, console: Console) -> None:
    """The change as a diff, with the values of others masked."""
    for line in view.diff:
        shade = _SHADES.get(line[0])
        console.print(f"[{shade}]{plain(line)}[/]" if shade else plain(line))
    if not any(line.startswith("+") and '"command"' in line for line in view.diff[2:]):
        console.print(f"{plain(view.server)}: {plain(json.dumps(view.entry, ensure_ascii=False))}")


def ask_install(view: InstallView) -> bool:
    """Show the change on stderr and ask whether to make it."""
    console = open_console(stderr=True)
    show_change(view, console)
    for note in view.notes[:-1]:
        console.print(f"  {plain(note)}")
    return console.input(f"Write this to {plain(view.file)}? Type yes: ").strip() == "yes"
