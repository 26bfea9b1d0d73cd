"""Where the workspace is and which tenant it talks to: the process environment first, then ``.env``."""

from __future__ import annotations

import ipaddress
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import ErrorCode, InputError
from pipeline.freeze import SYNTAX, Freeze, parse_freeze

AGE_H_MAX = 24.0
"""How old a reviewed change set may be, where nobody says otherwise."""


_OKTA_DOMAINS = frozenset({"okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com", "okta.mil"})
_PORTS = {"https": 443, "http": 80}

LOG_LEVELS = ("debug", "info", "warning", "error")


class Settings(BaseSettings):
    """Settings of one workspace. Values of ``.env`` stay in this object: no child process inherits them."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8", extra="ignore", frozen=True, case_sensitive=True
    )

    okta_domain: Annotated[str, Field(validation_alias="OKTA_DOMAIN")] = ""
    okta_api_token: Annotated[SecretStr, Field(validation_alias="OKTA_API_TOKEN")] = SecretStr("")
    okta_client_id: Annotated[str, Field(validation_alias="OKTA_CLIENT_ID")] = ""
    okta_private_key: Annotated[SecretStr, Field(validation_alias="OKTA_PRIVATE_KEY")] = SecretStr("")
    """PEM text, or the path of a PEM file."""
    okta_key_id: Annotated[str, Field(validation_alias="OKTA_KEY_ID")] = ""
    shared: Annotated[str, Field(validation_alias="OKTA_PLAN_SHARED")] = ""
    """``s3://bucket/prefix`` for what several machines share."""
    s3_enabled: Annotated[str, Field(validation_alias="S3_ENABLED")] = ""
    s3_bucket_name: Annotated[str, Field(validation_alias="S3_BUCKET_NAME")] = ""
    s3_prefix: Annotated[str, Field(validation_alias="S3_PREFIX")] = ""
    s3_allowed_paths: Annotated[str, Field(validation_alias="S3_ALLOWED_PATHS")] = ""
    """Folders and files, separated by commas; they win over ``s3_prefix``."""
    aws_access_key_id: Annotated[str, Field(validation_alias="AWS_ACCESS_KEY_ID")] = ""
    aws_secret_access_key: Annotated[SecretStr, Field(validation_alias="AWS_SECRET_ACCESS_KEY")] = SecretStr(
        ""
    )
    aws_session_token: Annotated[SecretStr, Field(validation_alias="AWS_SESSION_TOKEN")] = SecretStr("")
    aws_profile: Annotated[str, Field(validation_alias="AWS_PROFILE")] = ""
    aws_region: Annotated[str, Field(validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))] = ""
    aws_endpoint_url: Annotated[
        str, Field(validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    ] = ""
    okta_plan_protected: Annotated[str, Field(validation_alias="OKTA_PLAN_PROTECTED")] = ""
    """Logins or e-mails, separated by commas or blanks, of people from whom nothing is taken."""

    okta_plan_freeze: Annotated[str, Field(validation_alias="OKTA_PLAN_FREEZE")] = ""
    """Freeze windows, as pipeline.freeze reads them."""
    okta_plan_changes_age_h: Annotated[str, Field(validation_alias="OKTA_PLAN_CHANGES_AGE_H")] = ""
    """How old a reviewed change set may be, in hours."""

    @property
    def freeze(self) -> Freeze:
        """The freeze windows. Raises InputError where they cannot be read: that is never no freeze."""
        try:
            return parse_freeze(self.okta_plan_freeze)
        except ValueError as error:
            raise InputError(
                ErrorCode.SETTINGS_INVALID,
                "The freeze windows cannot be read",
                f"OKTA_PLAN_FREEZE cannot be used: {error}.",
                next_step=SYNTAX,
            ) from error

    @property
    def changes_age_h(self) -> float:
        """How old a reviewed change set may be, in hours. Raises InputError where that is no number."""
        text = self.okta_plan_changes_age_h.strip()
        try:
            hours = float(text) if text else AGE_H_MAX
        except ValueError:
            hours = -1.0
        if not 0 <= hours < math.inf:
            raise InputError(
                ErrorCode.SETTINGS_INVALID,
                "The age of change sets cannot be read",
                f"OKTA_PLAN_CHANGES_AGE_H is {text!r}, which is no number of hours.",
                next_step=f"Set it to hours, e.g. OKTA_PLAN_CHANGES_AGE_H={AGE_H_MAX:g}, or leave it out.",
            )
        return hours

    allowed_signers: Annotated[str, Field(validation_alias="OKTA_PLAN_ALLOWED_SIGNERS")] = ""
    """The path of an allowed-signers file of ssh-keygen; where it is given, only signed approvals count."""
    okta_plan_form_approval: Annotated[str, Field(validation_alias="OKTA_PLAN_FORM_APPROVAL")] = ""
    okta_plan_mask_pii: Annotated[str, Field(validation_alias="OKTA_PLAN_MASK_PII")] = ""

    @property
    def masks_people(self) -> bool:
        """Whether names of people are masked in what is shown. Raises InputError for a text that is neither
        yes nor no: a misspelt yes must not show them.
        """
        text = self.okta_plan_mask_pii.strip().casefold()
        if text in ("true", "1", "yes", "on"):
            return True
        if text in ("", "false", "0", "no", "off"):
            return False
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "OKTA_PLAN_MASK_PII says neither yes nor no",
            f"OKTA_PLAN_MASK_PII is {self.okta_plan_mask_pii!r}.",
            next_step="Set it to true or false.",
        )

    okta_plan_log_level: Annotated[str, Field(validation_alias="OKTA_PLAN_LOG_LEVEL")] = ""

    @property
    def shows_calls(self) -> bool:
        """Whether each call to Okta is told on stderr as well. Raises InputError for an unknown level."""
        level = self.okta_plan_log_level.strip().casefold()
        if level not in ("", *LOG_LEVELS):
            raise InputError(
                ErrorCode.SETTINGS_INVALID,
                "The log level is unknown",
                f"OKTA_PLAN_LOG_LEVEL is {self.okta_plan_log_level!r}.",
                next_step=f"Set it to one of {', '.join(LOG_LEVELS)}; the default is warning.",
            )
        return level in ("debug", "info")

    @property
    def form_approval(self) -> bool:
        """Whether a form may approve at all."""
        return self.okta_plan_form_approval.strip().casefold() == "true"

    @property
    def protected(self) -> frozenset[str]:
        """The people of ``okta_plan_protected``, case-folded."""
        return frozenset(self.okta_plan_protected.replace(",", " ").casefold().split())


def find_workspace(given: Path | None, environment: Mapping[str, str], current: Path) -> Path:
    """The workspace: ``given``, else OKTA_PLAN_HOME, else the nearest ancestor of ``current`` that holds
    ``plans/`` or ``.env``, else ``current``. Raises InputError where the named folder does not exist.
    """
    named = given or (Path(environment["OKTA_PLAN_HOME"]) if environment.get("OKTA_PLAN_HOME") else None)
    if named is not None:
        if not named.is_dir():
            raise InputError(
                ErrorCode.SETTINGS_INVALID,
                "The workspace is not a folder",
                f"{named} was named (--workspace or OKTA_PLAN_HOME), but there is no such folder.",
                next_step="Create the folder, or name another one.",
            )
        return named.resolve()
    for folder in (current, *current.parents):
        if (folder / "plans").is_dir() or (folder / ".env").is_file():
            return folder.resolve()
    return current.resolve()


def load_settings(workspace: Path) -> Settings:
    """The settings of ``workspace``. Raises InputError where its ``.env`` is not UTF-8."""
    try:
        return Settings(_env_file=workspace / ".env")
    except UnicodeDecodeError as error:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "The settings file is not UTF-8",
            f".env in the workspace cannot be read as UTF-8 (byte {error.start}).",
            next_step="Save it as UTF-8.",
        ) from error


def environment() -> Mapping[str, str]:
    """The process environment, read in one place."""
    return os.environ


def origin_of(domain: str) -> str:
    """The origin all calls go to, e.g. ``https://acme.okta.com``.

    A scheme, a trailing slash, the port that is meant anyway and ``-admin`` before a domain of Okta's are
    forgiven; plain http only for loopback addresses. Raises InputError for anything that is not a bare host,
    so that no credential can be sent to a surprising place.
    """
    text = domain.strip()
    if not text:
        raise InputError(
            ErrorCode.NO_CREDENTIAL,
            "No tenant is configured",
            "OKTA_DOMAIN is not set, neither in the environment nor in the workspace's .env.",
            next_step="Set OKTA_DOMAIN and a credential (see .env.example), or name an --org FILE.",
        )
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise _bad_domain("it is not a bare host such as acme.okta.com") from None
    host = (parts.hostname or "").removesuffix(".")
    bare = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"))
    if not (host and bare and _is_host(host)):
        raise _bad_domain("it is not a bare host such as acme.okta.com")
    if parts.scheme == "http" and not is_loopback(host):
        raise _bad_domain("plain http is allowed for loopback addresses only")
    if parts.scheme not in ("http", "https"):
        raise _bad_domain(f"the scheme {parts.scheme} is not https")
    try:
        port = f":{parts.port}" if parts.port not in (None, _PORTS[parts.scheme]) else ""
    except ValueError:
        raise _bad_domain("the port is not a number") from None
    shown = f"[{host}]" if ":" in host else _without_admin(host)
    return f"{parts.scheme}://{shown}{port}"


def _without_admin(host: str) -> str:
    """An org's own domain may end in ``-admin`` and be a host of its own; only Okta's are known to pair."""
    subdomain, _, rest = host.partition(".")
    return f"{subdomain.removesuffix('-admin')}.{rest}" if rest in _OKTA_DOMAINS else host


def _is_host(host: str) -> bool:
    return all(character.isalnum() or character in "-.:[]" for character in host)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, by its address or as ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bad_domain(why: str) -> InputError:
    return InputError(
        ErrorCode.SETTINGS_INVALID,
        "The tenant's host name cannot be used",
        f"OKTA_DOMAIN cannot be used: {why}.",
        next_step="Set it to the bare host of your org, e.g. OKTA_DOMAIN=acme.okta.com.",
    )
