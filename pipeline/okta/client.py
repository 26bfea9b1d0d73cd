"""One call to Okta at a time: own origin only, paced, retried where that is safe, never a secret in sight."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
from pydantic import ValidationError

from pipeline.errors import CredentialError, ErrorCode, TenantError
from pipeline.okta.buckets import bucket_of
from pipeline.okta.budget import Budget, read_date, read_header, read_retry_after
from pipeline.okta.http_client import http_client
from pipeline.okta.pace import Pace
from pipeline.okta.retry import ATTEMPTS_MAX, THROTTLED_MAX, Attempt, Verdict, backoff_s, judge
from pipeline.okta.sign_in import TOKEN_PATH, SignIn
from pipeline.okta.unanswered import why_unanswered
from pipeline.okta.wire import OktaError
from pipeline.runtime import Runtime

SIGNED_ANEW_MAX = 2
BODY_BYTES_MAX = 64 * 1024 * 1024
TOO_MANY_REQUESTS = 429
FORBIDDEN_CODES = frozenset({"E0000004", "E0000005", "E0000006"})
"""Of a 403; the first is what the governance API's description gives for "no permission"."""
LEAN_USERS = "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where calls go and as whom."""

    origin: str
    sign_in: SignIn


@dataclass(frozen=True, slots=True)
class Call:
    """One call: ``template`` is the path with ``{}`` for each of ``ids``, which are percent-encoded."""

    method: str
    template: str
    ids: tuple[str, ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    not_after_s: float | None = None
    """The latest time (of the clock) at which the call may leave; None: whenever there is room."""
    is_public: bool = False
    """Answered to anybody, so no credential goes along."""

    @property
    def path(self) -> str:
        return self.template.format(*(_segment(each) for each in self.ids))

    @property
    def bucket(self) -> str:
        return bucket_of(self.method, self.template.replace("{}", "{id}"))

    @property
    def is_read(self) -> bool:
        return self.method == "GET"


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer of a call, or, with ``status`` None, why there is none that tells anything."""

    status: int | None
    body: Any = None
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    error: OktaError | None = None
    lost: str = ""
    sent: bool = True
    """False where the call could not leave in time: no attempt of it had any effect."""

    @property
    def request_id(self) -> str | None:
        return next(iter(self.headers.get("x-okta-request-id", [])), None)

    @property
    def date_s(self) -> float | None:
        """The tenant's time, in seconds since the epoch; None where the answer does not tell."""
        return read_date(self.headers)

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the 2xx class


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One attempt, for logs: never a body, a query or a credential."""

    method: str
    template: str
    bucket: str
    status: int | None
    request_id: str | None
    attempt: int


TOKEN_CALL = Call("POST", TOKEN_PATH)
_SCOPE_LACKS = "insufficient_scope"
"""In WWW-Authenticate of a 403 (RFC 6750, 3.1)."""


class OktaClient:
    """Sends calls. Use as an async context manager. Raises InputError where the network settings of the
    environment cannot be used.
    """

    def __init__(
        self,
        connection: Connection,
        runtime: Runtime,
        *,
        budget: Budget,
        user_agent: str,
        on_call: Callable[[CallRecord], None] | None = None,
    ) -> None:
        self._connection = connection
        self._sign_in = connection.sign_in
        self._clock = runtime.clock
        self._rng = runtime.rng
        self.pace = Pace(budget, runtime.clock)
        """Where calls wait for their budget."""
        self._on_call = on_call
        self.clock_skew_s: float | None = None
        """The tenant's clock minus ours, from the last answer."""
        self._http = http_client(connection.origin, runtime, user_agent)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def send(self, call: Call) -> Answer:
        """The answer of ``call`` after the retries that are safe. A write that may have taken effect comes
        back with ``status`` None, one that could not leave in time with ``sent`` False. Raises
        CredentialError when the credential is refused.
        """
        number, signings = 0, 1
        while True:
            number += 1
            answer, error = await self._attempt(call, number)
            if not answer.sent:
                return answer
            # What was not let in had no effect. A new token may in turn demand a new nonce, so twice.
            if not call.is_public and self._sign_in.signs_anew(answer) and signings <= SIGNED_ANEW_MAX:
                signings += 1
                continue
            self._refuse_dead_credential(answer)
            code = answer.error.code if answer.error else None
            verdict = judge(Attempt(call.is_read, answer.status, code, error))
            most = THROTTLED_MAX if answer.status == TOO_MANY_REQUESTS else ATTEMPTS_MAX
            if verdict is Verdict.UNKNOWN:
                return Answer(
                    None, headers=answer.headers, lost=answer.lost or f"Okta answered {answer.status}"
                )
            if verdict is Verdict.ANSWERED or number >= most:
                return answer
            if answer.status != TOO_MANY_REQUESTS:
                await self._clock.sleep(backoff_s(number, self._rng))

    async def _attempt(self, call: Call, number: int) -> tuple[Answer, Exception | None]:
        prepare = None if call.is_public else self._prepare
        if not await self.pace.enter(call.bucket, not_after_s=call.not_after_s, prepare=prepare):
            return Answer(None, sent=False), None
        return await self._sent(call, self._request(call), number)

    async def _prepare(self) -> None:
        await self._sign_in.prepare(self._ask)

    async def _sent(self, call: Call, request: httpx.Request, number: int) -> tuple[Answer, Exception | None]:
        """One HTTP try, for which the budget has made room."""
        bucket, sent_at_s = call.bucket, self._clock.now()
        answer, error = Answer(None), None
        header = None
        try:
            response = await self._http.send(request, stream=True)
            answer = await _read(response)
            header = read_header(answer.headers)
        except httpx.HTTPError as failure:
            error, answer = failure, Answer(None, lost=why_unanswered(request, failure))
        finally:
            self.pace.leave(
                bucket,
                sent_at_s,
                status=answer.status,
                header=header,
                retry_after_s=read_retry_after(answer.headers),
            )
        if answer.date_s is not None:
            self.clock_skew_s = answer.date_s - self._clock.now()
        if self._on_call is not None:
            template = call.template.replace("{}", "{id}")
            self._on_call(CallRecord(call.method, template, bucket, answer.status, answer.request_id, number))
        return answer, error

    @property
    def service_app(self) -> str | None:
        """Which service app signs in, and how; None where a user does."""
        return self._sign_in.service_app

    @property
    def scopes_left_out(self) -> frozenset[str]:
        """Optional scopes that the service app was not granted, once a call was signed."""
        return self._sign_in.left_out

    async def missing_scopes(self) -> frozenset[str]:
        """The scopes this command would like and the service app was not granted; calls go on without them.
        Empty for an API token, which has none.
        """
        return await self._sign_in.missing(self._ask)

    async def _ask(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """One try of a token request, within the budget of its bucket."""
        await self.pace.enter(TOKEN_CALL.bucket)
        request = self._http.build_request("POST", TOKEN_CALL.path, data=dict(form), headers=dict(headers))
        answer, _ = await self._sent(TOKEN_CALL, request, 1)
        return answer

    def _request(self, call: Call) -> httpx.Request:
        # Okta compares a proof's URL with the decoded path (github.com/okta/okta-sdk-python/issues/541).
        url = f"{self._connection.origin}{call.template.format(*call.ids)}"
        headers = {} if call.is_public else self._sign_in.headers(call.method, url)
        content: bytes | None = None
        if call.body is not None:
            content = json.dumps(call.body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        elif call.template.startswith("/api/v1/users"):
            headers["Content-Type"] = LEAN_USERS
        query = f"?{urlencode(call.query, quote_via=quote)}" if call.query else ""
        address = f"{self._connection.origin}{call.path}{query}"
        return self._http.build_request(call.method, address, content=content, headers=headers)

    def _refuse_dead_credential(self, answer: Answer) -> None:
        if lacks_feature(answer):
            raise CredentialError(
                ErrorCode.PERMISSION_MISSING,
                "The org lacks a feature, or the credential may not use it",
                _explained(f"Okta answered {answer.status}", answer),
                next_step="Ask Okta whether Identity Governance is licensed and turned on for this org.",
            )
        if answer.status == 401:  # noqa: PLR2004 - Unauthorized
            raise CredentialError(
                ErrorCode.CREDENTIAL_REFUSED,
                "Okta refused the credential",
                _explained("Okta answered 401", answer),
                next_step=self._sign_in.refused_advice,
            )
        if refuses_proof(answer):
            raise CredentialError(
                ErrorCode.CREDENTIAL_REFUSED,
                "Okta refused the proof of possession",
                _explained("Okta answered 400 invalid_dpop_proof", answer),
                next_step="Look for a proxy that changes URLs or headers between here and Okta.",
            )
        if answer.status == 403 and _SCOPE_LACKS in " ".join(answer.headers.get("www-authenticate", [])):  # noqa: PLR2004
            raise CredentialError(
                ErrorCode.SCOPE_MISSING,
                "The service app lacks a scope",
                _explained("Okta answered 403 insufficient_scope", answer),
                next_step="Run `okta-plan check`: it says which scopes are missing and where to grant them.",
            )
        if answer.status == 403 and answer.error and answer.error.code in FORBIDDEN_CODES:  # noqa: PLR2004
            raise CredentialError(
                ErrorCode.PERMISSION_MISSING,
                "The credential lacks a permission",
                _explained("Okta answered 403", answer),
                next_step=self._sign_in.forbidden_advice,
            )


def lacks_feature(answer: Answer) -> bool:
    """Whether a call was turned away because the org has no such feature: a 401 that says nothing against the
    credential (okta-api.md section 9).
    """
    return answer.status == 401 and answer.error is not None and answer.error.code == "E0000015"  # noqa: PLR2004


def refuses_proof(answer: Answer) -> bool:
    """Whether a call was turned away for its DPoP proof: a 400 without body, the reason in a header
    (github.com/okta/okta-sdk-nodejs/issues/453).
    """
    challenge = " ".join(answer.headers.get("www-authenticate", []))
    return answer.status == 400 and "invalid_dpop_proof" in challenge  # noqa: PLR2004 - Bad Request


def failed(what: str, answer: Answer) -> TenantError:
    """The error of a read that got no usable answer."""
    if answer.status is None:
        return TenantError(
            ErrorCode.TENANT_UNREACHABLE,
            "The tenant could not be reached",
            f"{what}: {answer.lost or 'no answer'}.",
            next_step="Check OKTA_DOMAIN and the way there (network, VPN, proxy), then try again.",
        )
    return TenantError(
        ErrorCode.TENANT_ANSWER,
        "The tenant gave an answer that cannot be used",
        _explained(f"{what}: Okta answered {answer.status}", answer),
        next_step="Try again; if it stays so, give Okta's support the request id.",
    )


def _explained(start: str, answer: Answer) -> str:
    code = f" {answer.error.code}" if answer.error and answer.error.code else ""
    request = f" (request id {answer.request_id})" if answer.request_id else ""
    return f"{start}{code}{request}."


async def _read(response: httpx.Response) -> Answer:
    headers: dict[str, list[str]] = {}
    for name, value in response.headers.raw:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    try:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > BODY_BYTES_MAX:
                raise httpx.ReadError(f"the answer is longer than {BODY_BYTES_MAX} bytes")
    finally:
        await response.aclose()
    try:
        body = json.loads(content) if content else None
    except ValueError:
        body, readable = None, False
    else:
        readable = True
    answer = Answer(response.status_code, body, headers, _error(body) if response.is_error else None)
    if answer.is_good and not readable:
        raise httpx.DecodingError("a good answer whose body is no JSON", request=response.request)
    return answer


def _error(body: object) -> OktaError | None:
    try:
        return OktaError.model_validate(body)
    except ValidationError:
        return None


def _segment(text: str) -> str:
    """One path segment: nothing in it can lead to another path; ``@`` may stand in one (RFC 3986, 3.3)."""
    encoded = quote(text, safe="@")
    return encoded.replace(".", "%2E") if set(text) <= {"."} else encoded
