"""What a guard is asked with, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.changes.model import ChangeSet
from pipeline.changes.permissions import NOTHING_ALLOWED, Permissions
from pipeline.changes.snapshot import Snapshot
from pipeline.errors import ErrorCode
from pipeline.freeze import NO_FREEZE, Freeze
from pipeline.plan.model import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A change set that is about to be sent, and all that guards may want to know about it. Times are epoch
    seconds; ``reviewed_at_s`` is None where what is reviewed was read just now.
    """

    plan: Plan
    change_set: ChangeSet
    snapshot: Snapshot
    now_s: float
    permissions: Permissions = NOTHING_ALLOWED
    reviewed_at_s: float | None = None
    approved_at_s: float | None = None
    """When what is reviewed was approved: it ages until then, and the approval expires by itself."""
    age_h_max: float = 24.0
    freeze: Freeze = NO_FREEZE
    approval_required: bool = False

    def source(self, guard: str, name: str, own: float) -> str:
        """What set the limit of ``guard`` that counts: ``name``, or the override that goes beyond ``own``."""
        return name if self.permissions.limit(guard, own) == own else f"--allow {guard}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a guard says no. ``detail`` is its arithmetic, ``override`` the option that lets this pass once,
    ``remedy`` the better way, as the beginning of a sentence.
    """

    guard: str
    code: ErrorCode
    summary: str
    detail: str
    override: str
    remedy: str
