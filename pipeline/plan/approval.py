"""An approval: that a person agreed to one stored change set, and to what of it exactly. Data and rules.

It stands beside the plan as ``plans/NAME.approval.yaml``. A signature covers all other fields, and these also
tell one approval from another.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipeline.plan.model import Name, Part

SCHEMA: Literal["okta-plan/approval/v1"] = "okta-plan/approval/v1"
APPROVAL_ENDING = ".approval.yaml"
"""What follows the plan's name in the name of the file."""
SIGNED_AS = "okta-plan"
"""The namespace of signatures: one made for another purpose does not count here."""
EXPIRES_AFTER_DAYS = 7
EXPIRES_AFTER_DAYS_MAX = 30
NEVER_BY_FORM = ("revoke", "convert")
"""Actions that only a person at a terminal may approve."""
_COUNT = re.compile(r"\s*(\d+)\s+([a-z]+)\s*")
_DAYS = re.compile(r"(\d{1,3})d")


class Scope(StrEnum):
    """Which part of the change set is approved; the rest is left out of the run."""

    STRUCTURE = "structure"
    GRANTS = "grants"
    ALL = "all"

    @property
    def part(self) -> str | None:
        """As ``apply --only`` names it; None for everything."""
        return None if self is Scope.ALL else self.value


class Channel(StrEnum):
    """Where the person was when they agreed."""

    TERMINAL = "terminal"
    FORM = "form"


def _instant(text: str) -> str:
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("give the instant with a zone, such as 2027-01-31T00:00:00Z")
    return text


Instant = Annotated[str, AfterValidator(_instant)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Allowance(Part):
    """A guard that may go up to ``limit`` for this change set, and why."""

    guard: Name
    limit: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    reason: Name


class Approval(Part):
    """The whole document. ``counts`` are changes by action, of the part that is approved."""

    schema_: Annotated[Literal["okta-plan/approval/v1"], Field(alias="schema")] = SCHEMA
    plan: Name
    org_id: Name
    org_host: Name
    plan_digest: Digest
    changes_digest: Digest
    scope: Scope
    counts: Annotated[dict[Name, Annotated[int, Field(ge=1)]], Field(min_length=1)]
    privileged: tuple[Name, ...] = ()
    conflicts: tuple[Name, ...] = ()
    provisioning: bool = False
    allow: tuple[Allowance, ...] = ()
    approver: Name
    reason: str = ""
    approved_at: Instant
    expires_at: Instant
    channel: Channel
    signature: str | None = None


def signed_bytes(approval: Approval) -> bytes:
    """What a signature covers: every field but the signature, as canonical JSON."""
    fields = approval.model_dump(mode="json", by_alias=True, exclude={"signature"})
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def approval_digest(approval: Approval) -> str:
    """64 hexadecimal digits; what was applied is counted under them."""
    return hashlib.sha256(signed_bytes(approval)).hexdigest()


def expiry(text: str | None, now_s: float) -> datetime:
    """When an approval given at ``now_s`` (epoch seconds) ends: ``3d``, a day (its end, UTC) or an instant;
    EXPIRES_AFTER_DAYS where nothing is said. Raises ValueError with a sentence where it cannot be that.
    """
    now = datetime.fromtimestamp(int(now_s), UTC)
    ends = _ends(text, now)
    if ends <= now:
        raise ValueError("it lies in the past")
    if ends > now + timedelta(days=EXPIRES_AFTER_DAYS_MAX + 1):
        raise ValueError(f"an approval lasts {EXPIRES_AFTER_DAYS_MAX} days at most")
    return ends


def _ends(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now + timedelta(days=EXPIRES_AFTER_DAYS)
    if days := _DAYS.fullmatch(text):
        return now + timedelta(days=int(days[1]))
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("give it as 3d, 2026-12-01 or 2026-12-01T18:00:00Z") from None
    if len(text) == len("2026-12-01"):
        return parsed.replace(tzinfo=UTC) + timedelta(days=1)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def has_expired(approval: Approval, now_s: float) -> bool:
    return datetime.fromisoformat(approval.expires_at).timestamp() <= now_s


def lasts_too_long(approval: Approval, now_s: float) -> bool:
    """Whether it was given an end that ``expiry`` does not give. A beginning yet to come counts as now."""
    approved, ends = (datetime.fromisoformat(each) for each in (approval.approved_at, approval.expires_at))
    begins = min(approved, datetime.fromtimestamp(int(now_s), UTC))
    return ends - begins > timedelta(days=EXPIRES_AFTER_DAYS_MAX + 1)


def in_words(counts: Mapping[str, int]) -> str:
    """What a person types: ``12 grant, 3 assign``."""
    return ", ".join(f"{count} {action}" for action, count in counts.items())


def says(typed: str, counts: Mapping[str, int]) -> bool:
    """Whether ``typed`` names exactly ``counts``; order, blanks and case do not matter."""
    parts = [_COUNT.fullmatch(part) for part in typed.casefold().split(",")]
    named = [(part[2], int(part[1])) for part in parts if part]
    return len(named) == len(parts) and sorted(named) == sorted(counts.items())


def why_not_by(
    channel: Channel,
    *,
    actions: Iterable[str],
    privileged: Iterable[str] = (),
    conflicts: Iterable[str] = (),
    allow: Iterable[Allowance] = (),
    form_approval: bool,
    needs_signature: bool,
) -> str | None:
    """Why an approval of this content given there does not count, as a sentence; None where it does.

    A form is filled in where a program speaks for the person, so it counts for little and only where somebody
    turned it on.
    """
    taking = sorted(set(NEVER_BY_FORM) & set(actions))
    values = ", ".join(privileged)
    is_more = bool([*conflicts, *allow])
    reasons = {
        "Approvals by form are off: OKTA_PLAN_FORM_APPROVAL is not true.": not form_approval,
        "A form cannot be signed; with OKTA_PLAN_ALLOWED_SIGNERS only signatures count.": needs_signature,
        f"A form never approves {' or '.join(taking)}.": bool(taking),
        f"A form never approves privileged values: {values}.": bool(values),
        "A form never approves conflicts of duties or more than a limit of the plan.": is_more,
    }
    if channel is Channel.TERMINAL:
        return None
    return next((reason for reason, holds in reasons.items() if holds), None)


def is_own(author: str | None, approver: str, principals: Iterable[str] = ()) -> bool:
    """Whether the plan's author approved it: by name, or by a key that also speaks for the author.
    ``principals`` are those of the key, patterns as in an allowed-signers file.
    """
    if author is None:
        return False
    name = author.strip().casefold()
    return any(fnmatch.fnmatchcase(name, each.strip().casefold()) for each in (*principals,)) or (
        approver.strip().casefold() == name
    )
