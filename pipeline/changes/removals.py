"""What is to be taken from one person: a value leaves the CUSTOM and ENTITLEMENT grants that hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.changes.holdings import HeldGrant, Holdings, ValueNames
from pipeline.changes.model import Action, Change, Hold, HoldReason, Keep, PersonTarget, added, holding
from pipeline.changes.naming import Match, match_all
from pipeline.changes.obstacles import Obstacle, listed, strange
from pipeline.changes.protection import against_taking
from pipeline.changes.snapshot import GrantType, OktaEntitlement, OktaGrant, OktaValue, Snapshot
from pipeline.changes.structure import Blocked, Pair
from pipeline.changes.wanted import Person, by_entitlement
from pipeline.lookalike import look
from pipeline.plan.model import Plan, Value

Verdict = Change | Hold | Keep


@dataclass(frozen=True, slots=True)
class Near:
    """What in the tenant only looks like the value that is to be taken; ``why`` is for those who hold it."""

    pairs: frozenset[Pair]
    why: Blocked


Removable = Mapping[Pair, Pair | Blocked | Near]
"""What a value of the plan's removals is in the tenant; what is not in it, the tenant does not have."""

NOTHING_HELD = Holdings(None, ())
TAKEABLE = (GrantType.CUSTOM, GrantType.ENTITLEMENT)
"""What a value can be taken out of; POLICY and bundles give what they give."""
TORN = Blocked(
    HoldReason.INCOMPLETE_READ, "The app's entitlements, values and grants could not all be read to the end."
)


def removable(plan: Plan, snapshot: Snapshot) -> Removable:
    """Matched by externalValue, then by unique name. What only looks alike is not taken, and that is told."""
    pairs = {
        (entitlement, value)
        for cohort in plan.removals
        for entitlement, held in cohort.values.items()
        for value in held
    }
    if not pairs:
        return {}
    if not all(snapshot.is_complete(name) for name in ("entitlements", "values", "grants")):
        return dict.fromkeys(pairs, TORN)
    old_names = {(move.entitlement, move.to): move.from_ for move in plan.moved}
    meant: dict[Pair, Pair | Blocked | Near] = {}
    for entitlement, match in match_all(plan.entitlements, snapshot.entitlements):
        listed_values = match.found.values if match.found else ()
        for value, its in match_all(entitlement.values, listed_values):
            pair = entitlement.external_value, value.external_value
            if match.found is not None and its.found is not None:
                meant[pair] = match.found.external_value, its.found.external_value
            elif match.same_name or match.taken or its.same_name or its.taken:
                detail = f"{listed([pair])} may mean several things by its name. Name its external_value."
                meant[pair] = Blocked(HoldReason.AMBIGUOUS_NAME, detail)
            elif any(each.external_value == old_names.get(pair) for each in listed_values):
                detail = f"{listed([pair])} gets this name by a move that is held. Apply again after that."
                meant[pair] = Blocked(HoldReason.DEPENDS_ON_HELD, detail)
            elif near := _near(match, its, value):
                meant[pair] = Near(near, _looks_alike(pair, near))
    return {pair: each for pair, each in meant.items() if pair in pairs}


def _near(match: Match[OktaEntitlement], its: Match[OktaValue], value: Value) -> frozenset[Pair]:
    """Values that look like ``value``, in the entitlement that is meant or in those that look like it."""
    if match.found is not None:
        return frozenset((match.found.external_value, each.external_value) for each in its.near)
    form = look(value.external_value)
    return frozenset(
        (entitlement.external_value, each.external_value)
        for entitlement in match.near
        for each in entitlement.values
        if look(each.external_value) == form
    )


def _looks_alike(pair: Pair, near: frozenset[Pair]) -> Blocked:
    detail = f"{listed([pair])} is not in the app, which has {listed(near)}. Name that, if it is meant."
    return Blocked(HoldReason.NEAR_MISS, detail)


@dataclass(frozen=True, slots=True)
class Taking:
    """``pairs`` can be taken from what the person has in ``held``; ``others``: what cannot or need not be."""

    person: Person
    held: Holdings
    pairs: frozenset[Pair] = frozenset()
    others: tuple[Hold | Keep, ...] = ()

    @property
    def from_base(self) -> frozenset[Pair]:
        """What a write of the base grant leaves out. Beside additive grants none is written: taking values by
        name leaves those alone.
        """
        return frozenset() if self.held.additive else self.pairs


@dataclass(frozen=True, slots=True)
class Removals:
    """Plan and tenant in the form that the removals of every person need."""

    snapshot: Snapshot
    names: ValueNames
    meant: Removable = field(default_factory=dict)

    def judge(self, person: Person, granted: frozenset[Pair]) -> Taking:
        """What of the removals of ``person`` can be sent; ``granted`` is what the plan gives the person."""
        if not person.removals:
            return Taking(person, NOTHING_HELD)
        grants = self.snapshot.grants.get(person.user.id, ())
        holds = [
            _hold(person, Obstacle(why.reason, why.detail), pairs)
            for why, pairs in self._blocked(person, grants)
        ]
        found = frozenset(
            meant for pair in person.removals if isinstance(meant := self.meant.get(pair), tuple)
        )
        in_the_way = strange(grants) if found else None
        held = NOTHING_HELD if in_the_way else self.names.holdings(grants)
        if in_the_way is not None:
            holds.append(_hold(person, in_the_way, found))
        pairs = found & held.pairs
        not_there_yet = frozenset(pair for pair in person.removals if pair not in self.meant)
        if both := (found | not_there_yet) & granted:
            # also where it is not held now, or the app has no such value: the grant is about to give it
            holds.append(_hold(person, _granted_too(person, both), both))
            pairs -= both
        looked_alike = frozenset(pair for pair in person.removals if isinstance(self.meant.get(pair), Near))
        for obstacle, those in self._hidden((not_there_yet | looked_alike) - granted, grants):
            holds.append(_hold(person, obstacle, those))
        for obstacle, those in self._obstacles(person, held, pairs):
            holds.append(_hold(person, obstacle, those))
            pairs -= those
        if holds or pairs:
            return Taking(person, held, pairs, tuple(holds))
        return Taking(
            person, held, others=(Keep(address=person.removal_address, principals=person.principals),)
        )

    def _hidden(
        self, unlisted: frozenset[Pair], grants: Sequence[OktaGrant]
    ) -> Iterator[tuple[Obstacle, frozenset[Pair]]]:
        """A value that the app does not have is held by nobody. But a grant that names a value which the
        listing lacks proves the listing short, whatever the pages said: it may be that very value.
        """
        if unlisted and not all(self.names.of(grant).is_fully_known for grant in grants):
            detail = f"{listed(unlisted)} is not listed, but the person holds values that the listing lacks."
            yield Obstacle(HoldReason.INCOMPLETE_READ, detail), unlisted

    def _blocked(self, person: Person, grants: Sequence[OktaGrant]) -> list[tuple[Blocked, frozenset[Pair]]]:
        held = frozenset[Pair]().union(*(self.names.of(grant).pairs for grant in grants))
        by_reason: dict[Blocked, set[Pair]] = {}
        for pair in sorted(person.removals):
            why = self.meant.get(pair)
            if isinstance(why, Near) and why.pairs & held:
                why = why.why
            if isinstance(why, Blocked):
                by_reason.setdefault(why, set()).add(pair)
        return [(why, frozenset(pairs)) for why, pairs in by_reason.items()]

    def _obstacles(
        self, person: Person, held: Holdings, pairs: frozenset[Pair]
    ) -> Iterator[tuple[Obstacle, frozenset[Pair]]]:
        """What of ``pairs`` stays, and why."""
        protected = against_taking(self.snapshot, person)
        if protected is not None and pairs:
            yield protected, pairs
            return
        others = [each for each in held.grants if each.grant.type not in TAKEABLE]
        if via := pairs & frozenset[Pair]().union(*(each.pairs for each in others)):
            kinds = ", ".join(sorted({each.grant.type for each in others if each.pairs & via}))
            yield Obstacle(HoldReason.STILL_HELD_VIA, f"{listed(via)} would still be held via {kinds}."), via
        rest = pairs - via
        if rest and held.base is not None and not held.base.is_fully_known:
            detail = "The existing grant holds values that the listing of the app's values does not show."
            yield Obstacle(HoldReason.INCOMPLETE_READ, detail), rest


def with_revoke(taking: Taking, wanted: Sequence[Verdict]) -> list[Verdict]:
    """``wanted``, what is said of the person's access, and what is said of the removals after it.

    The base grant is written once: what it gets and what it loses are one change. Nothing is written empty:
    the last values are taken by name.
    """
    if not taking.pairs:
        return [*wanted, *taking.others]
    extends = [each for each in wanted if isinstance(each, Change) and each.action is Action.EXTEND]
    if extends and taking.from_base:
        (extend,) = extends
        rest: list[Verdict] = [each for each in wanted if each is not extend]
        return [*rest, _together(taking, extend), *taking.others]
    return [*wanted, _revoke(taking, [each for each in wanted if isinstance(each, Change)]), *taking.others]


def _together(taking: Taking, extend: Change) -> Change:
    gained = added(extend)
    after = frozenset((name, value) for name, values in extend.after for value in values) - taking.pairs
    words = "; ".join(f"{name}: {', '.join(values)}" for name, values in gained)
    kept = taking.held.in_base - taking.pairs
    return replace(
        extend,
        address=taking.person.removal_address,
        action=Action.REVOKE,
        message=f"revoke {_who(taking.person)} {listed(taking.pairs)}, and extend + {words} {_keeps(kept)}",
        after=holding(by_entitlement(after)),
    )


def _revoke(taking: Taking, before_it: Sequence[Change]) -> Change:
    """``before_it``: what is sent for the person before. That may give the grant another end, or put a grant
    beside it.
    """
    base = taking.held.base
    ends = [each.person for each in before_it if each.person and each.action is Action.RETIME]
    gets_additive = any(each.person and each.person.grant_type != GrantType.CUSTOM for each in before_it)
    by_name = gets_additive or not taking.from_base or taking.pairs == taking.held.in_base
    sources = [each for each in taking.held.grants if each.grant.type in TAKEABLE] if by_name else [base]
    held = frozenset[Pair]().union(*(each.pairs for each in sources if isinstance(each, HeldGrant)))
    person = taking.person
    return Change(
        address=person.removal_address,
        action=Action.REVOKE,
        message=f"revoke {_who(person)} {listed(taking.pairs)} {_keeps(held - taking.pairs)}",
        before=holding(by_entitlement(held)),
        after=holding(by_entitlement(held - taking.pairs)),
        person=PersonTarget(
            principals=person.principals,
            user_id=person.user.id,
            login=person.user.login,
            grant_id=None if by_name or base is None else base.grant.id,
            expires=None if by_name or base is None else (ends[0] if ends else base.grant).expires,
        ),
    )


def _who(person: Person) -> str:
    return " = ".join(person.principals)


def _keeps(kept: frozenset[Pair]) -> str:
    return f"(keeps {len(kept)} value{'' if len(kept) == 1 else 's'})"


def _granted_too(person: Person, both: frozenset[Pair]) -> Obstacle:
    if len(person.principals) > 1:
        detail = f"{_who(person)} are one Okta user, who is to get and to lose {listed(both)}."
        return Obstacle(HoldReason.SAME_PERSON, detail)
    detail = f"The plan gives and takes {listed(both)}: two of its values are one in the tenant."
    return Obstacle(HoldReason.AMBIGUOUS_NAME, detail)


def _hold(person: Person, obstacle: Obstacle, pairs: frozenset[Pair]) -> Hold:
    return Hold(
        address=person.removal_address,
        action=Action.REVOKE,
        reason=obstacle.reason,
        detail=obstacle.detail,
        principals=person.principals,
        removes=holding(by_entitlement(pairs)),
    )
