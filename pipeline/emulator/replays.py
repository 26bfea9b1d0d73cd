"""JWTs that may be used once: client assertions and DPoP proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.emulator.tenant import Tenant


def spend(tenant: Tenant, jwt: str, until: float) -> bool:
    """False if it was spent before. It is remembered until it would be refused for its age anyway."""
    tenant.write("DELETE FROM spent_jwts WHERE until < ?", tenant.now())
    spent = tenant.row("SELECT 1 FROM spent_jwts WHERE jwt = ?", jwt) is not None
    if not spent:
        tenant.write("INSERT INTO spent_jwts VALUES (?, ?)", jwt, until)
    return not spent
