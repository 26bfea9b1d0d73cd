"""What ``apply --allow GUARD=VALUE --reason TEXT`` says, as permissions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

from pipeline.changes.permissions import Allowance, Guard, Override, Permissions
from pipeline.errors import ErrorCode, UsageError

NUMBERS = frozenset({Guard.REVOKED_MAX, Guard.REVOKED_PERCENT_MAX, Guard.CHANGED_PERCENT_MAX, Guard.AGE_H})
FORMS = (
    "revoked_max=N, revoked_percent_max=N, changed_percent_max=N, value_max/ENTITLEMENT/VALUE=N, "
    "privileged=ENTITLEMENT/VALUE, sod_conflict=RULE, provisioning=yes, tenant=HOST, age_h=HOURS, "
    "freeze=INSTANT, protected=LOGIN"
)


def permissions_given(allow: Sequence[str], reasons: Sequence[str]) -> Permissions:
    """What was allowed, each with the reason at the same place. Raises UsageError (exit 64) for a guard
    without a reason, an unknown one, a value that does not fit, or a limit given twice.
    """
    if len(allow) != len(reasons) or not all(reason.strip() for reason in reasons):
        raise _usage(
            f"Given are {len(allow)} --allow and {sum(bool(each.strip()) for each in reasons)} --reason: "
            "each override needs a reason of its own.",
            'Give each one: --allow revoked_max=40 --reason "Team was dissolved".',
        )
    given = Permissions()
    for text, reason in zip(allow, reasons, strict=True):
        one = _permission(text, " ".join(reason.split()))
        repeated = given.overrides.keys() & one.overrides.keys()
        if repeated:
            raise _usage(f"--allow {min(repeated)} is given twice.", "Give each limit once.")
        given |= one
    return given


def is_limit(guard: str) -> bool:
    """Whether ``guard`` goes up to a number: one of NUMBERS, or ``value_max/ENTITLEMENT/VALUE``."""
    return guard in NUMBERS or (guard.startswith(f"{Guard.VALUE_MAX}/") and guard.count("/") > 1)


def _permission(text: str, reason: str) -> Permissions:
    guard, value = _split(text)
    record = (Allowance(guard, value, reason),)
    build = _NAMED.get(guard)
    if build is not None:
        return build(value, record)
    if guard == Guard.FREEZE:
        return Permissions(overrides={guard: Override(_instant_s(value), reason)}, record=record)
    if is_limit(guard):
        return Permissions(overrides={guard: Override(_number(guard, value), reason)}, record=record)
    raise _usage(f"--allow {text}: there is no such guard.", f"Use one of {FORMS}.")


def _split(text: str) -> tuple[str, str]:
    """What is named may hold "=": a value of an entitlement, on either side."""
    guard, equals, value = text.rpartition("=") if text.startswith("value_max") else text.partition("=")
    if not (equals and guard.strip() and value.strip()):
        raise _usage(f"--allow {text}: it says no value.", f"Use one of {FORMS}.")
    return guard.strip(), value.strip()


def _privileged(value: str, record: tuple[Allowance, ...]) -> Permissions:
    if "/" not in value or "*" in value:
        detail = f'--allow privileged={value}: name one value as "Entitlement/value".'
        raise _usage(detail, "Give --allow privileged once for each value.")
    return Permissions(privileged=frozenset({value}), record=record)


def _provisioning(value: str, record: tuple[Allowance, ...]) -> Permissions:
    if value.casefold() != "yes":
        raise _usage(f"--allow provisioning={value}: say yes.", "Use --allow provisioning=yes.")
    return Permissions(provisioning=True, record=record)


_NAMED: dict[str, Callable[[str, tuple[Allowance, ...]], Permissions]] = {
    Guard.PRIVILEGED: _privileged,
    Guard.PROVISIONING: _provisioning,
    Guard.SOD_CONFLICT: lambda value, record: Permissions(conflicts=frozenset({value}), record=record),
    Guard.TENANT: lambda value, record: Permissions(tenants=frozenset({value.casefold()}), record=record),
    Guard.PROTECTED: lambda value, record: Permissions(
        protected=frozenset({value.casefold()}), record=record
    ),
}


def _number(guard: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise _usage(f"--allow {guard}={value}: {value} is no number of 0 or more.", f"Use one of {FORMS}.")
    return number


def _instant_s(value: str) -> float:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        detail = f"--allow freeze={value}: name the instant until which a freeze does not count."
        raise _usage(detail, "Write it with its zone: --allow freeze=2026-12-24T18:00Z.")
    return at.timestamp()


def _usage(detail: str, next_step: str) -> UsageError:
    return UsageError(ErrorCode.USAGE, "An override cannot be used", detail, next_step=next_step)
