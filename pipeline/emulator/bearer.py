"""Who calls: an API token, or a service app with an access token and its scopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline.emulator.access_tokens import read_access_token
from pipeline.emulator.dpop import ALGORITHMS, ProofFault, read_proof
from pipeline.emulator.errors import BAD_PROOF, BAD_TOKEN, FORBIDDEN, ErrorKind, OktaError
from pipeline.emulator.jwks import JwtError
from pipeline.emulator.signing_in import TOKEN_PATH, label_of

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.routes import Route
    from pipeline.emulator.tenant import Tenant

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the credentials do not count."""

    error: str
    description: str
    kind: ErrorKind = BAD_TOKEN
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    label: str = ANONYMOUS
    """For rate windows and the request log: never a secret."""
    client_id: str | None = None
    scopes: frozenset[str] | None = None
    """None: the caller is an admin's API token, which no scope limits."""
    scheme: str = "SSWS"
    fault: Fault | None = None


def identify(tenant: Tenant, call: Call) -> Caller:
    if call.path == TOKEN_PATH:
        return Caller(label_of(tenant, call) or ANONYMOUS)
    scheme, _, secret = call.headers.get("authorization", "").partition(" ")
    if scheme in ("Bearer", "DPoP"):
        return _service_app(tenant, call, scheme, secret)
    return _api_token(tenant, call.headers.get("authorization", ""))


def _api_token(tenant: Tenant, authorization: str) -> Caller:
    """The blank may be missing: Okta's Python SDK 3 sends none (`auth_settings` in its configuration.py)."""
    tokens, secret = tenant.org.tokens, authorization.removeprefix("SSWS").strip()
    known = authorization.startswith("SSWS") and secret in tokens
    # Tokens differ only by their label.
    return Caller(f"token-{tokens.index(secret) + 1}") if known else Caller()


def refusal(tenant: Tenant, caller: Caller, route: Route | None, call: Call) -> OktaError | None:
    """What the org answers instead of the route; None when the caller may use it."""
    if route is not None and route.public:
        return None
    if caller.fault is not None:
        return _challenge(tenant, caller.fault, route, call)
    if caller.label == ANONYMOUS:
        return OktaError(BAD_TOKEN)
    if route is None or caller.scopes is None or caller.scopes & set(route.scopes):
        return None
    described = "The access token provided does not contain the required scopes."
    return _challenge(tenant, Fault("insufficient_scope", described, FORBIDDEN, caller.scheme), route, call)


def _service_app(tenant: Tenant, call: Call, scheme: str, token: str) -> Caller:
    try:
        claims = read_access_token(tenant, token)
    except JwtError:
        # The wording is ours; that an expired token is told apart is RFC 6750's, section 3.1.
        return Caller(fault=Fault("invalid_token", "The access token is invalid.", scheme=scheme))
    client_id = claims["cid"]
    fault = _fault(tenant, call, scheme, token, claims)
    return Caller(client_id, client_id, frozenset(claims["scp"]), scheme, fault)


def _fault(tenant: Tenant, call: Call, scheme: str, token: str, claims: dict[str, Any]) -> Fault | None:
    if claims["exp"] <= tenant.now():
        return Fault("invalid_token", "The token has expired.", scheme=scheme)
    bound_to = claims.get("cnf", {}).get("jkt")
    if (scheme == "DPoP") != (bound_to is not None):
        # RFC 9449, sections 7.1 and 7.2: such a token is no Bearer token. Okta's wording is unknown.
        wanted = "DPoP" if bound_to else "Bearer"
        return Fault("invalid_token", f"The access token is of the type {wanted}.", scheme=wanted)
    return _proof_fault(tenant, call, token, bound_to) if bound_to else None


def _proof_fault(tenant: Tenant, call: Call, token: str, bound_to: str) -> Fault | None:
    """No nonce is asked for here: no recorded API call was answered with one."""
    try:
        proof = read_proof(tenant, call)
        proof.spend(tenant)
        proof.check_token(token)
    except ProofFault as fault:
        return Fault("invalid_dpop_proof", str(fault), BAD_PROOF, "DPoP")
    if proof.thumbprint != bound_to:
        # As the example of RFC 9449, section 7.1; Okta's answer is unknown.
        return Fault("invalid_token", "Invalid DPoP key binding", scheme="DPoP")
    return None


def _challenge(tenant: Tenant, fault: Fault, route: Route | None, call: Call) -> OktaError:
    """The header as Okta's support article on insufficient_scope quotes it, http:// included.

    For DPoP as in github.com/okta/okta-sdk-nodejs/issues/453 and okta/terraform-provider-okta/issues/2392.
    """
    org = tenant.origin.replace("https:", "http:")
    parts = [f'algs="{" ".join(ALGORITHMS)}"'] if fault.scheme == "DPoP" else []
    parts += [f'authorization_uri="{org}/oauth2/v1/authorize"', f'realm="{org}"']
    parts += [f'scope="{route.scopes[0]}"'] if route and route.scopes else []
    parts += [
        f'error="{fault.error}"',
        f'error_description="{fault.description}"',
        f'resource="{quote(call.path)}"',
    ]
    error = OktaError(fault.kind)
    error.headers = (("WWW-Authenticate", f"{fault.scheme} {', '.join(parts)}"),)
    return error
