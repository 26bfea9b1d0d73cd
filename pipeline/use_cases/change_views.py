"""One change as data, for those who look at change sets and for those who look back at runs."""

from __future__ import annotations

from pipeline.changes.model import Change, Holding, added, removed
from pipeline.views import ChangeView


def change_view(change: Change) -> ChangeView:
    """``change`` with what its person holds before and after."""
    person = change.person
    return ChangeView(
        address=str(change.address),
        action=change.action,
        message=change.message,
        principal=change.principal,
        also=list(person.principals[1:]) if person else [],
        adds=value_lists(added(change)),
        removes=value_lists(removed(change)),
        keeps=value_lists(kept(change)) if person else {},
        expires=person.expires if person else None,
        expires_before=person.expires_before if person else None,
    )


def kept(change: Change) -> Holding:
    """What stands at the address before and after ``change``."""
    after = {entitlement: set(values) for entitlement, values in change.after}
    stays = (
        (entitlement, tuple(each for each in values if each in after.get(entitlement, ())))
        for entitlement, values in change.before
    )
    return tuple((entitlement, values) for entitlement, values in stays if values)


def value_lists(held: Holding) -> dict[str, list[str]]:
    return {entitlement: list(values) for entitlement, values in held}
