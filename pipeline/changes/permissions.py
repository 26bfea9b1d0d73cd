"""What a reviewer allowed beyond the change set itself: values and conflicts named, limits overridden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Override:
    """One guard that may go up to ``limit`` this once, and why. ``limit`` is in the guard's own unit."""

    limit: float
    reason: str


@dataclass(frozen=True, slots=True)
class Permissions:
    """What guards ask before they refuse.

    ``privileged`` names values as "Entitlement/value", as ``limits.privileged`` does; ``conflicts`` names the
    rules of separation of duties by their id; ``provisioning`` says that the reviewer knows that the app
    pushes to a target system. ``overrides`` are by guard.
    """

    privileged: frozenset[str] = frozenset()
    conflicts: frozenset[str] = frozenset()
    provisioning: bool = False
    overrides: Mapping[str, Override] = field(default_factory=dict)


NOTHING_ALLOWED = Permissions()
