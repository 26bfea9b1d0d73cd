"""A service app as its own software would be: it signs with joserfc and speaks plain HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from typing import Any, Literal

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey
from joserfc.jws import JWSRegistry

from tests.emulator.org_room import Room

CLIENT = "0oa1service000000x71"
OTHER = "0oa1other00000000x72"
TOKEN_URL = "http://org.test/oauth2/v1/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
READS = "okta.users.read okta.apps.read okta.orgs.read okta.governance.entitlements.read"


class _Registry(JWSRegistry):
    max_header_length = 8192


@lru_cache
def rsa_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name})


@lru_cache
def ec_key(name: str, curve: Literal["P-256", "P-384", "P-521"] = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": name})


def public(key: Key, **without: None) -> dict[str, Any]:
    """The JWK as an admin would paste it; `kid=None` leaves that part out."""
    return {name: value for name, value in key.as_dict(private=False).items() if name not in without}


def signed(key: Key, claims: dict[str, Any], **header: Any) -> str:
    head = {"alg": "RS256" if isinstance(key, RSAKey) else "ES256", **header}
    registry = _Registry(algorithms=[head["alg"]])
    return jws.serialize_compact(head, json.dumps(claims), key, registry=registry)


def client_entry(**changes: Any) -> dict[str, Any]:
    return {"id": CLIENT, "jwk": public(rsa_key("main")), "scopes": READS.split(), **changes}


def proof(key: Key, now_s: float, method: str, url: str, **changes: Any) -> str:
    """A DPoP proof; a claim set to None is left out."""
    claims = {"htm": method, "htu": url, "iat": int(now_s), "jti": f"proof-{method}-{url}", **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return signed(key, kept, typ="dpop+jwt", jwk=public(key, kid=None))


class App:
    """Its clock is the org's; every assertion has a jti of its own."""

    def __init__(self, room: Room, key: Key | None = None) -> None:
        self.room = room
        self.key = key or rsa_key("main")
        self.signed = 0

    def claims(self, **changes: Any) -> dict[str, Any]:
        self.signed += 1
        now = int(self.room.now_s)
        claims = {"iss": CLIENT, "sub": CLIENT, "aud": TOKEN_URL, "iat": now, "exp": now + 300}
        return {**claims, "jti": f"assertion-{self.signed}", **changes}

    def assertion(self, **changes: Any) -> str:
        return signed(self.key, self.claims(**changes), kid=self.key.kid)

    async def ask(self, *, proof: str | None = None, **changes: str | None) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "scope": READS,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": changes.get("client_assertion") or self.assertion(),
            **changes,
        }
        sent = {key: value for key, value in form.items() if value is not None}
        headers = {"DPoP": proof} if proof is not None else {}
        return await self.room.client.post(
            "/oauth2/v1/token", data=sent, headers={"Authorization": "", **headers}
        )

    async def token(self, **changes: str) -> str:
        response = await self.ask(**changes)
        assert response.status_code == 200, response.text
        return str(response.json()["access_token"])

    async def get(self, token: str, path: str = "/api/v1/users", scheme: str = "Bearer") -> httpx.Response:
        return await self.room.client.get(path, headers={"Authorization": f"{scheme} {token}"})


def payload_of(token: str) -> dict[str, Any]:
    """What a token says, without a library."""
    part = token.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(found, dict)
    return found


def token_hash(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
