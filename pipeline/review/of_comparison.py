"""The review of two plans side by side."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.envelope import ValueLists
from pipeline.review.gathering import Gathering
from pipeline.review.model import Count, Note, People, Review, Risk, RiskRow, Table, Tone
from pipeline.review.tally import by_value, pairs, risk_of
from pipeline.review.words import counted, people_counted
from pipeline.review_views import ComparedPersonView, CompareView

STANDING = {"added": "new in the plan", "gone": "no longer in the plan", "changed": "in both plans"}
WEIGHTY = ("limits.", "grants.", "tenant", "okta_app.", "moved", "assignments.")
"""Rules that decide what an apply may do, or to whom."""


def review_comparison(view: CompareView) -> Review:
    """What changes from the old plan to the new one."""
    people = _people(view)
    return Review(
        kind="comparison",
        title=f"{view.old} compared with {view.new}",
        lead=_lead(view, people),
        facts=(
            ("Old plan", view.old),
            ("old plan_digest", view.old_digest),
            ("New plan", view.new),
            ("new plan_digest", view.plan_digest or ""),
            ("App", view.okta_app),
        ),
        counts=_counts(view, people),
        risks=tuple(_risks(view, people)),
        people=people,
        tables=tuple(_tables(view)),
    )


def _people(view: CompareView) -> People:
    gathering = Gathering(privileged=view.privileged, new=view.values_added)
    for each in view.people:
        gathering.enter(
            each.principal,
            gains=gathering.values(each.adds),
            loses=gathering.values(each.takes),
            drops=gathering.values(_beyond(each.drops, each.takes)),
            keeps=gathering.values(each.keeps),
            standing=STANDING[each.state],
            ends=_ending(each),
        )
        if each.spares:
            text = f"The old plan takes away {listed(each.spares)}; the new one does not."
            gathering.note(each.principal, Note("remark", "spares", text))
        if each.app_only:
            verb = "names" if each.app_only == "added" else "no longer names"
            text = f"The new plan {verb} this person for the app without a value."
            gathering.note(each.principal, Note("remark", "app only", text))
    return gathering.people()


def _beyond(lists: ValueLists, others: ValueLists) -> ValueLists:
    """``lists`` without what stands in ``others``: what is taken away is no longer given anyway."""
    left = {
        entitlement: [each for each in values if each not in others.get(entitlement, [])]
        for entitlement, values in lists.items()
    }
    return {entitlement: values for entitlement, values in left.items() if values}


def listed(lists: ValueLists) -> str:
    return "; ".join(f"{entitlement}: {', '.join(values)}" for entitlement, values in lists.items())


def _ending(each: ComparedPersonView) -> str:
    now = " and ".join(each.expires)
    if each.expires_before or (each.expires and each.state == "changed" and not each.expires_before):
        before = " and ".join(each.expires_before)
        return f"end {before} becomes {now or 'none'}" if before else f"until {now}"
    return f"until {now}" if now else ""


def _lead(view: CompareView, people: People) -> str:
    if not (view.people or view.values_added or view.values_gone or view.rules):
        return "Both plans mean the same."
    taken = pairs(people, lambda each: each.loses)
    dropped = pairs(people, lambda each: each.drops)
    takes = f" {counted(taken, 'value is', 'values are')} newly taken away." if taken else ""
    drops = (
        f" {counted(dropped, 'value is', 'values are')} no longer given; by itself that takes nothing away."
        if dropped
        else ""
    )
    verb = "differs" if len(view.people) == 1 else "differ"
    return f"{people_counted(len(view.people))} {verb}, {view.same:,} are the same.{takes}{drops}"


def _counts(view: CompareView, people: People) -> tuple[Count, ...]:
    taken = pairs(people, lambda each: each.loses)
    new = sum(map(len, view.values_added.values()))
    return (
        Count("values newly taken away", taken, Tone.TAKES if taken else Tone.QUIET),
        Count("values no longer given", pairs(people, lambda each: each.drops), Tone.RISK),
        Count("values newly given", pairs(people, lambda each: each.gains), Tone.GIVES),
        Count("people who differ", len(view.people), Tone.GIVES),
        Count("values new in the plan", new, Tone.RISK if new else Tone.QUIET),
        Count("settings changed", len(view.rules), Tone.RISK if view.rules else Tone.QUIET),
    )


def _risks(view: CompareView, people: People) -> Iterator[Risk]:
    yield from risk_of(
        "revocations",
        "Newly taken away",
        "values of people",
        "The new plan's removals name them, the old one's do not.",
        by_value(people, lambda each: each.loses),
        Tone.TAKES,
    )
    yield from risk_of(
        "privileged",
        "Privileged values are newly given",
        "values of people",
        "One of the plans names these values as privileged (limits.privileged).",
        by_value(people, lambda each: each.gains, lambda value: value.is_privileged),
    )
    yield from risk_of(
        "rules",
        "Rules of the plan changed",
        "settings",
        "They decide what an apply may do, or where.",
        (
            RiskRow(
                what=each.rule, count=1, detail=f"{each.old or 'not set'} becomes {each.new or 'not set'}"
            )
            for each in view.rules
            if each.rule.startswith(WEIGHTY)
        ),
    )
    yield from risk_of(
        "drops",
        "No longer given",
        "values of people",
        "The new plan does not give them any more. Whoever holds them keeps them, unless removals say so.",
        by_value(people, lambda each: each.drops),
    )
    yield from risk_of(
        "new",
        "New values in the plan",
        "values",
        "Where the app does not have them yet, an apply makes them. Look for typing errors.",
        (
            RiskRow(what=entitlement, count=len(values), values=tuple(values))
            for entitlement, values in view.values_added.items()
        ),
    )


def _tables(view: CompareView) -> Iterator[Table]:
    if view.values_gone:
        yield Table(
            title="Values that the new plan does not have",
            columns=("Entitlement", "Values"),
            rows=tuple((entitlement, ", ".join(values)) for entitlement, values in view.values_gone.items()),
        )
    rest = [each for each in view.rules if not each.rule.startswith(WEIGHTY)]
    if rest:
        yield Table(
            title="Other settings and sources",
            columns=("Setting", "Old", "New"),
            rows=tuple((each.rule, each.old or "not set", each.new or "not set") for each in rest),
        )
