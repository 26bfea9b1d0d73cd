"""A review as Markdown for a pull request: counts exact, detail by risk as far as there is room.

Whatever comes from a CSV, a plan or Okta stands in code spans, where nothing is a link, a mention or HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipeline.review.model import Cohort, People, Review, Risk, RiskRow, Table
from pipeline.review.tally import named, tallies
from pipeline.review.words import about, effects, people_counted, some, worded
from pipeline.visible import cut, visible

MOST = 60_000
"""Characters; GitHub takes 65,536 in a comment."""
LONG = 300
ROWS = 200
"""Rows of one list, however much room there is: what is longer is read on the page."""
SHARES = (0.5, 0.75, 1.0)
"""How far risks, cohorts and tables may fill the text."""
SIGNS = {"-": "takes", "+": "gives", "~": "no longer gives", "!": "holds back"}
HOLD_BACK = 400
"""Kept free for the sentence that says what was left out."""


class _Page:
    """Lines, as long as they fit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: list[str] = []
        self.length = 0

    def add(self, line: str, *, share: float = 1.0) -> bool:
        """Whether there was room for ``line`` within that share of the whole."""
        if self.length + len(line) + 1 > (self._most - HOLD_BACK) * share:
            return False
        self.force(line)
        return True

    def force(self, line: str) -> None:
        self._lines.append(line)
        self.length += len(line) + 1

    def text(self) -> str:
        return "\n".join(self._lines).rstrip("\n") + "\n"


def review_markdown(review: Review, *, link: str | None = None, most: int = MOST) -> str:
    """At most ``most`` characters. ``link``: where the whole page can be read (http or https)."""
    page = _Page(most)
    for line in _head(review, link):
        page.force(line)
    for risk in review.risks:
        _listed(
            page, _risk_head(risk), [_risk_row(row) for row in risk.rows[:ROWS]], len(risk.rows), SHARES[0]
        )
    if review.people and review.people.cohorts:
        _cohorts(page, review.people)
        _values(page, review.people)
    for table in review.tables:
        _table(page, table)
    return page.text()


def code(text: str) -> str:
    """``text`` as a code span: whatever it holds is shown and does nothing."""
    shown = cut(visible(text), LONG) or " "
    longest = run = 0
    for character in shown:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    # One space on either side is not part of it, unless there is nothing else.
    pad = " " if shown.strip(" ") and {shown[0], shown[-1]} & {"`", " "} else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def cell(text: str) -> str:
    """`code` in a table, where a bar would begin another cell."""
    return code(text.replace("|", "\\u007c")) if text else ""


def _head(review: Review, link: str | None) -> Iterator[str]:
    yield f"## {code(review.title)}"
    yield ""
    yield f"**{review.lead}**"
    yield ""
    if review.counts:
        yield f"| {' | '.join(worded(each.number, each.label) for each in review.counts)} |"
        yield f"|{' ---: |' * len(review.counts)}"
        yield f"| {' | '.join(_weighed(each.number, each.tone.value) for each in review.counts)} |"
        yield ""
    if link:
        yield f"[The whole page: search, every person before and after](<{link}>)"
        yield ""
    for name, text in review.facts:
        if text:
            yield f"- {name}: {code(text)}"
    yield ""


def _weighed(number: int, tone: str) -> str:
    return f"**{number:,}**" if number and tone in {"takes", "risk"} else f"{number:,}"


def _listed(page: _Page, head: Sequence[str], rows: Iterable[str], count: int, share: float) -> None:
    """A heading and rows, as many as there is room for, and how many were left out."""
    for line in head:
        page.force(line)
    shown = 0
    for row in rows:
        if not page.add(row, share=share):
            break
        shown += 1
    if shown < count:
        page.force(f"- ... and {count - shown:,} more")
    page.force("")


def _risk_head(risk: Risk) -> tuple[str, ...]:
    return (f"### {risk.title}: {risk.count:,} {worded(risk.count, risk.unit)}", "", risk.why, "")


def _risk_row(row: RiskRow) -> str:
    who = f": {_first(row.who, row.count)}" if row.who else ""
    values = f": {code(some(row.values))}" if row.values else ""
    detail = f" {code(row.detail)}" if row.detail else ""
    return f"- **{row.count:,}** {code(row.what)}{who}{values}{detail}"


def _first(who: Sequence[str], count: int) -> str:
    more = f" and {count - len(who):,} more" if count > len(who) else ""
    return f"{', '.join(map(code, who))}{more}"


def _cohorts(page: _Page, people: People) -> None:
    head = (f"### Cohorts: {len(people.cohorts):,}, of {people_counted(len(people.names))}", "")
    rows = (_cohort(people, each) for each in people.cohorts[:ROWS])
    _listed(page, head, rows, len(people.cohorts), SHARES[1])


def _cohort(people: People, cohort: Cohort) -> str:
    standing = about(cohort)
    alone = cohort.people == 1
    who = code(cohort.first[0]) if alone else f"**{people_counted(cohort.people)}**"
    head = f"- {who}{f', {code(standing)}' if standing else ''}"
    changes = [f"  - {SIGNS[sign]} {code(f'{sign} {text}')}" for sign, text in effects(people, cohort)]
    return "\n".join((head, *changes, *(() if alone else (f"  - {_first(cohort.first, cohort.people)}",))))


def _values(page: _Page, people: People) -> None:
    """How many people gain and lose each value."""
    counted = tallies(people)
    if not counted:
        return
    head = (
        "### Values",
        "",
        "| Value | gain | lose | no longer given | held back | keep |",
        f"| ---{' | ---:' * 5} |",
    )
    rows = (
        f"| {cell(named(each.value))} | {each.gains:,} | {each.loses:,} | {each.drops:,} | {each.wants:,} "
        f"| {each.keeps:,} |"
        for each in counted[:ROWS]
    )
    _listed(page, head, rows, len(counted), SHARES[2])


def _table(page: _Page, table: Table) -> None:
    rules = " | ".join("---:" if n in table.numbers else "---" for n in range(len(table.columns)))
    head = (f"### {table.title}", "", f"| {' | '.join(table.columns)} |", f"| {rules} |")
    rows = (
        f"| {' | '.join(text if n in table.numbers else cell(text) for n, text in enumerate(row))} |"
        for row in table.rows[:ROWS]
    )
    _listed(page, head, rows, len(table.rows), SHARES[2])
