"""Signing in as an OAuth service app: private_key_jwt at the org's own authorization server.

DPoP comes in when Okta demands it, in the order of the recording
pysdk__TestDPoPIntegration.test_dpop_api_request: `invalid_dpop_proof`, then `use_dpop_nonce`, then a token.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.errors import CredentialError, ErrorCode
from pipeline.okta.client import Answer, failed, lacks_feature, refuses_proof
from pipeline.okta.retry import ATTEMPTS_MAX, THROTTLED_MAX, backoff_s, is_server_trouble
from pipeline.okta.sign_in import TOKEN_PATH
from pipeline.okta.signing import ProofKey, SigningKey, client_assertion
from pipeline.okta.token_answers import TokenBody, oauth_error, scope_missing, token_refused

if TYPE_CHECKING:
    from pipeline.clock import Clock
    from pipeline.okta.sign_in import Ask

RENEW_BEFORE_S = 300.0
CLOCK_TOLERANCE_S = 30.0
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LESSONS_MAX = 3
"""A sign-in may learn three things: that DPoP is demanded, its nonce, and how far our clock is off."""


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

    def __init__(
        self,
        service_app: ServiceApp,
        scopes: Iterable[str],
        clock: Clock,
        rng: random.Random,
        *,
        optional: Iterable[str] = (),
    ) -> None:
        self._app = service_app
        self._optional = frozenset(optional)
        self._scopes = tuple(sorted({*scopes, *self._optional}))
        self.left_out = frozenset[str]()
        self._clock = clock
        self._rng = rng
        self._token: _Token | None = None
        self._proofs: ProofKey | None = None
        self._nonce: str | None = None
        self._skew_s = 0.0
        self._one_at_a_time = asyncio.Lock()

    @property
    def service_app(self) -> str:
        """The client id, and whether its tokens are bound to a key."""
        return f"{self._app.client_id}, with DPoP" if self._proofs else self._app.client_id

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for, sorted."""
        return self._scopes

    async def prepare(self, ask: Ask) -> None:
        """Get or renew the access token. Raises CredentialError with Okta's error and what it means."""
        async with self._one_at_a_time:
            if self._token is None or self._clock.now() >= self._token.renew_at_s:
                self._token = await self._renewed(ask)

    async def _renewed(self, ask: Ask) -> _Token:
        """One missing scope fails the whole request, and Okta does not say which: so without the optional
        ones next.
        """
        try:
            return await self._new_token(ask, self._scopes)
        except CredentialError as refusal:
            if refusal.code is not ErrorCode.SCOPE_MISSING or not self._optional:
                raise
        needed = tuple(scope for scope in self._scopes if scope not in self._optional)
        token = await self._new_token(ask, needed)
        self.left_out, self._optional, self._scopes = self._optional, frozenset(), needed
        return token

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
        """A demanded nonce and, from a refused proof, the tenant's time are learned; after any other 401 the
        next call gets a new token.
        """
        nonce = _first(answer, "dpop-nonce")
        self._nonce = nonce or self._nonce
        if nonce and answer.status in (400, 401) and _demands_nonce(answer):
            return True
        if refuses_proof(answer):
            self._see_clock(answer)
            return True
        if answer.status == 401 and not lacks_feature(answer):  # noqa: PLR2004 - Unauthorized
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
        lessons = 0
        while not (answer := await self._asked(ask, scopes)).is_good:
            lessons += 1
            if not self._learned(answer) or lessons > LESSONS_MAX:
                raise token_refused(answer, scopes)
        return self._taken(answer, scopes)

    async def _asked(self, ask: Ask, scopes: tuple[str, ...]) -> Answer:
        """One answer that says something. A lost token request leaves nothing behind, so it is repeated; each
        try signs a new assertion, as one whose `jti` was seen is refused.
        """
        number = 0
        while True:
            number += 1
            answer = await ask(self._form(scopes), self._proof_headers())
            throttled = answer.status == 429  # noqa: PLR2004 - Too Many Requests
            passing = throttled or answer.status is None or is_server_trouble(answer.status)
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
        error = oauth_error(answer)
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

    def _now_s(self) -> float:
        return self._clock.now() + self._skew_s

    def _jti(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"


def _demands_nonce(answer: Answer) -> bool:
    said = " ".join(answer.headers.get("www-authenticate", []))
    error = oauth_error(answer)
    return "use_dpop_nonce" in said or (error is not None and error.error == "use_dpop_nonce")


def _first(answer: Answer, name: str) -> str | None:
    return next(iter(answer.headers.get(name, [])), None)
