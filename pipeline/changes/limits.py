"""The limits of the plan, checked against a change set before the first write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pipeline.changes.model import ChangeSet, added, revoked
from pipeline.changes.snapshot import OktaGrant, Snapshot
from pipeline.changes.structure import Meant, compare_structure
from pipeline.errors import ErrorCode, RefusedError
from pipeline.plan.model import Plan


def refuse_over_limits(plan: Plan, change_set: ChangeSet, snapshot: Snapshot) -> None:
    """Raises RefusedError (LIMIT_EXCEEDED) with the arithmetic where a limit of the plan is passed.

    A change that adds a privileged value is held by the diff and does not come here.
    """
    _revoked(plan, change_set, snapshot)
    _changed_percent(plan, change_set, snapshot)
    _value_max(plan, change_set, snapshot)


def _revoked(plan: Plan, change_set: ChangeSet, snapshot: Snapshot) -> None:
    """Values that people would lose, and that against all values that people hold on the app."""
    lost = sum(len(values) for change in change_set.changes for _, values in revoked(change))
    most = plan.limits.revoked_max
    if lost > most:
        raise _over(f"{lost} values of people would be revoked; limits.revoked_max allows {most}.")
    held = sum(len(_held(grants)) for grants in snapshot.grants.values())
    percent = 100 * lost / held if held else 0.0
    if percent > plan.limits.revoked_percent_max:
        raise _over(
            f"{lost} values of people would be revoked, {held} are held on the app: {lost} / {held} = "
            f"{percent:.2f} %. limits.revoked_percent_max is {plan.limits.revoked_percent_max:g}."
        )


def _held(grants: Iterable[OktaGrant]) -> frozenset[tuple[str, str]]:
    return frozenset[tuple[str, str]]().union(*(each.values for each in grants if each.action == "ALLOW"))


def _changed_percent(plan: Plan, change_set: ChangeSet, snapshot: Snapshot) -> None:
    """People who would change against people with access now, newcomers too; with nobody there it is 0."""
    allowed = plan.limits.changed_percent_max
    if allowed is None:
        return
    present = {user_id for user_id, row in snapshot.app_users.items() if row.is_assigned}
    present |= {user_id for user_id, grants in snapshot.grants.items() if grants}
    changed = {change.person.user_id for change in change_set.changes if change.person}
    percent = 100 * len(changed) / len(present) if present else 0.0
    if percent > allowed:
        raise _over(
            f"{len(changed)} people would change, {len(present)} have access now: {len(changed)} / "
            f"{len(present)} = {percent:.2f} %. limits.changed_percent_max is {allowed:g}."
        )


def _value_max(plan: Plan, change_set: ChangeSet, snapshot: Snapshot) -> None:
    """Keys are "Entitlement/value" as the plan writes them, which the tenant may name otherwise."""
    gains = Counter(
        (entitlement, value)
        for change in change_set.changes
        if change.person
        for entitlement, values in added(change)
        for value in values
    )
    meant = compare_structure(plan, snapshot).meant if plan.limits.value_max else {}
    in_tenant = {"/".join(pair): each.pair for pair, each in meant.items() if isinstance(each, Meant)}
    for name, most in sorted(plan.limits.value_max.items()):
        gaining = gains[in_tenant[name]] if name in in_tenant else 0
        if gaining > most:
            raise _over(f"{gaining} people would gain {name}; limits.value_max allows {most}.")


def _over(detail: str) -> RefusedError:
    return RefusedError(
        ErrorCode.LIMIT_EXCEEDED,
        "A limit of the plan is passed",
        detail,
        next_step="If the plan is right, raise the limit in it and have it reviewed.",
    )
