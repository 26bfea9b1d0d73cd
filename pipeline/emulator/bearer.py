"""Who calls: an API token, or a service app with an access token and its scopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.emulator.access_tokens import read_access_token
from pipeline.emulator.errors import BAD_TOKEN, FORBIDDEN, ErrorKind, OktaError
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
    if scheme == "Bearer":
        return _service_app(tenant, secret)
    # Tokens differ only by their label.
    tokens = tenant.org.tokens
    return Caller(f"token-{tokens.index(secret) + 1}") if scheme == "SSWS" and secret in tokens else Caller()


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


def _service_app(tenant: Tenant, token: str) -> Caller:
    try:
        claims = read_access_token(tenant, token)
    except JwtError:
        # The wording is ours; that an expired token is told apart is RFC 6750's, section 3.1.
        return Caller(fault=Fault("invalid_token", "The access token is invalid."))
    client_id = claims["cid"]
    if claims["exp"] <= tenant.now():
        return Caller(client_id, client_id, fault=Fault("invalid_token", "The token has expired."))
    return Caller(client_id, client_id, frozenset(claims["scp"]), "Bearer")


def _challenge(tenant: Tenant, fault: Fault, route: Route | None, call: Call) -> OktaError:
    """The header as Okta's support article on insufficient_scope quotes it, http:// included."""
    org = f"http://{tenant.org.org.subdomain}.okta.com"
    parts = [f'authorization_uri="{org}/oauth2/v1/authorize"', f'realm="{org}"']
    parts += [f'scope="{route.scopes[0]}"'] if route and route.scopes else []
    parts += [f'error="{fault.error}"', f'error_description="{fault.description}"', f'resource="{call.path}"']
    error = OktaError(fault.kind)
    error.headers = (("WWW-Authenticate", f"{fault.scheme} {', '.join(parts)}"),)
    return error
