"""The names (ORNs) by which Okta takes values away. They are copied from its answers, never built: their form
varies with the kind of org (okta-api.md 5.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pipeline.changes.snapshot import OktaGrant
from pipeline.okta.wire import GrantBody, HeldBody, IdBody

ORNS_PER_REVOKE = 5
"""okta-api.md 5.4: a call takes 1 to 5 value ORNs."""


class NamedValueBody(IdBody):
    orn: str | None = None


class NamedHeldBody(HeldBody):
    values: tuple[NamedValueBody, ...] | None = None


class NamedGrantBody(GrantBody):
    """A grant as the listing with full entitlements shows it."""

    principal_orn: Annotated[str | None, Field(alias="targetPrincipalOrn")] = None
    entitlements: tuple[NamedHeldBody, ...] | None = ()


@dataclass(frozen=True, slots=True)
class NamedGrants:
    """All ACTIVE grants of one user on an app. ``value_orns`` are by entitlement id and value id."""

    grants: tuple[OktaGrant, ...]
    principal_orn: str | None
    value_orns: Mapping[tuple[str, str], str]


def named_grants(bodies: Iterable[NamedGrantBody]) -> NamedGrants:
    """What ``bodies``, all of one user, say together."""
    listed = tuple(bodies)
    orns = {
        (held.id, value.id): value.orn
        for body in listed
        for held in body.entitlements or ()
        for value in held.values or ()
        if value.orn
    }
    principal = next((body.principal_orn for body in listed if body.principal_orn), None)
    return NamedGrants(tuple(body.value() for body in listed), principal, orns)
