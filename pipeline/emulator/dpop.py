"""DPoP proofs (RFC 9449) as Okta checks them, and the nonces it asks for at the token endpoint."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jwk
from joserfc.errors import JoseError

from pipeline.emulator.jwks import JwtError, check_signature, is_private, unverified
from pipeline.emulator.replays import spend

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Tenant

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
"""`algs` of Okta's challenge (github.com/okta/okta-sdk-nodejs/issues/453)."""

PROOF_LIFE_S = 300
"""How far `iat` may be from the org's time, either way: unknown for Okta, RFC 9449 leaves it open (11.1)."""

NONCE_RENEWAL_S = 24 * 3600
NONCE_LIFE_S = 3 * NONCE_RENEWAL_S
"""Okta's DPoP guide: a new nonce every 24 hours; the old one works for three days after it was made."""


class ProofFault(Exception):  # noqa: N818 - a fault of the caller's
    """The message is the error_description of an `invalid_dpop_proof`."""


@dataclass(frozen=True, slots=True)
class Proof:
    claims: dict[str, Any]
    thumbprint: str
    """Of the key that signed it (RFC 7638): what a token is bound to."""

    def spend(self, tenant: Tenant) -> None:
        """A proof serves once, be its answer a 429 (github.com/okta/terraform-provider-okta/issues/2392)."""
        jti = self.claims.get("jti")
        if not isinstance(jti, str) or not jti:
            raise _claim_fault("jti")
        if not spend(tenant, f"{self.thumbprint} {jti}", self.claims["iat"] + PROOF_LIFE_S):
            raise ProofFault("The DPoP proof JWT has already been used.")

    def check_token(self, token: str) -> None:
        digest = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        if self.claims.get("ath") != digest:
            raise _claim_fault("ath")


def read_proof(tenant: Tenant, call: Call) -> Proof:
    """The proof in the header of a call, made for this method and address. Raises ProofFault."""
    text = call.headers.get("dpop")
    if not text:
        raise ProofFault("The DPoP proof JWT header is missing.")
    try:
        header, claims = unverified(text)
        key = _key(header)
        check_signature(text, key, ALGORITHMS)
    except JwtError as error:
        raise ProofFault("The DPoP proof JWT is invalid.") from error  # the wording is ours
    _check_claims(tenant, claims, call)
    return Proof(claims, key.thumbprint())


def current_nonce(tenant: Tenant) -> str:
    return _nonce(tenant, int(tenant.now() // NONCE_RENEWAL_S))


def knows_nonce(tenant: Tenant, nonce: object) -> bool:
    """True for a nonce that was the current one less than three days ago or was made then."""
    newest = int(tenant.now() // NONCE_RENEWAL_S)
    return nonce in {_nonce(tenant, newest - age) for age in range(NONCE_LIFE_S // NONCE_RENEWAL_S)}


def _nonce(tenant: Tenant, number: int) -> str:
    """No state: the same after a restart."""
    digest = hashlib.sha256(f"nonce {number} of {tenant.org_id}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode()


def _key(header: dict[str, Any]) -> jwk.Key:
    """Raises JwtError."""
    given = header.get("jwk")
    if header.get("typ") != "dpop+jwt" or not isinstance(given, dict) or is_private(given):
        raise JwtError
    try:
        return jwk.import_key(given)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise JwtError from error


def _check_claims(tenant: Tenant, claims: dict[str, Any], call: Call) -> None:
    # Okta compares with the decoded path: %40 in htu is refused where the path has it for @
    # (github.com/okta/okta-sdk-python/issues/541). `call.path` is decoded.
    for name, wanted in (("htm", call.method), ("htu", call.origin + call.path)):
        if claims.get(name) != wanted:
            raise _claim_fault(name)
    made = claims.get("iat")
    if isinstance(made, bool) or not isinstance(made, int | float):
        raise _claim_fault("iat")
    if abs(made - tenant.now()) > PROOF_LIFE_S:
        raise _claim_fault("iat")


def _claim_fault(name: str) -> ProofFault:
    """Recorded for htu (github.com/okta/okta-sdk-nodejs/issues/453); taken to be alike for the others."""
    return ProofFault(f"'{name}' claim in the DPoP proof JWT is invalid.")
