"""What a person agreed to, and what they said with the options of ``apply``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from pipeline.changes.codec import reviewer_of
from pipeline.changes.model import Action, Change, ChangeSet, HoldReason
from pipeline.errors import ErrorCode, Exit, InputError, RefusedError
from pipeline.use_cases.desk import Desk

TAKING_AWAY = frozenset({Action.CONVERT, Action.REVOKE})
"""Actions that take a person out of something: never sent on a mere ``--yes``, and never left out in silence
where nobody reviewed them (DESIGN 4.2).
"""


def refuse_yes_alone(changes: ChangeSet) -> None:
    """Raises RefusedError where ``changes`` hold what ``--yes`` does not answer for."""
    found = _taking_away(changes)
    if found:
        raise RefusedError(
            ErrorCode.NOT_CONFIRMED,
            "These changes need more than --yes",
            f"{_counted(found)} would be sent, the first of them: {found[0].message}.",
            next_step="Review them with `okta-plan diff`, then use --changes FILE, "
            "or leave --yes out and answer on a terminal.",
        )


def refuse_unreviewed(reviewed: ChangeSet, live: ChangeSet) -> None:
    """Raises RefusedError where ``live`` takes something away that ``reviewed`` does not."""
    is_reviewed = reviewer_of(reviewed)
    found = [change for change in _taking_away(live) if not is_reviewed(change)]
    if found:
        raise RefusedError(
            ErrorCode.OTHER_CHANGES,
            "Something would be taken away that nobody reviewed",
            f"{_counted(found)} not in the reviewed change set, the first of them: {found[0].message}.",
            next_step="Run `okta-plan diff` again and review the new change set.",
        )


def _taking_away(changes: ChangeSet) -> list[Change]:
    return [change for change in changes.changes if change.action in TAKING_AWAY]


def _counted(changes: list[Change]) -> str:
    counts = Counter(change.action.value for change in changes)
    return " and ".join(f"{count} {action}" for action, count in sorted(counts.items()))


def refuse_other(reviewed: ChangeSet, live: ChangeSet) -> None:
    """Raises RefusedError where ``reviewed`` was made for another org, app or plan than ``live``, or lacks
    something that ``live`` takes away.
    """
    if reviewed.org_id != live.org_id:
        raise RefusedError(
            ErrorCode.OTHER_ORG,
            "The change set is for another org",
            f"It was made for {reviewed.org_host} ({reviewed.org_id}), not for {live.org_host}.",
            next_step="Run `okta-plan diff` against this org and review that.",
        )
    if (reviewed.plan_digest, reviewed.okta_app_id) != (live.plan_digest, live.okta_app_id):
        raise RefusedError(
            ErrorCode.OTHER_CHANGES,
            "The change set is of another plan or app",
            "The plan was edited after the change set was made, or the change set is of another plan or app.",
            next_step="Run `okta-plan diff` again and review the new change set.",
        )
    refuse_unreviewed(reviewed, live)


def accepted_reasons(desk: Desk, given: tuple[str, ...]) -> frozenset[HoldReason]:
    """The reasons of ``--accept-held``: each a reason, or a file of the workspace with one a line. Raises
    InputError (exit 64) for an unknown one.
    """
    known = {reason.value for reason in HoldReason}
    reasons: list[str] = []
    for text in given:
        path = desk.workspace / text
        is_file = text not in known and path.is_file()
        reasons += desk.inside(path).read_text("utf-8").split() if is_file else [text]
    for text in reasons:
        if text not in known:
            raise bad_option("--accept-held", text, tuple(sorted(known)))
    return frozenset(HoldReason(text) for text in reasons)


def bad_option(option: str, given: str, known: tuple[str, ...]) -> InputError:
    """The error, exit 64, of an option with a value that it does not take."""
    error = InputError(
        ErrorCode.USAGE,
        "The command line cannot be used",
        f"{option} {given}: use one of {', '.join(known)}.",
        next_step="Correct it and run the command again; nothing was done.",
    )
    error.exit_code = Exit.USAGE
    return error


def read_json(path: Path) -> object:
    """The JSON in ``path``. Raises InputError where it cannot be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            ErrorCode.CHANGES_INVALID,
            "The change set cannot be read",
            f"{path.name} cannot be read as JSON.",
            next_step="Run `okta-plan diff` again and use the file it names.",
        ) from error
