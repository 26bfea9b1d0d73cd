"""Whether a stored change goes to whom and to what its address names: its digest covers no ids. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.changes.instants import same_instant
from pipeline.changes.model import Action, Change, EntitlementTarget, NewValue, PersonTarget, added
from pipeline.changes.snapshot import GrantType, Snapshot
from pipeline.changes.wanted import Person, resolve
from pipeline.plan.model import Entitlement, Plan


def strangers(plan: Plan, snapshot: Snapshot, changes: Iterable[Change]) -> Iterator[Change]:
    """Those of ``changes`` that would write to another user or entitlement than the one their address names,
    another end, type or text than the plan says. Of ``snapshot`` the people and entitlements count.
    """
    people = {person.key: person for person in resolve(plan, snapshot).people}
    planned = {each.external_value: each for each in plan.entitlements}
    external_values = {each.id: each.external_value for each in snapshot.entitlements}
    is_additive = plan.grants.type == "additive"
    for change in changes:
        key = change.address.key
        if change.person is not None:
            is_it = _is_theirs(change.action, change.person, people.get(key), is_additive=is_additive)
        else:
            is_it = change.entitlement is not None and _is_planned(
                change, change.entitlement, planned.get(key), external_values
            )
        if not is_it:
            yield change


def _is_theirs(action: Action, target: PersonTarget, person: Person | None, *, is_additive: bool) -> bool:
    if person is None or target.user_id != person.user.id:
        return False
    if action is Action.REVOKE:
        return True  # a smaller grant keeps its end, and what is taken by name has none
    adds = is_additive and action not in (Action.ASSIGN, Action.RETIME)
    wanted = GrantType.ENTITLEMENT if adds else GrantType.CUSTOM
    return target.grant_type == wanted and same_instant(target.expires, person.expires)


def _is_planned(
    change: Change, target: EntitlementTarget, wanted: Entitlement | None, external_values: dict[str, str]
) -> bool:
    if wanted is None:
        return False
    if target.id is not None and external_values.get(target.id) != target.external_value:
        return False
    if change.action is Action.CREATE and (
        target.external_value,
        target.name,
        target.description,
        target.multi_value,
    ) != (wanted.external_value, wanted.name, wanted.description, wanted.multi_value):
        return False
    values = {NewValue(each.name, each.external_value, each.description) for each in wanted.values}
    new = {(target.external_value, each.external_value) for each in target.new_values}
    adds = {(entitlement, value) for entitlement, held in added(change) for value in held}
    is_new = change.action in (Action.CREATE, Action.ADD)
    return values.issuperset(target.new_values) and new == (adds if is_new else set())
