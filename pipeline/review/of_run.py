"""The review of a run, and of the list of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pipeline.review.gathering import Gathering
from pipeline.review.model import FIRST, Count, Note, People, Review, Risk, RiskRow, Table, Tone
from pipeline.review.of_changes import ending, finding_risks, held_note, held_risks
from pipeline.review.tally import by_value, pairs, risk_of
from pipeline.review.words import counted
from pipeline.views import ApplyView, RunChangeView, RunsView, RunView

DONE = frozenset({"applied", "already_so"})
STOPPED = {
    "refused": ("Refused by Okta", "Sent, and Okta said no. Nothing was changed."),
    "unresolved": (
        "Not known",
        "Sent, the answer was lost, and reading back did not tell whether it took effect.",
    ),
    "begun": (
        "Begun",
        "The run ended before it knew the answer. The next apply reads back what became of it.",
    ),
    "held": ("Held while applying", "Wanted, and no longer safe to send when its turn came."),
    "not_started": ("Not sent", "The run ended before their turn."),
    "left_out": ("Left out", "Not part of this run, which sent one part of the plan (--only)."),
}


def review_runs(view: RunsView) -> Review:
    """The run asked for, or all of them."""
    if view.run is None:
        return _review_list(view)
    run = view.runs[0]
    people = _people(view)
    told = view.told
    return Review(
        kind="run",
        title=f"Run {view.run}",
        lead=_lead(view, run),
        facts=tuple(_facts(view, run)),
        counts=_counts(view, people),
        risks=tuple(_risks(view, people)),
        people=people,
        tables=tuple(_tables(view)),
        next=(told.resume,) if told and told.resume else (),
    )


def _review_list(view: RunsView) -> Review:
    return Review(
        kind="runs",
        title="Runs of this workspace",
        lead=f"{counted(len(view.runs), 'run', 'runs')}, newest first." if view.runs else "No run yet.",
        facts=(),
        tables=(
            Table(
                title="Runs",
                columns=("Run", "Plan", "Org", "Started", "State", "Outcomes"),
                rows=tuple(
                    (each.run, each.plan, each.org_host, each.started_at, each.state, _outcomes(each))
                    for each in view.runs
                ),
            ),
        )
        if view.runs
        else (),
    )


def _outcomes(run: RunView) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(run.outcomes.items()))


def _facts(view: RunsView, run: RunView) -> Iterator[tuple[str, str]]:
    yield "Plan", run.plan
    if view.told:
        yield "App", view.told.okta_app
        yield "Org", f"{view.told.org_host} ({view.told.org_id})"
    else:
        yield "Org", run.org_host
    yield "Started", run.started_at
    yield "State", run.state
    yield "plan_digest", view.plan_digest or ""
    yield "changes_digest", view.changes_digest or ""
    if view.told:
        yield "Took", f"{view.told.elapsed_s:,.0f} s"
        yield "Exit code", str(view.told.exit_code)


def _people(view: RunsView) -> People:
    gathering = Gathering()
    for change in view.changes:
        if change.principal is not None:
            _enter(gathering, change, change.principal)
    for held in view.held:
        if held.principal is not None:
            gathering.note(held.principal, held_note(gathering, held))
    return gathering.people()


def _enter(gathering: Gathering, change: RunChangeView, who: str) -> None:
    adds, removes = gathering.values(change.adds), gathering.values(change.removes)
    done = change.outcome in DONE
    gathering.enter(
        who,
        gains=adds if done else 0,
        loses=removes if done else 0,
        keeps=gathering.values(change.keeps),
        ends=ending(change) if done else "",
        also=tuple(change.also),
    )
    if not done:
        gathering.note(who, Note(change.outcome, "", change.detail, adds, removes))


def _lead(view: RunsView, run: RunView) -> str:
    if run.state == "running":
        return f"This run is under way. Follow it with okta-plan watch {run.run}."
    done = _outcomes(run) or "nothing was sent"
    if view.told is None:
        return (
            f"This run ended before it could write its report: {done}. The next apply of the plan settles it."
        )
    stopped = f" Stopped: {view.told.error.summary}." if view.told.error else ""
    return f"{done[0].upper()}{done[1:]}.{stopped}{_verified(view.told)}"


def _verified(told: ApplyView) -> str:
    found = told.verification
    if found is None:
        return ""
    return f" Read back: {found.pairs_held:,} of {found.pairs_planned:,} planned values are in place."


def _counts(view: RunsView, people: People) -> tuple[Count, ...]:
    outcomes = Counter(each.outcome for each in view.changes)
    taken = pairs(people, lambda each: each.loses)
    stopped = [
        Count(f"changes {name.replace('_', ' ')}", outcomes[name], Tone.RISK)
        for name in STOPPED
        if outcomes[name]
    ]
    return (
        Count("values taken from people", taken, Tone.TAKES if taken else Tone.QUIET),
        *stopped,
        Count("held back before", len(view.held), Tone.RISK if view.held else Tone.QUIET),
        Count("values given to people", pairs(people, lambda each: each.gains), Tone.GIVES),
        Count("changes applied", outcomes["applied"], Tone.GIVES),
        Count("were so already", outcomes["already_so"]),
    )


def _risks(view: RunsView, people: People) -> Iterator[Risk]:
    if view.told and view.told.error:
        error = view.told.error
        row = RiskRow(what=error.summary, count=1, detail=f"{error.detail} {error.next or ''}".strip())
        why = "It can be gone on with, or the plan can be applied again."
        yield from risk_of("stopped", "The run stopped early", "reason", why, [row], Tone.TAKES)
    for outcome, (title, why) in STOPPED.items():
        listed = [each for each in view.changes if each.outcome == outcome]
        yield from risk_of(outcome, title, "changes", why, _by_detail(listed))
    yield from _unlike_the_plan(view)
    yield from risk_of(
        "revocations",
        "Access was taken away",
        "values of people",
        "These people held the value before the run.",
        by_value(people, lambda each: each.loses),
        Tone.TAKES,
    )
    yield from held_risks(view.held)
    yield from finding_risks(*((view.told.findings, view.told.notices) if view.told else ([],)))


def _unlike_the_plan(view: RunsView) -> Iterator[Risk]:
    found = view.told.verification if view.told else None
    if found is None:
        return
    left_out = ", of which a part was left out" if any(e.outcome == "left_out" for e in view.changes) else ""
    yield from risk_of(
        "missing",
        "Read back, and not as planned",
        "differences",
        f"What the tenant held after the run{left_out}. okta-plan verify looks again.",
        [
            *(
                _difference("missing", each.principal, f"{each.entitlement}: {each.value}")
                for each in found.missing
            ),
            *(
                _difference("still held", each.principal, f"{each.entitlement}: {each.value}")
                for each in found.still_held
            ),
            *(_difference("not assigned", who, "the app") for who in found.not_assigned),
            *(RiskRow(what="not yet", count=1, detail=each) for each in found.otherwise),
        ],
    )


def _difference(what: str, who: str, value: str) -> RiskRow:
    return RiskRow(what=f"{what}: {value}", count=1, who=(who,))


def _by_detail(listed: list[RunChangeView]) -> list[RiskRow]:
    """Changes with the same action and answer together, most first."""
    rows: dict[tuple[str, str], list[str]] = {}
    for each in listed:
        rows.setdefault((each.action, each.detail), []).append(each.principal or each.address)
    return [
        RiskRow(what=action, count=len(who), who=tuple(who[:FIRST]), detail=detail)
        for (action, detail), who in sorted(rows.items(), key=lambda item: -len(item[1]))
    ]


def _tables(view: RunsView) -> Iterator[Table]:
    by_action: dict[str, Counter[str]] = {}
    for each in view.changes:
        by_action.setdefault(each.action, Counter())[each.outcome] += 1
    if by_action:
        outcomes = tuple(
            name for name in ("applied", "already_so", *STOPPED) if any(c[name] for c in by_action.values())
        )
        yield Table(
            title="Outcomes by action",
            columns=("Action", *(name.replace("_", " ") for name in outcomes)),
            rows=tuple(
                (action, *(f"{counts[name]:,}" for name in outcomes)) for action, counts in by_action.items()
            ),
            numbers=frozenset(range(1, 1 + len(outcomes))),
        )
    if view.told and view.told.calls:
        yield Table(
            title="Calls made",
            columns=("Calls to", "Calls"),
            rows=tuple(
                (bucket, f"{n:,}") for bucket, n in sorted(view.told.calls.items(), key=lambda e: -e[1])
            ),
            numbers=frozenset({1}),
            bar=1,
        )
    if view.told and view.told.earlier:
        yield Table(
            title="Done before by earlier runs",
            columns=("Run", "Outcome", "Changes"),
            rows=tuple(
                (each.run, name, f"{count:,}")
                for each in view.told.earlier
                for name, count in each.counts.items()
            ),
            numbers=frozenset({2}),
        )
    if view.told and view.told.paths:
        yield Table(title="Papers", columns=("What", "Where"), rows=tuple(view.told.paths.items()))
