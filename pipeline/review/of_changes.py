"""The review of a change set: a plan against the tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pipeline.envelope import FindingView, HeldView
from pipeline.review.gathering import Gathering
from pipeline.review.model import FIRST, Count, Note, People, Review, Risk, RiskRow, Table, Tone
from pipeline.review.tally import by_value, concerned, pairs, risk_of
from pipeline.review.words import counted, people_counted
from pipeline.views import ChangeView, DiffView, ForecastView

STANDING = {
    "assign": "new to the app",
    "grant": "no grant yet",
    "extend": "with a grant already",
    "convert": "by policy so far",
    "retime": "a later end",
    "revoke": "with a grant already",
}
HOUR_S, MINUTE_S = 3600, 60


def review_changes(view: DiffView) -> Review:
    """What applying the plan would do, and what is held back."""
    people = _people(view)
    return Review(
        kind="change set",
        title=f"Changes of {view.plan}",
        lead=_lead(view, people),
        facts=(
            ("Plan", view.plan),
            ("App", view.okta_app),
            ("Org", f"{view.org_host} ({view.org_id})"),
            ("Compared at", view.observed_at),
            ("plan_digest", view.plan_digest or ""),
            ("changes_digest", view.changes_digest or ""),
            *((("Stored at", view.paths["changes"]),) if "changes" in view.paths else ()),
        ),
        counts=_counts(view, people),
        risks=tuple(_risks(view, people)),
        people=people,
        tables=tuple(_tables(view)),
        next=(_apply(view),) if view.changes and "changes" in view.paths else (),
    )


def _apply(view: DiffView) -> str:
    """The command that carries it out, on the org it was compared with."""
    org = f" --org {view.paths['org']}" if "org" in view.paths else ""
    return f"okta-plan apply {view.plan} --changes {view.paths['changes']}{org}"


def _people(view: DiffView) -> People:
    new: dict[str, list[str]] = {}
    for each in _new(view):
        for entitlement, values in each.adds.items():
            new.setdefault(entitlement, []).extend(values)
    gathering = Gathering(privileged=view.privileged, new=new)
    for change in view.changes:
        if change.principal is not None:
            _enter(gathering, change)
    for held in view.held:
        if held.principal is not None:
            gathering.note(held.principal, held_note(gathering, held))
    return gathering.people()


def _enter(gathering: Gathering, change: ChangeView) -> None:
    who = change.principal or ""
    gathering.enter(
        who,
        gains=gathering.values(change.adds),
        loses=gathering.values(change.removes),
        keeps=gathering.values(change.keeps),
        standing=STANDING.get(change.action, ""),
        ends=ending(change),
        also=tuple(change.also),
    )
    if change.action in {"convert", "retime"}:
        gathering.note(who, Note("remark", change.action, change.message))


def ending(change: ChangeView) -> str:
    """When what is given ends, in words; "" where it does not."""
    if change.expires_before:
        return f"end {change.expires_before} becomes {change.expires}"
    return f"until {change.expires}" if change.expires else ""


def held_note(gathering: Gathering, held: HeldView) -> Note:
    wants, unwants = gathering.values(held.adds), gathering.values(held.removes)
    return Note("held", held.reason, held.detail, wants, unwants)


def _new(view: DiffView) -> Iterator[ChangeView]:
    return (each for each in view.changes if each.principal is None and each.action in {"create", "add"})


def _lead(view: DiffView, people: People) -> str:
    changing = len({each.principal for each in view.changes if each.principal is not None})
    if not view.changes:
        held = f" {counted(len(view.held), 'change is', 'changes are')} held back." if view.held else ""
        return f"Nothing to send: the tenant holds what the plan says.{held}"
    taken = pairs(people, lambda each: each.loses)
    losing = concerned(people, lambda each: each.loses)
    takes = (
        f" {counted(taken, 'value is', 'values are')} taken away from {people_counted(losing)}."
        if taken
        else ""
    )
    held = f" {counted(len(view.held), 'change is', 'changes are')} held back." if view.held else ""
    time = f" Sending takes {lasting(view.forecast.seconds)}." if view.forecast else ""
    verb = "changes" if changing == 1 else "change"
    nobody = "" if taken else " Nobody loses anything."
    return f"{people_counted(changing)} {verb}.{takes}{nobody}{held}{time}"


def lasting(seconds: float) -> str:
    """A forecast as a person says it: rounded to what matters."""
    if seconds < MINUTE_S:
        return "a minute at most"
    if seconds < 2 * HOUR_S:
        return f"about {round(seconds / MINUTE_S)} min"
    return f"about {seconds / HOUR_S:.1f} h"


def _counts(view: DiffView, people: People) -> tuple[Count, ...]:
    revoked = pairs(people, lambda each: each.loses)
    new = sum(len(values) for each in _new(view) for values in each.adds.values())
    return (
        Count("values taken from people", revoked, Tone.TAKES if revoked else Tone.QUIET),
        Count("changes held back", len(view.held), Tone.RISK if view.held else Tone.QUIET),
        Count("values given to people", pairs(people, lambda each: each.gains), Tone.GIVES),
        Count(
            "people who change",
            len({e.principal for e in view.changes if e.principal is not None}),
            Tone.GIVES,
        ),
        Count("values new in Okta", new, Tone.RISK if new else Tone.QUIET),
        Count("unchanged", view.kept),
    )


def _risks(view: DiffView, people: People) -> Iterator[Risk]:
    yield from risk_of(
        "refusals",
        "Apply will refuse",
        "guards",
        "Guards that say no to this change set as it is (docs/guards.md).",
        [
            RiskRow(
                what=each.guard,
                count=1,
                values=(f"to let it pass once: {each.override}",),
                detail=each.detail,
            )
            for each in view.refusals
        ],
    )
    yield from risk_of(
        "revocations",
        "Access is taken away",
        "values of people",
        "These people hold the value now and lose it.",
        by_value(people, lambda each: each.loses),
        Tone.TAKES,
    )
    converts = [each for each in view.changes if each.action == "convert"]
    yield from risk_of(
        "converts",
        "People leave a policy",
        "people",
        "Their access becomes their own: the policy gives and takes nothing from them any more.",
        [RiskRow(what="out of policy", count=len(converts), who=_names(e.principal for e in converts))]
        if converts
        else [],
        Tone.TAKES,
    )
    yield from risk_of(
        "privileged",
        "Privileged values are given",
        "values of people",
        "The plan names these values as privileged (limits.privileged).",
        by_value(people, lambda each: each.gains, lambda value: value.is_privileged),
    )
    yield from held_risks(view.held)
    yield from risk_of(
        "new",
        "New in Okta",
        "values",
        "These do not exist in the app yet. Look for typing errors: an undo leaves values where they are.",
        (
            RiskRow(
                what=f"{entitlement}{' (a new entitlement)' if each.action == 'create' else ''}",
                count=len(values),
                values=tuple(values),
            )
            for each in _new(view)
            for entitlement, values in each.adds.items()
        ),
    )
    yield from finding_risks(view.findings, view.notices)


def held_risks(held: Iterable[HeldView]) -> Iterator[Risk]:
    """What is held back, by reason."""
    listed = list(held)
    counts = Counter(each.reason for each in listed)
    yield from risk_of(
        "held",
        "Held back",
        "changes",
        "Wanted by the plan, and not safe to send. Nothing of it is sent.",
        (
            RiskRow(
                what=str(reason),
                count=count,
                who=_names(each.principal or each.address for each in listed if each.reason == reason),
                detail=next(each.detail for each in listed if each.reason == reason),
            )
            for reason, count in counts.most_common()
        ),
    )


def finding_risks(findings: Iterable[FindingView], notices: Iterable[str] = ()) -> Iterator[Risk]:
    """What was found on the way, errors first, and what else is to be known."""
    order = ("error", "warning", "note")
    listed = sorted(findings, key=lambda each: order.index(each.severity))
    yield from risk_of(
        "findings",
        "Worth knowing",
        "findings",
        "Found while reading the plan and the tenant.",
        [
            *(
                RiskRow(what=f"{each.severity}: {each.code}", count=1, detail=each.detail or each.summary)
                for each in listed
            ),
            *(RiskRow(what="note", count=1, detail=each) for each in notices),
        ],
        Tone.QUIET,
    )


def _names(who: Iterable[str | None]) -> tuple[str, ...]:
    found: list[str] = []
    for each in who:
        if each is not None:
            found.append(each)
        if len(found) == FIRST:
            break
    return tuple(found)


def _tables(view: DiffView) -> Iterator[Table]:
    structure = [each for each in view.changes if each.principal is None]
    if structure:
        yield Table(
            title="Changes of the app's entitlements",
            columns=("Action", "What"),
            rows=tuple((each.action, each.message) for each in structure),
        )
    if view.counts:
        yield Table(
            title="Changes by action",
            columns=("Action", "Changes"),
            rows=tuple((name, f"{count:,}") for name, count in view.counts.items()),
            numbers=frozenset({1}),
        )
    if view.forecast and view.changes:
        yield forecast_table(view.forecast)


def forecast_table(forecast: ForecastView) -> Table:
    """Calls by bucket; what takes longest first."""
    listed = sorted(forecast.calls.items(), key=lambda each: -each[1])
    few = forecast.bottleneck == "concurrency"
    why = f", as only {forecast.concurrency} are made at a time (--concurrency)" if few else ""
    return Table(
        title=f"Forecast: {lasting(forecast.seconds)} at {forecast.rate_share:.0%} of the limits{why}",
        columns=("Calls to", "Calls", "Limit a minute", ""),
        rows=tuple(
            (
                bucket,
                f"{calls:,}",
                f"{forecast.limit_per_min.get(bucket, 0):,}",
                "decides the time" if bucket == forecast.bottleneck else "",
            )
            for bucket, calls in listed
        ),
        numbers=frozenset({1, 2}),
        bar=1,
    )
