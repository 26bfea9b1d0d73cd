"""What of a change set an approval covers: its part, its counts, what must be named, what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, ChangeSet, added, revoked
from pipeline.changes.permissions import Override, Permissions
from pipeline.errors import ErrorCode, RefusedError
from pipeline.findings import FindingCode
from pipeline.plan.approval import Approval, Scope
from pipeline.plan.model import Plan
from pipeline.plan.value_texts import ValuePattern, bare_texts_of, texts_of

AGAIN = "Run `okta-plan diff` again, review the new change set, and approve it with `okta-plan approve`."
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Needs:
    """What of a change set must be named before it can be approved, beside its counts.

    ``privileged`` values as the plan's limits write them, each with how many people would gain it;
    ``conflicts`` are rules of duties, by id.
    """

    privileged: Mapping[str, int]
    provisioning: bool
    conflicts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.privileged or self.provisioning or self.conflicts)


def in_scope(changes: ChangeSet, scope: Scope) -> ChangeSet:
    """``changes`` with what belongs to that part only."""
    if scope is Scope.ALL:
        return changes
    kept = tuple(
        each for each in changes.changes if (each.entitlement is not None) == (scope is Scope.STRUCTURE)
    )
    return replace(changes, changes=kept)


def counted(changes: Iterable[Change]) -> Counts:
    """Changes by action: what takes away first, then as they are sent."""
    ordered = sorted(changes, key=lambda change: not revoked(change))
    return dict(Counter(change.action.value for change in ordered))


def needs_of(plan: Plan, changes: ChangeSet) -> Needs:
    """What must be named of ``changes``, the part that is to be approved."""
    named = _privileged(plan)
    gains = Counter(
        named[pair]
        for change in changes.changes
        if change.person is not None
        for entitlement, values in added(change)
        for pair in ((entitlement, value) for value in values)
        if pair in named
    )
    gives = any(change.person is not None for change in changes.changes)
    pushes = any(each.code is FindingCode.PROVISIONING_PUSHES for each in changes.findings)
    return Needs(dict(sorted(gains.items())), gives and pushes, changes.conflicts if gives else ())


def _privileged(plan: Plan) -> dict[tuple[str, str], str]:
    """Pairs as change sets write them -> the words of ``limits.privileged`` that mean them."""
    pairs: dict[tuple[str, str], str] = {}
    patterns = [ValuePattern.of(text) for text in plan.limits.privileged]
    for entitlement in plan.entitlements:
        for value in entitlement.values:
            texts = texts_of(entitlement, value) | bare_texts_of(value)
            by = next((each.text for each in patterns if each.matches(texts)), None)
            if by is None:
                continue
            # a pattern names nothing: then the value itself must be named
            word = by if "*" not in by else f"{entitlement.external_value}/{value.external_value}"
            # The tenant may know either by its name only, and then its externalValue is what it calls it.
            for first in (entitlement.external_value, entitlement.name):
                for second in (value.external_value, value.name):
                    pairs[first, second] = word
    return pairs


def permissions_of(approval: Approval) -> Permissions:
    """What guards need to know of ``approval``."""
    return Permissions(
        privileged=frozenset(approval.privileged),
        conflicts=frozenset(approval.conflicts),
        provisioning=approval.provisioning,
        overrides={each.guard: Override(each.limit, each.reason) for each in approval.allow},
    )


def counted_as(reviewed: ChangeSet) -> Callable[[Change], str]:
    """Under which action of ``reviewed`` a change counts: its own, but what is left of a revoke that also
    gives, once its values are gone, is an extend at another address, and was approved as that revoke.
    """
    known = {each.address for each in reviewed.changes}
    giving = {
        Address(Kind.GRANT, each.address.key)
        for each in reviewed.changes
        if each.action is Action.REVOKE and added(each)
    }

    def action_of(change: Change) -> str:
        is_rest = change.action is Action.EXTEND and change.address in giving and change.address not in known
        return Action.REVOKE.value if is_rest else change.action.value

    return action_of


def refuse_beyond(wanted: Mapping[str, int], left: Mapping[str, int], approved: Mapping[str, int]) -> None:
    """Raises RefusedError where more changes of an action are wanted than an approval of so many has left."""
    over = {action: count for action, count in wanted.items() if count > left.get(action, 0)}
    if not over:
        return
    if not any(left.values()):
        done = ", ".join(f"{count} {action}" for action, count in approved.items())
        raise RefusedError(
            ErrorCode.APPROVAL_USED_UP,
            "The approval is used up",
            f"All it covers was applied ({done}); {_words(wanted)} more would be sent.",
            next_step=AGAIN,
        )
    sums = "; ".join(
        f"{count} {action} wanted, of {approved.get(action, 0)} approved {left.get(action, 0)} are left"
        for action, count in over.items()
    )
    raise RefusedError(
        ErrorCode.APPROVAL_EXCEEDED,
        "More would be changed than was approved",
        f"{sums}.",
        next_step=AGAIN,
    )


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {action}" for action, count in counts.items())
