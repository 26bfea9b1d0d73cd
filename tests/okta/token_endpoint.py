"""A token endpoint of a few lines, which can lie about time and refuse what it likes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
CLIENT_ID = "0oa1svc0000000000x7"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@dataclass
class TokenEndpoint:
    """Keeps what it was asked; ``refuse`` may answer before a token is given."""

    now: Callable[[], float]
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = RSA_KEY
    lasts_s: int = 3600
    date_off_s: float = 0.0
    refuse: Callable[[int, dict[str, Any]], httpx.Response | None] = lambda _n, _seen: None
    refuse_call: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None
    asked: list[dict[str, Any]] = field(default_factory=list)
    calls: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        response = self._token(request) if request.url.path == "/oauth2/v1/token" else self._api(request)
        response.headers.setdefault("Date", formatdate(self.now() + self.date_off_s, usegmt=True))
        return response

    def _api(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        return self.refuse_call(request) or httpx.Response(200, json=[])

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assertion = form["client_assertion"]
        proof = request.headers.get("dpop")
        seen = {
            "form": form,
            "header": jwt.get_unverified_header(assertion),
            "claims": jwt.decode(
                assertion,
                self.key.public_key(),
                algorithms=["RS256", "ES256"],
                audience="https://acme.okta.com/oauth2/v1/token",
                options={"verify_exp": False, "verify_iat": False},
            ),
            "proof": proof and jwt.decode(proof, options={"verify_signature": False}),
        }
        self.asked.append(seen)
        number = len(self.asked)
        return self.refuse(number, seen) or httpx.Response(
            200,
            json={
                "token_type": "DPoP" if proof else "Bearer",
                "expires_in": self.lasts_s,
                "access_token": f"access-{number}",
                "scope": form["scope"],
            },
        )


def refusal(error: str, description: str, **headers: str) -> httpx.Response:
    return httpx.Response(
        400, json={"error": error, "error_description": description}, headers=headers or None
    )
