"""Pieces of terminal text."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.envelope import FindingView
from pipeline.standard_streams import forget
from pipeline.visible import cut, visible

MINUTE_S = 60
LONG = 160
"""Characters of one text that are shown."""
WIDE = 160
"""Characters of a line where no terminal says how wide it is."""
SHOWN = 20
"""Rows shown of a long list; --json has them all."""


def plain(text: str) -> str:
    """Text from a CSV or from Okta: markup escaped, control and bidirectional characters made visible."""
    return escape(visible(text, keep="\n"))


def one_line(text: str) -> str:
    """`plain` on one line, cut to what a line can hold."""
    return escape(cut(visible(text), LONG))


class _Unhurried(Console):
    """Goes on where nobody reads any more: how a command ends does not depend on that."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        forget(sys.stderr if self.stderr else sys.stdout)


def open_console(*, stderr: bool = False) -> Console:
    """Where text goes. Long lines wrap softly, and ``:name:`` stays what it is: a value may be called so."""
    console = _Unhurried(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    return console


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``4 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < MINUTE_S:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def shortened(items: list[str]) -> str:
    """The first of ``items``, and how many more there are."""
    rest = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + rest


def more(console: Console, count: int) -> None:
    """Say how many of ``count`` rows were not shown."""
    if count > SHOWN:
        console.print(f"  ... and {count - SHOWN} more (--json lists all)")


def confirmation(counts: Mapping[str, int]) -> str:
    """What a person types to send so many changes of each action: what takes away is typed with its count."""
    taking = [f"{action} {counts[action]}" for action in ("revoke", "convert") if action in counts]
    return " ".join(taking) or "yes"


def show_findings(console: Console, findings: list[FindingView]) -> None:
    """The first of ``findings``, each on a line."""
    colour = {"error": "red", "warning": "yellow", "note": "cyan"}
    for each in findings[:SHOWN]:
        place = f"{plain(each.location)}: " if each.location else ""
        shade = colour[each.severity]
        console.print(
            f"  {place}[{shade}]{each.severity}[/] {each.code}: {plain(each.detail or each.summary)}"
        )
    more(console, len(findings))


def table(*columns: str, numbers: frozenset[int] = frozenset()) -> Table:
    """An empty table with these columns, without lines. ``numbers`` are the columns that hold numbers."""
    empty = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        empty.add_column(
            column, overflow="fold", no_wrap=number == 0, justify="right" if number in numbers else "left"
        )
    return empty
