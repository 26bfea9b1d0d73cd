"""What a run gave to people, told by its journal, as a plan that takes it away again; and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.address import Address
from pipeline.changes.model import Action, Change, ChangeSet, Holding, added, removed
from pipeline.plan.cohorts import Pair, by_entitlement, cohorts_of
from pipeline.plan.model import Entitlement, Limits, OktaAppRef, Plan, Value
from pipeline.run.entries import Begin, End, Entry, Header
from pipeline.run.fold import fold
from pipeline.run.result import Outcome

REWORKED = frozenset({Action.DESCRIBE, Action.RENAME, Action.CONVERT, Action.RETIME})
"""What these change beside values stays changed."""


@dataclass(slots=True)
class Undo:
    """``given``: by login, the values that the run added. All else is what stays as the run left it."""

    given: dict[str, set[Pair]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    """Entitlements, by externalValue."""
    values: dict[str, set[str]] = field(default_factory=dict)
    """Values added to entitlements, those of created ones included."""
    assigned: list[str] = field(default_factory=list)
    grants: dict[str, str] = field(default_factory=dict)
    """Login -> the id of the grant that was created."""
    revoked: dict[str, set[Pair]] = field(default_factory=dict)
    """By login, what the run took away: no undo gives it back."""
    reworked: list[str] = field(default_factory=list)
    unsure: list[Change] = field(default_factory=list)
    """Sent, and not known whether they took effect."""

    @property
    def pairs(self) -> int:
        return sum(len(pairs) for pairs in self.given.values())


def undo_of(entries: Sequence[Entry], change_set: ChangeSet) -> Undo:
    """What the run of ``entries``, whose change set this is, did to the tenant.

    Only what was ``applied`` counts: what was ``already_so`` was there before.
    """
    ends = {Address.parse(each.address): each for each in entries if isinstance(each, End)}
    begins = {Address.parse(each.address): each for each in entries if isinstance(each, Begin)}
    begun = fold(entries).open
    undo = Undo()
    for change in change_set.changes:
        end = ends.get(change.address)
        if change.address in begun or (end is not None and end.outcome is Outcome.UNRESOLVED):
            undo.unsure.append(change)
        elif end is not None and end.outcome is Outcome.APPLIED:
            begin = begins.get(change.address)
            adds = added(change) if begin is None or begin.adds is None else begin.adds
            _enter(undo, change, end, adds)
    return undo


def _enter(undo: Undo, change: Change, end: End, adds: Holding) -> None:
    if change.action in REWORKED:
        undo.reworked.append(change.message)
    if change.entitlement is not None:
        if change.action is Action.CREATE:
            undo.created.append(change.entitlement.external_value)
        for entitlement, values in adds:
            undo.values.setdefault(entitlement, set()).update(values)
    if change.person is None:
        return
    login = change.person.login
    if change.action is Action.ASSIGN:
        undo.assigned.append(login)
    if change.action is Action.GRANT and end.okta_id:
        undo.grants[login] = end.okta_id
    for held, into in ((adds, undo.given), (removed(change), undo.revoked)):
        if pairs := {(entitlement, value) for entitlement, values in held for value in values}:
            into.setdefault(login, set()).update(pairs)


def undo_plan(undo: Undo, header: Header, okta_app_label: str) -> Plan:
    """The plan whose removals are exactly what the run gave, on that org and app alone. Its limits let so
    much through and no more.
    """
    every = {pair for pairs in undo.given.values() for pair in pairs}
    return Plan(
        name=f"undo-{header.run_id}",
        tenant=header.org_host,
        okta_app=OktaAppRef(id=header.okta_app_id, label=okta_app_label),
        entitlements=tuple(
            Entitlement(
                name=name,
                external_value=name,
                values=tuple(Value(name=each, external_value=each) for each in values),
            )
            for name, values in by_entitlement(every).items()
        ),
        removals=cohorts_of(undo.given),
        limits=Limits(revoked_percent_max=100, revoked_max=undo.pairs),
    )
