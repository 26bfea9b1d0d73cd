"""Signing in as an OAuth service app: private_key_jwt at the org authorization server, DPoP where it is demanded.

The sequence of a DPoP sign-in is that of the recording pysdk__TestDPoPIntegration.test_dpop_api_request; that an
app without DPoP answers `invalid_dpop_proof` first is pysdk__TestDPoPBackwardCompatibility.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from pipeline.errors import CredentialError, ErrorCode, TenantError
from pipeline.okta.client import Answer, failed
from pipeline.okta.retry import ATTEMPTS_MAX, SERVER_TROUBLE, THROTTLED_MAX, backoff_s
from pipeline.okta.scopes import NEEDED_FOR
from pipeline.okta.sign_in import TOKEN_PATH
from pipeline.okta.signing import ProofKey, SigningKey, client_assertion
from pipeline.okta.wire import Wire

if TYPE_CHECKING:
    from pipeline.clock import Clock
    from pipeline.okta.sign_in import Ask

RENEW_BEFORE_S = 300.0
CLOCK_TOLERANCE_S = 30.0
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_WORD = re.compile(r"[a-z_]{1,40}")
_ANEW_MAX = 3
"""A sign-in may learn three things: that DPoP is demanded, its nonce, and how far our clock is off."""


class TokenBody(Wire):
    access_token: Annotated[str, Field(min_length=1)]
    token_type: str
    expires_in: Annotated[float, Field(gt=0)]
    scope: str = ""


class OAuthError(Wire):
    error: str
    error_description: str = ""


@dataclass(frozen=True, slots=True)
class ServiceApp:
    """A service app of the org, as Okta knows it."""

    client_id: str
    key: SigningKey
    origin: str

    @property
    def token_url(self) -> str:
        return f"{self.origin}{TOKEN_PATH}"


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    scheme: str
    renew_at_s: float


class ServiceAppSignIn:
    """Holds the access token of one command, renewed before it expires and once after a 401."""

    refused_advice = (
        "Check that the service app is active, holds an admin role, and that its public key is registered."
    )
    forbidden_advice = (
        "Grant the service app an admin role for this app and its governance; `okta-plan check` lists scopes."
    )

    def __init__(self, service_app: ServiceApp, scopes: Iterable[str], clock: Clock, rng: random.Random) -> None:
        self._app = service_app
        self._scopes = tuple(sorted(scopes))
        self._clock = clock
        self._rng = rng
        self._token: _Token | None = None
        self._proofs: ProofKey | None = None
        self._nonce: str | None = None
        self._skew_s = 0.0
        self._one_at_a_time = asyncio.Lock()

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for, sorted."""
        return self._scopes

    async def prepare(self, ask: Ask) -> None:
        """Get or renew the access token. Raises CredentialError with Okta's error and what it means."""
        async with self._one_at_a_time:
            if self._token is None or self._clock.now() >= self._token.renew_at_s:
                self._token = await self._new_token(ask, self._scopes)

    async def missing(self, ask: Ask) -> frozenset[str]:
        """Those of the scopes that the app was not granted; from now on only the others are asked for.

        Okta does not say which scope it misses, so after a refusal each is asked for alone.
        """
        try:
            await self.prepare(ask)
        except CredentialError as refusal:
            if refusal.code is not ErrorCode.SCOPE_MISSING:
                raise
        else:
            return frozenset()
        missing = frozenset([scope for scope in self._scopes if not await self._is_granted(ask, scope)])
        self._scopes = tuple(scope for scope in self._scopes if scope not in missing)
        return missing

    def headers(self, method: str, url: str) -> dict[str, str]:
        """``Authorization`` with the access token, and a DPoP proof where the token is bound to a key."""
        if self._token is None:
            raise AssertionError("headers() comes after prepare()")
        headers = {"Authorization": f"{self._token.scheme} {self._token.text}"}
        if self._proofs is not None and self._token.scheme == "DPoP":
            headers["DPoP"] = self._proofs.proof(
                method, url, self._now_s(), self._jti(), nonce=self._nonce, access_token=self._token.text
            )
        return headers

    def signs_anew(self, answer: Answer) -> bool:
        """A demanded nonce is learned; after any other 401 the next call gets a new token."""
        nonce = _first(answer, "dpop-nonce")
        self._nonce = nonce or self._nonce
        if nonce and answer.status in (400, 401) and _demands_nonce(answer):
            return True
        if answer.status == 401:  # noqa: PLR2004 - Unauthorized
            self._token = None
            return True
        return False

    async def _is_granted(self, ask: Ask, scope: str) -> bool:
        try:
            await self._new_token(ask, (scope,))
        except CredentialError as refusal:
            if refusal.code is not ErrorCode.SCOPE_MISSING:
                raise
            return False
        return True

    async def _new_token(self, ask: Ask, scopes: tuple[str, ...]) -> _Token:
        for _ in range(_ANEW_MAX):
            answer = await self._asked(ask, scopes)
            if answer.is_good:
                return self._taken(answer, scopes)
            if not self._learned(answer):
                break
        raise self._explained(answer, scopes)

    async def _asked(self, ask: Ask, scopes: tuple[str, ...]) -> Answer:
        """One answer that says something. A lost token request leaves nothing behind, so it is repeated; each
        try signs a new assertion, as one whose `jti` was seen is refused.
        """
        number = 0
        while True:
            number += 1
            answer = await ask(self._form(scopes), self._proof_headers())
            throttled = answer.status == 429  # noqa: PLR2004 - Too Many Requests
            passing = throttled or answer.status is None or answer.status in SERVER_TROUBLE
            if not passing:
                return answer
            if number >= (THROTTLED_MAX if throttled else ATTEMPTS_MAX):
                raise failed("an access token", answer)
            await self._clock.sleep(backoff_s(number, self._rng))

    def _form(self, scopes: tuple[str, ...]) -> dict[str, str]:
        app = self._app
        assertion = client_assertion(app.key, app.client_id, app.token_url, self._now_s(), self._jti())
        return {
            "grant_type": "client_credentials",
            "scope": " ".join(scopes),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }

    def _proof_headers(self) -> dict[str, str]:
        if self._proofs is None:
            return {}
        proof = self._proofs.proof("POST", self._app.token_url, self._now_s(), self._jti(), nonce=self._nonce)
        return {"DPoP": proof}

    def _learned(self, answer: Answer) -> bool:
        """Whether this refusal taught something that makes another try worth it."""
        before = (self._proofs is None, self._nonce, round(self._skew_s / CLOCK_TOLERANCE_S))
        error = _oauth_error(answer)
        if error is not None and error.error in ("invalid_dpop_proof", "use_dpop_nonce"):
            self._proofs = self._proofs or ProofKey()
            self._nonce = _first(answer, "dpop-nonce") or self._nonce
        self._see_clock(answer)
        return before != (self._proofs is None, self._nonce, round(self._skew_s / CLOCK_TOLERANCE_S))

    def _see_clock(self, answer: Answer) -> None:
        """Okta judges the times we sign by its own clock."""
        if answer.date_s is None:
            return
        skew_s = answer.date_s - self._clock.now()
        self._skew_s = skew_s if abs(skew_s) > CLOCK_TOLERANCE_S else 0.0

    def _taken(self, answer: Answer, scopes: tuple[str, ...]) -> _Token:
        self._nonce = _first(answer, "dpop-nonce") or self._nonce
        try:
            body = TokenBody.model_validate(answer.body)
        except ValidationError:
            raise failed("an access token", answer) from None
        scheme = {"bearer": "Bearer", "dpop": "DPoP"}.get(body.token_type.lower())
        if scheme is None or (scheme == "DPoP") != (self._proofs is not None):
            raise failed("an access token of a kind we can use", answer)
        if body.scope and not set(scopes) <= set(body.scope.split()):
            raise scope_missing(set(scopes) - set(body.scope.split()), "Okta's answer")
        lasts_s = body.expires_in
        renew_at_s = self._clock.now() + lasts_s - min(RENEW_BEFORE_S, lasts_s / 2)
        return _Token(body.access_token, scheme, renew_at_s)

    def _explained(self, answer: Answer, scopes: tuple[str, ...]) -> TenantError:
        error = _oauth_error(answer)
        if error is None:
            return failed("an access token", answer)
        said = f"Okta answered {answer.status} {_shown(error)}"
        if error.error == "invalid_scope":
            return scope_missing(set(scopes), said)
        why, advice = _meaning(error)
        return CredentialError(
            ErrorCode.CREDENTIAL_REFUSED,
            "Okta refused the service app",
            f"{said}. {why}",
            next_step=advice,
        )

    def _now_s(self) -> float:
        return self._clock.now() + self._skew_s

    def _jti(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"


def scope_missing(scopes: set[str], said: str) -> CredentialError:
    """The error where the app lacks at least one of ``scopes``."""
    named = "; ".join(f"{scope} {NEEDED_FOR.get(scope, '')}".strip() for scope in sorted(scopes))
    only = "a scope" if len(scopes) == 1 else "at least one of the scopes"
    return CredentialError(
        ErrorCode.SCOPE_MISSING,
        "The service app lacks a scope",
        f"{said}. It was not granted {only} this command asks for: {named}.",
        next_step="Run `okta-plan check`: it says which are missing. Grant them in the Admin Console"
        " (Applications > the app > Okta API Scopes).",
    )


def _meaning(error: OAuthError) -> tuple[str, str]:
    """Why, and what to do. Okta uses `invalid_client` for several things and tells them apart in words only."""
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
        "Check that OKTA_CLIENT_ID, OKTA_KEY_ID and OKTA_PRIVATE_KEY belong together and that the app is active"
        " in the org of OKTA_DOMAIN, with 'Public key / Private key' as client authentication.",
    )


def _oauth_error(answer: Answer) -> OAuthError | None:
    try:
        return OAuthError.model_validate(answer.body)
    except ValidationError:
        return None


def _shown(error: OAuthError) -> str:
    """Okta's own words, as plain text of bounded length."""
    code = error.error if _WORD.fullmatch(error.error) else "an unknown error"
    words = "".join(each if each.isprintable() else "?" for each in error.error_description[:200])
    return f"{code} ({words})" if words else code


def _demands_nonce(answer: Answer) -> bool:
    said = " ".join(answer.headers.get("www-authenticate", []))
    error = _oauth_error(answer)
    return "use_dpop_nonce" in said or (error is not None and error.error == "use_dpop_nonce")


def _first(answer: Answer, name: str) -> str | None:
    return next(iter(answer.headers.get(name, [])), None)
