"""Policy grants that the plan makes people's own: all that the policy gives is read first, and kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipeline.changes.snapshot import BaseAccess, GrantType, OktaGrant


def with_base(grants: Iterable[OktaGrant], read: BaseAccess | None) -> tuple[OktaGrant, ...]:
    """``grants`` with the policy grant's values as ``read`` tells them: the listing may leave them out."""
    return tuple(
        replace(each, values=read.values) if read is not None and is_of(read, each) else each
        for each in grants
    )


def is_of(read: BaseAccess, grant: OktaGrant) -> bool:
    """Whether ``read`` tells all of that policy grant: it is the same, and lacks nothing that is listed."""
    same = (read.grant_id, read.type) == (grant.id, grant.type) and grant.type == GrantType.POLICY
    return same and grant.values <= read.values
