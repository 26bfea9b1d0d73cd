"""Which credential a workspace's settings mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked

from pipeline.errors import ErrorCode, InputError
from pipeline.settings import Settings
from pipeline.use_cases.credentials import (
    Credential,
    ServiceAppCredential,
    TokenCredential,
    find_credential,
)
from pipeline.use_cases.secrets import read_system_keyring
from tests.okta.token_endpoint import CLIENT_ID, EC_KEY, RSA_KEY, pem

HOST = "acme.okta.com"


def found(workspace: Path, kept: Mapping[str, str] | None = None, **settings: str) -> Credential:
    return find_credential(Settings.model_validate(settings), HOST, workspace, (kept or {}).get)


def test_a_token_comes_from_the_settings_or_the_keyring(tmp_path: Path) -> None:
    assert found(tmp_path, OKTA_API_TOKEN=" 00abc ") == TokenCredential("00abc")
    assert found(tmp_path, {HOST: "00kept"}) == TokenCredential("00kept")
    assert found(tmp_path, {HOST: "00kept"}, OKTA_API_TOKEN="00abc") == TokenCredential("00abc")


@pytest.mark.parametrize("ending", ["\n", "\\n"])
def test_a_key_is_pem_text_with_line_breaks_real_or_written(tmp_path: Path, ending: str) -> None:
    text = pem(RSA_KEY).replace("\n", ending)
    credential = found(tmp_path, OKTA_CLIENT_ID=CLIENT_ID, OKTA_PRIVATE_KEY=text, OKTA_KEY_ID="k1")
    assert isinstance(credential, ServiceAppCredential)
    assert (credential.client_id, credential.key.algorithm, credential.key.key_id) == (
        CLIENT_ID,
        "RS256",
        "k1",
    )


def test_a_key_is_a_file_of_the_workspace_or_kept_in_the_keyring(tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_text(pem(EC_KEY), encoding="ascii")
    from_file = found(tmp_path, OKTA_CLIENT_ID=CLIENT_ID, OKTA_PRIVATE_KEY="app.pem")
    kept = found(tmp_path, {f"{HOST}/{CLIENT_ID}": pem(EC_KEY)}, OKTA_CLIENT_ID=CLIENT_ID)
    for credential in (from_file, kept):
        assert isinstance(credential, ServiceAppCredential)
        assert (credential.key.algorithm, credential.key.key_id) == ("ES256", None)


@pytest.mark.parametrize(
    ("settings", "summary"),
    [
        ({}, "No credential is configured"),
        ({"OKTA_API_TOKEN": "a b"}, "The credential cannot be used"),
        ({"OKTA_API_TOKEN": "00abc", "OKTA_CLIENT_ID": CLIENT_ID}, "Two credentials are configured"),
        ({"OKTA_CLIENT_ID": CLIENT_ID}, "The service app has no private key"),
        ({"OKTA_CLIENT_ID": CLIENT_ID, "OKTA_PRIVATE_KEY": "absent.pem"}, "The private key cannot be read"),
        ({"OKTA_CLIENT_ID": CLIENT_ID, "OKTA_PRIVATE_KEY": "bad.pem"}, "The private key cannot be used"),
        ({"OKTA_CLIENT_ID": CLIENT_ID, "OKTA_PRIVATE_KEY": "SECRET\nTEXT"}, "The private key cannot be read"),
        ({"OKTA_CLIENT_ID": CLIENT_ID, "OKTA_PRIVATE_KEY": "long.pem"}, "The private key cannot be read"),
        ({"OKTA_CLIENT_ID": CLIENT_ID, "OKTA_PRIVATE_KEY": "."}, "The private key cannot be read"),
        ({"OKTA_CLIENT_ID": CLIENT_ID, "OKTA_PRIVATE_KEY": "binary.pem"}, "The private key cannot be read"),
    ],
)
def test_what_cannot_sign_in_is_explained_and_not_shown(
    tmp_path: Path, settings: dict[str, str], summary: str
) -> None:
    (tmp_path / "bad.pem").write_text("SECRET", encoding="ascii")
    (tmp_path / "long.pem").write_text("SECRET" * 20_000, encoding="ascii")
    (tmp_path / "binary.pem").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError) as caught:
        found(tmp_path, None, **settings)
    assert caught.value.summary == summary
    assert caught.value.next_step
    assert "SECRET" not in f"{caught.value.detail} {caught.value.next_step}"


class Kept(KeyringBackend):
    """A keyring of one entry; locked where that is None."""

    def __init__(self, secret: str | None) -> None:
        self.secret = secret

    def get_password(self, service: str, username: str) -> str | None:
        if self.secret is None:
            raise KeyringLocked
        return self.secret if (service, username) == ("okta-plan", HOST) else None

    def set_password(self, *_: str) -> None:
        raise AssertionError("okta-plan only reads secrets")


@pytest.fixture
def use_keyring() -> Iterator[Callable[[KeyringBackend], None]]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def test_the_system_keyring_is_read(use_keyring: Callable[[KeyringBackend], None]) -> None:
    use_keyring(Kept("00kept"))
    assert read_system_keyring(HOST) == "00kept"
    assert read_system_keyring("other.okta.com") is None


def test_a_locked_keyring_is_an_error_and_none_at_all_is_not(
    use_keyring: Callable[[KeyringBackend], None],
) -> None:
    use_keyring(Kept(None))
    with pytest.raises(InputError) as caught:
        read_system_keyring(HOST)
    assert caught.value.code is ErrorCode.NO_CREDENTIAL
    use_keyring(NoKeyring())  # type: ignore[no-untyped-call]
    assert read_system_keyring(HOST) is None
