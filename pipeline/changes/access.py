"""Assignment and grant of one person against what the tenant holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pipeline.address import Address
from pipeline.changes.converting import is_of, with_base
from pipeline.changes.duties import against_giving, duties_of
from pipeline.changes.holdings import Holdings, ValueNames
from pipeline.changes.lengthening import lengthening, lengthens
from pipeline.changes.model import (
    Action,
    Change,
    Hold,
    Holding,
    HoldReason,
    Keep,
    PersonTarget,
    added,
    holding,
)
from pipeline.changes.obstacles import Case, Obstacle, against_keep, against_write, listed, strange
from pipeline.changes.protection import against_taking
from pipeline.changes.removals import Removals, Taking, removable, with_revoke
from pipeline.changes.snapshot import GrantType, OktaGrant, Snapshot
from pipeline.changes.structure import Blocked, Meant, Pair, Structure
from pipeline.changes.wanted import Person, by_entitlement
from pipeline.plan.duties import Duties
from pipeline.plan.model import Plan

Verdict = Change | Hold | Keep

GRANTS_TORN = Obstacle(HoldReason.INCOMPLETE_READ, "The app's grants could not be read to the end.")
APP_USERS_TORN = Obstacle(HoldReason.INCOMPLETE_READ, "The app's users could not be read to the end.")
NO_ASSIGNING = Obstacle(
    HoldReason.NOT_ASSIGNED, "The person is not assigned to the app, and the plan does not assign."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a cohort's values mean in the tenant: ``pairs`` can be granted, once ``needs`` are written;
    ``unavailable`` (as the plan names them) cannot, because of ``reasons``.
    """

    pairs: frozenset[Pair]
    needs: Mapping[Pair, Address]
    unavailable: frozenset[Pair]
    reasons: tuple[Blocked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Plan and tenant in the form that the comparison of every person needs."""

    plan: Plan
    snapshot: Snapshot
    meant: Mapping[Pair, Meant | Blocked]
    """Of every (entitlement, value) in the plan."""
    names: ValueNames
    single_valued: frozenset[str]
    duties: Duties
    removals: Removals
    now_s: float
    _wanted: dict[frozenset[Pair], Wanted] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, structure: Structure, now_s: float) -> Terms:
        snapshot, meant = structure.snapshot, structure.meant
        found = [each for each in meant.values() if isinstance(each, Meant)]
        names = ValueNames(snapshot)
        return cls(
            plan=plan,
            snapshot=snapshot,
            meant=meant,
            names=names,
            single_valued=frozenset(each.entitlement for each in found if not each.multi_value),
            duties=duties_of(plan, structure),
            removals=Removals(snapshot, names, removable(plan, snapshot)),
            now_s=now_s,
        )

    def wanted(self, pairs: frozenset[Pair]) -> Wanted:
        """Worked out once a cohort, not once a person."""
        known = self._wanted.get(pairs)
        if known is None:
            known = self._wanted[pairs] = self._work_out(pairs)
        return known

    def _work_out(self, pairs: frozenset[Pair]) -> Wanted:
        meanings = {pair: self.meant[pair] for pair in sorted(pairs)}
        found = [each for each in meanings.values() if isinstance(each, Meant)]
        blocked = {pair: each for pair, each in meanings.items() if isinstance(each, Blocked)}
        return Wanted(
            pairs=frozenset(each.pair for each in found),
            needs={each.pair: each.after for each in found if each.after is not None},
            unavailable=frozenset(blocked),
            reasons=tuple(dict.fromkeys(blocked.values())),
        )

    def grants_of(self, person: Person) -> tuple[OktaGrant, ...]:
        return self.snapshot.grants.get(person.user.id, ())


def compare_person(terms: Terms, person: Person) -> list[Verdict]:
    """Everything to say about one person, in the order in which it would be sent.

    A person whose grant is held is not assigned either: the assignment is there for the grant's sake.
    """
    wanted = terms.wanted(person.pairs)
    taking = terms.removals.judge(person, wanted.pairs)
    if not person.wants_access:
        return with_revoke(taking, [])
    if not person.pairs:
        return with_revoke(taking, [_assignment_alone(terms, person)])
    verdicts: list[Verdict] = [_unavailable(person, wanted)] if wanted.unavailable else []
    if wanted.pairs:
        verdicts += _access(terms, person, wanted, taking)
    return with_revoke(taking, verdicts)


def _access(terms: Terms, person: Person, wanted: Wanted, taking: Taking) -> list[Verdict]:
    grant = _grant(terms, person, wanted, taking)
    assignment = None if isinstance(grant, Hold) else _assignment(terms, person)
    if assignment is None:
        return [grant]
    if not isinstance(grant, Change):
        return [assignment, grant]
    if isinstance(assignment, Change):
        return [assignment, replace(grant, depends_on=(assignment.address, *grant.depends_on))]
    detail = f"{assignment.detail} A grant would assign the person by itself."
    return [
        assignment,
        replace(assignment, address=grant.address, action=grant.action, detail=detail, adds=added(grant)),
    ]


def _assignment_alone(terms: Terms, person: Person) -> Verdict:
    assignment = _assignment(terms, person)
    if assignment is None:
        return Keep(address=person.assignment_address, principals=person.principals)
    if isinstance(assignment, Hold):
        return assignment
    obstacle = strange(terms.grants_of(person)) if terms.snapshot.is_complete("grants") else GRANTS_TORN
    if obstacle is not None and obstacle.reason in (HoldReason.DENIED, HoldReason.INCOMPLETE_READ):
        return _hold(person, Action.ASSIGN, obstacle, frozenset())
    return assignment


def _assignment(terms: Terms, person: Person) -> Change | Hold | None:
    """The assignment to send, the hold that stands for it, or None where the person is assigned."""
    row = terms.snapshot.app_users.get(person.user.id)
    if terms.snapshot.okta_app.implicit_assignment or (row is not None and row.is_assigned):
        return None
    if not terms.snapshot.is_complete("app_users"):
        return _hold(person, Action.ASSIGN, APP_USERS_TORN, frozenset())
    if terms.plan.assignments.missing == "hold":
        return _hold(person, Action.ASSIGN, NO_ASSIGNING, frozenset())
    return Change(
        address=person.assignment_address,
        action=Action.ASSIGN,
        message=f"assign {_who(person)} to {terms.snapshot.okta_app.label}",
        before=(),
        after=(),
        person=_target(person),
    )


def _unavailable(person: Person, wanted: Wanted) -> Hold:
    """One hold for all values that are not there to be granted; what else is wanted goes on."""
    torn = all(each.reason is HoldReason.INCOMPLETE_READ for each in wanted.reasons)
    reason = HoldReason.INCOMPLETE_READ if torn else HoldReason.DEPENDS_ON_HELD
    why = " ".join(each.detail for each in wanted.reasons)
    detail = f"Not to be had: {listed(wanted.unavailable)}. {why}"
    return _hold(person, Action.GRANT, Obstacle(reason, detail), wanted.unavailable)


def _grant(terms: Terms, person: Person, wanted: Wanted, taking: Taking) -> Verdict:
    """The change of the person's base grant, or why there is none."""
    grants = terms.grants_of(person)
    obstacle = strange(grants) if terms.snapshot.is_complete("grants") else GRANTS_TORN
    if obstacle is not None:
        return _hold(person, Action.GRANT, obstacle, wanted.pairs)
    base = terms.snapshot.bases.get(person.user.id)
    held = terms.names.holdings(with_base(grants, base))
    missing = wanted.pairs - held.pairs
    if not missing:
        return _kept(terms, person, wanted, held)
    case = Case(
        person=person,
        held=held,
        wanted=wanted.pairs,
        missing=missing,
        leaving=taking.from_base,
        options=terms.plan.grants,
        single_valued=terms.single_valued,
        now_s=terms.now_s,
        base_is_read=base is not None and any(is_of(base, each) for each in grants),
    )
    obstacle = against_write(case)
    if obstacle is None and case.action is Action.CONVERT:
        obstacle = against_taking(terms.snapshot, person)
    if obstacle is None:
        is_read = case.base_is_read
        obstacle = against_giving(
            terms.duties, terms.snapshot, held, missing, taking.pairs, base_is_read=is_read
        )
    if obstacle is not None:
        return _hold(person, case.action, obstacle, missing)
    return _write(case, wanted)


def _kept(terms: Terms, person: Person, wanted: Wanted, held: Holdings) -> Verdict:
    obstacle = against_keep(person, wanted.pairs, held)
    is_additive = terms.plan.grants.type == "additive"
    if obstacle is not None and not is_additive and lengthens(person, wanted.pairs, held, terms.now_s):
        return _retime(person, wanted, held)
    if obstacle is not None:
        return _hold(person, Action.RETIME, obstacle, frozenset())
    beyond_base = wanted.pairs - held.in_base
    via = {each.grant.type for each in held.additive if each.pairs & beyond_base}
    if held.base is not None and held.has_policy_base and wanted.pairs & held.in_base:
        via.add(held.base.grant.type)
    return Keep(address=person.grant_address, principals=person.principals, via=", ".join(sorted(via)))


def _retime(person: Person, wanted: Wanted, held: Holdings) -> Change:
    base = _by_entitlement(held.in_base)
    target = _target(person, held.base.grant.id if held.base else None)
    return Change(
        address=person.grant_address,
        action=Action.RETIME,
        message=lengthening(_who(person), person, held, wanted.pairs),
        before=base,
        after=base,
        person=replace(target, expires_before=held.base.grant.expires if held.base else None),
    )


def _write(case: Case, wanted: Wanted) -> Change:
    person, base = case.person, None if case.is_additive else case.held.base
    return Change(
        address=person.grant_address,
        action=case.action,
        message=_message(case),
        before=_by_entitlement(case.before),
        after=_by_entitlement(case.before | case.missing),
        depends_on=tuple(sorted({wanted.needs[pair] for pair in case.missing if pair in wanted.needs})),
        person=replace(
            _target(person, base.grant.id if base else None),
            grant_type=(GrantType.ENTITLEMENT if case.is_additive else GrantType.CUSTOM).value,
            beside=case.beside,
        ),
    )


def _message(case: Case) -> str:
    until = f" until {case.person.expires}" if case.person.expires else ""
    values = listed(case.missing)
    beside = f", beside {' and '.join(case.beside)} grants" if case.beside else ""
    if case.is_additive:
        return f"grant {_who(case.person)} {values}{until}, in an ENTITLEMENT grant of its own"
    if case.action is Action.GRANT:
        return f"grant {_who(case.person)} {values}{until}{beside}"
    kept = len(case.held.in_base)
    if case.action is Action.CONVERT:
        own = f"{kept} value{'' if kept == 1 else 's'} of the policy as their own"
        return f"convert {_who(case.person)} + {values}{until}: leaves the policy, keeps {own}{beside}"
    return f"extend {_who(case.person)} + {values} (keeps {kept} value{'' if kept == 1 else 's'}){beside}"


def _who(person: Person) -> str:
    return " = ".join(person.principals)


def _target(person: Person, grant_id: str | None = None) -> PersonTarget:
    return PersonTarget(
        principals=person.principals,
        user_id=person.user.id,
        login=person.user.login,
        grant_id=grant_id,
        expires=person.expires,
    )


def _hold(person: Person, action: Action, obstacle: Obstacle, adds: frozenset[Pair]) -> Hold:
    return Hold(
        address=person.assignment_address if action is Action.ASSIGN else person.grant_address,
        action=action,
        reason=obstacle.reason,
        detail=obstacle.detail,
        principals=person.principals,
        adds=_by_entitlement(adds),
    )


def _by_entitlement(pairs: frozenset[Pair]) -> Holding:
    return holding(by_entitlement(pairs))
