"""What a reviewer allowed beyond the change set itself: values and conflicts named, limits overridden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Guard(StrEnum):
    """The closed list of guards: what ``apply --allow`` may name."""

    REVOKED_MAX = "revoked_max"
    REVOKED_PERCENT_MAX = "revoked_percent_max"
    CHANGED_PERCENT_MAX = "changed_percent_max"
    VALUE_MAX = "value_max"
    PRIVILEGED = "privileged"
    SOD_CONFLICT = "sod_conflict"
    PROVISIONING = "provisioning"
    TENANT = "tenant"
    AGE_H = "age_h"
    FREEZE = "freeze"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Override:
    """One guard that may go up to ``limit`` this once, and why. ``limit`` is in the guard's own unit: for
    ``freeze`` the epoch second until which a freeze window does not count.
    """

    limit: float
    reason: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """One override as it was given with ``--allow GUARD=VALUE --reason REASON``, for the record."""

    guard: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.guard}={self.value}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Permissions:
    """What guards ask before they refuse.

    ``privileged`` names values as "Entitlement/value"; ``conflicts`` names the rules of separation of duties
    by their id; ``provisioning`` says that the reviewer knows that the app pushes to a target system.
    ``tenants`` are hosts to which a plan pinned to another may be applied, ``protected`` logins and e-mails
    of people named by OKTA_PLAN_PROTECTED from whom something may be taken all the same. ``overrides`` are
    by guard; those of ``value_max`` by "value_max/Entitlement/value". ``record`` is how all that was given.
    """

    privileged: frozenset[str] = frozenset()
    conflicts: frozenset[str] = frozenset()
    provisioning: bool = False
    overrides: Mapping[str, Override] = field(default_factory=dict)
    tenants: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    record: tuple[Allowance, ...] = ()

    @property
    def on_record(self) -> tuple[Allowance, ...]:
        """``record``, and the overrides that are not in it."""
        known = {each.guard for each in self.record}
        others = (
            Allowance(guard, f"{each.limit:.10g}", each.reason) for guard, each in self.overrides.items()
        )
        return (*self.record, *(each for each in others if each.guard not in known))

    def limit(self, guard: str, own: float) -> float:
        """``own``, or the limit that an override raises it to; an override never lowers it."""
        override = self.overrides.get(guard)
        return own if override is None else max(own, override.limit)

    def __or__(self, other: Permissions) -> Permissions:
        """All that either allows; where both override one guard, the higher limit counts."""
        overrides = dict(self.overrides)
        for guard, override in other.overrides.items():
            if guard not in overrides or overrides[guard].limit < override.limit:
                overrides[guard] = override
        return Permissions(
            privileged=self.privileged | other.privileged,
            conflicts=self.conflicts | other.conflicts,
            provisioning=self.provisioning or other.provisioning,
            overrides=overrides,
            tenants=self.tenants | other.tenants,
            protected=self.protected | other.protected,
            record=(*self.record, *other.record),
        )


NOTHING_ALLOWED = Permissions()
