"""The review of a plan by itself, or of what it says of one person."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.review.gathering import Gathering
from pipeline.review.model import Count, People, Review, Risk, RiskRow, Table, Tone
from pipeline.review.tally import by_value, concerned, pairs, risk_of
from pipeline.review.words import counted, people_counted
from pipeline.survey_views import PersonView, ShowView, TotalsView

SOURCE_STATES = {
    "in_place": "as the plan was made of",
    "moved": "moved",
    "changed": "changed since",
    "missing": "not found",
    "in_s3": "in S3, not looked at",
}


def review_plan(view: ShowView) -> Review:
    """What a plan gives and takes."""
    if view.person is not None:
        return _review_person(view, view.person)
    people = _people(view)
    return Review(
        kind="plan",
        title=f"Plan {view.plan}",
        lead=_lead(people),
        facts=(("Plan", view.plan), ("App", view.okta_app), ("plan_digest", view.plan_digest or "")),
        counts=_counts(view, people),
        risks=tuple(_risks(view, people)),
        people=people,
        tables=tuple(_tables(view)),
        next=(f"okta-plan diff {view.plan}",),
    )


def _people(view: ShowView) -> People:
    gathering = Gathering(privileged=view.privileged)
    for cohort in view.access:
        gains = gathering.values(cohort.values)
        ends = f"until {cohort.expires}" if cohort.expires else ""
        for user in cohort.users:
            gathering.enter(user, gains=gains, ends=ends)
    for cohort in view.removals:
        loses = gathering.values(cohort.values)
        for user in cohort.users:
            gathering.enter(user, loses=loses)
    for user in view.assigned:
        gathering.enter(user, standing="the app alone")
    return gathering.people()


def _lead(people: People) -> str:
    given = concerned(people, lambda each: each.gains)
    taken = pairs(people, lambda each: each.loses)
    takes = f" It takes {counted(taken, 'value', 'values')} away." if taken else " It takes nothing away."
    return f"{people_counted(given)} shall hold at least what stands here.{takes}"


def _counts(view: ShowView, people: People) -> tuple[Count, ...]:
    taken = pairs(people, lambda each: each.loses)
    rejected = sum(view.totals.rejected.values()) if view.totals else 0
    return (
        Count("values taken from people", taken, Tone.TAKES if taken else Tone.QUIET),
        Count("values given to people", pairs(people, lambda each: each.gains), Tone.GIVES),
        Count("people", len(people.names), Tone.GIVES),
        Count("cohorts", len(people.cohorts)),
        Count("values in the plan", sum(len(each.values) for each in view.entitlements)),
        Count("rows rejected", rejected, Tone.RISK if rejected else Tone.QUIET),
    )


def _risks(view: ShowView, people: People) -> Iterator[Risk]:
    yield from risk_of(
        "revocations",
        "Access is taken away",
        "values of people",
        "The plan's removals name them.",
        by_value(people, lambda each: each.loses),
        Tone.TAKES,
    )
    yield from risk_of(
        "privileged",
        "Privileged values",
        "values of people",
        "The plan names these values as privileged (limits.privileged).",
        by_value(people, lambda each: each.gains, lambda value: value.is_privileged),
    )
    if view.totals:
        yield from risk_of(
            "rejected",
            "Rows that could not be used",
            "rows",
            "Nothing in the plan comes from them. okta-plan analyze names their lines.",
            (RiskRow(what=reason, count=count) for reason, count in view.totals.rejected.items() if count),
        )
    yield from risk_of(
        "findings",
        "Worth knowing",
        "findings",
        "Found in the sources while the plan was made.",
        (
            RiskRow(what=each.code, count=1, detail=f"{each.detail}{_rows(each.source, each.rows)}")
            for each in view.noted
        ),
        Tone.QUIET,
    )


def _rows(source: str | None, rows: list[int]) -> str:
    if not rows:
        return ""
    listed = ", ".join(map(str, rows[:20])) + (f" and {len(rows) - 20:,} more" if len(rows) > 20 else "")  # noqa: PLR2004 - enough to find them by
    return f" ({f'{source}, ' if source else ''}{'line' if len(rows) == 1 else 'lines'} {listed})"


def _tables(view: ShowView) -> Iterator[Table]:
    if view.entitlements:
        yield Table(
            title="Entitlements",
            columns=("Entitlement", "Values", "A person may have"),
            rows=tuple(
                (each.name, f"{len(each.values):,}", "several" if each.multi_value else "one")
                for each in view.entitlements
            ),
            numbers=frozenset({1}),
        )
    if view.rules:
        yield Table(title="Rules", columns=("Rule", "Is"), rows=tuple(view.rules.items()))
    if view.sources:
        yield Table(
            title="Sources",
            columns=("Source", "Rows", "State", "sha256"),
            rows=tuple(
                (each.path, f"{each.rows:,}", _state(each.state, each.found), each.sha256[:12])
                for each in view.sources
            ),
            numbers=frozenset({1}),
        )
    if view.totals:
        yield _totals(view.totals)


def _state(state: str, found: str | None) -> str:
    words = SOURCE_STATES.get(state, state)
    return f"{words} to {found}" if found and state == "moved" else words


def _totals(totals: TotalsView) -> Table:
    rows = [("used", totals.used)]
    rows += [(f"excluded: {reason}", count) for reason, count in totals.excluded.items()]
    rows += [(f"rejected: {reason}", count) for reason, count in totals.rejected.items()]
    return Table(
        title=f"{totals.rows:,} rows of the sources",
        columns=("Became", "Rows"),
        rows=tuple((what, f"{count:,}") for what, count in rows),
        numbers=frozenset({1}),
        bar=1,
    )


def _review_person(view: ShowView, person: PersonView) -> Review:
    gathering = Gathering()
    gathering.enter(
        person.principal,
        gains=gathering.values(person.values),
        loses=gathering.values(person.removals),
        ends=f"until {' and '.join(person.expires)}" if person.expires else "",
    )
    people = gathering.people()
    rows = tuple(
        (
            each.entitlement,
            each.value,
            "given" if each.given else "not given",
            ", ".join(f"{row.source}:{row.line} ({row.verdict})" for row in each.rows) or "the plan alone",
        )
        for each in person.because
    )
    unread = tuple((each, "not there any more; its rows are not shown") for each in person.unread)
    tables = (
        [Table(title="Why", columns=("Entitlement", "Value", "Is", "Because of"), rows=rows)] if rows else []
    )
    if unread:
        tables.append(Table(title="Sources that could not be read", columns=("Source", "Why"), rows=unread))
    return Review(
        kind="plan",
        title=f"{person.principal} in {view.plan}",
        lead="What the plan gives this person at least, and what it takes away.",
        facts=(("Plan", view.plan), ("App", view.okta_app), ("plan_digest", view.plan_digest or "")),
        people=people,
        tables=tuple(tables),
    )
