"""A stored change set in the order in which a person should read it: what is taken away first, then holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pipeline.address import Kind
from pipeline.changes.codec import from_json
from pipeline.changes.model import Change, ChangeSet, Hold, Holding, added, removed, revoked
from pipeline.errors import ErrorCode, InputError
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.online import count_actions
from pipeline.use_cases.reviewing import read_json


@dataclass(frozen=True, slots=True)
class Item:
    """One change or hold. ``hold`` is the reason, where it is one."""

    action: str
    about: str
    subject: str
    hold: str | None
    adds: Holding
    removes: Holding


@dataclass(frozen=True, slots=True)
class StoredChanges:
    changes: ChangeSet
    counts: dict[str, int]
    held: dict[str, int]
    """Holds by reason."""
    items: tuple[Item, ...]


def stored(desk: Desk, digest: str) -> StoredChanges:
    """The change set that ``diff`` stored under ``digest``. Raises InputError where there is none."""
    path = desk.runtime.runs_dir / "changes" / f"{digest}.json"
    if not path.is_file():
        raise InputError(
            ErrorCode.CHANGES_INVALID,
            "No change set of this digest is stored",
            "It was never compared in this workspace.",
            next_step="Compare with `okta-plan diff`.",
        )
    changes = from_json(read_json(path), desk.shown(path))
    taking = [each for each in changes.changes if revoked(each)]
    giving = [each for each in changes.changes if not revoked(each)]
    items = (*map(_change, taking), *map(_hold, changes.holds), *map(_change, giving))
    held = Counter(each.reason.value for each in changes.holds)
    return StoredChanges(changes, count_actions(changes), dict(sorted(held.items())), items)


def _change(change: Change) -> Item:
    about = "user" if change.person else "entitlement"
    subject = change.principal or change.address.key
    return Item(change.action.value, about, subject, None, added(change), removed(change))


def _hold(hold: Hold) -> Item:
    of_people = {Kind.ASSIGNMENT, Kind.GRANT, Kind.REMOVAL}
    about = "user" if hold.address.kind in of_people else "entitlement"
    subject = ", ".join(hold.principals) or hold.address.key
    return Item(hold.action.value, about, subject, hold.reason.value, hold.adds, hold.removes)
