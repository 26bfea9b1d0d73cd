"""How many calls an apply takes, and how long they take at the tenant's limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.changes.model import Action, Change, ChangeSet, removed
from pipeline.changes.risks import firsts
from pipeline.changes.snapshot import Snapshot

CREATE_VALUES_MAX = 1000
PATCH_VALUES_MAX = 100
REVOKE_VALUES_MAX = 5
ENTITLEMENTS_PER_PAGE = 200
VALUES_PER_PAGE = 200
APP_USERS_PER_PAGE = 500
GRANTS_PER_PAGE = 200
CANARY_READS = 2
"""The person's grants before and after."""
PERIOD_S = 61.0
"""A window of 60 s, and the second of margin after it (okta-api.md 8.1)."""
CALL_S = 0.5
"""A typical answer time (okta-api.md 8.5: 0.35 s a read, 1.2 s a write), where none was measured."""
RECHECK_S = 600.0
CONCURRENCY = "concurrency"
"""The bottleneck where the calls at a time are too few to use what the buckets allow."""


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
    RETIME = "retime"
    REVOKE = "revoke"
    ACCESS_READ = "access_read"
    ENTITLEMENT_READ = "entitlement_read"
    ENTITLEMENT_LIST = "entitlement_list"


@dataclass(frozen=True, slots=True)
class Means:
    """What an apply may use: ``share`` of each limit, ``concurrency`` calls at a time; who has the app is
    listed again every ``recheck_s``.
    """

    share: float
    concurrency: int = 10
    recheck_s: float = RECHECK_S


@dataclass(frozen=True, slots=True)
class Forecast:
    """``calls`` and ``limits`` (calls per minute) by bucket, those of reading the tenant first included.

    ``bottleneck`` is what decides ``seconds``: the bucket that makes the run wait longest, or CONCURRENCY;
    None where nothing makes it last a minute.
    """

    calls: Mapping[str, int]
    limits: Mapping[str, int]
    bottleneck: str | None
    seconds: float
    share: float
    concurrency: int = 10


def forecast(
    change_set: ChangeSet,
    snapshot: Snapshot,
    *,
    bucket_of: Mapping[CallKind, str],
    limits: Mapping[str, int],
    default_limit_per_min: int,
    means: Means,
) -> Forecast:
    """The calls of reading the tenant, sending ``change_set`` and verifying it, and the time they take.

    A bucket lets a = floor(share x limit), at least 1, calls go in each window, whose period is 60 s and a
    margin; so n calls wait for ceil(n / a) - 1 windows. Buckets overlap, so in each part of the run the
    slowest decides, or the calls at a time do. An empty change set takes no call.
    """
    if not change_set.changes:
        return Forecast({}, {}, None, 0.0, means.share, means.concurrency)

    def by_bucket(kinds: Mapping[CallKind, int]) -> Counter[str]:
        calls: Counter[str] = Counter()
        for kind, count in kinds.items():
            calls[bucket_of[kind]] += count
        return +calls

    structure, people = by_bucket(_structure(change_set, snapshot)), by_bucket(_people(change_set))
    verification = by_bucket(_verification(change_set, snapshot))
    reading = Counter(snapshot.reading.calls)
    buckets = reading | structure | people | verification
    known = {bucket: limits.get(bucket, default_limit_per_min) for bucket in buckets}
    course = _Course(means, known, snapshot.reading.call_s or CALL_S)
    course.read(reading, snapshot.reading.took_s)
    course.go(structure)
    started_s = course.now_s
    again = _rechecks(change_set, snapshot, means, course.would_take_s(people), started_s)
    people[bucket_of[CallKind.APP_USER_READ]] += again
    course.go(+people)
    course.go(verification)
    return Forecast(
        calls=dict(sorted((reading + structure + people + verification).items())),
        limits=dict(sorted(known.items())),
        bottleneck=course.bottleneck,
        seconds=course.now_s,
        share=means.share,
        concurrency=means.concurrency,
    )


def listing_pays(listed: int, assigns: int) -> bool:
    """Whether to list ``listed`` app users again takes no more calls than to read one row for each of the
    ``assigns`` that the listing would serve.
    """
    return _pages(listed, APP_USERS_PER_PAGE) <= assigns


@dataclass(slots=True)
class _Course:
    """A run of the time, part by part: of each bucket when its window began and how much of it is used."""

    means: Means
    limits: Mapping[str, int]
    call_s: float
    now_s: float = 0.0
    windows: dict[str, tuple[float, int]] = field(default_factory=dict)
    lasted: dict[str, float] = field(default_factory=dict)
    """Seconds by what decided them."""

    @property
    def bottleneck(self) -> str | None:
        if not self.lasted:
            return None
        slowest = max(sorted(self.lasted), key=lambda name: self.lasted[name])
        return slowest if slowest != CONCURRENCY or self.now_s >= PERIOD_S else None

    def read(self, calls: Mapping[str, int], took_s: float) -> None:
        """The reading, whose time was measured."""
        for bucket, count in calls.items():
            self.windows[bucket] = self._window_after(bucket, count)
        self.now_s = took_s

    def go(self, calls: Mapping[str, int]) -> None:
        """A part of the run that makes these calls, as many side by side as may."""
        if not calls:
            return
        busy_s = self._busy_s(calls)
        decisive, until_s = CONCURRENCY, self.now_s + busy_s
        for bucket, count in sorted(calls.items()):
            start_s, used = self.windows[bucket] = self._window_after(bucket, count)
            if start_s <= self.now_s:
                continue
            ends_s = start_s + busy_s * min(1.0, used / count)
            if ends_s > until_s:
                decisive, until_s = bucket, ends_s
        self.lasted[decisive] = self.lasted.get(decisive, 0.0) + until_s - self.now_s
        self.now_s = until_s

    def would_take_s(self, calls: Mapping[str, int]) -> float:
        """How long ``go`` would take."""
        tried = _Course(self.means, self.limits, self.call_s, self.now_s, dict(self.windows))
        tried.go(calls)
        return tried.now_s - self.now_s

    def _busy_s(self, calls: Mapping[str, int]) -> float:
        return sum(calls.values()) * self.call_s / self.means.concurrency

    def _window_after(self, bucket: str, count: int) -> tuple[float, int]:
        """When the window of the last of ``count`` calls begins, and how much of it is used then."""
        start_s, used = self.windows.get(bucket, (self.now_s, 0))
        period_s = PERIOD_S + self.call_s / 2
        if self.now_s >= start_s + period_s:
            start_s, used = self.now_s, 0
        allowed = max(1, math.floor(self.means.share * self.limits[bucket] + 1e-9))
        beyond = used + count - allowed
        if beyond <= 0:
            return start_s, used + count
        more = math.ceil(beyond / allowed)
        return start_s + more * period_s, beyond - (more - 1) * allowed


def _structure(change_set: ChangeSet, snapshot: Snapshot) -> Counter[CallKind]:
    """The writes of entitlements and values, and a listing after each wave that tells their ids and names."""
    changes = [change for change in change_set.changes if change.entitlement is not None]
    calls: Counter[CallKind] = Counter()
    for change in changes:
        calls.update(_calls_of(change))
    telling = {change.action is Action.RENAME for change in changes if change.action is not Action.DESCRIBE}
    calls[CallKind.ENTITLEMENT_LIST] += len(telling) * _structure_pages(change_set, snapshot)
    return calls


def _people(change_set: ChangeSet) -> Counter[CallKind]:
    """The writes of people's access, each with the read directly before it, and what canaries read."""
    calls: Counter[CallKind] = Counter()
    for change in change_set.changes:
        if change.entitlement is None:
            calls.update(_calls_of(change))
    calls[CallKind.GRANT_LIST] += CANARY_READS * sum(1 for _ in firsts(change_set.changes))
    return calls


_CALLS_OF_PEOPLE: Mapping[Action, Mapping[CallKind, int]] = {
    Action.ASSIGN: {CallKind.ASSIGN: 1},
    Action.GRANT: {CallKind.GRANT_LIST: 1, CallKind.GRANT: 1},
    Action.EXTEND: {CallKind.GRANT_READ: 1, CallKind.EXTEND: 1},
    Action.CONVERT: {CallKind.GRANT_LIST: 1, CallKind.ACCESS_READ: 1, CallKind.GRANT: 1},
    Action.RETIME: {CallKind.GRANT_READ: 1, CallKind.RETIME: 1},
    Action.REVOKE: {CallKind.GRANT_READ: 1, CallKind.EXTEND: 1},
}


def _calls_of(change: Change) -> Mapping[CallKind, int]:
    """The writes of one change, with the read directly before each. Who has the app is known from the
    listing: an assign needs no read of its own.
    """
    new = len(change.entitlement.new_values) if change.entitlement else 0
    patches = math.ceil(len(change.entitlement.rewordings) / PATCH_VALUES_MAX) if change.entitlement else 0
    match change.action:
        case Action.CREATE:
            rest = max(0, new - CREATE_VALUES_MAX)
            return {CallKind.CREATE: 1, CallKind.ADD: math.ceil(rest / PATCH_VALUES_MAX)}
        case Action.ADD:
            return {CallKind.ADD: math.ceil(new / PATCH_VALUES_MAX)}
        case Action.REVOKE if change.person is not None and change.person.grant_id is None:
            taken = sum(len(values) for _, values in removed(change))
            return {CallKind.GRANT_LIST: 1, CallKind.REVOKE: math.ceil(taken / REVOKE_VALUES_MAX)}
        case Action.RENAME | Action.DESCRIBE:
            return {CallKind.ENTITLEMENT_READ: patches, CallKind.ADD: patches}
        case _:
            return _CALLS_OF_PEOPLE.get(change.action, {})


def _rechecks(
    change_set: ChangeSet, snapshot: Snapshot, means: Means, takes_s: float, started_s: float
) -> int:
    """The calls that tell again who has the app, while ``takes_s`` of assigning, begun ``started_s`` after
    the last listing did: by listing, or by reading one row for each assign, whatever is less.
    """
    left: float = sum(change.action is Action.ASSIGN for change in change_set.changes)
    if not left or takes_s <= 0:
        return 0
    listed = len(snapshot.app_users)
    per_second = left / takes_s
    left -= max(0.0, means.recheck_s - started_s) * per_second
    calls = 0
    while left > 0:
        served = max(1.0, min(left, means.recheck_s * per_second))
        pays = listing_pays(listed, math.floor(served))
        calls += _pages(listed, APP_USERS_PER_PAGE) if pays else math.ceil(served)
        left -= served
    return calls


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
