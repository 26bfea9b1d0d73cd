"""Secrets kept by the operating system: Keychain, Credential Locker, Secret Service."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pipeline.errors import ErrorCode, InputError

KEYRING_SERVICE = "okta-plan"
ReadSecret: TypeAlias = Callable[[str], str | None]
"""Gives the secret kept under a name, or None where there is none."""


def read_system_keyring(name: str) -> str | None:
    """The secret of service ``okta-plan`` and user ``name``; None without such an entry or any keyring.

    Raises InputError where the keyring is there and cannot be read: locked, or access was denied.
    """
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    try:
        return keyring.get_password(KEYRING_SERVICE, name)
    except NoKeyringError:
        return None
    except KeyringError as error:
        raise InputError(
            ErrorCode.NO_CREDENTIAL,
            "The system keyring cannot be read",
            f"Neither the environment nor .env holds a credential, and the keyring refused:"
            f" {type(error).__name__}.",
            next_step="Unlock the keyring, or set the credential in the environment or in .env.",
        ) from error
