"""Service apps: client assertions, access tokens, and the scopes of every route."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.emulator import OrgFileError, load_org_file
from pipeline.emulator.orgfile import org_file_from
from pipeline.emulator.routes import ROUTES
from tests.emulator.org_room import APP, GOV, PARENT, Json, Room, org_data, within, within_room
from tests.emulator.service_app import (
    CLIENT,
    OTHER,
    READS,
    App,
    client_entry,
    ec_key,
    payload_of,
    public,
    rsa_key,
    signed,
)

AppStory = Callable[[App], Coroutine[Any, Any, None]]


def with_app(story: AppStory, **client: Any) -> None:
    async def run(room: Room) -> None:
        await story(App(room))

    within(run, clients=[client_entry(**client)])


def refused(response: httpx.Response, status: int, error: str, description: str) -> None:
    assert (response.status_code, response.json()) == (
        status,
        {"error": error, "error_description": description},
    )


def test_a_token_is_issued_and_opens_the_api() -> None:
    async def story(app: App) -> None:
        response = await app.ask(scope="okta.users.read okta.apps.read")
        body = response.json()
        assert response.status_code == 200
        assert list(body) == ["token_type", "expires_in", "access_token", "scope"]
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
        assert body["scope"] == "okta.users.read okta.apps.read"
        assert response.headers["cache-control"] == "no-cache, no-store"
        claims, now = payload_of(body["access_token"]), int(app.room.now_s)
        assert claims.pop("jti").startswith("AT.")
        org = "https://acme.okta.com"
        times = {"iat": now, "exp": now + 3600}
        names = {"ver": 1, "iss": org, "aud": org, "cid": CLIENT, "sub": CLIENT}
        assert claims == {**names, **times, "scp": ["okta.users.read", "okta.apps.read"]}
        assert (await app.get(body["access_token"])).status_code == 200

    with_app(story)


@pytest.mark.parametrize("key", [rsa_key("main"), ec_key("main")], ids=["RS256", "ES256"])
@pytest.mark.parametrize("form", ["one", "one without kid", "set"])
def test_keys_of_both_kinds_alone_or_in_a_set(key: Any, form: str) -> None:
    async def story(room: Room) -> None:
        assert (await App(room, key).ask()).status_code == 200

    several = {"keys": [public(rsa_key("older")), public(key)]}
    jwk = {"one": public(key), "one without kid": public(key, kid=None), "set": several}[form]
    within(story, clients=[client_entry(jwk=jwk)])


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa_key("main"), "RS384"),
        (rsa_key("main"), "RS512"),
        (ec_key("main", "P-384"), "ES384"),
        (ec_key("main", "P-521"), "ES512"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_stronger_signatures_serve_as_well(key: Any, algorithm: str) -> None:
    async def story(room: Room) -> None:
        app = App(room, key)
        response = await app.ask(client_assertion=signed(key, app.claims(), kid=key.kid, alg=algorithm))
        assert response.status_code == 200

    within(story, clients=[client_entry(jwk=public(key))])


@pytest.mark.parametrize(
    ("claims", "description"),
    [
        ({"exp": 1_790_000_000}, "The client_assertion token is expired."),
        ({"exp": 1_790_003_601}, "The client_assertion token has an expiration too far into the future."),
        ({"exp": None}, "The client_assertion token has no expiration."),
        (
            {"aud": "https://acme.okta.com/oauth2/v1/token"},
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
        ),
        (
            {"aud": "http://org.test"},
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
        ),
        ({"sub": OTHER}, "The subject of client_assertion must be the client_id."),
    ],
)
def test_claims_that_do_not_hold(claims: dict[str, Any], description: str) -> None:
    async def story(app: App) -> None:
        response = await app.ask(client_assertion=app.assertion(**claims))
        refused(response, 401, "invalid_client", description)

    with_app(story)


def test_an_assertion_may_end_an_hour_ahead_at_most() -> None:
    async def story(app: App) -> None:
        ends = int(app.room.now_s) + 3600
        assert (await app.ask(client_assertion=app.assertion(exp=ends))).status_code == 200

    with_app(story)


def test_another_key_of_the_same_name_is_refused() -> None:
    async def story(app: App) -> None:
        wrong = signed(rsa_key("wrong"), app.claims(), kid="main")
        described = "The client_assertion signature is invalid."
        refused(await app.ask(client_assertion=wrong), 401, "invalid_client", described)

    with_app(story)


@pytest.mark.parametrize("header", [{}, {"kid": "nobody's"}])
def test_of_several_keys_the_assertion_must_name_one(header: dict[str, str]) -> None:
    async def story(app: App) -> None:
        unnamed = signed(app.key, app.claims(), **header)
        described = "The client_assertion JWT kid is invalid."
        refused(await app.ask(client_assertion=unnamed), 401, "invalid_client", described)

    with_app(story, jwk={"keys": [public(rsa_key("main")), public(ec_key("second"))]})


def test_an_unknown_client_gets_the_error_body_of_the_api() -> None:
    async def story(app: App) -> None:
        response = await app.ask(client_assertion=app.assertion(iss=OTHER, sub=OTHER))
        body = response.json()
        assert (response.status_code, body["errorCode"]) == (401, "invalid_client")
        assert body["errorSummary"] == "Invalid value for 'client_id' parameter."

    with_app(story)


def test_an_assertion_serves_once_as_long_as_it_is_valid() -> None:
    async def story(app: App) -> None:
        used = app.assertion()
        assert (await app.ask(client_assertion=used)).status_code == 200
        described = "The client_assertion token has already been used."
        refused(await app.ask(client_assertion=used), 401, "invalid_client", described)
        app.room.now_s += 299
        refused(await app.ask(client_assertion=used), 401, "invalid_client", described)
        app.room.now_s += 1
        described = "The client_assertion token is expired."
        refused(await app.ask(client_assertion=used), 401, "invalid_client", described)

    with_app(story)


def test_a_refused_scope_has_spent_the_assertion_too() -> None:
    async def story(app: App) -> None:
        used = app.assertion()
        assert (await app.ask(client_assertion=used, scope="okta.users.manage")).status_code == 400
        assert (await app.ask(client_assertion=used)).status_code == 401

    with_app(story)


NOT_CONFIGURED = "One or more scopes are not configured for the authorization server resource."
NO_DEFAULT = (
    "The authorization server resource does not have any configured default scopes, 'scope' must be provided."
)


@pytest.mark.parametrize(
    ("changes", "status", "error", "description"),
    [
        ({"scope": f"{READS} okta.users.manage"}, 400, "invalid_scope", NOT_CONFIGURED),
        ({"scope": None}, 400, "invalid_scope", NO_DEFAULT),
        (
            {"grant_type": "password"},
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server.",
        ),
        ({"grant_type": None}, 400, "invalid_request", "The grant_type parameter is required."),
        (
            {"client_assertion_type": "jwt"},
            401,
            "invalid_client",
            "The client_assertion_type is invalid.",
        ),
        (
            {"client_assertion": "nonsense"},
            401,
            "invalid_client",
            "The client_assertion token is malformed.",
        ),
    ],
)
def test_forms_that_are_refused(
    changes: dict[str, str | None], status: int, error: str, description: str
) -> None:
    async def story(app: App) -> None:
        refused(await app.ask(**changes), status, error, description)

    with_app(story)


def test_a_form_without_assertion_or_a_json_body_is_refused_as_oauth_does() -> None:
    async def story(app: App) -> None:
        url = "/oauth2/v1/token"
        bare = await app.room.client.post(url, data={"grant_type": "client_credentials", "scope": READS})
        refused(bare, 401, "invalid_client", "No client credentials found.")
        assert (await app.room.client.post(url, json={})).json()["error"] == "invalid_request"

    with_app(story)


@settings(max_examples=60, deadline=None)
@given(text=st.one_of(st.text(max_size=40), st.from_regex(r"[A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_-]{0,20}){2}")))
def test_no_text_in_place_of_a_jwt_breaks_the_org(text: str) -> None:
    async def story(app: App) -> None:
        assert (await app.ask(client_assertion=text)).status_code == 401
        token = text.encode("ascii", "replace").decode().translate(dict.fromkeys(range(32), "x"))
        assert (await app.get(token)).status_code == 401

    with_app(story)


def test_an_expired_a_foreign_and_a_spoilt_token_are_401_with_a_challenge() -> None:
    async def story(app: App) -> None:
        token = await app.token()
        app.room.now_s += 3599
        assert (await app.get(token)).status_code == 200
        app.room.now_s += 1
        expired = await app.get(token)
        assert 'error="invalid_token"' in expired.headers["www-authenticate"]
        assert 'error_description="The token has expired."' in expired.headers["www-authenticate"]
        foreign = signed(rsa_key("main"), payload_of(token), kid="x")
        head, payload, signature = token.split(".")
        for other in (token, foreign, f"{head}.{payload}.{signature[::-1]}", "x", ""):
            response = await app.get(other)
            assert (response.status_code, response.json()["errorCode"]) == (401, "E0000011")
            assert response.json()["errorSummary"] == "Invalid token provided"
            assert response.headers["www-authenticate"].startswith("Bearer ")

    with_app(story)


def test_a_token_without_the_scope_is_403_and_the_challenge_names_the_scope() -> None:
    async def story(app: App) -> None:
        response = await app.get(await app.token(scope="okta.apps.read"))
        assert (response.status_code, response.json()["errorCode"]) == (403, "E0000006")
        org = "http://acme.okta.com"
        assert response.headers["www-authenticate"] == (
            f'Bearer authorization_uri="{org}/oauth2/v1/authorize", realm="{org}", scope="okta.users.read", '
            'error="insufficient_scope", '
            'error_description="The access token provided does not contain the required scopes.", '
            'resource="/api/v1/users"'
        )

    with_app(story)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/org", "okta.orgs.read"),
        ("GET", "/api/v1/users/alice", "okta.users.read"),
        ("GET", "/api/v1/users", "okta.users.manage"),
        ("GET", "/api/v1/apps", "okta.apps.read"),
        ("GET", f"/api/v1/apps/{APP}/users", "okta.apps.read"),
        ("POST", f"/api/v1/apps/{APP}/users", "okta.apps.manage"),
        ("GET", f"{GOV}/grants", "okta.governance.entitlements.read"),
        ("GET", f"{GOV}/principal-access", "okta.governance.entitlements.read"),
        ("POST", f"{GOV}/grants", "okta.governance.entitlements.manage"),
        ("PATCH", f"{GOV}/entitlements/esp1", "okta.governance.entitlements.manage"),
        ("GET", f"{GOV}/entitlement-bundles", "okta.governance.entitlements.read"),
        ("DELETE", f"{GOV}/entitlement-bundles/enb1", "okta.governance.entitlements.manage"),
        ("PATCH", f"{GOV[:-1]}2/resources/orn/entitlement-settings", "okta.governance.entitlements.manage"),
        ("POST", f"{GOV[:-1]}2/revoke-principal-access", "okta.governance.entitlements.manage"),
        ("GET", f"{GOV}/operations/cpa1", "okta.governance.operations.read"),
        ("GET", f"{GOV}/risk-rules", "okta.governance.riskRule.read"),
        ("PUT", f"{GOV}/risk-rules/rul1", "okta.governance.riskRule.manage"),
        ("POST", f"{GOV}/risk-rule-assessments", "okta.governance.riskRule.read"),
    ],
)
def test_scopes_let_in_where_they_belong_and_nowhere_else(method: str, path: str, scope: str) -> None:
    every = [f"okta.{area}.{word}" for area in ("orgs", "users", "apps") for word in ("read", "manage")]
    governed = ("entitlements", "operations", "riskRule")
    every += [f"okta.governance.{area}.{word}" for area in governed for word in ("read", "manage")]

    async def story(app: App) -> None:
        async def status(scopes: list[str]) -> int:
            headers = {"Authorization": f"Bearer {await app.token(scope=' '.join(scopes))}"}
            return (await app.room.client.request(method, path, headers=headers)).status_code

        area = scope.rpartition(".")[0]
        enough = {scope, f"{area}.manage"} | ({f"{area}.read"} if method == "GET" else set())
        assert await status([scope]) not in (401, 403)
        assert await status([one for one in every if one not in enough]) == 403

    with_app(story, scopes=every)


def test_every_route_is_public_or_has_scopes() -> None:
    public_paths = {route.template for route in ROUTES if route.public}
    assert public_paths == {"/.well-known/okta-organization", "/oauth2/v1/token"}
    assert [route.template for route in ROUTES if not route.public and not route.scopes] == []


def test_an_api_token_needs_no_scopes_and_a_service_app_is_no_user() -> None:
    async def story(app: App) -> None:
        assert (await app.room.get("/api/v1/users/me")).status_code == 200
        response = await app.get(await app.token(), "/api/v1/users/me")
        assert response.json()["errorSummary"] == "Not found: Resource not found: me (User)"

    with_app(story)


def test_windows_and_the_request_log_know_the_service_app_by_its_id() -> None:
    async def story(room: Room) -> None:
        app = App(room)
        response = await app.ask()
        assert (response.headers["x-rate-limit-limit"], response.headers["x-rate-limit-remaining"]) == (
            "150",
            "149",
        )
        token = response.json()["access_token"]
        url = f"{GOV}/entitlements"
        ours = [await app.get(token, url) for _ in range(2)]
        theirs = await room.get(url, filter=PARENT)
        left = [one.headers["x-rate-limit-remaining"] for one in (*ours, theirs)]
        assert left == ["49", "48", "49"]
        log = await room.ok("/_emulator/requests")
        assert [line["client"] for line in log] == [CLIENT, CLIENT, CLIENT, "token-1"]
        assert log[0]["bucket"] == "/oauth2/v1/token"
        assert "client_assertion=...&" in log[0]["body"] + "&"
        assert token not in json.dumps(log)

    within(story, clients=[client_entry()], limits="observed")


def test_tokens_and_spent_assertions_live_through_a_restart(tmp_path: Path) -> None:
    org, kept = org_file_from(org_data(clients=[client_entry()])), {}

    async def before(room: Room) -> None:
        kept["assertion"] = App(room).assertion()
        kept["token"] = await App(room).token(client_assertion=kept["assertion"])

    async def after(room: Room) -> None:
        assert (await App(room).get(kept["token"])).status_code == 200
        again = await App(room).ask(client_assertion=kept["assertion"])
        assert again.json()["error_description"] == "The client_assertion token has already been used."

    within_room(before, Room(org, tmp_path / "state.db"))
    within_room(after, Room(org, tmp_path / "state.db"))


def test_the_state_of_an_org_with_service_apps_loads_back(tmp_path: Path) -> None:
    async def state(room: Room) -> Json:
        return await room.ok("/_emulator/state")

    (tmp_path / "key.pub.json").write_text(json.dumps(public(ec_key("main"))), encoding="utf-8")
    path = tmp_path / "org.yaml"
    path.write_text(
        f"org: {{subdomain: acme}}\ntokens: [t, good]\n"
        f"clients: [{{id: {CLIENT}, jwk_file: key.pub.json, scopes: [okta.users.read], dpop: true}}]\n",
        encoding="utf-8",
    )
    first = within_room(state, Room(load_org_file(path)))
    expected = {"id": CLIENT, "jwk": public(ec_key("main")), "scopes": ["okta.users.read"], "dpop": True}
    assert first["clients"] == [expected]
    assert within_room(state, Room(org_file_from(first))) == first


@pytest.mark.parametrize(
    ("jwk", "message"),
    [
        (rsa_key("main").as_dict(private=True), "clients[0].jwk: this is a private key"),
        (ec_key("main").as_dict(private=True), "clients[0].jwk: this is a private key"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "clients[0].jwk: this is a private key"),
        ({"kty": "EC", "crv": "secp256k1", "x": "", "y": ""}, "RSA, or EC on one of the curves P-256,"),
        ({"kty": "RSA"}, "clients[0].jwk: the key cannot be read"),
        ({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, "clients[0].jwk: the key cannot be read"),
        ({"keys": []}, "a JWKS holds a list of at least one key"),
        ({"keys": [public(ec_key("a")), public(ec_key("a"))]}, "each needs a kid of its own"),
    ],
)
def test_keys_that_cannot_serve_are_refused(jwk: dict[str, Any], message: str) -> None:
    with pytest.raises(OrgFileError) as error:
        org_file_from(org_data(clients=[client_entry(jwk=jwk)]))
    assert message in str(error.value)
    assert str(jwk.get("d")) not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "key.json: cannot be read"), ("-----BEGIN", "key.json: is not JSON")]
)
def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "org.yaml"
    path.write_text(
        f"org: {{subdomain: acme}}\ntokens: [t]\nclients: [{{id: {CLIENT}, jwk_file: key.json}}]\n",
        encoding="utf-8",
    )
    if content is not None:
        (tmp_path / "key.json").write_text(content, encoding="utf-8")
    with pytest.raises(OrgFileError) as error:
        load_org_file(path)
    assert message in str(error.value)
    assert "org.yaml" in str(error.value)
