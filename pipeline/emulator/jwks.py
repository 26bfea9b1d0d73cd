"""Public keys (JWK, JWKS) of an org file, and reading the JWTs that callers sign with theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from joserfc import jwk, jws
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from pipeline.emulator.bodies import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_PRIVATE_PARTS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


_CURVES = ("P-256", "P-384", "P-521")


class BadKeyError(ValueError):
    """The message never shows the key."""


class JwtError(Exception):
    """A text that is no JWT, or one whose signature does not hold."""


class _Registry(JWSRegistry):
    # The header of a DPoP proof carries a whole RSA key (RFC 9449, 4.2); the library expects short ones.
    max_header_length = 8192


def read_key_file(path: Path) -> Any:  # noqa: ANN401  JSON
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadKeyError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise BadKeyError(f"{path}: is not JSON; a public key in JWK form is expected") from error


def public_keys(given: Mapping[str, Any]) -> list[jwk.Key]:
    """The keys of one JWK or of a JWKS. Raises BadKeyError."""
    several = given.get("keys", [given])
    if not isinstance(several, list) or not several:
        raise BadKeyError("keys: a JWKS holds a list of at least one key")
    keys = [_public_key(one) for one in several]
    names = [key.kid for key in keys]
    if len(keys) > 1 and (None in names or len(set(names)) < len(names)):
        raise BadKeyError("of several keys, each needs a kid of its own")
    return keys


def _public_key(given: object) -> jwk.Key:
    if not isinstance(given, dict):
        raise BadKeyError("a key is a JSON object (JWK)")
    if is_private(given):
        raise BadKeyError("this is a private key; give the org its public part only")
    kind = given.get("kty")
    if kind != "RSA" and (kind != "EC" or given.get("crv") not in _CURVES):
        raise BadKeyError(f"the key must be RSA, or EC on one of the curves {', '.join(_CURVES)}")
    try:
        return jwk.import_key(given)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise BadKeyError("the key cannot be read as a JWK") from error


def is_private(given: Mapping[str, Any]) -> bool:
    return bool(_PRIVATE_PARTS & given.keys())


def unverified(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, before it is known who signed them. Raises JwtError."""
    try:
        found = jws.extract_compact(text.encode("utf-8"), registry=_registry(()))
        claims = read_json(found.payload)
    except (JoseError, ValueError, RecursionError) as error:
        raise JwtError from error
    if not isinstance(claims, dict):
        raise JwtError
    return found.headers(), claims


def check_signature(text: str, key: jwk.Key, algorithms: Iterable[str]) -> None:
    """Raises JwtError."""
    try:
        jws.deserialize_compact(text.encode("utf-8"), key, registry=_registry(algorithms))
    except (JoseError, ValueError, RecursionError) as error:
        raise JwtError from error


def _registry(algorithms: Iterable[str]) -> JWSRegistry:
    return _Registry(algorithms=tuple(algorithms), strict_check_header=False)
