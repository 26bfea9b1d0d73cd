"""POST /oauth2/v1/token: the org authorization server, for service apps (okta-api.md section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from pipeline.emulator.access_tokens import LIFE_S, sign_access_token
from pipeline.emulator.answers import Answer
from pipeline.emulator.assertions import AssertionFault, check_assertion, claimed_client
from pipeline.emulator.dpop import ProofFault, current_nonce, knows_nonce, read_proof

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.orgfile import Client
    from pipeline.emulator.tenant import Tenant

TOKEN_PATH = "/oauth2/v1/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class _Refused(Exception):  # noqa: N818 - an answer
    def __init__(
        self, error: str, description: str, status: int = 400, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(description)
        body = {"error": error, "error_description": description}
        self.answer = Answer(body, status=status, headers=headers)


def issue_token(tenant: Tenant, call: Call) -> Answer:
    """A refusal is an answer, not an error: what it has spent stays spent.

    Okta counts an assertion as used even when it then asks for a nonce (oauth.py of its Python SDK).
    """
    try:
        client = _authenticated(tenant, call)
        return _granted(tenant, client, call)
    except _Refused as refused:
        return refused.answer
    except AssertionFault as fault:
        return _Refused("invalid_client", str(fault), 401).answer
    except ProofFault as fault:
        return _Refused("invalid_dpop_proof", str(fault)).answer


def form_of(raw: bytes) -> dict[str, str]:
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


def label_of(tenant: Tenant, call: Call) -> str | None:
    """The client whose rate window counts the call."""
    client = claimed_client(tenant, call.form.get("client_assertion", ""))
    return client.id if client else None


def without_assertion(form: dict[str, str]) -> str:
    """The request log shows no credentials, spent or not."""
    return urlencode({key: "..." if key == "client_assertion" else value for key, value in form.items()})


def _authenticated(tenant: Tenant, call: Call) -> Client:
    form = call.form
    if not form.get("grant_type"):
        raise _Refused("invalid_request", "The grant_type parameter is required.")  # the wording is ours
    if form["grant_type"] != "client_credentials":
        raise _Refused(
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server.",
        )
    if "client_assertion" not in form:
        raise AssertionFault("No client credentials found.")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise AssertionFault("The client_assertion_type is invalid.")
    return check_assertion(tenant, form["client_assertion"], call.origin + call.path)


def _granted(tenant: Tenant, client: Client, call: Call) -> Answer:
    """An app not made to use DPoP gets a Bearer token even with a proof (oauth.py of Okta's Python SDK)."""
    thumbprint = _bound_key(tenant, call) if client.dpop else None
    scopes = _scopes(client, call.form.get("scope", ""))
    token = sign_access_token(tenant, client, scopes, thumbprint)
    kind = "DPoP" if client.dpop else "Bearer"
    body = {"token_type": kind, "expires_in": LIFE_S, "access_token": token, "scope": " ".join(scopes)}
    nonce = _nonce_header(tenant) if client.dpop else ()
    return Answer(body, headers=(("X-Robots-Tag", "noindex,nofollow"), *nonce))


def _bound_key(tenant: Tenant, call: Call) -> str:
    """The order of the recordings: proof missing, nonce missing, then all else.

    Okta asks a proof without a jti for a nonce, too (devforum.okta.com/t/30239), so that is looked at last.
    """
    proof = read_proof(tenant, call)
    if not knows_nonce(tenant, proof.claims.get("nonce")):
        raise _Refused(
            "use_dpop_nonce",
            "Authorization server requires nonce in DPoP proof.",
            headers=_nonce_header(tenant),
        )
    proof.spend(tenant)
    return proof.thumbprint


def _nonce_header(tenant: Tenant) -> tuple[tuple[str, str], ...]:
    """With the refusal and with the token, as recorded (pysdk__TestDPoPIntegration.test_dpop_api_request)."""
    return (("DPoP-Nonce", current_nonce(tenant)),)


def _scopes(client: Client, asked: str) -> list[str]:
    """One scope that is not granted fails the whole request (okta-api.md section 10)."""
    scopes = list(dict.fromkeys(asked.split()))
    if not scopes:
        raise _Refused(
            "invalid_scope",
            "The authorization server resource does not have any configured default scopes,"
            " 'scope' must be provided.",
        )
    if not set(scopes) <= set(client.scopes):
        raise _Refused(
            "invalid_scope", "One or more scopes are not configured for the authorization server resource."
        )
    return scopes
