"""Signing in as a service app, against a token endpoint that is told what to answer."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jwt
import pytest

from pipeline.errors import CredentialError, ErrorCode, TenantError
from pipeline.okta.budget import Budget
from pipeline.okta.client import Call, CallRecord, Connection, OktaClient
from pipeline.okta.scopes import APPS, GOVERNANCE, TO_READ, USERS
from pipeline.okta.service_app import ServiceApp, ServiceAppSignIn
from pipeline.okta.signing import KeyUnusable, read_key
from pipeline.runtime import Runtime
from tests import virtual_time
from tests.okta.token_endpoint import CLIENT_ID, EC_KEY, RSA_KEY, TokenEndpoint, pem, refusal

T = TypeVar("T")
ORIGIN = "https://acme.okta.com"
USERS_CALL = Call("GET", "/api/v1/users", query=(("limit", "1"),))
NONCE_WANTED = "Authorization server requires nonce in DPoP proof."


def story(
    tell: Callable[[OktaClient, TokenEndpoint], Awaitable[T]],
    *,
    key: Any = RSA_KEY,
    seed: int = 3,
    on_call: Callable[[CallRecord], None] | None = None,
    **endpoint: Any,
) -> T:
    async def run() -> T:
        clock = virtual_time.clock()
        answering = TokenEndpoint(clock.now, key=key, **endpoint)
        service_app = ServiceApp(CLIENT_ID, read_key(pem(key), "k1"), ORIGIN)
        sign_in = ServiceAppSignIn(service_app, TO_READ, clock, random.Random(seed))
        runtime = Runtime(
            clock=clock,
            rng=random.Random(seed),
            transport=httpx.MockTransport(answering),
            workspace=Path(),
        )
        client = OktaClient(
            Connection(ORIGIN, sign_in), runtime, budget=Budget(), user_agent="t", on_call=on_call
        )
        async with client:
            return await tell(client, answering)

    return virtual_time.run(run())


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")])
def test_the_assertion_names_the_app_its_key_and_the_token_endpoint(key: Any, algorithm: str) -> None:
    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        assert (await client.send(USERS_CALL)).is_good
        (asked,) = endpoint.asked
        assert asked["header"] == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
        claims = asked["claims"]
        assert claims["iss"] == claims["sub"] == CLIENT_ID
        assert 0 < claims["exp"] - claims["iat"] <= 3600
        assert asked["form"]["scope"].split() == sorted(TO_READ)
        assert endpoint.calls[0].headers["authorization"] == "Bearer access-1"

    story(tell, key=key)


def test_one_token_serves_many_calls_and_is_renewed_before_it_expires() -> None:
    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        used: list[tuple[str, float]] = []
        while len(used) < 3 * 36:
            await client.send(USERS_CALL)
            used.append((endpoint.calls[-1].headers["authorization"], endpoint.now()))
            await virtual_time.clock().sleep(100)
        tokens = {token for token, _ in used}
        assert len(tokens) == len(endpoint.asked) == 4
        assert len({asked["claims"]["jti"] for asked in endpoint.asked}) == 4
        for token in tokens:
            used_at_s = [at_s for text, at_s in used if text == token]
            assert used_at_s[-1] - used_at_s[0] < endpoint.lasts_s

    story(tell)


def test_a_401_brings_one_new_token_and_then_the_credential_is_refused() -> None:
    dead = httpx.Response(401, json={"errorCode": "E0000011", "errorSummary": "Invalid token provided"})

    async def revived(client: OktaClient, endpoint: TokenEndpoint) -> None:
        assert (await client.send(USERS_CALL)).is_good
        assert [call.headers["authorization"] for call in endpoint.calls] == [
            "Bearer access-1",
            "Bearer access-2",
        ]

    def first_only(request: httpx.Request) -> httpx.Response | None:
        return dead if request.headers["authorization"].endswith("access-1") else None

    story(revived, refuse_call=first_only)

    async def refused(client: OktaClient, endpoint: TokenEndpoint) -> None:
        with pytest.raises(CredentialError) as caught:
            await client.send(USERS_CALL)
        assert caught.value.code is ErrorCode.CREDENTIAL_REFUSED
        assert len(endpoint.asked) <= 3

    story(refused, refuse_call=lambda _request: httpx.Response(401, json={"errorCode": "E0000011"}))


def test_a_401_for_want_of_a_feature_costs_no_new_token() -> None:
    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        with pytest.raises(CredentialError) as caught:
            await client.send(USERS_CALL)
        assert caught.value.code is ErrorCode.PERMISSION_MISSING
        assert "licensed" in (caught.value.next_step or "")
        assert len(endpoint.asked) == len(endpoint.calls) == 1

    story(tell, refuse_call=lambda _request: httpx.Response(401, json={"errorCode": "E0000015"}))


def demands_dpop(_number: int, seen: dict[str, Any]) -> httpx.Response | None:
    """The sequence of the recording pysdk__TestDPoPIntegration.test_dpop_api_request."""
    if seen["proof"] is None:
        return refusal("invalid_dpop_proof", "The DPoP proof JWT header is missing.")
    if seen["proof"].get("nonce") != "n1":
        return refusal("use_dpop_nonce", NONCE_WANTED, **{"DPoP-Nonce": "n1"})
    return None


def test_dpop_is_learned_from_the_refusal_and_its_nonce_from_the_next() -> None:
    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        await client.send(USERS_CALL)
        await client.send(USERS_CALL)
        proofs = [asked["proof"] for asked in endpoint.asked]
        assert [proof and proof.get("nonce") for proof in proofs] == [None, None, "n1"]
        assert len({asked["claims"]["jti"] for asked in endpoint.asked}) == 3
        for call in endpoint.calls:
            assert call.headers["authorization"] == "DPoP access-3"
            proof = call.headers["dpop"]
            header = jwt.get_unverified_header(proof)
            assert header["typ"] == "dpop+jwt"
            assert set(header["jwk"]) == {"kty", "crv", "x", "y"}
            key = jwt.PyJWK(header["jwk"])
            claims = jwt.decode(proof, key, algorithms=["ES256"], options={"verify_iat": False})
            assert (claims["htm"], claims["htu"]) == ("GET", f"{ORIGIN}/api/v1/users")
        jtis = {
            jwt.decode(call.headers["dpop"], options={"verify_signature": False})["jti"]
            for call in endpoint.calls
        }
        assert len(jtis) == 2
        assert client.service_app == f"{CLIENT_ID}, with DPoP"

    story(tell, refuse=demands_dpop)


def test_a_nonce_demanded_by_the_api_is_put_into_the_next_proof() -> None:
    def wants_nonce(request: httpx.Request) -> httpx.Response | None:
        claims = jwt.decode(request.headers["dpop"], options={"verify_signature": False})
        if claims.get("nonce") == "n2":
            return None
        challenge = 'DPoP error="use_dpop_nonce", error_description="Resource server requires nonce"'
        return httpx.Response(401, headers={"WWW-Authenticate": challenge, "DPoP-Nonce": "n2"})

    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        assert (await client.send(USERS_CALL)).is_good
        assert len(endpoint.asked) == 3, "the token is still good, so none is asked for again"

    story(tell, refuse=demands_dpop, refuse_call=wants_nonce)


def test_a_refused_proof_is_signed_once_more_and_then_explained() -> None:
    challenge = {"WWW-Authenticate": 'DPoP error="invalid_dpop_proof"'}
    refusals = iter([httpx.Response(400, headers=challenge)])

    async def let_in(client: OktaClient, endpoint: TokenEndpoint) -> None:
        assert (await client.send(USERS_CALL)).is_good
        assert len({call.headers["dpop"] for call in endpoint.calls}) == 2

    story(let_in, refuse=demands_dpop, refuse_call=lambda _request: next(refusals, None))

    async def turned_away(client: OktaClient, endpoint: TokenEndpoint) -> None:
        with pytest.raises(CredentialError) as caught:
            await client.send(USERS_CALL)
        assert "invalid_dpop_proof" in caught.value.detail
        assert len(endpoint.calls) <= 3

    story(
        turned_away,
        refuse=demands_dpop,
        refuse_call=lambda _request: httpx.Response(400, headers=challenge),
    )


def test_our_wrong_clock_is_corrected_by_the_tenants() -> None:
    off_s = 7200.0

    def strict(_number: int, seen: dict[str, Any]) -> httpx.Response | None:
        now_s = seen["claims"]["iat"] - virtual_time.clock().now()
        return (
            None if now_s > off_s / 2 else refusal("invalid_client", "The client_assertion token is expired.")
        )

    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        assert (await client.send(USERS_CALL)).is_good
        assert len(endpoint.asked) == 2

    story(tell, refuse=strict, date_off_s=off_s)


@pytest.mark.parametrize(
    ("error", "description", "code", "words"),
    [
        (
            "invalid_client",
            "The client_assertion signature is invalid.",
            ErrorCode.CREDENTIAL_REFUSED,
            "public key",
        ),
        ("invalid_client", "The client_assertion token is expired.", ErrorCode.CREDENTIAL_REFUSED, "clock"),
        (
            "invalid_client",
            "The client_assertion token has been replayed.",
            ErrorCode.CREDENTIAL_REFUSED,
            "twice",
        ),
        ("invalid_scope", "One or more scopes are not configured.", ErrorCode.SCOPE_MISSING, USERS),
        ("invalid_dpop_proof", "The proof is wrong.", ErrorCode.CREDENTIAL_REFUSED, "DPoP"),
    ],
)
def test_each_refusal_gives_oktas_words_and_what_they_mean(
    error: str, description: str, code: ErrorCode, words: str
) -> None:
    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        with pytest.raises(CredentialError) as caught:
            await client.send(USERS_CALL)
        refused = caught.value
        assert refused.code is code
        assert error in refused.detail
        assert description in refused.detail
        assert words in refused.detail
        assert refused.next_step
        assertion = endpoint.asked[0]["form"]["client_assertion"]
        assert assertion not in f"{refused.detail}{refused.next_step}{refused!r}"
        assert endpoint.calls == []

    story(tell, refuse=lambda _number, _seen: refusal(error, description))


def test_the_missing_scopes_are_found_one_by_one_and_the_others_still_serve() -> None:
    def grants(_number: int, seen: dict[str, Any]) -> httpx.Response | None:
        asked = set(seen["form"]["scope"].split())
        return refusal("invalid_scope", "no") if GOVERNANCE in asked else None

    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        assert await client.missing_scopes() == {GOVERNANCE}
        assert (await client.send(USERS_CALL)).is_good
        assert set(endpoint.asked[-1]["form"]["scope"].split()) == {USERS, APPS}

    story(tell, refuse=grants)


def test_a_403_for_want_of_a_scope_says_so() -> None:
    challenge = 'Bearer error="insufficient_scope", scope="okta.apps.manage"'
    forbidden = httpx.Response(403, json={"errorCode": "E0000006"}, headers={"WWW-Authenticate": challenge})

    async def tell(client: OktaClient, _endpoint: TokenEndpoint) -> None:
        with pytest.raises(CredentialError) as caught:
            await client.send(USERS_CALL)
        assert caught.value.code is ErrorCode.SCOPE_MISSING

    story(tell, refuse_call=lambda _request: forbidden)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"token_type": "mac", "expires_in": 60, "access_token": "x"}),
        httpx.Response(200, json={"token_type": "DPoP", "expires_in": 60, "access_token": "x"}),
        httpx.Response(200, json={"token_type": "Bearer", "expires_in": 0, "access_token": "x"}),
        httpx.Response(200, json={"token_type": "Bearer", "access_token": "x"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
        httpx.Response(400, text="<html>"),
        httpx.Response(500),
    ],
)
def test_an_answer_that_gives_no_usable_token_is_an_error_and_no_call_leaves(answer: httpx.Response) -> None:
    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        with pytest.raises(TenantError):
            await client.send(USERS_CALL)
        assert endpoint.calls == []

    story(tell, refuse=lambda _number, _seen: answer)


def test_a_busy_or_troubled_token_endpoint_is_asked_again_with_a_new_assertion() -> None:
    def troubled(number: int, _seen: dict[str, Any]) -> httpx.Response | None:
        return {1: httpx.Response(503), 2: httpx.Response(429)}.get(number)

    records: list[CallRecord] = []

    async def tell(client: OktaClient, endpoint: TokenEndpoint) -> None:
        assert (await client.send(USERS_CALL)).is_good
        assert len({asked["claims"]["jti"] for asked in endpoint.asked}) == 3

    story(tell, refuse=troubled, on_call=records.append)
    assert [record.bucket for record in records] == ["access token"] * 3 + ["users"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no private key"),
        ("-----BEGIN PRIVATE KEY-----\nxxx\n-----END PRIVATE KEY-----", "no private key"),
    ],
)
def test_a_key_of_no_use_is_refused_without_being_shown(text: str, why: str) -> None:
    with pytest.raises(KeyUnusable, match=why) as caught:
        read_key(text, None)
    assert "xxx" not in str(caught.value)


def test_nothing_that_is_printed_shows_a_secret() -> None:
    key = read_key(pem(EC_KEY), "k1")
    sign_in = ServiceAppSignIn(
        ServiceApp(CLIENT_ID, key, ORIGIN), TO_READ, virtual_time.clock(), random.Random(1)
    )
    shown = f"{key!r} {sign_in!r} {Connection(ORIGIN, sign_in)!r} {ServiceApp(CLIENT_ID, key, ORIGIN)!r}"
    assert "PRIVATE" not in shown
    assert str(EC_KEY.private_numbers().private_value) not in shown
