"""The limits of the plan, checked against a change set before the first write."""

from __future__ import annotations

from collections import Counter

from pipeline.changes.model import ChangeSet, added
from pipeline.changes.snapshot import Snapshot
from pipeline.errors import ErrorCode, RefusedError
from pipeline.plan.model import Plan


def refuse_over_limits(plan: Plan, change_set: ChangeSet, snapshot: Snapshot) -> None:
    """Raises RefusedError with the arithmetic where a limit of the plan is passed."""
    _changed_percent(plan, change_set, snapshot)
    _value_max(plan, change_set)


def _changed_percent(plan: Plan, change_set: ChangeSet, snapshot: Snapshot) -> None:
    allowed = plan.limits.changed_percent_max
    present = {user_id for user_id, row in snapshot.app_users.items() if row.is_assigned}
    changed = {change.person.user_id for change in change_set.changes if change.person} & present
    percent = 100 * len(changed) / len(present) if present else 0.0
    if allowed is not None and percent > allowed:
        raise _over(
            f"{percent:.2f} % of the app's people would change ({len(changed)} of {len(present)}); "
            f"limits.changed_percent_max is {allowed:g}."
        )


def _value_max(plan: Plan, change_set: ChangeSet) -> None:
    gains = Counter(
        f"{entitlement}/{value}"
        for change in change_set.changes
        if change.person
        for entitlement, values in added(change)
        for value in values
    )
    for name, most in sorted(plan.limits.value_max.items()):
        if gains[name] > most:
            raise _over(f"{gains[name]} people would gain {name}; limits.value_max allows {most}.")


def _over(detail: str) -> RefusedError:
    return RefusedError(
        ErrorCode.LIMIT_EXCEEDED,
        "A limit of the plan is passed",
        detail,
        next_step="If the plan is right, raise the limit in it and have it reviewed.",
    )
