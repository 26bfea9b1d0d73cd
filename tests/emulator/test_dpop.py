"""DPoP at the token endpoint and at the API, in the order Okta's recorded traffic shows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import Key

from pipeline.emulator.orgfile import org_file_from
from tests.emulator.org_room import Room, org_data, within, within_room
from tests.emulator.service_app import (
    TOKEN_URL,
    App,
    client_entry,
    ec_key,
    payload_of,
    proof,
    public,
    rsa_key,
    signed,
    token_hash,
)

USERS_URL = "http://org.test/api/v1/users"
MISSING = "The DPoP proof JWT header is missing."
NEEDS_NONCE = "Authorization server requires nonce in DPoP proof."
DAY_S = 24 * 3600


class ProvingApp(App):
    """An app whose every proof has a jti of its own, until told otherwise."""

    proof_key: Key = ec_key("proof")
    proofs = 0

    def proof(self, method: str = "POST", url: str = TOKEN_URL, **changes: Any) -> str:
        self.proofs += 1
        claims = {"jti": f"proof-{self.proofs}", **changes}
        return proof(self.proof_key, self.room.now_s, method, url, **claims)

    async def nonce(self) -> str:
        response = await self.ask(proof=self.proof())
        refused(response, "use_dpop_nonce", NEEDS_NONCE)
        return response.headers["dpop-nonce"]

    async def bound_token(self) -> str:
        response = await self.ask(proof=self.proof(nonce=await self.nonce()))
        assert response.status_code == 200, response.text
        return str(response.json()["access_token"])

    async def call(self, token: str, path: str = "/api/v1/users", **changes: Any) -> httpx.Response:
        made = self.proof("GET", f"http://org.test{path}", **{"ath": token_hash(token), **changes})
        return await self.send(token, made, path)

    async def send(self, token: str, made: str, path: str = "/api/v1/users") -> httpx.Response:
        headers = {"Authorization": f"DPoP {token}", "DPoP": made}
        return await self.room.client.get(path, headers=headers)


def proving(story: Callable[[ProvingApp], Coroutine[Any, Any, None]], **changes: Any) -> None:
    async def run(room: Room) -> None:
        await story(ProvingApp(room))

    within(run, clients=[client_entry(dpop=True)], **changes)


def refused(response: httpx.Response, error: str, description: str) -> None:
    found = (response.status_code, response.json())
    assert found == (400, {"error": error, "error_description": description})


def challenged(response: httpx.Response, status: int, error: str, description: str) -> None:
    assert response.status_code == status
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith('DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", authorization_uri="http://')
    assert f'error="{error}", error_description="{description}"' in challenge


def test_the_recorded_sequence_ends_in_a_bound_token_that_opens_the_api() -> None:
    async def story(app: ProvingApp) -> None:
        refused(await app.ask(), "invalid_dpop_proof", MISSING)
        nonce = await app.nonce()
        response = await app.ask(proof=app.proof(nonce=nonce))
        body = response.json()
        assert (body["token_type"], body["expires_in"]) == ("DPoP", 3600)
        assert response.headers["dpop-nonce"] == nonce
        token = body["access_token"]
        assert payload_of(token)["cnf"] == {"jkt": ec_key("proof").thumbprint()}
        answered = await app.call(token)
        assert answered.status_code == 200
        assert "dpop-nonce" not in answered.headers
        assert (await app.call(token, nonce=nonce)).status_code == 200

    proving(story)


def test_the_refusal_that_asks_for_a_nonce_has_spent_the_assertion() -> None:
    async def story(app: ProvingApp) -> None:
        used = app.assertion()
        nonce = (await app.ask(proof=app.proof(), client_assertion=used)).headers["dpop-nonce"]
        again = await app.ask(proof=app.proof(nonce=nonce), client_assertion=used)
        assert again.json()["error_description"] == "The client_assertion token has already been used."

    proving(story)


def test_a_nonce_is_renewed_daily_and_lasts_three_days() -> None:
    async def story(app: ProvingApp) -> None:
        app.room.now_s = (app.room.now_s // DAY_S) * DAY_S
        first = await app.nonce()
        app.room.now_s += DAY_S
        later = await app.ask(proof=app.proof(nonce=first))
        assert later.status_code == 200
        assert later.headers["dpop-nonce"] != first
        app.room.now_s += 2 * DAY_S - 1
        assert (await app.ask(proof=app.proof(nonce=first))).status_code == 200
        app.room.now_s += 1
        late = await app.ask(proof=app.proof(nonce=first))
        refused(late, "use_dpop_nonce", NEEDS_NONCE)
        assert (await app.ask(proof=app.proof(nonce=late.headers["dpop-nonce"]))).status_code == 200

    proving(story)


def claim(name: str) -> str:
    return f"'{name}' claim in the DPoP proof JWT is invalid."


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"htm": "GET"}, claim("htm")),
        ({"htu": "https://acme.okta.com/oauth2/v1/token"}, claim("htu")),
        ({"htu": TOKEN_URL + "?x=1"}, claim("htu")),
        ({"iat": 1_790_000_000 - 301}, claim("iat")),
        ({"iat": 1_790_000_000 + 301}, claim("iat")),
        ({"iat": None}, claim("iat")),
        ({"jti": None}, claim("jti")),
    ],
)
def test_claims_of_a_proof_for_a_token_must_hold(changes: dict[str, Any], description: str) -> None:
    async def story(app: ProvingApp) -> None:
        made = app.proof(**{"nonce": await app.nonce(), **changes})
        refused(await app.ask(proof=made), "invalid_dpop_proof", description)

    proving(story)


def test_proofs_that_are_none() -> None:
    async def story(app: ProvingApp) -> None:
        claims = payload_of(app.proof(nonce=await app.nonce()))
        key, other = ec_key("proof"), ec_key("other")
        private = key.as_dict(private=True)
        for made in (
            "x.y.z",
            signed(key, claims, typ="dpop+jwt"),
            signed(key, claims, typ="JWT", jwk=public(key)),
            signed(key, claims, typ="dpop+jwt", jwk=public(other)),
            signed(key, claims, typ="dpop+jwt", jwk=private),
            signed(key, claims, typ="dpop+jwt", jwk={"kty": "EC", "crv": "P-256"}),
            signed(key, claims, typ="dpop+jwt", jwk={"kty": ["EC"], "crv": {}}),
        ):
            refused(await app.ask(proof=made), "invalid_dpop_proof", "The DPoP proof JWT is invalid.")

    proving(story)


def test_a_proof_for_a_token_serves_once() -> None:
    async def story(app: ProvingApp) -> None:
        made = app.proof(nonce=await app.nonce())
        assert (await app.ask(proof=made)).status_code == 200
        used = "The DPoP proof JWT has already been used."
        refused(await app.ask(proof=made), "invalid_dpop_proof", used)

    proving(story)


def test_a_large_rsa_key_may_sign_proofs() -> None:
    async def story(app: ProvingApp) -> None:
        app.proof_key = rsa_key("main")
        assert (await app.call(await app.bound_token())).status_code == 200

    proving(story)


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"htm": "POST"}, claim("htm")),
        ({"htu": "http://org.test/api/v1/apps"}, claim("htu")),
        ({"iat": 1_790_000_000 - 301}, claim("iat")),
        ({"jti": None}, claim("jti")),
        ({"ath": None}, claim("ath")),
        ({"ath": token_hash("another")}, claim("ath")),
    ],
)
def test_claims_of_a_proof_for_the_api_must_hold(changes: dict[str, Any], description: str) -> None:
    async def story(app: ProvingApp) -> None:
        response = await app.call(await app.bound_token(), **changes)
        challenged(response, 400, "invalid_dpop_proof", description)
        assert response.content == b""
        assert 'scope="okta.users.read"' in response.headers["www-authenticate"]

    proving(story)


def test_the_query_does_not_belong_to_htu_and_the_path_in_it_is_decoded() -> None:
    async def story(app: ProvingApp) -> None:
        token = await app.bound_token()
        ath, users = token_hash(token), "/api/v1/users"
        made = app.proof("GET", USERS_URL, ath=ath)
        assert (await app.send(token, made, f"{users}?limit=1")).status_code == 200
        addressed = f"{users}/alice%40acme.example.com"
        made = app.proof("GET", f"http://org.test{users}/alice@acme.example.com", ath=ath)
        assert (await app.send(token, made, addressed)).status_code == 200
        made = app.proof("GET", f"http://org.test{addressed}", ath=ath)
        challenged(await app.send(token, made, addressed), 400, "invalid_dpop_proof", claim("htu"))

    proving(story)


def test_a_proof_for_the_api_serves_once_even_when_the_answer_was_429() -> None:
    async def story(app: ProvingApp) -> None:
        token = await app.bound_token()
        made = app.proof("GET", USERS_URL, ath=token_hash(token))
        used = "The DPoP proof JWT has already been used."
        assert (await app.send(token, made)).status_code == 200
        challenged(await app.send(token, made), 400, "invalid_dpop_proof", used)
        over = app.proof("GET", USERS_URL, ath=token_hash(token))
        assert (await app.send(token, over)).status_code == 429
        app.room.now_s += 60
        challenged(await app.send(token, over), 400, "invalid_dpop_proof", used)

    proving(story, limits={"/api/v1/users": 2})


def test_a_bound_token_without_its_key_is_worth_nothing() -> None:
    async def story(app: ProvingApp) -> None:
        token = await app.bound_token()
        as_bearer = await app.get(token)
        challenged(as_bearer, 401, "invalid_token", "The access token is of the type DPoP.")
        assert as_bearer.json()["errorCode"] == "E0000011"
        challenged(await app.get(token, scheme="DPoP"), 400, "invalid_dpop_proof", MISSING)
        app.proof_key = ec_key("thief")
        stolen = await app.call(token)
        challenged(stolen, 401, "invalid_token", "Invalid DPoP key binding")
        assert stolen.json()["errorCode"] == "E0000011"

    proving(story)


def test_an_expired_bound_token_and_a_missing_scope_are_told_apart() -> None:
    async def story(app: ProvingApp) -> None:
        made = app.proof(nonce=await app.nonce())
        token = (await app.ask(proof=made, scope="okta.apps.read")).json()["access_token"]
        described = "The access token provided does not contain the required scopes."
        challenged(await app.call(token), 403, "insufficient_scope", described)
        app.room.now_s += 3600
        challenged(await app.call(token), 401, "invalid_token", "The token has expired.")

    proving(story)


def test_an_app_that_does_not_require_dpop_gets_a_bearer_token() -> None:
    async def story(room: Room) -> None:
        app = ProvingApp(room)
        response = await app.ask(proof=app.proof())
        body = response.json()
        assert body["token_type"] == "Bearer"
        assert "dpop-nonce" not in response.headers
        assert (await app.get(body["access_token"])).status_code == 200
        as_dpop = await app.call(body["access_token"])
        assert as_dpop.status_code == 401
        assert as_dpop.headers["www-authenticate"].startswith("Bearer ")

    within(story, clients=[client_entry()])


def test_nonces_tokens_and_spent_proofs_live_through_a_restart(tmp_path: Path) -> None:
    org, kept = org_file_from(org_data(clients=[client_entry(dpop=True)])), {}

    async def before(room: Room) -> None:
        app = ProvingApp(room)
        kept["nonce"] = await app.nonce()
        kept["token"] = await app.bound_token()
        kept["proof"] = app.proof("GET", USERS_URL, ath=token_hash(kept["token"]))
        assert (await app.send(kept["token"], kept["proof"])).status_code == 200

    async def after(room: Room) -> None:
        app = ProvingApp(room)
        app.signed, app.proofs = 50, 50
        assert (await app.send(kept["token"], kept["proof"])).status_code == 400
        assert (await app.call(kept["token"])).status_code == 200
        assert (await app.ask(proof=app.proof(nonce=kept["nonce"]))).status_code == 200

    within_room(before, Room(org, tmp_path / "state.db"))
    within_room(after, Room(org, tmp_path / "state.db"))
