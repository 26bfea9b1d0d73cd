"""The change set: what is different, what will be sent, what is held and why. Data only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.address import Address
from pipeline.findings import Finding

Holding = tuple[tuple[str, tuple[str, ...]], ...]
"""Entitlement externalValue -> value externalValues, as sorted pairs: hashable, ordered, comparable."""


class Action(StrEnum):
    CREATE = "create"
    ADD = "add"
    DESCRIBE = "describe"
    RENAME = "rename"
    ASSIGN = "assign"
    GRANT = "grant"
    EXTEND = "extend"
    CONVERT = "convert"
    RETIME = "retime"
    REVOKE = "revoke"
    KEEP = "keep"


class HoldReason(StrEnum):
    """The closed list of reasons for which a wanted change is not sent."""

    USER_NOT_FOUND = "user_not_found"
    USER_AMBIGUOUS = "user_ambiguous"
    USER_DEPROVISIONED = "user_deprovisioned"
    USER_LOOKUP_FAILED = "user_lookup_failed"
    SAME_PERSON = "same_person"
    NEAR_MISS = "near_miss"
    AMBIGUOUS_NAME = "ambiguous_name"
    MOVE_BLOCKED = "move_blocked"
    SINGLE_VALUE = "single_value"
    POLICY_GRANT = "policy_grant"
    ADDITIVE_PRESENT = "additive_present"
    UNKNOWN_GRANT_TYPE = "unknown_grant_type"
    SEVERAL_BASE_GRANTS = "several_base_grants"
    DENIED = "denied"
    EXPIRY_DIFFERS = "expiry_differs"
    MIXED_EXPIRY = "mixed_expiry"
    EXPIRED = "expired"
    NOT_ASSIGNED = "not_assigned"
    DEPENDS_ON_HELD = "depends_on_held"
    INCOMPLETE_READ = "incomplete_read"
    NOT_SUPPORTED = "not_supported"
    PROTECTED = "protected"
    SOD_CONFLICT = "sod_conflict"
    STILL_HELD_VIA = "still_held_via"
    # found while applying
    DRIFTED = "drifted"
    NOT_REVIEWED = "not_reviewed"
    LEFT_OUT = "left_out"
    """Not asked for in this run (``--only``)."""


@dataclass(frozen=True, slots=True)
class NewValue:
    name: str
    external_value: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewording:
    """New texts of the value with this externalValue, or of the entitlement itself; None changes nothing."""

    value: str | None = None
    external_value: str | None = None
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementTarget:
    """What is written of an entitlement. ``id`` is None until it exists."""

    id: str | None
    name: str
    external_value: str
    description: str | None
    multi_value: bool
    new_values: tuple[NewValue, ...]
    rewordings: tuple[Rewording, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTarget:
    """Whom a change of access concerns. ``principals`` are all source names of this one Okta user."""

    principals: tuple[str, ...]
    user_id: str
    login: str
    grant_id: str | None = None
    """The base grant that is written; a revoke without one takes the values by name."""
    expires: str | None = None
    expires_before: str | None = None
    """The end that a retime replaces."""
    grant_type: str = "CUSTOM"
    """What a grant creates: CUSTOM, or ENTITLEMENT, which adds to what there is."""
    beside: tuple[str, ...] = ()
    """Types of the additive grants that the person has and that the write must leave alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference at one address. Exactly one of ``entitlement`` and ``person`` is set.

    ``before`` and ``after`` are what stands at the address: for create and add the entitlement's own values
    (one key), for changes of a grant what the person's base grant holds, for assign both are empty. Values
    that are taken by name leave CUSTOM and ENTITLEMENT grants: then it is what these hold together. What the
    plan adds to a base grant that loses values stands in the same change, since that is one write.
    """

    address: Address
    action: Action
    message: str
    before: Holding
    after: Holding
    depends_on: tuple[Address, ...] = ()
    entitlement: EntitlementTarget | None = None
    person: PersonTarget | None = None

    @property
    def principal(self) -> str | None:
        return self.person.principals[0] if self.person else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A wanted change that is not safe to send: what it would have added and removed."""

    address: Address
    action: Action
    reason: HoldReason
    detail: str
    principals: tuple[str, ...] = ()
    adds: Holding = ()
    removes: Holding = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """An address where all that is wanted is there already; ``via`` says through what, if not CUSTOM."""

    address: Address
    principals: tuple[str, ...] = ()
    via: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """The difference between one plan and one snapshot, in the order in which it would be sent."""

    org_id: str
    org_host: str
    okta_app_id: str
    okta_app_label: str
    plan_name: str
    plan_digest: str
    observed_at_s: float
    changes: tuple[Change, ...]
    holds: tuple[Hold, ...]
    keeps: tuple[Keep, ...]
    findings: tuple[Finding, ...] = ()
    conflicts: tuple[str, ...] = ()
    """Ids of the rules of duties that somebody would come to break by it, as was allowed; sorted."""


def names_in(change_set: ChangeSet) -> Iterator[str]:
    """Every name of a person that stands in ``change_set``."""
    for change in change_set.changes:
        if change.person is not None:
            yield from (change.person.login, *change.person.principals)
    for hold in change_set.holds:
        yield from hold.principals
    for keep in change_set.keeps:
        yield from keep.principals


def holding(pairs: Mapping[str, set[str]] | Mapping[str, tuple[str, ...]]) -> Holding:
    """The canonical form of a mapping of values; entitlements without values are left out."""
    return tuple(
        sorted((entitlement, tuple(sorted(values))) for entitlement, values in pairs.items() if values)
    )


def added(change: Change) -> Holding:
    """What ``change`` adds: after minus before."""
    before = {entitlement: set(values) for entitlement, values in change.before}
    return holding(
        {entitlement: set(values) - before.get(entitlement, set()) for entitlement, values in change.after}
    )


def beside_values(change: Change) -> frozenset[tuple[str, str]]:
    """What ``change`` writes beside values, as (what, text) pairs: the new end of a grant, new texts."""
    if change.action is Action.RETIME and change.person is not None:
        return frozenset({("expires", change.person.expires or "")})
    texts = change.entitlement.rewordings if change.entitlement else ()
    return frozenset(
        (f"{what} of {each.value or ''}", text)
        for each in texts
        for what, text in (
            ("externalValue", each.external_value),
            ("name", each.name),
            ("description", each.description),
        )
        if text is not None
    )


def removed(change: Change) -> Holding:
    """What ``change`` removes: before minus after."""
    after = {entitlement: set(values) for entitlement, values in change.after}
    return holding(
        {entitlement: set(values) - after.get(entitlement, set()) for entitlement, values in change.before}
    )


def revoked(change: Change) -> Holding:
    """What people lose by ``change``: a new name for a value takes nothing from anybody."""
    return removed(change) if change.person is not None else ()
