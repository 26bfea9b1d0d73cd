"""Rules 5 and 6: in effect exactly once, and read back before anything is sent again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulation.access import ENTITLEMENT, active_grants, end_of
from tests.simulation.case import ASSIGNMENTS, FRESH_S, Case, shown
from tests.simulation.history import ENTITLEMENTS, GRANTS, REVOKE, Write
from tests.simulation.wire import Sent

BUSY = (409, 429)
"""Answers that say that nothing happened yet, so that the same call goes out again under the same begin."""


def breaches(case: Case) -> Iterator[str]:
    yield from _happens_once(case)
    yield from _repeats(case)
    yield from _gives_again(case)
    yield from _is_begun(case)
    yield from _is_read_back(case)


def _happens_once(case: Case) -> Iterator[str]:
    last = case.evidence.steps[-1]
    okta_app = last.state["okta_apps"][0]
    bases = Counter(
        grant["user"]
        for grant in active_grants(last.state, last.ended_at)
        if grant["type"] in ("CUSTOM", "POLICY")
    )
    yield from (f"5: {login} has {count} base grants" for login, count in bases.items() if count > 1)
    names = Counter(each["external_value"].strip().casefold() for each in okta_app["entitlements"])
    yield from (f"5: there are {count} entitlements {name}" for name, count in names.items() if count > 1)


def _repeats(case: Case) -> Iterator[str]:
    """A write that took effect is not sent again, unless the admin undid something in between."""
    done: dict[str, Write] = {}
    for write in case.history.writes:
        key = json.dumps([write.method, write.path, write.body], sort_keys=True)
        first = done.get(key)
        read = case.read_before(write)
        was_seen = first is not None and read is not None and first.n < read["n"]
        if first is not None and (was_seen or first.at < write.sent.left_at - FRESH_S):
            between = [each for each in case.evidence.changes if first.at <= each["at"] <= write.at]
            if not any(_may_undo(each, write) for each in between) and not _ended(write):
                yield f"5: {shown(write)} was sent again, though it took effect at {first.at:.1f}"
        done[key] = write


def _may_undo(change: Mapping[str, Any], write: Write) -> bool:
    return change["user"] in (None, write.user)


def _ended(write: Write) -> bool:
    return write.path.startswith(GRANTS) and end_of(write.body) <= write.at


def _gives_again(case: Case) -> Iterator[str]:
    """An ENTITLEMENT grant stands beside others, so it holds nothing that the person held all along."""
    for write in case.history.writes:
        if write.user is not None and write.path == GRANTS and write.body["grantType"] == ENTITLEMENT:
            held = frozenset.intersection(*(each.pairs for each in case.had(write)))
            if again := held & case.body_pairs(write):
                yield f"5: {shown(write)} gives {write.user} {sorted(again)} a second time"


def _is_begun(case: Case) -> Iterator[str]:
    """The journal of a run holds one more begin than before the step's first write, for each write that
    leaves and was not turned away.
    """
    sent_by: Counter[tuple[int, str]] = Counter()
    for sent in case.evidence.sent:
        if sent.is_write and sent.run is not None:
            key = (sent.step, sent.run)
            if (sent.begins or 0) < sent_by[key] + 1:
                yield f"5: {sent.method} {sent.path} left without its begin in the journal"
            sent_by[key] += sent.status not in BUSY


def _is_read_back(case: Case) -> Iterator[str]:
    """After a lost answer the same object is written to only once it has been read."""
    lost: dict[str, float] = {}
    for sent in case.evidence.sent:
        if sent.is_write:
            target = _target(case, sent)
            if target in lost:
                yield f"6: {sent.method} {sent.path} was sent again before {target} was read back"
            if sent.is_lost:
                lost[target] = sent.back_at if sent.back_at is not None else sent.left_at
        elif sent.tells and lost:
            for target in [t for t, since in lost.items() if since <= sent.left_at and _reads(case, sent, t)]:
                del lost[target]


def _target(case: Case, sent: Sent) -> str:
    body = json.loads(sent.body)
    if sent.path.startswith((GRANTS, REVOKE)):
        return f"grants of {case.history.user_id(sent.path, body)}"
    if sent.path == ASSIGNMENTS:
        return f"row of {body['id']}"
    return f"entitlement {case.entitlement(sent.path, body)}"


def _reads(case: Case, sent: Sent, target: str) -> bool:
    """Whether a read tells what became of a write to ``target``."""
    if target.startswith("entitlement "):
        return sent.path == ENTITLEMENTS or (
            sent.path.startswith(ENTITLEMENTS)
            and target == f"entitlement {case.entitlement(sent.path, None)}"
        )
    what, _, user_id = target.rpartition(" ")
    if what == "row of":
        return sent.path in (f"{ASSIGNMENTS}/{user_id}", ASSIGNMENTS)
    whole = sent.path == GRANTS and ("targetPrincipal" not in sent.query or user_id in sent.query)
    return whole or sent.path.startswith(f"{GRANTS}/")
