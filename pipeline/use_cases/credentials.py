"""Which credential the settings mean: an API token or a service app, each from a setting or the keyring."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pipeline.errors import ErrorCode, InputError
from pipeline.use_cases.secrets import KEYRING_SERVICE

if TYPE_CHECKING:
    from pipeline.okta.signing import SigningKey
    from pipeline.settings import Settings
    from pipeline.use_cases.secrets import ReadSecret

PEM_START = "-----BEGIN"
KEY_FILE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class TokenCredential:
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServiceAppCredential:
    client_id: str
    key: SigningKey


Credential: TypeAlias = TokenCredential | ServiceAppCredential


def find_credential(settings: Settings, host: str, workspace: Path, read_secret: ReadSecret) -> Credential:
    """The one credential for ``host``. Raises InputError where there is none, two, or one of no use."""
    token = settings.okta_api_token.get_secret_value().strip()
    client_id = settings.okta_client_id.strip()
    if token and client_id:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "Two credentials are configured",
            "OKTA_API_TOKEN and OKTA_CLIENT_ID are both set, so it is not clear who should sign in.",
            next_step="Keep one of them: the service app (OKTA_CLIENT_ID) where you can.",
        )
    if client_id:
        return _service_app(settings, client_id, host, workspace, read_secret)
    token = token or (read_secret(host) or "").strip()
    if not token:
        raise _nothing_configured(host)
    return TokenCredential(_usable_token(token))


def _service_app(
    settings: Settings, client_id: str, host: str, workspace: Path, read_secret: ReadSecret
) -> ServiceAppCredential:
    from pipeline.okta.signing import KeyUnusable, read_key

    entry = f"{host}/{client_id}"
    text = settings.okta_private_key.get_secret_value().strip() or (read_secret(entry) or "").strip()
    if not text:
        raise InputError(
            ErrorCode.NO_CREDENTIAL,
            "The service app has no private key",
            f"OKTA_CLIENT_ID is set, OKTA_PRIVATE_KEY is not, and the system keyring has no entry {entry}.",
            next_step="Set OKTA_PRIVATE_KEY to the PEM text of the key or the path of its file, or keep it in"
            f" the keyring (service {KEYRING_SERVICE}, user {entry}).",
        )
    try:
        key = read_key(_pem(text, workspace), settings.okta_key_id.strip() or None)
    except KeyUnusable as error:
        raise InputError(
            ErrorCode.NO_CREDENTIAL,
            "The private key cannot be used",
            f"OKTA_PRIVATE_KEY: {error}.",
            next_step="Use the private key in PEM form whose public key is registered with the service app.",
        ) from error
    return ServiceAppCredential(client_id, key)


def _pem(text: str, workspace: Path) -> str:
    """PEM text, also with its line breaks written as ``\\n``; else the content of the file it names."""
    if text.startswith(PEM_START):
        return text.replace("\\n", "\n")
    if "\n" in text:
        raise _no_key_file("it is neither PEM text nor the path of a file")
    path = workspace / Path(text).expanduser()
    try:
        with path.open("rb") as file:
            content = file.read(KEY_FILE_BYTES_MAX + 1)
        if len(content) > KEY_FILE_BYTES_MAX:
            raise _no_key_file("the file it names is too long for a key")
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        raise _no_key_file("the file it names holds no PEM text") from error
    except (OSError, ValueError) as error:
        # The value is not shown: a key pasted without its first line would be.
        raise _no_key_file("it is no PEM text, and no file of that name can be read") from error


def _no_key_file(why: str) -> InputError:
    return InputError(
        ErrorCode.NO_CREDENTIAL,
        "The private key cannot be read",
        f"OKTA_PRIVATE_KEY: {why}.",
        next_step="Set it to the key's PEM text, or to the path of its file (relative to the workspace).",
    )


def _usable_token(token: str) -> str:
    if token.isascii() and token.isprintable() and " " not in token:
        return token
    raise InputError(
        ErrorCode.NO_CREDENTIAL,
        "The credential cannot be used",
        "The API token holds blanks, control characters or characters that no token has.",
        next_step="Copy the token again, without quotes or line breaks.",
    )


def _nothing_configured(host: str) -> InputError:
    return InputError(
        ErrorCode.NO_CREDENTIAL,
        "No credential is configured",
        "Neither OKTA_API_TOKEN nor OKTA_CLIENT_ID is set, in the environment or in the workspace's .env,"
        f" and the system keyring has no entry {host}.",
        next_step="Set OKTA_CLIENT_ID, OKTA_PRIVATE_KEY and OKTA_KEY_ID (service app) or OKTA_API_TOKEN, or"
        f" keep the token in the keyring (service {KEYRING_SERVICE}, user {host}). See docs/sign-in.md.",
    )
