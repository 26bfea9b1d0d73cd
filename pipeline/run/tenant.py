"""What a run asks of the tenant. The live client and the tests' tenant in memory both provide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.changes.model import EntitlementTarget, NewValue
from pipeline.changes.snapshot import AppUser, BaseAccess, OktaEntitlement, OktaGrant, OktaValue
from pipeline.okta.answers import WriteAnswer
from pipeline.okta.orns import NamedGrants

Pairs = frozenset[tuple[str, str]]
"""(entitlement id, value id) pairs."""

VALUES_PER_CREATE = 1000
"""okta-api.md 4.2: a create takes up to 1,000 values."""
VALUES_PER_ADD = 100
"""okta-api.md 4.4: a PATCH takes 1 to 100 operations."""


class Tenant(Protocol):
    """Writes never raise for an answer of Okta's, only CredentialError when the credential died.

    Reads raise TenantError when they fail or are incomplete.
    """

    async def create_entitlement(
        self, app_id: str, target: EntitlementTarget, values: tuple[NewValue, ...]
    ) -> WriteAnswer:
        """Create ``target`` with ``values`` (at most VALUES_PER_CREATE)."""
        ...

    async def add_values(self, entitlement_id: str, values: tuple[NewValue, ...]) -> WriteAnswer:
        """Add ``values`` (at most VALUES_PER_ADD) to an entitlement."""
        ...

    async def reword(
        self,
        entitlement_id: str,
        description: str | None,
        values: tuple[OktaValue, ...],
        *,
        not_after_s: float,
    ) -> WriteAnswer:
        """Give the entitlement this description, unless None, and these values of it the texts they have
        here (together at most VALUES_PER_ADD), by ``not_after_s`` or not at all.
        """
        ...

    async def assign(self, app_id: str, user_id: str) -> WriteAnswer:
        """Assign the user to the app, with scope USER."""
        ...

    async def post_custom_grant(
        self, app_id: str, user_id: str, pairs: Pairs, expires: str | None, *, not_after_s: float
    ) -> WriteAnswer:
        """Create the CUSTOM base grant. It replaces whatever base grant exists (okta-api.md 5.3), so it
        leaves by ``not_after_s`` of the clock or not at all.
        """
        ...

    async def post_additive_grant(
        self, app_id: str, user_id: str, pairs: Pairs, expires: str | None, *, not_after_s: float
    ) -> WriteAnswer:
        """Create an ENTITLEMENT grant, which is added to what exists, by ``not_after_s`` or not at all."""
        ...

    async def put_grant(self, grant: Mapping[str, Any], pairs: Pairs, *, not_after_s: float) -> WriteAnswer:
        """Rewrite ``grant``, the full object as just read by id, with ``pairs`` as its only values, by
        ``not_after_s`` or not at all.
        """
        ...

    async def revoke_values(
        self, principal_orn: str, value_orns: Sequence[str], *, not_after_s: float
    ) -> WriteAnswer:
        """Take up to ORNS_PER_REVOKE values out of the person's CUSTOM and ENTITLEMENT grants."""
        ...

    async def patch_grant(self, grant_id: str, expires: str, *, not_after_s: float) -> WriteAnswer:
        """Give the grant another end, by ``not_after_s`` or not at all."""
        ...

    async def entitlement(self, entitlement_id: str) -> OktaEntitlement | None:
        """One entitlement with all its values, read by id; None where there is none."""
        ...

    async def entitlements(self, app_id: str) -> tuple[OktaEntitlement, ...]:
        """All entitlements of the app with all their values."""
        ...

    async def grants_of(self, app_id: str, user_id: str) -> tuple[OktaGrant, ...]:
        """The ACTIVE grants of one user on the app."""
        ...

    async def named_grants(self, app_id: str, user_id: str) -> NamedGrants:
        """The same, with the names by which values can be taken away."""
        ...

    async def base_access(self, app_id: str, user_id: str) -> BaseAccess | None:
        """The base grant of one user with all its values; None where there is none."""
        ...

    async def grant(self, grant_id: str) -> dict[str, Any] | None:
        """The full object of one grant as Okta sent it; None where there is none."""
        ...

    async def app_user(self, app_id: str, user_id: str) -> AppUser | None:
        """The user's row in the app, read by id; None where there is none."""
        ...

    async def listed_app_user(self, app_id: str, user_id: str) -> AppUser | None:
        """The user's row as of the last listing, which is read again when it has grown old."""
        ...


@dataclass(frozen=True, slots=True)
class RawGrant:
    """What matters of a grant object read by id (shape: okta-api.md 5.2)."""

    id: str
    type: str
    action: str
    status: str
    app_id: str
    user_id: str
    pairs: Pairs
    expires: str | None


def read_raw_grant(raw: Mapping[str, Any]) -> RawGrant:
    """The meaning of a full grant object. Raises KeyError, TypeError or AttributeError where a needed part is
    missing or has another shape.
    """
    return RawGrant(
        id=raw["id"],
        type=raw["grantType"],
        action=raw["action"],
        status=raw["status"],
        app_id=raw["target"]["externalId"],
        user_id=raw["targetPrincipal"]["externalId"],
        pairs=frozenset(
            (entitlement["id"], value["id"])
            for entitlement in raw["entitlements"]
            for value in entitlement["values"]
        ),
        expires=(raw.get("scheduleSettings") or {}).get("expirationDate"),
    )
