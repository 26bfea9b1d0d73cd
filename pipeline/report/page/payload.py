"""What the page's script works on: people in columns, so that two hundred thousand of them open at once."""

from __future__ import annotations

from typing import Any

from pipeline.review.model import Cohort, Note, Review
from pipeline.visible import visible

WORDS = {
    "plan": {"gains": "given at least", "loses": "taken away", "wants": "", "drops": "", "keeps": ""},
    "change set": {
        "gains": "gets",
        "loses": "loses",
        "wants": "held back",
        "drops": "",
        "keeps": "keeps",
    },
    "comparison": {
        "gains": "newly given",
        "loses": "newly taken away",
        "wants": "",
        "drops": "no longer given",
        "keeps": "given by both",
    },
    "run": {"gains": "got", "loses": "lost", "wants": "not sent", "drops": "", "keeps": "kept"},
}
SIDES = {"comparison": ("Old plan", "New plan"), "plan": ("", "The plan says")}


def payload(review: Review) -> dict[str, Any]:
    """Texts in it have nothing hidden. Numbers of sets and values are those of `People`."""
    people = review.people
    if people is None:
        return {}
    entitlements = sorted({each.entitlement for each in people.values})
    places = {name: number for number, name in enumerate(entitlements)}
    return {
        "kind": review.kind,
        "words": WORDS[review.kind],
        "sides": SIDES.get(review.kind, ("Before", "After")),
        "entitlements": [visible(each) for each in entitlements],
        "values": [
            (places[each.entitlement], visible(each.value), each.is_privileged + 2 * each.is_new)
            for each in people.values
        ],
        "sets": people.sets,
        "cohorts": [_cohort(each) for each in people.cohorts],
        # One text is parsed in a fraction of the time of many; no name holds a line end once it is visible.
        "names": "\n".join(map(visible, people.names)),
        "cohortOf": people.cohort_of,
        "keepsOf": people.keeps_of if any(people.keeps_of) else [],
        "notes": {number: [_note(each) for each in notes] for number, notes in people.notes.items()},
        "also": {number: [visible(each) for each in names] for number, names in people.also.items()},
    }


def _cohort(cohort: Cohort) -> tuple[object, ...]:
    return (
        visible(cohort.standing),
        cohort.gains,
        cohort.loses,
        cohort.drops,
        cohort.wants,
        visible(cohort.held),
        visible(cohort.ends),
        cohort.people,
    )


def _note(note: Note) -> tuple[object, ...]:
    return visible(note.kind), visible(note.reason), visible(note.text), note.wants, note.unwants
