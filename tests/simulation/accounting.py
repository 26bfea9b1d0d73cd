"""Rules 7 and 8: no token leaves, and nothing is dropped silently."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pipeline.views import ApplyView
from tests.simulation.access import Access
from tests.simulation.case import Case, key_of
from tests.simulation.structure import Pair
from tests.simulation.trial import NO_ADDITIVE_GRANTS, Happened
from tests.simulation.world import TOKEN


def breaches(case: Case) -> Iterator[str]:
    yield from _tells_no_token(case)
    for number, happened in enumerate(case.evidence.steps):
        yield from _drops_nothing(case, number, happened)
    yield from _ends_as_wanted(case)


def _tells_no_token(case: Case) -> Iterator[str]:
    token = TOKEN.encode()
    for path in sorted(case.evidence.workspace.rglob("*")):
        if path.is_file() and token in path.read_bytes():
            yield f"7: the token stands in {path.relative_to(case.evidence.workspace)}"
    told = [each.view.model_dump_json() for each in case.evidence.steps if each.view]
    told += [repr(vars(each.error)) for each in case.evidence.steps if each.error]
    if any(TOKEN in text for text in told):
        yield "7: the token stands in a view"


def _drops_nothing(case: Case, number: int, happened: Happened) -> Iterator[str]:
    """What an apply reports as done was so; the rest it names."""
    view = happened.view
    if view is None:
        return
    listed = {key_of(each.principal or "") for each in view.held}
    listed |= {key_of(each.address.partition("/")[2]) for each in view.problems}
    if view.run:
        rows = {key_of(row["principal"]) for row in csv.DictReader(io.StringIO(happened.not_applied))}
        yield from _same_lists(listed, rows, view.run)
        listed |= rows
    # What this run or an earlier part of it had done, and the admin has undone since.
    found = _told_afterwards(case, view)
    listed |= {key_of(p) for p in (*case.world.wanted, *case.world.unwanted) if found & {*case.meant(p)}}
    first = _first_step(case, number, happened)
    start = case.evidence.steps[first - 1].ended_at if first else 0.0
    for principal, pairs in case.world.wanted.items():
        if key_of(principal) in listed:
            continue
        held = [_held_during(case, login, start, happened.ended_at) for login in case.meant(principal)]
        if not any(pairs <= each for each in held):
            yield f"8: step {number} does not say why {principal} lacks some of {sorted(pairs)}"
    for principal, pairs in case.world.unwanted.items():
        for login in case.meant(principal) if key_of(principal) not in listed else ():
            kept = frozenset.intersection(
                *(each.pairs for each in case.history.during(login, start, happened.ended_at))
            )
            if kept & pairs:
                yield f"8: step {number} does not say why {principal} keeps {sorted(kept & pairs)}"


def _first_step(case: Case, number: int, happened: Happened) -> int:
    """The step that began the run: what was compared then is not compared again by a later part of it."""
    steps = (each.step for each in case.evidence.sent if happened.resumed and each.run == happened.resumed)
    return min(steps, default=number)


def _told_afterwards(case: Case, view: ApplyView) -> set[str]:
    """Logins of whom reading back names, after the whole run or after a first write."""
    detail = view.error.detail.casefold() if view.error else ""
    told = [each for each in (*case.world.wanted, *case.world.unwanted) if key_of(each) in detail]
    if view.verification is not None:
        pairs = (*view.verification.missing, *view.verification.still_held)
        told += [each.principal for each in pairs]
        told += [each.principal for each in view.verification.held_back if each.principal]
    return {login for principal in told for login in case.meant(principal)}


def _same_lists(listed: set[str], rows: set[str], run: str) -> Iterator[str]:
    missing = {each for each in listed if "@" in each} - rows
    if missing:
        yield f"8: not-applied.csv of {run} leaves out {sorted(missing)}"


def _held_during(case: Case, login: str, start: float, end: float) -> frozenset[Pair]:
    return frozenset().union(*(each.pairs for each in case.history.during(login, start, end)))


def _ends_as_wanted(case: Case) -> Iterator[str]:
    """After an apply without faults, a diff has nothing to send and names what else is missing."""
    last, differs = case.evidence.steps[-1], case.evidence.differs
    if last.view is None:
        yield f"8: without faults, apply failed: {last.error}"
        return
    if differs.changes:
        if not _cannot_be_had(case):
            yield f"8: a last diff would still send {[each.message for each in differs.changes]}"
        return
    listed = {key_of(each.principal or "") for each in differs.held}
    for principal, pairs in case.world.wanted.items():
        held = [case.history.now(login, last.ended_at).pairs for login in case.meant(principal)]
        if key_of(principal) not in listed and not any(pairs <= each for each in held):
            yield f"8: the last diff does not say why {principal} lacks some of {sorted(pairs)}"
    for principal, pairs in case.world.unwanted.items():
        kept = [case.history.now(login, last.ended_at).pairs & pairs for login in case.meant(principal)]
        if key_of(principal) not in listed and any(kept):
            yield f"8: the last diff does not say why {principal} keeps some of {sorted(pairs)}"
    alone = {key_of(each) for each in case.world.plan["assignments"]["users"]} - listed
    for login in case.history.moments:
        if key_of(login) in alone and not _is_assigned(case, case.history.now(login, last.ended_at)):
            yield f"8: the last diff does not say why {login} is not assigned"


def _cannot_be_had(case: Case) -> bool:
    """Whether the last apply says that the org has no grants of the type that the plan wants."""
    view = case.evidence.steps[-1].view
    is_told = view is not None and view.error is not None and view.error.code == NO_ADDITIVE_GRANTS
    return is_told and not case.evidence.before["switches"]["additive_entitlements"]


def _is_assigned(case: Case, access: Access) -> bool:
    return access.assigned is not None or case.evidence.before["okta_apps"][0]["implicit_assignment"]
