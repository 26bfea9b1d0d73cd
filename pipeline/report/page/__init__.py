"""A review as one HTML page: no request leaves it, and it can be read without its script."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline import __version__
from pipeline.report.page.payload import WORDS, payload
from pipeline.review.model import Cohort, People, Review
from pipeline.review.tally import named, tallies
from pipeline.review.words import about, worded
from pipeline.visible import cut, visible

FEW, ROWS = 12, 50
"""Rows of one list that are open, and that the page has at all without its script."""
LONG = 300
"""Characters of one text in a list; what a person holds is shown whole."""
SECTIONS = {
    "risks": "Look at these first",
    "cohorts": "Cohorts",
    "values": "Values",
    "people": "People",
    "details": "Details",
}
PAPERS = frozenset({"plan_digest", "changes_digest", "old plan_digest", "new plan_digest", "Stored at"})
"""Facts that are compared, not read: they stand at the end."""
TALLIED = {
    "gains": "Gain",
    "loses": "Lose",
    "drops": "No longer given",
    "wants": "Held back",
    "keeps": "Keep",
}


def review_page(review: Review) -> str:
    """The whole page. Everything in it but its own script and style is text, visible and escaped."""
    script, style = _part("page.js"), _part("page.css")
    people = review.people
    counted = tallies(people) if people else ()
    return _template().render(
        review=review,
        script=Markup(script),  # noqa: S704 - ours, and pinned by its hash
        style=Markup(style),  # noqa: S704 - ours, and pinned by its hash
        policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'",
        payload=Markup(_embedded(payload(review))) if people else None,  # noqa: S704 - escaped there
        people=people,
        cohorts=[_cohort(people, n, each) for n, each in enumerate(people.cohorts[:ROWS])] if people else [],
        tallies=counted,
        most=max((each.gains + each.loses + each.drops + each.wants for each in counted), default=0),
        parts=_parts(people) if people else [],
        sections={key: title for key, title in SECTIONS.items() if _has(review, key)},
        named=named,
        worded=worded,
        signs=_signs(review.kind),
        columns=[(title, part) for part, title in TALLIED.items() if any(getattr(e, part) for e in counted)],
        papers=PAPERS,
        few=FEW,
        rows=ROWS,
        version=__version__,
    )


def _signs(kind: str) -> dict[str, str]:
    words = WORDS.get(kind, WORDS["change set"])
    return {"-": words["loses"], "+": words["gains"], "~": words["drops"], "!": words["wants"]}


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"short": _short, "number": _number, "portion": _portion, "widest": _widest}
    return environment.from_string(_part("page.html.j2"))


def _part(name: str) -> str:
    return resources.files("pipeline.report.page").joinpath(name).read_text("utf-8")


def _shown(given: object) -> object:
    """What every expression of the template goes through before it is escaped."""
    return visible(given) if isinstance(given, str) and not isinstance(given, Markup) else given


def _short(text: str) -> str:
    return cut(visible(text), LONG)


def _number(number: int) -> str:
    return f"{number:,}"


def _portion(part: float, whole: float) -> str:
    """Of 100, for the width of a bar."""
    return f"{100 * part / whole:.2f}" if whole else "0"


def _widest(rows: tuple[tuple[str, ...], ...], column: int) -> int:
    return max((int(row[column].replace(",", "")) for row in rows), default=0)


def _hash(part: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"


def _embedded(content: dict[str, Any]) -> str:
    """JSON that no text in it can break out of: ASCII only, and nothing that HTML gives a meaning."""
    text = json.dumps(content, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _has(review: Review, section: str) -> bool:
    match section:
        case "risks":
            return bool(review.risks)
        case "details":
            return bool(review.tables)
        case _:
            return bool(review.people and review.people.names)


def _cohort(people: People, number: int, cohort: Cohort) -> dict[str, Any]:
    effects = [
        (sign, entitlement, [each.value for each in values])
        for sign, held in (
            ("-", cohort.loses),
            ("+", cohort.gains),
            ("~", cohort.drops),
            ("!", cohort.wants),
        )
        for entitlement, values in people.held(held).items()
    ]
    return {
        "number": number,
        "people": cohort.people,
        "about": about(cohort),
        "effects": effects,
        "first": cohort.first,
    }


def _parts(people: People) -> list[tuple[str, str, int]]:
    """What becomes of people, each counted once under what weighs most."""
    counts = {"takes": 0, "risk": 0, "drops": 0, "gives": 0}
    for each in people.cohorts:
        counts[("takes", "risk", "drops", "gives")[each.weight]] += each.people
    labels = {
        "takes": "lose something",
        "risk": "held back or failed",
        "drops": "no longer given something",
        "gives": "only gain",
    }
    return [(name, labels[name], count) for name, count in counts.items() if count]
