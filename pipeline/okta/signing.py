"""What a service app signs: client assertions (RFC 7523) and DPoP proofs (RFC 9449). Time and ids come in."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

PrivateKey: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey

ASSERTION_LASTS_S = 300
"""Okta allows an hour; a short life makes a stolen assertion useless soon."""
RSA_BITS_LEAST = 2048
_CURVES = {SECP256R1.name: "ES256", SECP384R1.name: "ES384", SECP521R1.name: "ES512"}


class KeyUnusable(Exception):  # noqa: N818  reads as a sentence where it is caught
    """The message says why, and nothing of the key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A service app's private key, and how the app knows it."""

    key: PrivateKey = field(repr=False)
    algorithm: str
    key_id: str | None


def read_key(pem: str, key_id: str | None) -> SigningKey:
    """The key of a PEM text: RSA signs RS256, P-256 signs ES256. Raises KeyUnusable."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError as error:
        raise KeyUnusable("it is protected by a passphrase") from error
    except ValueError as error:
        raise KeyUnusable("it is no private key in PEM form") from error
    if isinstance(key, RSAPrivateKey):
        if key.key_size < RSA_BITS_LEAST:
            raise KeyUnusable(f"it has {key.key_size} bits; Okta wants {RSA_BITS_LEAST} or more")
        return SigningKey(key, "RS256", key_id)
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return SigningKey(key, _CURVES[key.curve.name], key_id)
    raise KeyUnusable("it is neither an RSA key nor an elliptic-curve key that Okta takes")


def client_assertion(key: SigningKey, client_id: str, token_url: str, now_s: float, jti: str) -> str:
    """The JWT by which the app proves who it is; good for one token request (okta-api.md section 10)."""
    now = int(now_s)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": token_url,
        "iat": now,
        "exp": now + ASSERTION_LASTS_S,
        "jti": jti,
    }
    headers = {"kid": key.key_id} if key.key_id else None
    return jwt.encode(claims, key.key, algorithm=key.algorithm, headers=headers)


class ProofKey:
    """A fresh key that tokens are bound to; it lives as long as this process and is never written down."""

    def __init__(self) -> None:
        self._key = generate_private_key(SECP256R1())
        public = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self._public = {name: public[name] for name in ("kty", "crv", "x", "y")}

    def proof(
        self,
        method: str,
        url: str,
        now_s: float,
        jti: str,
        *,
        nonce: str | None = None,
        access_token: str | None = None,
    ) -> str:
        """The proof for one request to ``url`` (without query), with ``ath`` where a token goes along."""
        claims: dict[str, object] = {"htm": method, "htu": url, "iat": int(now_s), "jti": jti}
        if nonce is not None:
            claims["nonce"] = nonce
        if access_token is not None:
            digest = hashlib.sha256(access_token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        headers = {"typ": "dpop+jwt", "jwk": self._public}
        return jwt.encode(claims, self._key, algorithm="ES256", headers=headers)

    def __repr__(self) -> str:
        return f"ProofKey({json.dumps(self._public)})"
