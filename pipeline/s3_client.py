"""Connections to S3 from the settings of the workspace, and what its refusals mean for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.errors import ErrorCode, InputError
from pipeline.settings import Settings, environment

CONNECT_S = 5
READ_S = 10
NAMED_BY_ENVIRONMENT = frozenset({"AWS_ACCESS_KEY_ID", "AWS_PROFILE"})


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a bucket is used for, so that an error can name the setting that is off."""

    code: ErrorCode
    summary: str
    named_by: str
    """The setting that names the bucket."""
    permissions: str
    """What the credentials need, for ``{bucket}``."""


def s3_client(
    settings: Settings,
    *,
    attempts: int = 2,
    read_s: float = READ_S,
) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    """A boto3 client for S3. Keys come from the environment or ``.env``, else as boto3 finds them (profile,
    role of the machine). Raises InputError where the profile or the endpoint named is none.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    own_endpoint = settings.aws_endpoint_url or None
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        # stores other than Amazon's seldom have a host name for each bucket
        s3={"addressing_style": "path"} if own_endpoint else {},
    )
    try:
        session = boto3.Session(region_name=settings.aws_region or None, **_keys(settings))
        return session.client("s3", endpoint_url=own_endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "The settings for S3 cannot be used",
            f"{error}".rstrip(".") + ".",
            next_step="Correct the AWS_* settings in the environment or in .env.",
        ) from error


def _keys(settings: Settings) -> dict[str, str]:
    """What ``.env`` says, unless the environment names keys or a profile: those are never mixed with it."""
    if NAMED_BY_ENVIRONMENT & environment().keys():
        return {}
    keys = {
        "aws_access_key_id": settings.aws_access_key_id,
        "aws_secret_access_key": settings.aws_secret_access_key.get_secret_value(),
        "aws_session_token": settings.aws_session_token.get_secret_value(),
        "profile_name": "" if settings.aws_access_key_id else settings.aws_profile,
    }
    return {name: value for name, value in keys.items() if value}


def code_of(error: Exception) -> str:
    """S3's own code of a refusal, else the name of what botocore raised."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


_DENIED = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled"})
_NO_CREDENTIAL = frozenset({"NoCredentialsError", "PartialCredentialsError"})
_BAD_CREDENTIAL = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
    # what botocore raises where a profile's sign-in has ended, or what it runs for keys gives none
    | {"UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError", "CredentialRetrievalError"}
)
_OTHER_REGION = frozenset({"PermanentRedirect", "301", "AuthorizationHeaderMalformed"})
_NO_BUCKET = frozenset({"NoSuchBucket", "InvalidBucketName", "ParamValidationError"})


def unusable(code: str, purpose: Purpose, action: str, bucket: str) -> InputError:
    """What a person is told when ``action`` on ``bucket`` ended with ``code``."""
    kind = ErrorCode.NO_CREDENTIAL if code in _NO_CREDENTIAL else purpose.code
    why, next_step = _explain(code, purpose, action, bucket)
    return InputError(
        kind,
        purpose.summary,
        f"{purpose.named_by} names the bucket {bucket}: {why}.",
        next_step=next_step,
    )


def _explain(code: str, purpose: Purpose, action: str, bucket: str) -> tuple[str, str]:
    """Why, and what to do next."""
    if code in _NO_CREDENTIAL:
        keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        return "there are no AWS credentials", f"Set {keys}, in the environment or in .env."
    if code in _BAD_CREDENTIAL:
        return f"the AWS credentials are refused ({code})", "Renew the AWS credentials."
    if code in _NO_BUCKET:
        return "there is no such bucket", f"Correct the bucket in {purpose.named_by}."
    if code in _DENIED:
        return f"{action} is denied", f"Allow {purpose.permissions.format(bucket=bucket)}."
    if code in _OTHER_REGION:
        return (
            f"the bucket is in another region ({code})",
            "Set AWS_REGION to the region of the bucket.",
        )
    return f"{action} failed ({code})", "Check AWS_ENDPOINT_URL and the network, then try again."
