"""How many calls a change set takes, and how long they take at the tenant's limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.changes.model import Action, Change, ChangeSet
from pipeline.changes.snapshot import Snapshot

CREATE_VALUES_MAX = 1000
PATCH_VALUES_MAX = 100
GRANTS_PER_PAGE = 200
CANARY_READS = 2
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
    """``calls`` and ``limits`` (calls per minute) by bucket; ``seconds`` for the slowest bucket."""

    calls: Mapping[str, int]
    limits: Mapping[str, int]
    bottleneck: str | None
    seconds: float


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

    A bucket lets ``share`` x limit calls go at once in each 60 s window, so n calls wait for
    ceil(n / allowed) - 1 whole windows; the last window's calls take their own time. Buckets overlap, so the
    slowest one decides.
    """
    calls: Counter[str] = Counter()
    for kind, count in _calls(change_set, snapshot).items():
        if count:
            calls[bucket_of[kind]] += count
    allowed = {bucket: limits.get(bucket, default_limit_per_min) for bucket in calls}
    seconds = {bucket: _seconds(count, share * allowed[bucket]) for bucket, count in calls.items()}
    slowest = max(sorted(seconds), key=lambda bucket: seconds[bucket], default=None)
    return Forecast(
        calls=dict(sorted(calls.items())),
        limits=dict(sorted(allowed.items())),
        bottleneck=slowest if slowest and seconds[slowest] > WINDOW_S else None,
        seconds=seconds[slowest] if slowest else 0.0,
    )


def _calls(change_set: ChangeSet, snapshot: Snapshot) -> Counter[CallKind]:
    calls: Counter[CallKind] = Counter()
    for change in change_set.changes:
        calls.update(_calls_of(change))
    kinds = {change.action for change in change_set.changes if change.person}
    calls[CallKind.GRANT_LIST] += CANARY_READS * len(kinds)
    if change_set.changes:
        grants = sum(len(held) for held in snapshot.grants.values()) + calls[CallKind.GRANT]
        calls[CallKind.GRANT_LIST] += max(1, math.ceil(grants / GRANTS_PER_PAGE))
        calls[CallKind.ENTITLEMENT_LIST] += 4
    return calls


def _calls_of(change: Change) -> dict[CallKind, int]:
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


def _seconds(calls: int, allowed: float) -> float:
    windows = math.ceil(calls / max(1, math.floor(allowed)))
    return (windows - 1) * WINDOW_S + CALL_S
