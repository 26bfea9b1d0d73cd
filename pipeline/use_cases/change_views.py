"""One change as data, for those who look at change sets and for those who look back at runs."""

from __future__ import annotations

from typing import Any

from pipeline.address import Kind
from pipeline.changes.model import Action, Change, Holding, added, beside_values, removed
from pipeline.views import ChangeView

OF_PEOPLE = frozenset({Kind.ASSIGNMENT, Kind.GRANT, Kind.REMOVAL})


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


def covered(change: Change) -> dict[str, Any]:
    """The fields of its view that say whom ``change`` concerns and until when, as far as the changes_digest
    covers them: a file whose names of people were edited must not be approved for the wrong ones.
    """
    ends = dict(beside_values(change)).get("expires") if change.action is Action.RETIME else None
    return {
        "principal": change.address.key if change.address.kind in OF_PEOPLE else None,
        "also": [],
        "keeps": value_lists(kept(change)) if change.address.kind in OF_PEOPLE else {},
        "expires": ends,
        "expires_before": None,
    }


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
