"""Access tokens of service apps: JWTs that the org signs, and that live through a restart."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.jwk import ECKey

from pipeline.emulator.jwks import JwtError, check_signature, unverified

if TYPE_CHECKING:
    from pipeline.emulator.orgfile import Client
    from pipeline.emulator.tenant import Tenant

LIFE_S = 3600
"""`expires_in` of every recorded token (pysdk__TestDPoPIntegration.test_dpop_api_request)."""

_ALGORITHM = "ES256"
"""Okta signs with RS256. Nobody but the org reads these tokens, and this key is made from a few bytes."""


def sign_access_token(tenant: Tenant, client: Client, scopes: list[str], thumbprint: str | None) -> str:
    """Claims as Okta's guide to service apps shows them; `cnf` binds to a DPoP key (RFC 9449, section 6)."""
    now = int(tenant.now())
    claims: dict[str, Any] = {"ver": 1, "jti": f"AT.{tenant.new_id('jti')}", "iss": tenant.origin}
    claims |= {"aud": tenant.origin, "sub": client.id, "iat": now, "exp": now + LIFE_S}
    claims |= {"cid": client.id, "scp": scopes}
    if thumbprint is not None:
        claims["cnf"] = {"jkt": thumbprint}
    key = _signing_key(tenant.org_id)
    return jwt.encode({"kid": key.thumbprint(), "alg": _ALGORITHM}, claims, key, default_type=None)


def read_access_token(tenant: Tenant, text: str) -> dict[str, Any]:
    """The claims of a token this org signed for one of its clients, be it expired. Raises JwtError."""
    check_signature(text, _signing_key(tenant.org_id), (_ALGORITHM,))
    _, claims = unverified(text)
    if claims["cid"] not in {client.id for client in tenant.org.clients}:
        raise JwtError
    return claims


@lru_cache(maxsize=8)
def _signing_key(org_id: str) -> ECKey:
    """Made from the org's id: the same key after a restart. A secret it is not, and need not be."""
    return ECKey.derive_key(f"access tokens of {org_id}")
