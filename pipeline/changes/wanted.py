"""What the plan wants for whom: principals resolved to Okta users, cohorts folded to one wish a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.address import Address, Kind, principal_key
from pipeline.changes.instants import same_instant
from pipeline.changes.model import Action, Hold, HoldReason, holding
from pipeline.changes.snapshot import Lookup, LookupStatus, OktaUser, Snapshot
from pipeline.changes.structure import Pair
from pipeline.plan.model import Cohort, Plan


@dataclass(slots=True)
class Wish:
    """All that the plan wants for one principal. ``key`` is its canonical form, ``ends`` are the ``expires``
    of its cohorts, ``removals`` what it shall not hold. Without ``wants_access`` nothing else is wanted.
    """

    principal: str
    key: str
    pairs: frozenset[Pair] = frozenset()
    ends: list[str | None] = field(default_factory=list)
    removals: frozenset[Pair] = frozenset()
    wants_access: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """One Okta user and what the plan wants for it, under all the names the source has for it.

    ``pairs`` is one object for all people of a cohort; it is empty where only an assignment is wanted, or
    ``wants_access`` is False and only ``removals`` are. ``key`` is the canonical form of the first principal,
    by which the person's changes are addressed.
    """

    key: str
    user: OktaUser
    principals: tuple[str, ...]
    pairs: frozenset[Pair]
    expires: str | None
    removals: frozenset[Pair] = frozenset()
    wants_access: bool = True

    @property
    def grant_address(self) -> Address:
        return Address(Kind.GRANT, self.key)

    @property
    def assignment_address(self) -> Address:
        return Address(Kind.ASSIGNMENT, self.key)

    @property
    def removal_address(self) -> Address:
        return Address(Kind.REMOVAL, self.key)


@dataclass(frozen=True, slots=True)
class Resolved:
    """``people`` in address order; ``holds`` for principals that are nobody, not one person, or wanted two
    ways.
    """

    people: tuple[Person, ...]
    holds: tuple[Hold, ...]


def wishes(plan: Plan) -> list[Wish]:
    """One wish a principal, in canonical order. Users of ``assignments.users`` wish for no value."""
    found: dict[str, Wish] = {}
    for cohort in plan.access:
        pairs = _pairs(cohort)
        for user in cohort.users:
            wish = _wish(found, user)
            wish.pairs = wish.pairs | pairs if wish.pairs else pairs
            wish.ends.append(cohort.expires)
            wish.wants_access = True
    for user in plan.assignments.users:
        _wish(found, user).wants_access = True
    for cohort in plan.removals:
        pairs = _pairs(cohort)
        for user in cohort.users:
            wish = _wish(found, user)
            wish.removals = wish.removals | pairs if wish.removals else pairs
    return [found[key] for key in sorted(found)]


def _pairs(cohort: Cohort) -> frozenset[Pair]:
    return frozenset((entitlement, value) for entitlement, held in cohort.values.items() for value in held)


def _wish(found: dict[str, Wish], user: str) -> Wish:
    """The wish of ``user``, under the same spelling whatever the order of cohorts."""
    key = principal_key(user)
    wish = found.get(key)
    if wish is None:
        wish = found[key] = Wish(user, key)
    wish.principal = min(wish.principal, user)
    return wish


def resolve(plan: Plan, snapshot: Snapshot) -> Resolved:
    """The people behind the plan's principals. Several principals that are one Okta user become one person
    where their ends agree, and are all held where not (SEMANTICS section 2).
    """
    holds: list[Hold] = []
    by_user: dict[str, list[Wish]] = {}
    users: dict[str, OktaUser] = {}
    for wish in wishes(plan):
        lookup = _lookup(snapshot, wish)
        if lookup.user is None or lookup.status is not LookupStatus.FOUND:
            holds += _held(wish, HoldReason(lookup.status.value), lookup.detail)
        else:
            users[lookup.user.id] = lookup.user
            by_user.setdefault(lookup.user.id, []).append(wish)
    people: list[Person] = []
    for user_id, several in by_user.items():
        ends = different([end for wish in several for end in wish.ends])
        if len(ends) > 1:
            holds += _contradictory(several, users[user_id], ends)
        else:
            people.append(_merged(users[user_id], several, ends))
    people.sort(key=lambda person: person.key)
    return Resolved(tuple(people), tuple(holds))


def _lookup(snapshot: Snapshot, wish: Wish) -> Lookup:
    """Nothing known is a failed look-up, and a deactivated user is no find."""
    lookup = snapshot.people.get(wish.key)
    if lookup is None:
        return Lookup(wish.principal, LookupStatus.FAILED, detail="This person was not looked up.")
    if lookup.status is not LookupStatus.FOUND:
        return lookup
    if lookup.user is None:
        return Lookup(wish.principal, LookupStatus.FAILED, detail="The look-up named no user.")
    if lookup.user.is_deprovisioned:
        detail = f"The user {lookup.user.login} is deactivated (DEPROVISIONED)."
        named = (lookup.user.login,)
        return Lookup(wish.principal, LookupStatus.DEPROVISIONED, detail=detail, named=named)
    return lookup


def by_entitlement(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    """``pairs`` as a mapping from entitlement to its values."""
    grouped: dict[str, set[str]] = {}
    for entitlement, value in pairs:
        grouped.setdefault(entitlement, set()).add(value)
    return grouped


def different(ends: Iterable[str | None]) -> list[str | None]:
    """``ends`` without those that are the same instant as an earlier one in text order."""
    kept: list[str | None] = []
    for end in sorted(set(ends), key=lambda each: each or ""):
        if not any(same_instant(end, each) for each in kept):
            kept.append(end)
    return kept


def _contradictory(several: list[Wish], user: OktaUser, ends: list[str | None]) -> list[Hold]:
    listed = ", ".join(end or "no end" for end in ends)
    if len(several) == 1:
        detail = f"The plan gives this person values with different ends ({listed}); a grant has one end."
        return _held(several[0], HoldReason.MIXED_EXPIRY, detail)
    names = ", ".join(sorted(wish.principal for wish in several))
    detail = f"{names} are one Okta user ({user.login}), wanted with different ends ({listed})."
    return [hold for wish in several for hold in _held(wish, HoldReason.SAME_PERSON, detail)]


def _held(wish: Wish, reason: HoldReason, detail: str) -> list[Hold]:
    """The whole wish, held: what is wanted, and what is to be taken."""
    kinds = [(Kind.GRANT, Action.GRANT) if wish.pairs else (Kind.ASSIGNMENT, Action.ASSIGN)]
    kinds = kinds if wish.wants_access else []
    kinds += [(Kind.REMOVAL, Action.REVOKE)] if wish.removals else []
    return [
        Hold(
            address=Address(kind, wish.key),
            action=action,
            reason=reason,
            detail=detail,
            principals=(wish.principal,),
            adds=() if action is Action.REVOKE else holding(by_entitlement(wish.pairs)),
            removes=holding(by_entitlement(wish.removals)) if action is Action.REVOKE else (),
        )
        for kind, action in kinds
    ]


def _merged(user: OktaUser, several: list[Wish], ends: list[str | None]) -> Person:
    several = sorted(several, key=lambda wish: wish.key)
    pairs, removals = several[0].pairs, several[0].removals
    for wish in several[1:]:
        pairs |= wish.pairs
        removals |= wish.removals
    return Person(
        key=several[0].key,
        user=user,
        principals=tuple(wish.principal for wish in several),
        pairs=pairs,
        expires=ends[0] if ends else None,
        removals=removals,
        wants_access=any(wish.wants_access for wish in several),
    )
