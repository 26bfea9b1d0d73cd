"""Assignments and grants of one person against what the tenant holds: the table of SEMANTICS section 3."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline.address import Address
from pipeline.changes.model import (
    Action,
    Change,
    Hold,
    Holding,
    HoldReason,
    Keep,
    PersonTarget,
    holding,
)
from pipeline.changes.snapshot import GrantType, OktaGrant, Snapshot
from pipeline.changes.structure import Blocked, Meant
from pipeline.changes.wanted import Pair, Person, by_entitlement
from pipeline.plan.model import Plan

KNOWN_TYPES = {each.value for each in GrantType}


@dataclass(slots=True)
class Access:
    changes: list[Change] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    keeps: list[Keep] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ids:
    """(entitlement id, value id) -> the pair of externalValues, for all that the tenant has."""

    pairs: dict[Pair, Pair]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Ids:
        return cls(
            {
                (entitlement.id, value.id): (entitlement.external_value, value.external_value)
                for entitlement in snapshot.entitlements
                for value in entitlement.values
            }
        )

    def named(self, grant: OktaGrant) -> set[Pair] | None:
        """What ``grant`` holds, by externalValue; None where it holds something the listing lacks."""
        names = [self.pairs.get(pair) for pair in grant.values]
        return None if None in names else {name for name in names if name is not None}


class PersonDiff:
    """Compares one person; its result is in ``access``."""

    def __init__(
        self,
        plan: Plan,
        snapshot: Snapshot,
        *,
        meant: dict[Pair, Meant | Blocked],
        ids: Ids,
        person: Person,
        access: Access,
        now_s: float,
    ) -> None:
        self._plan = plan
        self._snapshot = snapshot
        self._meant = meant
        self._ids = ids
        self._person = person
        self._access = access
        self._now_s = now_s
        self._grants = snapshot.grants.get(person.user.id, ())

    def compare(self) -> None:
        """Enter the changes, holds or keeps of this person."""
        assignment = self._assignment()
        if not self._person.pairs:
            if isinstance(assignment, Change):
                self._access.changes.append(assignment)
            elif assignment is None:
                self._keep(self._person.assignment_address)
            return
        wanted = self._sendable()
        if not wanted:
            return
        change = self._grant(wanted)
        if change is None:
            return
        if isinstance(assignment, Hold):
            self._hold(change.action, HoldReason.NOT_ASSIGNED, assignment.detail, wanted)
            return
        if isinstance(assignment, Change):
            self._access.changes.append(assignment)
        self._access.changes.append(change)

    def _assignment(self) -> Change | Hold | None:
        """The assignment to send, the hold that stands for it, or None where the person is assigned."""
        row = self._snapshot.app_users.get(self._person.user.id)
        if self._snapshot.okta_app.implicit_assignment or (row is not None and row.is_assigned):
            return None
        if not self._snapshot.is_complete("app_users"):
            return self._assign_hold(
                HoldReason.INCOMPLETE_READ, "The app's users could not be read to the end."
            )
        if self._plan.assignments.missing == "hold":
            return self._assign_hold(
                HoldReason.NOT_ASSIGNED,
                "The person is not assigned to the app, and the plan does not assign.",
            )
        return Change(
            address=self._person.assignment_address,
            action=Action.ASSIGN,
            message=f"assign {self._who} to {self._snapshot.okta_app.label}",
            before=(),
            after=(),
            person=self._target(),
        )

    def _sendable(self) -> set[Pair]:
        """The wanted pairs in the tenant's terms; what is blocked is held apart, the rest goes on."""
        sendable: set[Pair] = set()
        blocked: dict[Blocked, set[Pair]] = {}
        for pair in self._person.pairs:
            meaning = self._meant[pair]
            if isinstance(meaning, Blocked):
                blocked.setdefault(meaning, set()).add(pair)
            else:
                sendable.add((meaning.entitlement, meaning.value))
        for why, pairs in sorted(blocked.items(), key=lambda item: sorted(item[1])):
            names = ", ".join(f"{entitlement} {value}" for entitlement, value in sorted(pairs))
            self._hold(Action.GRANT, HoldReason.DEPENDS_ON_HELD, f"{names}: {why.detail}", pairs)
        return sendable

    def _grant(self, wanted: set[Pair]) -> Change | None:
        """The change of this person's base grant, or None where there is none or it is held."""
        if not self._snapshot.is_complete("grants"):
            return self._hold(
                Action.GRANT, HoldReason.INCOMPLETE_READ, "The grants could not be read to the end.", wanted
            )
        if self._is_strange(wanted):
            return None
        bases = [grant for grant in self._grants if GrantType(grant.type).is_base]
        if len(bases) > 1:
            return self._hold(
                Action.EXTEND, HoldReason.SEVERAL_BASE_GRANTS, "Okta lists more than one base grant.", wanted
            )
        additive = [grant for grant in self._grants if not GrantType(grant.type).is_base]
        held_besides = {pair for grant in additive for pair in self._ids.named(grant) or ()}
        base = bases[0] if bases else None
        in_base = self._ids.named(base) if base else set()
        if in_base is None:
            return self._hold(
                Action.EXTEND,
                HoldReason.INCOMPLETE_READ,
                "The existing grant holds values that the listing of the app's values does not show.",
                wanted,
            )
        missing = wanted - in_base - held_besides
        if not missing:
            return self._all_held(base, additive, wanted, in_base)
        return self._write(base, additive, in_base, missing, wanted)

    def _is_strange(self, wanted: set[Pair]) -> bool:
        """Hold where the person has a grant that this tool must not write beside."""
        for grant in self._grants:
            if grant.action != "ALLOW":
                self._hold(Action.GRANT, HoldReason.DENIED, "A DENY grant stands for this person.", wanted)
                return True
            if grant.type not in KNOWN_TYPES or grant.status != "ACTIVE":
                kind = f"type {grant.type}, status {grant.status}"
                self._hold(
                    Action.GRANT,
                    HoldReason.UNKNOWN_GRANT_TYPE,
                    f"The person has a grant of a kind this version does not know ({kind}).",
                    wanted,
                )
                return True
        return False

    def _all_held(
        self,
        base: OktaGrant | None,
        additive: list[OktaGrant],
        wanted: set[Pair],
        in_base: set[Pair],
    ) -> Change | None:
        """Nothing is missing: keep, unless a wanted end differs from the ends of the grants that matter."""
        ends = {base.expires} if base and wanted & in_base else set()
        ends |= {
            grant.expires for grant in additive if (self._ids.named(grant) or set()) & (wanted - in_base)
        }
        if any(not same_instant(end, self._person.expires) for end in ends):
            return self._hold(Action.RETIME, HoldReason.EXPIRY_DIFFERS, self._ends(ends), wanted)
        via = sorted(
            {grant.type for grant in additive if (self._ids.named(grant) or set()) & (wanted - in_base)}
        )
        if base and base.type == GrantType.POLICY:
            via.insert(0, base.type)
        self._keep(self._person.grant_address, ", ".join(via))
        return None

    def _write(
        self,
        base: OktaGrant | None,
        additive: list[OktaGrant],
        in_base: set[Pair],
        missing: set[Pair],
        wanted: set[Pair],
    ) -> Change | None:
        action = Action.EXTEND if base else Action.GRANT
        problem = self._problem(base, additive, in_base, missing)
        if problem is not None:
            reason, detail = problem
            if reason is HoldReason.POLICY_GRANT and self._plan.grants.policy_users == "convert":
                reason, detail = HoldReason.NOT_SUPPORTED, "Converting policy grants is not built yet."
            return self._hold(action, reason, detail, missing)
        after = in_base | missing
        return Change(
            address=self._person.grant_address,
            action=action,
            message=self._message(action, in_base, missing),
            before=_named(in_base),
            after=_named(after),
            depends_on=self._depends_on(wanted),
            person=self._target(base.id if base else None),
        )

    def _problem(
        self, base: OktaGrant | None, additive: list[OktaGrant], in_base: set[Pair], missing: set[Pair]
    ) -> tuple[HoldReason, str] | None:
        if base is not None and base.type == GrantType.POLICY:
            values = ", ".join(f"{entitlement} {value}" for entitlement, value in sorted(missing))
            return (
                HoldReason.POLICY_GRANT,
                f"Access comes from a policy and lacks {values}. Writing would take the person out of it.",
            )
        if additive:
            kinds = ", ".join(sorted({grant.type for grant in additive}))
            if self._plan.grants.with_additive == "canary":
                return HoldReason.NOT_SUPPORTED, f"Writing beside {kinds} grants is not built yet."
            return (
                HoldReason.ADDITIVE_PRESENT,
                f"The person also has {kinds} grants, which a CUSTOM write may remove.",
            )
        if base is not None and not same_instant(base.expires, self._person.expires):
            return HoldReason.EXPIRY_DIFFERS, self._ends({base.expires})
        if self._has_ended():
            return HoldReason.EXPIRED, f"The wanted end {self._person.expires} is past."
        return self._single_value(in_base | missing)

    def _single_value(self, after: set[Pair]) -> tuple[HoldReason, str] | None:
        singles = {m.entitlement for m in self._meant.values() if isinstance(m, Meant) and not m.multi_value}
        for entitlement, values in sorted(by_entitlement(after).items()):
            if entitlement in singles and len(values) > 1:
                listed = ", ".join(sorted(values))
                return HoldReason.SINGLE_VALUE, f"{entitlement} takes one value a person, not {listed}."
        return None

    def _has_ended(self) -> bool:
        end = self._person.expires
        return end is not None and instant_s(end) <= self._now_s

    def _depends_on(self, wanted: set[Pair]) -> tuple[Address, ...]:
        needed = {
            meaning.after
            for meaning in (self._meant[pair] for pair in self._person.pairs)
            if isinstance(meaning, Meant) and meaning.after and (meaning.entitlement, meaning.value) in wanted
        }
        return tuple(sorted(needed))

    def _message(self, action: Action, in_base: set[Pair], missing: set[Pair]) -> str:
        values = "; ".join(
            f"{entitlement}: {', '.join(sorted(held))}"
            for entitlement, held in sorted(by_entitlement(missing).items())
        )
        if action is Action.GRANT:
            return f"grant {self._who} {values}"
        return f"extend {self._who} + {values} (keeps {len(in_base)})"

    @property
    def _who(self) -> str:
        return " = ".join(self._person.principals)

    def _ends(self, ends: set[str | None]) -> str:
        existing = ", ".join(sorted(end or "no end" for end in ends))
        return f"The plan wants the end {self._person.expires or 'none'}; the existing grant has {existing}."

    def _target(self, grant_id: str | None = None) -> PersonTarget:
        return PersonTarget(
            principals=self._person.principals,
            user_id=self._person.user.id,
            login=self._person.user.login,
            grant_id=grant_id,
            expires=self._person.expires,
        )

    def _keep(self, address: Address, via: str = "") -> None:
        self._access.keeps.append(Keep(address=address, principals=self._person.principals, via=via))

    def _assign_hold(self, reason: HoldReason, detail: str) -> Hold:
        hold = Hold(
            address=self._person.assignment_address,
            action=Action.ASSIGN,
            reason=reason,
            detail=detail,
            principals=self._person.principals,
        )
        self._access.holds.append(hold)
        return hold

    def _hold(self, action: Action, reason: HoldReason, detail: str, pairs: set[Pair]) -> Change | None:
        """Enter a hold; always None, the change there is not."""
        self._access.holds.append(
            Hold(
                address=self._person.grant_address,
                action=action,
                reason=reason,
                detail=detail,
                principals=self._person.principals,
                adds=_named(pairs),
            )
        )
        return None


def instant_s(text: str) -> float:
    """Epoch seconds of an ISO 8601 instant; one without a zone is UTC, as Okta writes it."""
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def same_instant(left: str | None, right: str | None) -> bool:
    """Whether two ends are one, whatever their precision or zone (okta-api.md 12.31)."""
    if left is None or right is None:
        return left is right
    return int(instant_s(left)) == int(instant_s(right))


def _named(pairs: set[Pair]) -> Holding:
    return holding(by_entitlement(pairs))
