"""Why a wanted change of a person's access is held: the table of SEMANTICS section 3, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.changes.holdings import BASE_TYPES, KNOWN_TYPES, Holdings
from pipeline.changes.instants import instant_s, same_instant
from pipeline.changes.model import Action, HoldReason
from pipeline.changes.snapshot import OktaGrant
from pipeline.changes.structure import Pair
from pipeline.changes.wanted import Person, by_entitlement, different
from pipeline.plan.model import GrantOptions

VALUES_PER_GRANT = 1000
"""okta-api.md 5.2."""


class Obstacle(NamedTuple):
    reason: HoldReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One person who lacks something: the wanted values ``missing`` from what is held."""

    person: Person
    held: Holdings
    wanted: frozenset[Pair]
    missing: frozenset[Pair]
    leaving: frozenset[Pair] = frozenset()
    """What the same write takes away."""
    options: GrantOptions
    single_valued: frozenset[str]
    """Entitlements of which a person holds at most one value."""
    now_s: float
    base_is_read: bool = False
    """Whether all that a policy gives the person is known."""

    @property
    def is_additive(self) -> bool:
        """Whether only ENTITLEMENT grants are written, which leave all others alone."""
        return self.options.type == "additive"

    @property
    def before(self) -> frozenset[Pair]:
        """What the grant that is written holds now."""
        return frozenset() if self.is_additive else self.held.in_base

    @property
    def after(self) -> frozenset[Pair]:
        """The whole grant as it would be written: less than before only by what is to leave it."""
        return (self.before | self.missing) - self.leaving

    @property
    def together(self) -> frozenset[Pair]:
        """All that the person would hold, through whatever grant."""
        others = self.held.grants if self.is_additive else self.held.additive
        return self.after.union(*(each.pairs for each in others))

    @property
    def action(self) -> Action:
        if self.is_additive or self.held.base is None:
            return Action.GRANT
        return Action.CONVERT if self.held.has_policy_base else Action.EXTEND

    @property
    def beside(self) -> tuple[str, ...]:
        """The additive grants that the write must leave alone."""
        return () if self.is_additive else tuple(sorted({each.grant.type for each in self.held.additive}))


def strange(grants: Iterable[OktaGrant]) -> Obstacle | None:
    """Whether a person has grants that nothing may be written beside, whatever they hold."""
    listed = sorted(grants, key=lambda grant: grant.id)
    if any(grant.action != "ALLOW" for grant in listed):
        return Obstacle(HoldReason.DENIED, "A DENY grant stands for this person.")
    for grant in listed:
        if grant.type not in KNOWN_TYPES or grant.status != "ACTIVE":
            kind = f"type {grant.type}, status {grant.status}"
            detail = f"The person has a grant of a kind this version does not know ({kind})."
            return Obstacle(HoldReason.UNKNOWN_GRANT_TYPE, detail)
    if sum(grant.type in BASE_TYPES for grant in listed) > 1:
        return Obstacle(HoldReason.SEVERAL_BASE_GRANTS, "Okta lists more than one base grant of this person.")
    return None


def against_write(case: Case) -> Obstacle | None:
    """The first reason not to write this person's base grant, or None."""
    rules = _ADDITIVE_RULES if case.is_additive else _RULES
    return next((found for found in (rule(case) for rule in rules) if found is not None), None)


def against_keep(person: Person, wanted: frozenset[Pair], held: Holdings) -> Obstacle | None:
    """All wanted values are held: whether they are held until another end than the wanted one."""
    as_wanted = [each.pairs for each in held.grants if same_instant(each.grant.expires, person.expires)]
    otherwise = wanted.difference(*as_wanted)
    ends = different(each.grant.expires for each in held.grants if each.pairs & otherwise)
    return _other_end(person, ends) if otherwise else None


def _policy(case: Case) -> Obstacle | None:
    if not case.held.has_policy_base:
        return None
    lacks = f"Access comes from a policy and lacks {listed(case.missing)}."
    if case.options.policy_users == "convert":
        unread = "What the policy gives could not be read in full, so converting could take some of it away."
        return None if case.base_is_read else Obstacle(HoldReason.INCOMPLETE_READ, f"{lacks} {unread}")
    return Obstacle(HoldReason.POLICY_GRANT, f"{lacks} Writing would take the person out of the policy.")


def _beside_additive(case: Case) -> Obstacle | None:
    if not case.beside or case.options.with_additive == "canary":
        return None
    detail = f"The person also has {', '.join(case.beside)} grants, which writing a CUSTOM grant may remove."
    return Obstacle(HoldReason.ADDITIVE_PRESENT, detail)


def _unknown_values(case: Case) -> Obstacle | None:
    if case.held.base is None or case.held.base.is_fully_known:
        return None
    return Obstacle(
        HoldReason.INCOMPLETE_READ,
        "The existing grant holds values that the listing of the app's values does not show.",
    )


def _expiry_differs(case: Case) -> Obstacle | None:
    base = case.held.base
    if base is None or same_instant(base.grant.expires, case.person.expires):
        return None
    return _other_end(case.person, [base.grant.expires])


def _held_otherwise(case: Case) -> Obstacle | None:
    """What is held already, through whatever grant, must be held until the wanted end."""
    return against_keep(case.person, case.wanted & case.held.pairs, case.held)


def _expired(case: Case) -> Obstacle | None:
    end = case.person.expires
    if end is None or instant_s(end) > case.now_s:
        return None
    return Obstacle(HoldReason.EXPIRED, f"The wanted end {end} is past.")


def _single_value(case: Case) -> Obstacle | None:
    touched = case.single_valued.intersection(entitlement for entitlement, _ in case.missing)
    after = by_entitlement(pair for pair in case.together if pair[0] in touched) if touched else {}
    for entitlement, values in sorted(after.items()):
        if len(values) > 1:
            detail = f"{entitlement} takes one value a person, not {', '.join(sorted(values))}."
            return Obstacle(HoldReason.SINGLE_VALUE, detail)
    return None


def _too_many(case: Case) -> Obstacle | None:
    if len(case.after) <= VALUES_PER_GRANT:
        return None
    detail = f"The grant would hold {len(case.after)} values; Okta takes at most {VALUES_PER_GRANT}."
    return Obstacle(HoldReason.NOT_SUPPORTED, detail)


_RULES: tuple[Callable[[Case], Obstacle | None], ...] = (
    _policy,
    _beside_additive,
    _unknown_values,
    _expiry_differs,
    _held_otherwise,
    _expired,
    _single_value,
    _too_many,
)
_ADDITIVE_RULES = (_held_otherwise, _expired, _single_value, _too_many)


def _other_end(person: Person, existing: list[str | None]) -> Obstacle:
    has = ", ".join(end or "no end" for end in existing)
    wants = person.expires or "no end"
    return Obstacle(HoldReason.EXPIRY_DIFFERS, f"The plan wants {wants}; the existing grant has {has}.")


def listed(pairs: Iterable[Pair]) -> str:
    """``pairs`` for people: "Role: Admin, Auditor; Team: Blue"."""
    return "; ".join(
        f"{entitlement}: {', '.join(sorted(values))}"
        for entitlement, values in sorted(by_entitlement(pairs).items())
    )
