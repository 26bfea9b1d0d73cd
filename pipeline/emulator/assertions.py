"""Client assertions: how a service app proves that it holds its key (okta-api.md section 10).

The wordings are Okta's as its support articles quote them (signature, kid, audience, unknown client), as the
documentation of its SDK and its Terraform provider does (already used, too far), or as users report them
(expired). Those marked `ours` are unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.errors import ErrorKind, OktaError
from pipeline.emulator.jwks import JwtError, check_signature, public_keys, unverified
from pipeline.emulator.replays import spend

if TYPE_CHECKING:
    from joserfc.jwk import Key

    from pipeline.emulator.orgfile import Client
    from pipeline.emulator.tenant import Tenant

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
"""All that Okta takes with a public key (okta-api.md section 10); a curve has one of its own."""
MOST_AHEAD_S = 3600

# Unlike all other refusals of the endpoint this one has the body of the API (Okta's support article on
# invalid_client).
UNKNOWN_CLIENT = ErrorKind("invalid_client", 401, "Invalid value for 'client_id' parameter.")


class AssertionFault(Exception):  # noqa: N818 - a fault of the caller's
    """The message is the error_description of an `invalid_client`."""


def claimed_client(tenant: Tenant, assertion: str) -> Client | None:
    """Whom the assertion names; nothing is proven yet."""
    try:
        _, claims = unverified(assertion)
    except JwtError:
        return None
    return next((client for client in tenant.org.clients if client.id == claims.get("iss")), None)


def check_assertion(tenant: Tenant, assertion: str, audience: str) -> Client:
    """The client that signed it. Raises AssertionFault, or OktaError for a client nobody knows."""
    try:
        header, claims = unverified(assertion)
    except JwtError as error:
        raise AssertionFault("The client_assertion token is malformed.") from error  # ours
    client = claimed_client(tenant, assertion)
    if client is None:
        raise OktaError(UNKNOWN_CLIENT)
    try:
        check_signature(assertion, _key(client, header.get("kid")), ALGORITHMS)
    except JwtError as error:
        raise AssertionFault("The client_assertion signature is invalid.") from error
    _check_claims(tenant, claims, audience)
    return client


def _key(client: Client, kid: object) -> Key:
    """A lone key without a kid in the org file serves any kid; Okta itself gives every key one."""
    keys = public_keys(client.jwk)
    if len(keys) == 1 and (kid is None or keys[0].kid is None):
        return keys[0]
    found = next((key for key in keys if key.kid == kid), None)
    if found is None:
        raise AssertionFault("The client_assertion JWT kid is invalid.")
    return found


def _check_claims(tenant: Tenant, claims: dict[str, Any], audience: str) -> None:
    now, expires = tenant.now(), claims.get("exp")
    if claims.get("sub") != claims["iss"]:
        raise AssertionFault("The subject of client_assertion must be the client_id.")  # ours
    if claims.get("aud") not in (audience, [audience]):
        raise AssertionFault(
            "The audience claim for client_assertion must be the endpoint invoked for the request."
        )
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise AssertionFault("The client_assertion token has no expiration.")  # ours
    if expires <= now:
        raise AssertionFault("The client_assertion token is expired.")
    if expires > now + MOST_AHEAD_S:
        raise AssertionFault("The client_assertion token has an expiration too far into the future.")
    # Okta takes assertions without a jti (devforum.okta.com/t/30239); only one that has it is single use.
    if "jti" in claims and not spend(tenant, f"{claims['iss']} {claims['jti']}", expires):
        raise AssertionFault("The client_assertion token has already been used.")
