"""People from whom nothing is taken: the credential's own user, and who OKTA_PLAN_PROTECTED names."""

from __future__ import annotations

from pipeline.address import principal_key
from pipeline.changes.model import HoldReason
from pipeline.changes.obstacles import Obstacle
from pipeline.changes.snapshot import Snapshot
from pipeline.changes.wanted import Person

_PROTECTED = Obstacle(
    HoldReason.PROTECTED,
    "Nothing is taken from this person: it is the credential's own user, or OKTA_PLAN_PROTECTED names it.",
)


def against_taking(snapshot: Snapshot, person: Person) -> Obstacle | None:
    """Why nothing may be taken from ``person``, or None."""
    user = person.user
    names = {user.id, *map(principal_key, (user.login, user.email, *person.principals))}
    return _PROTECTED if names & snapshot.protected else None
