"""What a token endpoint says, and what a refusal of it means for the person who set the app up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AliasChoices, Field, ValidationError

from pipeline.errors import CredentialError, ErrorCode, TenantError
from pipeline.okta.client import Answer, failed
from pipeline.okta.scopes import NEEDED_FOR
from pipeline.okta.wire import Wire

_WORD = re.compile(r"[a-z_]{1,40}")


class TokenBody(Wire):
    """A token (RFC 6749, 5.1)."""

    access_token: Annotated[str, Field(min_length=1)]
    token_type: str
    expires_in: Annotated[float, Field(gt=0)]
    scope: str = ""


class OAuthError(Wire):
    """A refusal (RFC 6749, 5.2). For an unknown client Okta uses the names of its API errors instead."""

    error: Annotated[str, Field(validation_alias=AliasChoices("error", "errorCode"))]
    error_description: Annotated[
        str, Field(validation_alias=AliasChoices("error_description", "errorSummary"))
    ] = ""


def token_refused(answer: Answer, scopes: Iterable[str]) -> TenantError:
    """The error for a token request that Okta refused: its own words, what they mean, what to do."""
    error = oauth_error(answer)
    if error is None:
        return failed("an access token", answer)
    said = f"Okta answered {answer.status} {_shown(error)}"
    if error.error == "invalid_scope":
        return scope_missing(scopes, said, which_known=False)
    why, advice = _meaning(error)
    return CredentialError(
        ErrorCode.CREDENTIAL_REFUSED, "Okta refused the service app", f"{said}. {why}", next_step=advice
    )


def scope_missing(scopes: Iterable[str], said: str, *, which_known: bool = True) -> CredentialError:
    """The error where the app lacks ``scopes``, or at least one of them where Okta does not say which."""
    wanted = sorted(scopes)
    named = "; ".join(f"{scope} {NEEDED_FOR.get(scope, '')}".strip() for scope in wanted)
    if which_known or len(wanted) == 1:
        lacks, first, last = "", "", ", then run `okta-plan check` again"
    else:
        lacks, last = "at least one of the scopes that this command asks for: ", ""
        first = "Run `okta-plan check`: it says which are missing. "
    return CredentialError(
        ErrorCode.SCOPE_MISSING,
        "The service app lacks a scope",
        f"{said}. It was not granted {lacks}{named}.",
        next_step=f"{first}Grant them in the Admin Console (Applications > the app > Okta API Scopes){last}.",
    )


def _meaning(error: OAuthError) -> tuple[str, str]:
    """Why, and what to do. Okta answers `invalid_client` to several things; only its words differ."""
    words = error.error_description.lower()
    if "jti" in words or "already" in words or "replay" in words:
        return (
            "The signed assertion was seen before: something between here and Okta sent it twice.",
            "Try again; if it stays so, look for a proxy that repeats requests.",
        )
    if "expire" in words or "iat" in words or "issued" in words:
        return (
            "The signed assertion is not of this time by Okta's clock.",
            "Set this machine's clock (it is compared by `okta-plan check`), then try again.",
        )
    if error.error in ("invalid_dpop_proof", "use_dpop_nonce"):
        return (
            "The proof of possession (DPoP) was not accepted.",
            "Set this machine's clock; if it stays so, look for a proxy that changes URLs or headers.",
        )
    return (
        "No active service app with this client id has a public key that fits.",
        (
            "Check that OKTA_CLIENT_ID, OKTA_KEY_ID and OKTA_PRIVATE_KEY belong together, and that the app is"
            " active in the org of OKTA_DOMAIN with 'Public key / Private key' as client authentication."
        ),
    )


def oauth_error(answer: Answer) -> OAuthError | None:
    """The error body of OAuth 2.0 (RFC 6749, 5.2), or None where the answer has none."""
    try:
        return OAuthError.model_validate(answer.body)
    except ValidationError:
        return None


def _shown(error: OAuthError) -> str:
    """Okta's own words, as plain text of bounded length."""
    code = error.error if _WORD.fullmatch(error.error) else "an unknown error"
    words = "".join(each if each.isprintable() else "?" for each in error.error_description[:200])
    return f"{code} ({words})" if words else code
