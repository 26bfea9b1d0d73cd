"""The step of an apply that asks whether anybody agreed to its changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pipeline.changes.codec import from_json
from pipeline.changes.forecast import Forecast
from pipeline.changes.model import ChangeSet
from pipeline.errors import ErrorCode, RefusedError
from pipeline.use_cases.apply_request import ApplyRequest, Person
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.online import diff_view, store_changes
from pipeline.use_cases.reviewing import read_json, refuse_other, refuse_yes_alone


async def agreed(
    desk: Desk,
    request: ApplyRequest,
    person: Person,
    *,
    path: Path,
    changes: ChangeSet,
    foreseen: Forecast,
    notices: tuple[str, ...] = (),
    privileged: tuple[str, ...] = (),
) -> ChangeSet:
    """The change set that a person agreed to: that of ``--changes``, else ``changes`` where ``--yes`` or an
    answer says so. ``notices`` are told before the question. Raises RefusedError where nobody agreed.
    """
    if request.changes is not None:
        reviewed = read_changes(desk, request.changes)
        refuse_other(reviewed, changes)
        return reviewed
    store_changes(desk, changes)
    if not changes.changes:
        return changes
    if request.yes:
        refuse_yes_alone(changes)
        return changes
    if person.ask is None:
        raise RefusedError(
            ErrorCode.NOT_CONFIRMED,
            "Nobody confirmed the change set",
            f"{len(changes.changes)} changes would be sent, and there is no terminal to ask on."
            + "".join(f" {notice}" for notice in notices),
            next_step="Review them with `okta-plan diff`, then approve them with `okta-plan approve`, or use "
            "--changes FILE, or --yes.",
        )
    view = diff_view(desk, path, changes, foreseen, privileged).model_copy(update={"notices": list(notices)})
    if not await asyncio.to_thread(person.ask, view):
        raise RefusedError(
            ErrorCode.NOT_CONFIRMED,
            "The change set was not confirmed",
            "The question was answered with no; nothing was sent.",
        )
    return changes


def read_changes(desk: Desk, given: Path) -> ChangeSet:
    """The stored change set in that file of the workspace. Raises InputError where it is none."""
    path = desk.inside(given)
    return from_json(read_json(path), desk.shown(path))
