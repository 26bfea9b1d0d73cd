"""Ways of writing whose effect on existing access must be seen once before they are used widely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.changes.model import Action, Change

RISKY = frozenset({Action.ASSIGN, Action.GRANT, Action.EXTEND, Action.CONVERT, Action.RETIME})


def risk_kind(change: Change) -> str | None:
    """The kind of which the first change is a canary; None for what cannot touch anybody's access. Writing a
    grant smaller and taking values by name are two kinds.
    """
    if change.action is Action.REVOKE and change.person is not None:
        return "revoke" if change.person.grant_id else "revoke by name"
    return change.action.value if change.action in RISKY and change.person is not None else None


def firsts(changes: Iterable[Change]) -> Iterator[Change]:
    """The first of each risk kind, in order."""
    seen: set[str] = set()
    for change in changes:
        kind = risk_kind(change)
        if kind is not None and kind not in seen:
            seen.add(kind)
            yield change
