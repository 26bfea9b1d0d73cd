"""What the plan wants for whom: principals resolved to Okta users, cohorts folded to one wish a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.address import Address, Kind, principal_key
from pipeline.changes.model import Action, Hold, HoldReason, holding
from pipeline.changes.snapshot import Lookup, LookupStatus, OktaUser, Snapshot
from pipeline.plan.model import Plan

Pair = tuple[str, str]
"""(entitlement externalValue, value externalValue) as the plan writes them."""


@dataclass(slots=True)
class Wish:
    """All that the plan wants for one principal. ``ends`` are the different ``expires`` of its cohorts."""

    principal: str
    pairs: set[Pair] = field(default_factory=set)
    ends: set[str | None] = field(default_factory=set)

    @property
    def adds(self) -> dict[str, set[str]]:
        return by_entitlement(self.pairs)


@dataclass(frozen=True, slots=True)
class Person:
    """One Okta user and what the plan wants for it, under all the names the source has for it."""

    user: OktaUser
    principals: tuple[str, ...]
    pairs: frozenset[Pair]
    expires: str | None

    @property
    def grant_address(self) -> Address:
        return Address(Kind.GRANT, principal_key(self.principals[0]))

    @property
    def assignment_address(self) -> Address:
        return Address(Kind.ASSIGNMENT, principal_key(self.principals[0]))


def wishes(plan: Plan) -> list[Wish]:
    """One wish a principal, in canonical order. Users of ``assignments.users`` wish for no value."""
    found: dict[str, Wish] = {}
    for cohort in plan.access:
        pairs = {(entitlement, value) for entitlement, held in cohort.values.items() for value in held}
        for user in cohort.users:
            wish = found.setdefault(principal_key(user), Wish(user))
            wish.pairs |= pairs
            wish.ends.add(cohort.expires)
    for user in plan.assignments.users:
        found.setdefault(principal_key(user), Wish(user))
    return [found[key] for key in sorted(found)]


def resolve(plan: Plan, snapshot: Snapshot) -> tuple[list[Person], list[Hold]]:
    """The people behind the principals; holds for who is not found, not one person, or wanted two ways."""
    holds: list[Hold] = []
    by_user: dict[str, list[Wish]] = {}
    users: dict[str, OktaUser] = {}
    for wish in wishes(plan):
        lookup = snapshot.people.get(principal_key(wish.principal)) or _never_asked(wish.principal)
        if lookup.user is None or lookup.status is not LookupStatus.FOUND:
            holds.append(hold_wish(wish, HoldReason(lookup.status.value), lookup.detail))
        elif len(wish.ends) > 1:
            holds.append(hold_wish(wish, HoldReason.MIXED_EXPIRY, _mixed(wish.ends)))
        else:
            users[lookup.user.id] = lookup.user
            by_user.setdefault(lookup.user.id, []).append(wish)
    people = []
    for user_id, found in by_user.items():
        if len({end for wish in found for end in wish.ends}) > 1:
            holds.extend(
                hold_wish(wish, HoldReason.SAME_PERSON, _same(found, users[user_id])) for wish in found
            )
        else:
            people.append(_merged(users[user_id], found))
    people.sort(key=lambda person: person.grant_address)
    return people, holds


def hold_wish(wish: Wish, reason: HoldReason, detail: str) -> Hold:
    """The whole wish, held."""
    key = principal_key(wish.principal)
    return Hold(
        address=Address(Kind.GRANT if wish.pairs else Kind.ASSIGNMENT, key),
        action=Action.GRANT if wish.pairs else Action.ASSIGN,
        reason=reason,
        detail=detail,
        principals=(wish.principal,),
        adds=holding(wish.adds),
    )


def by_entitlement(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    grouped: dict[str, set[str]] = {}
    for entitlement, value in pairs:
        grouped.setdefault(entitlement, set()).add(value)
    return grouped


def _merged(user: OktaUser, found: list[Wish]) -> Person:
    ends = {end for wish in found for end in wish.ends}
    return Person(
        user=user,
        principals=tuple(sorted((wish.principal for wish in found), key=principal_key)),
        pairs=frozenset(pair for wish in found for pair in wish.pairs),
        expires=next(iter(ends), None),
    )


def _never_asked(principal: str) -> Lookup:
    return Lookup(principal, LookupStatus.FAILED, detail="This person was not looked up.")


def _mixed(ends: set[str | None]) -> str:
    listed = ", ".join(sorted(end or "no end" for end in ends))
    return f"The plan gives this person values with different ends ({listed}); a grant has one end."


def _same(found: list[Wish], user: OktaUser) -> str:
    names = ", ".join(sorted(wish.principal for wish in found))
    return f"{names} are one Okta user ({user.login}), wanted with different ends; a grant has one end."
