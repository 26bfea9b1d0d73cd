"""Every way to sign in, through the use cases, against an org that checks signatures with another library."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pipeline.errors import CredentialError, ErrorCode
from pipeline.okta import scopes
from tests.in_process import Tenant
from tests.okta.token_endpoint import CLIENT_ID, EC_KEY, RSA_KEY, pem
from tests.test_applying import ORG, PLAN
from tests.test_cases import furnish

ACCEPTED = ("user_not_found",)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
KEYS: dict[str, Key] = {"RS256": RSA_KEY, "ES256": EC_KEY}


def public_jwk(key: Key) -> dict[str, Any]:
    public = key.public_key()
    text = (
        jwt.algorithms.RSAAlgorithm.to_jwk(public)
        if isinstance(public, rsa.RSAPublicKey)
        else jwt.algorithms.ECAlgorithm.to_jwk(public)
    )
    jwk: dict[str, Any] = json.loads(text)
    return {name: jwk[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in jwk} | {"kid": "k1"}


def tenant(
    folder: Path,
    *,
    registered: Key = RSA_KEY,
    signs: Key = RSA_KEY,
    granted: frozenset[str] = scopes.ALL,
    dpop: bool = False,
    users: list[str] | None = None,
) -> Tenant:
    (folder / "app.pem").write_text(pem(signs), "ascii")
    client = {"id": CLIENT_ID, "jwk": public_jwk(registered), "scopes": sorted(granted), "dpop": dpop}
    access = [{**PLAN["access"][0], "users": users or PLAN["access"][0]["users"]}]
    org = furnish(folder, {"plan": PLAN | {"access": access}, "org": {**ORG, "clients": [client]}})
    org.settings = {"OKTA_CLIENT_ID": CLIENT_ID, "OKTA_PRIVATE_KEY": "app.pem", "OKTA_KEY_ID": "k1"}
    return org


@pytest.mark.parametrize("dpop", [False, True], ids=["bearer", "dpop"])
@pytest.mark.parametrize("algorithm", KEYS)
def test_a_service_app_checks_diffs_applies_and_verifies(algorithm: str, dpop: bool, tmp_path: Path) -> None:
    org = tenant(tmp_path, registered=KEYS[algorithm], signs=KEYS[algorithm], dpop=dpop)
    check = org.check()
    assert check.credential == f"service app {CLIENT_ID}" + (", with DPoP" if dpop else "")
    assert all(each.granted for each in check.scopes)
    assert org.diff().exit_code == 2
    assert org.apply(accept_held=ACCEPTED).exit_code == 0
    assert org.held() == {"ann@x.com": {"Role": ["Admin"]}}
    assert org.verify().exit_code == 3, "nobody@x.com is held"
    assert {each["client"] for each in org.requests()} <= {CLIENT_ID, "anonymous"}


@pytest.mark.parametrize("login", ["no+body@x.com", "n%40o@x.com", "nö@x.com", "n?o#@x.com"])
def test_a_proof_fits_the_path_of_any_login(login: str, tmp_path: Path) -> None:
    org = tenant(tmp_path, dpop=True, users=["ann@x.com", login])
    assert [(each.principal, each.reason.value) for each in org.diff().held] == [(login, "user_not_found")]


def test_diff_and_verify_never_ask_for_a_scope_that_writes(tmp_path: Path) -> None:
    org = tenant(tmp_path, granted=scopes.TO_READ)
    assert org.diff().exit_code == 2
    org.verify()
    asked = [each["body"] for each in org.requests() if each["path"] == "/oauth2/v1/token"]
    assert asked
    assert not any("manage" in str(body) for body in asked)


def test_without_the_scope_of_risk_rules_all_else_is_done_and_that_is_said(tmp_path: Path) -> None:
    org = tenant(tmp_path, granted=scopes.ALL - scopes.OPTIONAL)
    (finding,) = org.diff().findings
    assert finding.code == "sod_unchecked"
    assert scopes.RISK_RULES in finding.detail
    assert org.apply(accept_held=ACCEPTED).exit_code == 0
    assert not [each for each in org.requests() if each["path"].endswith("/risk-rules")]
    tokens = [each["status"] for each in org.requests() if each["path"] == "/oauth2/v1/token"]
    assert tokens == [400, 200] * 2, "asked for with it, then without it, once for each command"


def test_with_the_scope_of_risk_rules_they_are_read(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    assert org.diff().findings == []
    assert [each["status"] for each in org.requests() if each["path"].endswith("/risk-rules")] == [200]


def test_check_says_which_scopes_are_missing_and_what_they_are_for(tmp_path: Path) -> None:
    view = tenant(tmp_path, granted=scopes.TO_READ | {scopes.GOVERN}).check()
    assert view.exit_code == 0
    assert [each.scope for each in view.scopes if not each.granted] == [scopes.RISK_RULES, scopes.ASSIGN]
    assert all(each.needed_for for each in view.scopes)


def test_without_a_scope_to_read_check_ends_with_all_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CredentialError) as caught:
        tenant(tmp_path, granted=frozenset({scopes.USERS})).check()
    assert caught.value.code is ErrorCode.SCOPE_MISSING
    for scope in scopes.ALL:
        assert (f"{scope} " in caught.value.detail) == (scope != scopes.USERS)
    assert "at least one" not in caught.value.detail
    assert str(caught.value.next_step).startswith("Grant them in the Admin Console")


class DateRewritten(httpx.AsyncBaseTransport):
    """Shows the client another Date than the org's."""

    def __init__(self, inner: httpx.AsyncBaseTransport, off_s: float) -> None:
        self.inner, self.off_s = inner, off_s

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if "date" in response.headers:
            shown = parsedate_to_datetime(response.headers["date"]) + timedelta(seconds=self.off_s)
            response.headers["date"] = format_datetime(shown, usegmt=True)
        return response


def refused(org: Tenant, command: Callable[[], object]) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        command()
    assert org.writes() == len([each for each in org.requests() if each["path"] == "/oauth2/v1/token"])
    assert caught.value.next_step
    secret = (org.workspace / "app.pem").read_text("ascii").splitlines()[1]
    assert secret not in f"{caught.value.detail}{caught.value.next_step}"
    return caught.value


def test_a_wrong_key_gives_oktas_error_and_ours(tmp_path: Path) -> None:
    org = tenant(tmp_path, registered=RSA_KEY, signs=EC_KEY)
    error = refused(org, org.check)
    assert error.code is ErrorCode.CREDENTIAL_REFUSED
    assert "invalid_client" in error.detail
    assert "OKTA_PRIVATE_KEY" in str(error.next_step)


def test_an_unknown_client_gives_oktas_error_and_ours(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.settings["OKTA_CLIENT_ID"] = "0oa1other000000000x7"
    error = refused(org, org.check)
    assert error.code is ErrorCode.CREDENTIAL_REFUSED
    assert "invalid_client" in error.detail
    assert "OKTA_CLIENT_ID" in str(error.next_step)


def test_a_missing_scope_gives_oktas_error_and_ours(tmp_path: Path) -> None:
    org = tenant(tmp_path, granted=scopes.TO_READ)
    error = refused(org, org.apply)
    assert error.code is ErrorCode.SCOPE_MISSING
    assert "invalid_scope" in error.detail
    assert scopes.GOVERN in error.detail
    assert "okta-plan check" in str(error.next_step)


def test_a_replayed_assertion_gives_oktas_error_and_ours(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.check()
    # The same chance again gives the same `jti` again, as a program that restarts with a fixed seed would.
    org._rng = random.Random(1)
    error = refused(org, org.check)
    assert error.code is ErrorCode.CREDENTIAL_REFUSED
    assert "seen before" in error.detail


@pytest.mark.parametrize("off_s", [-7200.0, 7200.0])
def test_a_wrong_clock_of_ours_is_no_obstacle(off_s: float, tmp_path: Path) -> None:
    org = tenant(tmp_path, dpop=True)
    org.org_clock_off_s = off_s
    assert org.check().clock_skew_s == pytest.approx(off_s, abs=2)
    assert org.apply(accept_held=ACCEPTED).exit_code == 0


def test_an_expired_assertion_gives_oktas_error_and_ours(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    # Two hours late, and something on the way rewrites Date, so that the tenant's time cannot be learned.
    org.org_clock_off_s = 7200.0
    org.wrap = lambda inner: DateRewritten(inner, -7200.0)
    error = refused(org, org.check)
    assert error.code is ErrorCode.CREDENTIAL_REFUSED
    assert "invalid_client" in error.detail
    assert "clock" in str(error.next_step)
