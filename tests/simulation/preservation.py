"""Rule 1: what a person held stays, but for what the plan takes away in writing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from tests.simulation.access import ENTITLEMENT, end_of
from tests.simulation.case import Case, shown
from tests.simulation.history import GRANTS, REVOKE, Moment, Write


def breaches(case: Case) -> Iterator[str]:
    for write in case.history.writes:
        if write.user is not None and write.path.startswith((GRANTS, REVOKE)):
            yield from _takes_only_what_is_planned(case, write)
            yield from _preserves(case, write)
            yield from _was_just_read(case, write)
    yield from _loses_to_one_canary(case)
    yield from _keeps_group_rows(case)


def _takes_only_what_is_planned(case: Case, write: Write) -> Iterator[str]:
    """What the person held all that time, it keeps, but for what the plan takes away in writing."""
    if write.path == REVOKE:
        lost = case.history.taken_by(write)
    elif write.method == "PATCH" or write.body["grantType"] == ENTITLEMENT:
        lost = frozenset()
    else:
        held = frozenset.intersection(*(each.base_pairs for each in case.had(write)))
        lost = held - case.body_pairs(write)
    if beyond := lost - case.unwanted.get(str(write.user), frozenset()):
        yield f"1: {shown(write)} takes {sorted(beyond)} from {write.user}"


def _preserves(case: Case, write: Write) -> Iterator[str]:
    """Whatever else the grant is, it stays; it may last longer."""
    if write.path == REVOKE:
        return
    had = case.had(write)
    ends = [each.base.ends_at for each in had if each.base is not None]
    if write.method == "PATCH":
        if end_of(write.body) < min(ends, default=0):
            yield f"1: {shown(write)} lets the grant of {write.user} end sooner"
        return
    if write.body["grantType"] == ENTITLEMENT:
        if all(each.base is not None and each.base.action == "DENY" for each in had):
            yield f"1: {shown(write)} is made beside a DENY of {write.user}"
        return
    plain = {("CUSTOM", "ALLOW")}
    if write.method == "POST" and case.grants["policy_users"] == "convert":
        plain.add(("POLICY", "ALLOW"))
    if all(each.base is not None and (each.base.type, each.base.action) not in plain for each in had):
        yield f"1: {shown(write)} replaces {had[-1].base} of {write.user}"
    # A PUT touches nothing else, so before it only the grant itself is read again (SEMANTICS section 5).
    seen = had if write.method == "POST" else case.had_during_run(write)
    if case.grants["with_additive"] == "hold" and all(each.beside for each in seen):
        yield f"1: {shown(write)} is made beside {had[-1].beside} of {write.user}"
    if write.method == "PUT" and end_of(write.body) not in ends:
        yield f"1: {shown(write)} changes when the grant of {write.user} ends"


def _loses_to_one_canary(case: Case) -> Iterator[str]:
    """Where Okta lets a new grant replace what is beside it, the first such write of an apply shows it."""
    lost: Counter[int] = Counter()
    for write in case.history.writes:
        if write.user is not None and case.history.replaces_what_is_beside(write):
            lost[write.sent.step] += all(each.beside for each in case.had(write))
    yield from (f"1: step {step} let {n} people lose grants" for step, n in lost.items() if n > 1)
    for step, n in lost.items():
        view = case.evidence.steps[step].view
        if n and view is not None and view.error is None:
            yield f"1: step {step} let a person lose grants, and does not say so"


def _was_just_read(case: Case, write: Write) -> Iterator[str]:
    """A write that could replace something leaves within 2 s of a read of it that was answered."""
    if case.read_before(write) is None:
        yield f"1: {shown(write)} left without a read of the last 2 s"


def _keeps_group_rows(case: Case) -> Iterator[str]:
    """A group's row that the last read of the app's users could show is not turned into the person's own."""
    for login, moments in case.history.moments.items():
        for before, after in pairwise(moments):
            if not isinstance(after.by, Write) or after.access.assigned == "GROUP":
                continue
            if before.access.assigned == "GROUP" and _since(moments, before) < case.rows_read_at(after.by):
                yield f"1: {shown(after.by)} turns the group's row of {login} into one of its own"


def _since(moments: list[Moment], last: Moment) -> float:
    """From when on the group's row has been there that is there at ``last``."""
    since = last.at
    for moment in reversed(moments[: moments.index(last) + 1]):
        if moment.access.assigned != "GROUP":
            break
        since = moment.at
    return since
