"""Ways of writing whose effect on existing access must be seen once before they are used widely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.changes.model import Action, Change
from pipeline.changes.snapshot import GrantType

RISKY = frozenset({Action.ASSIGN, Action.GRANT, Action.EXTEND, Action.CONVERT, Action.RETIME, Action.REVOKE})


def risk_kind(change: Change) -> str | None:
    """The kind of which the first change is a canary; None for what cannot touch anybody's access. Writing a
    grant smaller and taking values by name are two kinds.
    """
    if change.action not in RISKY or change.person is None:
        return None
    if change.action is Action.REVOKE and change.person.grant_id is None:
        return "revoke by name"
    if change.person.grant_type != GrantType.CUSTOM:
        return f"{change.person.grant_type} {change.action}"
    return f"{change.action} beside additive grants" if change.person.beside else change.action.value


def firsts(changes: Iterable[Change]) -> Iterator[Change]:
    """The first of each risk kind, in order."""
    seen: set[str] = set()
    for change in changes:
        kind = risk_kind(change)
        if kind is not None and kind not in seen:
            seen.add(kind)
            yield change
