"""How far a run is: a bar in place on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType

from pipeline.report.text import MINUTE_S, duration, open_console, plain
from pipeline.run.result import Progress
from pipeline.run.tail import Watched

if TYPE_CHECKING:
    from pipeline.source.sync import Fetching

BAR_WIDTH = 24
MANY_OBJECTS, MANY_BYTES = 100, 100_000_000
"""Fewer are there before anybody wonders."""
LINE_EVERY_S = 10.0
"""Where no terminal shows the bar of a run that is watched."""


def show_progress(console: Console | None = None) -> Callable[[Progress], None]:
    """A follower of a run, on stderr: rate, time left, and how many are held. Where stderr cannot be written,
    on a full disk or when its terminal has gone, the run goes on without.
    """
    console = console or open_console(stderr=True)
    said: tuple[int, int] | None = None
    last = 0

    def show(progress: Progress) -> None:
        try:
            tell(progress)
        except OSError:
            console.quiet = True

    def tell(progress: Progress) -> None:
        nonlocal last, said
        if console.is_terminal:
            draw(console, progress, is_last=progress.over)
            return
        tenths = progress.done * 10 // max(1, progress.total)
        stands = (progress.done, progress.held)
        if tenths > last or (progress.over and stands != said):
            last, said = tenths, stands
            console.print(progress_line(progress))

    return show


def show_fetching(console: Console | None = None) -> Callable[[Fetching], None]:
    """A follower of a sync, on stderr: a line for each tenth, where there is much to fetch."""
    console = console or open_console(stderr=True)
    last = 0

    def show(fetching: Fetching) -> None:
        nonlocal last
        tenths = fetching.done * 10 // fetching.total
        if tenths > last and (fetching.total >= MANY_OBJECTS or fetching.total_bytes >= MANY_BYTES):
            last = tenths
            done, total = (f"{each / 1e6:,.1f}" for each in (fetching.done_bytes, fetching.total_bytes))
            objects = f"{fetching.done:,} of {fetching.total:,} objects"
            console.print(f"Fetched {objects}, {done} of {total} MB")

    return show


def show_watched() -> Callable[[Watched], None]:
    """A follower of another process's run, on stdout: it is what ``watch`` answers."""
    console = open_console()
    said_at_s = 0.0

    def show(watched: Watched) -> None:
        nonlocal said_at_s
        progress = watched.progress
        last = f"; {' '.join(watched.last.split())}" if watched.last else ""
        if console.is_terminal:
            draw(console, progress, is_last=watched.over is not None, more=last)
        elif watched.over or not said_at_s or progress.elapsed_s - said_at_s >= LINE_EVERY_S:
            said_at_s = progress.elapsed_s
            console.print(plain(f"{progress_line(progress)}{last}"))
        if watched.over:
            console.print(_ended(watched))

    return show


def _ended(watched: Watched) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in sorted(watched.counts.items())) or "nothing sent"
    end = "its process has ended" if watched.over == "abandoned" else str(watched.over)
    resume = f"\n[bold]Next:[/] go on with `{plain(watched.resume)}`." if watched.resume else ""
    return f"[bold]Run {watched.run}[/] {end}: {counts}{resume}"


def draw(console: Console, progress: Progress, *, is_last: bool, more: str = "") -> None:
    """The bar and ``more`` in place of what the terminal's line shows, cut to its width."""
    done = BAR_WIDTH * min(progress.done, progress.total) // max(1, progress.total)
    line = f"{progress_line(progress)}{more}"[: max(1, console.width - BAR_WIDTH - 2)]
    bar = f"[green]{'━' * done}[/][dim]{'━' * (BAR_WIDTH - done)}[/]"
    console.control(Control((ControlType.CURSOR_MOVE_TO_COLUMN, 0), (ControlType.ERASE_IN_LINE, 2)))
    console.print(f"{bar} {plain(line)}", end="\n" if is_last else "")


def progress_line(progress: Progress) -> str:
    """``12/30 changes, 45/min, 24 s left``, and how many are held."""
    rate = MINUTE_S * progress.done / progress.elapsed_s if progress.elapsed_s > 0 else 0.0
    left = f", {duration((progress.total - progress.done) * MINUTE_S / rate)} left" if rate else ""
    held = f", {progress.held} held" if progress.held else ""
    return f"{progress.done}/{progress.total} changes, {rate:.0f}/min{left}{held}"
