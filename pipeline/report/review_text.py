"""A review as terminal text: the whole in a sentence, then what is a risk, then cohorts, then detail.

Built of `Text`, never of markup: nothing that a value holds can be taken for a style.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from pipeline.report.text import LONG, SHOWN
from pipeline.review.model import Cohort, People, Review, Risk, Table, Tone
from pipeline.review.words import about, effects, people_counted, some, worded
from pipeline.visible import cut, visible

NAME = 40
"""Up to so many characters, what a row of a table begins with stays on one line."""
MANY = 4
"""Tables of more columns are stacked where they do not fit."""
DETAIL = 400
"""Characters of a reason that are shown: what may be done about it stands at its end."""
COMMAND = 1_000
"""Characters of a command that are shown: it is there to be copied, so it is whole where paths are sane."""
UNBOUNDED = 10_000
BELOW = " " * 6
SIGN_STYLES = {"-": "bold red", "+": "green", "~": "yellow", "!": "yellow"}
TONE_STYLES = {Tone.TAKES: "bold red", Tone.RISK: "bold yellow", Tone.GIVES: "bold", Tone.QUIET: "bold"}
LEGEND = {"-": "is taken away", "+": "is given", "~": "is no longer given", "!": "is held back"}


def show_review(review: Review, console: Console) -> None:
    """Print ``review``."""
    console.print(Text(seen(review.title), "bold"))
    console.print(Text(seen(review.lead)))
    counts = [each for each in review.counts if each.number]
    if counts:
        parts = [
            (f"{each.number:,} {worded(each.number, each.label)}", TONE_STYLES[each.tone]) for each in counts
        ]
        console.print(_joined(parts))
    for risk in review.risks:
        _risk(risk, console)
    if review.people and review.people.cohorts:
        _cohorts(review.people, console)
    for table in review.tables:
        _table(table, console)
    if review.facts:
        console.print()
        width = max(len(name) for name, _ in review.facts)
        for name, text in review.facts:
            console.print(Text.assemble((f"{name:<{width}}  ", "dim"), seen(text)))
    for command in review.next:
        console.print(Text.assemble(("Next: ", "bold"), cut(visible(command), COMMAND)))


def seen(text: str) -> str:
    """``text`` without anything hidden, cut to what a line can hold."""
    return cut(visible(text), LONG)


def _joined(parts: Iterable[tuple[str, str]]) -> Text:
    line = Text()
    for number, part in enumerate(parts):
        line.append(", " if number else "")
        line.append(*part)
    return line


def _heading(text: str, rest: str, style: str, console: Console) -> None:
    console.print()
    console.print(Text.assemble((text, style), rest))


def _risk(risk: Risk, console: Console) -> None:
    _heading(
        seen(risk.title), f": {risk.count:,} {worded(risk.count, risk.unit)}", TONE_STYLES[risk.tone], console
    )
    console.print(Text(f"  {seen(risk.why)}", "dim"))
    for row in risk.rows[:SHOWN]:
        line = Text.assemble(f"  {row.count:>7,}  ", (seen(row.what), "bold"))
        if row.who:
            line.append(f"  {_first(row.who, row.count)}")
        console.print(line)
        if row.values:
            console.print(Text(f"           {some([seen(each) for each in row.values])}", "dim"))
        if row.detail:
            console.print(Text(f"           {cut(visible(row.detail), DETAIL)}", "dim"))
    _rest(len(risk.rows), console)


def _cohorts(people: People, console: Console) -> None:
    used = {sign for each in people.cohorts[:SHOWN] for sign, _ in effects(people, each)}
    legend = ", ".join(f"{sign} {LEGEND[sign]}" for sign in LEGEND if sign in used)
    rest = f": {len(people.cohorts):,}, of {people_counted(len(people.names))} ({legend})"
    _heading("Cohorts", rest if legend else rest.rpartition(" (")[0], "bold", console)
    for cohort in people.cohorts[:SHOWN]:
        _cohort(people, cohort, console)
    _rest(len(people.cohorts), console)


def _cohort(people: People, cohort: Cohort, console: Console) -> None:
    """A single person stands in the first line by name; of several, the first stand below."""
    alone = cohort.people == 1
    who = seen(cohort.first[0]) if alone else "people"
    line = Text.assemble((f"  {cohort.people:>7,}", "bold"), "  " if alone else " ", who)
    standing = about(cohort)
    console.print(line.append(f", {seen(standing)}" if standing else ""))
    for sign, text in effects(people, cohort):
        console.print(Text.assemble("           ", (sign, SIGN_STYLES[sign]), f" {seen(text)}"))
    if not alone:
        console.print(Text(f"           {_first(cohort.first, cohort.people)}", "dim"))


def _first(who: Sequence[str], count: int) -> str:
    more = f" and {count - len(who):,} more" if count > len(who) else ""
    return f"{', '.join(map(seen, who))}{more}"


def _rest(count: int, console: Console) -> None:
    if count > SHOWN:
        console.print(Text(f"  ... and {count - SHOWN:,} more (--format html or json has all)", "dim"))


def _table(table: Table, console: Console) -> None:
    _heading(seen(table.title), "", "bold", console)
    grid = Grid(box=box.SIMPLE_HEAD if len(table.rows) > 1 else None, pad_edge=False, show_edge=False)
    keeps = max((len(row[0]) for row in table.rows[:SHOWN]), default=0) <= NAME
    for number, column in enumerate(table.columns):
        side: Literal["left", "right"] = "right" if number in table.numbers else "left"
        grid.add_column(Text(column), justify=side, overflow="fold", no_wrap=number == 0 and keeps)
    for row in table.rows[:SHOWN]:
        grid.add_row(*(Text(seen(cell)) for cell in row))
    wide = console.options.update(max_width=UNBOUNDED)
    if len(table.columns) > MANY and Measurement.get(console, wide, grid).maximum + 2 > console.width:
        _stacked(table, console)
    else:
        console.print(Padding(grid, (0, 0, 0, 2), expand=False), soft_wrap=False)
    _rest(len(table.rows), console)


def _stacked(table: Table, console: Console) -> None:
    """Rows of many cells where the terminal is too narrow for them side by side: the first cell, and the
    others with their names below it.
    """
    for row in table.rows[:SHOWN]:
        console.print(Text(f"  {seen(row[0])}", "bold"))
        line = ""
        for name, cell in zip(table.columns[1:], row[1:], strict=True):
            part = f"{name.lower()} {seen(cell)}"
            if line and len(line) + len(part) + 2 + len(BELOW) > console.width:
                console.print(Text(f"{BELOW}{line}"))
                line = ""
            line = f"{line}, {part}" if line else part
        console.print(Text(f"{BELOW}{line}"))
