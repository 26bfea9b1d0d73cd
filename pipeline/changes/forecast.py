"""How many calls a change set takes, and how long they take at the tenant's limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.changes.model import Action, Change, ChangeSet
from pipeline.changes.snapshot import Snapshot
from pipeline.changes.waves import RISK_KINDS

CREATE_VALUES_MAX = 1000
PATCH_VALUES_MAX = 100
ENTITLEMENTS_PER_PAGE = 200
VALUES_PER_PAGE = 200
APP_USERS_PER_PAGE = 500
GRANTS_PER_PAGE = 200
CANARY_READS = 2
"""The person's grants before and after."""
WINDOW_S = 60.0
CALL_S = 0.5
"""A typical answer time (okta-api.md 8.5: 0.35 s a read, 1.2 s a write)."""


class CallKind(StrEnum):
    """The calls an apply makes; the caller says which rate bucket each belongs to."""

    CREATE = "create"
    ADD = "add"
    ASSIGN = "assign"
    APP_USER_READ = "app_user_read"
    GRANT = "grant"
    GRANT_LIST = "grant_list"
    GRANT_READ = "grant_read"
    EXTEND = "extend"
    ENTITLEMENT_LIST = "entitlement_list"


@dataclass(frozen=True, slots=True)
class Forecast:
    """``calls`` and ``limits`` (calls per minute) by bucket; ``seconds`` for the slowest bucket.

    ``bottleneck`` is that bucket where it makes the run wait for a window at all. ``share`` is the part of
    each limit that is used.
    """

    calls: Mapping[str, int]
    limits: Mapping[str, int]
    bottleneck: str | None
    seconds: float
    share: float


def forecast(
    change_set: ChangeSet,
    snapshot: Snapshot,
    *,
    bucket_of: Mapping[CallKind, str],
    limits: Mapping[str, int],
    default_limit_per_min: int,
    share: float,
) -> Forecast:
    """The calls of sending and verifying ``change_set``, by bucket, and the time of the slowest bucket.

    A bucket lets a = floor(share x limit), at least 1, calls go at once in each window of 60 s, and the first
    window is open. So n calls wait for ceil(n / a) - 1 whole windows; the last window's calls take their own
    time. Buckets overlap, so the slowest one decides. An empty change set takes no call.
    """
    calls: Counter[str] = Counter()
    for kind, count in _calls(change_set, snapshot).items():
        if count:
            calls[bucket_of[kind]] += count
    allowed = {bucket: limits.get(bucket, default_limit_per_min) for bucket in calls}
    waits = {bucket: _waits(count, share * allowed[bucket]) for bucket, count in calls.items()}
    slowest = max(sorted(waits), key=lambda bucket: waits[bucket], default=None)
    return Forecast(
        calls=dict(sorted(calls.items())),
        limits=dict(sorted(allowed.items())),
        bottleneck=slowest if slowest is not None and waits[slowest] else None,
        seconds=waits[slowest] * WINDOW_S + CALL_S if slowest is not None else 0.0,
        share=share,
    )


def _calls(change_set: ChangeSet, snapshot: Snapshot) -> Counter[CallKind]:
    calls: Counter[CallKind] = Counter()
    if not change_set.changes:
        return calls
    for change in change_set.changes:
        calls.update(_calls_of(change))
    kinds = {change.action for change in change_set.changes}.intersection(RISK_KINDS)
    calls[CallKind.GRANT_LIST] += CANARY_READS * len(kinds)
    if any(change.entitlement is not None for change in change_set.changes):
        calls[CallKind.ENTITLEMENT_LIST] += _structure_pages(change_set, snapshot)
    calls.update(_verification(change_set, snapshot))
    return calls


def _calls_of(change: Change) -> dict[CallKind, int]:
    """The writes of one change, with the read directly before each."""
    new = len(change.entitlement.new_values) if change.entitlement else 0
    match change.action:
        case Action.CREATE:
            rest = max(0, new - CREATE_VALUES_MAX)
            return {CallKind.CREATE: 1, CallKind.ADD: math.ceil(rest / PATCH_VALUES_MAX)}
        case Action.ADD:
            return {CallKind.ADD: math.ceil(new / PATCH_VALUES_MAX)}
        case Action.ASSIGN:
            return {CallKind.APP_USER_READ: 1, CallKind.ASSIGN: 1}
        case Action.GRANT:
            return {CallKind.GRANT_LIST: 1, CallKind.GRANT: 1}
        case Action.EXTEND:
            return {CallKind.GRANT_READ: 1, CallKind.EXTEND: 1}
        case _:
            return {}


def _verification(change_set: ChangeSet, snapshot: Snapshot) -> dict[CallKind, int]:
    """One listing each of entitlements with values, app users and grants, as they will be."""
    actions = Counter(change.action for change in change_set.changes)
    grants = sum(len(held) for held in snapshot.grants.values()) + actions[Action.GRANT]
    return {
        CallKind.ENTITLEMENT_LIST: _structure_pages(change_set, snapshot),
        CallKind.APP_USER_READ: _pages(len(snapshot.app_users) + actions[Action.ASSIGN], APP_USERS_PER_PAGE),
        CallKind.GRANT_LIST: _pages(grants, GRANTS_PER_PAGE),
    }


def _structure_pages(change_set: ChangeSet, snapshot: Snapshot) -> int:
    created = sum(change.action is Action.CREATE for change in change_set.changes)
    values = sum(len(each.values) for each in snapshot.entitlements)
    values += sum(len(change.entitlement.new_values) for change in change_set.changes if change.entitlement)
    return _pages(len(snapshot.entitlements) + created, ENTITLEMENTS_PER_PAGE) + _pages(
        values, VALUES_PER_PAGE
    )


def _pages(items: int, per_page: int) -> int:
    """An empty listing takes a call too."""
    return max(1, math.ceil(items / per_page))


def _waits(calls: int, allowed: float) -> int:
    """Whole windows to wait for."""
    return math.ceil(calls / max(1, math.floor(allowed))) - 1
