"""The guards: each says of a change set, before its first write, why it must not be sent. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from pipeline.changes.limits import (
    changed_percent_max,
    privileged,
    revoked_max,
    revoked_percent_max,
    value_max,
)
from pipeline.changes.permissions import Guard, Permissions
from pipeline.changes.refusing import Case, Refusal
from pipeline.errors import ErrorCode, RefusedError
from pipeline.freeze import Freeze

SHOWN = 20


def refusals(case: Case) -> tuple[Refusal, ...]:
    """Everything that guards have against ``case``, in the order of the list of guards."""
    return tuple(refusal for guard in _GUARDS for refusal in guard(case))


def refuse_guarded(case: Case) -> None:
    """Raises RefusedError where a guard says no, with the arithmetic of every one that does."""
    found = refusals(case)
    if found:
        raise refused(found)


def refused(found: tuple[Refusal, ...]) -> RefusedError:
    """The error that tells all of ``found``; its code is that of the first."""
    first = found[0]
    if len(found) == 1:
        next_step = f'{first.remedy}, or this once: {first.override} --reason "...".'
        return RefusedError(first.code, first.summary, first.detail, next_step=next_step)
    more = [f"And {len(found) - SHOWN} more."] if len(found) > SHOWN else []
    ways = [f'{each.override} --reason "..."' for each in found[:SHOWN]]
    return RefusedError(
        first.code,
        f"{len(found)} guards refuse this change set",
        "\n".join([*(each.detail for each in found[:SHOWN]), *more]),
        next_step="\n".join(["Correct the plan and have it reviewed, or allow each this once:", *ways]),
    )


def _freeze(case: Case) -> Iterator[Refusal]:
    yield from in_freeze(case.now_s, case.freeze, case.permissions)


def _age(case: Case) -> Iterator[Refusal]:
    if case.reviewed_at_s is None:
        return
    until_s = case.now_s if case.approved_at_s is None else case.approved_at_s
    age_h = (until_s - case.reviewed_at_s) / 3600
    most = case.permissions.limit(Guard.AGE_H, case.age_h_max)
    if age_h > most:
        what = f"it is {_utc(until_s)} now" if case.approved_at_s is None else f"approved at {_utc(until_s)}"
        source = case.source(Guard.AGE_H, "OKTA_PLAN_CHANGES_AGE_H", case.age_h_max)
        yield Refusal(
            Guard.AGE_H,
            ErrorCode.CHANGES_TOO_OLD,
            "The change set is too old",
            f"The tenant was read at {_utc(case.reviewed_at_s)}, {what}: {age_h:.2f} h later. "
            f"{source} allows {most:.10g} h.",
            f"--allow {Guard.AGE_H}={int(age_h) + 1}",
            "Run `okta-plan diff` again and review the new change set",
        )


def in_freeze(now_s: float, freeze: Freeze, permissions: Permissions) -> Iterator[Refusal]:
    """Whether there is a freeze now (epoch seconds) that no override allows."""
    window = freeze.window_at(now_s)
    override = permissions.overrides.get(Guard.FREEZE)
    if window is None or (override is not None and now_s < override.limit):
        return
    allowed = f" --allow {Guard.FREEZE} allowed it until {_utc(override.limit)}." if override else ""
    yield Refusal(
        Guard.FREEZE,
        ErrorCode.FREEZE,
        "There is a freeze now",
        f"It is {_utc(now_s)}; {window.text} of OKTA_PLAN_FREEZE lasts from {_utc(window.start_s)} to "
        f"{_utc(window.end_s)}.{allowed}",
        f"--allow {Guard.FREEZE}={_utc(window.end_s)}",
        "Wait until it is over",
    )


def _provisioning(case: Case) -> Iterator[Refusal]:
    okta_app = case.snapshot.okta_app
    gives = any(change.person for change in case.change_set.changes)
    if not (case.approval_required and okta_app.has_provisioning and gives) or case.permissions.provisioning:
        return
    yield Refusal(
        Guard.PROVISIONING,
        ErrorCode.PROVISIONING_UNNAMED,
        "The approval does not name the app's provisioning",
        f"{okta_app.label} pushes grants to its target system, and the approval does not say that this is "
        "known.",
        f"--allow {Guard.PROVISIONING}=yes",
        "Approve it with `provisioning: true`",
    )


def _utc(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_GUARDS: tuple[Callable[[Case], Iterator[Refusal]], ...] = (
    _freeze,
    _age,
    revoked_max,
    revoked_percent_max,
    changed_percent_max,
    value_max,
    privileged,
    _provisioning,
)
"""The tenant pin comes before anything is compared (refusals.py); protected people and conflicts of duties
are held one by one (protection.py, duties.py)."""
