"""A tenant in memory: what a snapshot looks like after a change set was carried out."""

from __future__ import annotations

from dataclasses import replace

from pipeline.changes.model import Action, Change, ChangeSet, Holding
from pipeline.changes.snapshot import AppUser, OktaEntitlement, OktaGrant, OktaValue, Snapshot
from tests.builders import entitlement_id, okta_id, value_id


def applied(change_set: ChangeSet, snapshot: Snapshot) -> Snapshot:
    """``snapshot`` after every change of ``change_set``, in its order."""
    for change in change_set.changes:
        snapshot = _apply(change, snapshot)
    return snapshot


def _apply(change: Change, snapshot: Snapshot) -> Snapshot:
    match change.action:
        case Action.CREATE:
            return _create(change, snapshot)
        case Action.ADD:
            return _add(change, snapshot)
        case Action.RENAME | Action.DESCRIBE:
            return _reword(change, snapshot)
        case Action.ASSIGN:
            return _assign(change, snapshot)
        case Action.GRANT | Action.EXTEND | Action.CONVERT:
            return _grant(change, snapshot)
        case Action.RETIME:
            return _retime(change, snapshot)
        case _:
            raise AssertionError(change)


def _create(change: Change, snapshot: Snapshot) -> Snapshot:
    target = change.entitlement
    assert target is not None
    assert not any(each.external_value == target.external_value for each in snapshot.entitlements)
    created = OktaEntitlement(
        id=entitlement_id(target.external_value),
        name=target.name,
        external_value=target.external_value,
        multi_value=target.multi_value,
        values=_new_values(change),
        description=target.description,
    )
    return replace(snapshot, entitlements=(*snapshot.entitlements, created))


def _add(change: Change, snapshot: Snapshot) -> Snapshot:
    target = change.entitlement
    assert target is not None
    entitlements = tuple(
        replace(each, values=(*each.values, *_new_values(change))) if each.id == target.id else each
        for each in snapshot.entitlements
    )
    assert entitlements != snapshot.entitlements
    return replace(snapshot, entitlements=entitlements)


def _reword(change: Change, snapshot: Snapshot) -> Snapshot:
    target = change.entitlement
    assert target is not None
    [found] = [each for each in snapshot.entitlements if each.id == target.id]
    values = {each.external_value: each for each in found.values}
    for each in target.rewordings:
        if each.value is None:
            found = replace(found, description=each.description)
            continue
        assert each.external_value not in values, "one name, one value"
        value = values[each.value]
        texts = {"external_value": each.external_value, "name": each.name, "description": each.description}
        changed = replace(value, **{key: text for key, text in texts.items() if text is not None})
        assert changed != value
        values[each.value] = changed
    found = replace(found, values=tuple(values.values()))
    entitlements = tuple(found if each.id == found.id else each for each in snapshot.entitlements)
    return replace(snapshot, entitlements=entitlements)


def _new_values(change: Change) -> tuple[OktaValue, ...]:
    target = change.entitlement
    assert target is not None
    return tuple(
        OktaValue(
            value_id(target.external_value, each.external_value),
            each.name,
            each.external_value,
            each.description,
        )
        for each in target.new_values
    )


def _assign(change: Change, snapshot: Snapshot) -> Snapshot:
    assert change.person is not None
    user_id = change.person.user_id
    return replace(
        snapshot, app_users={**snapshot.app_users, user_id: AppUser(user_id, scope="USER", status="ACTIVE")}
    )


def _grant(change: Change, snapshot: Snapshot) -> Snapshot:
    """As Okta does it: the base grant is replaced by exactly what was sent."""
    person = change.person
    assert person is not None
    assert person.user_id in snapshot.app_users
    existing = snapshot.grants.get(person.user_id, ())
    if person.grant_type == "CUSTOM":
        base = "POLICY" if change.action is Action.CONVERT else "CUSTOM"
        assert [each.id for each in existing if each.type == base] == [e for e in [person.grant_id] if e]
    written = OktaGrant(
        id=person.grant_id or okta_id("gra", person.user_id, person.grant_type, str(len(existing))),
        user_id=person.user_id,
        type=person.grant_type,
        action="ALLOW",
        status="ACTIVE",
        values=_ids(change.after, snapshot),
        expires=person.expires,
    )
    kept = tuple(each for each in existing if each.id != person.grant_id)
    return replace(snapshot, grants={**snapshot.grants, person.user_id: (*kept, written)})


def _retime(change: Change, snapshot: Snapshot) -> Snapshot:
    person = change.person
    assert person is not None
    grants = tuple(
        replace(each, expires=person.expires) if each.id == person.grant_id else each
        for each in snapshot.grants[person.user_id]
    )
    assert grants != snapshot.grants[person.user_id]
    return replace(snapshot, grants={**snapshot.grants, person.user_id: grants})


def _ids(held: Holding, snapshot: Snapshot) -> frozenset[tuple[str, str]]:
    ids = {
        (entitlement.external_value, value.external_value): (entitlement.id, value.id)
        for entitlement in snapshot.entitlements
        for value in entitlement.values
    }
    return frozenset(ids[entitlement, value] for entitlement, values in held for value in values)
