"""A connection to S3 from the settings of the workspace."""

from __future__ import annotations

import asyncio
from typing import Any

from pipeline.errors import ErrorCode, InputError
from pipeline.run.lease_s3 import Objects, Stored
from pipeline.settings import Settings, environment

CONNECT_S = 5
READ_S = 10
NAMED_BY_ENVIRONMENT = frozenset({"AWS_ACCESS_KEY_ID", "AWS_PROFILE"})


def s3_objects(settings: Settings, bucket: str) -> Objects:
    """The objects of ``bucket``. Keys come from the environment or ``.env``, else as boto3 finds them
    (profile, role of the machine). Raises InputError where the profile or the endpoint named is none.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    own_endpoint = settings.aws_endpoint_url or None
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"mode": "standard", "total_max_attempts": 2},
        # stores other than Amazon's seldom have a host name for each bucket
        s3={"addressing_style": "path"} if own_endpoint else {},
    )
    try:
        session = boto3.Session(region_name=settings.aws_region or None, **_keys(settings))
        client = session.client("s3", endpoint_url=own_endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "The settings for S3 cannot be used",
            f"{error}".rstrip(".") + ".",
            next_step="Correct the AWS_* settings in the environment or in .env.",
        ) from error
    return Boto3Objects(client, bucket)


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


OTHER_OBJECT = frozenset(
    {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409", "404"}
)
"""Error codes of a condition that does not hold, or of a conditional write beside another one."""


class Boto3Objects:
    """Objects of a bucket through a boto3 client, each call in a thread."""

    def __init__(self, client: Any, bucket: str) -> None:  # noqa: ANN401 - boto3 makes its classes at run time
        self._client = client
        self._bucket = bucket

    async def read(self, key: str) -> Stored | None:
        found: Stored | None = await self._call("s3:GetObject", self._read, key)
        return found

    async def write(self, key: str, content: bytes, *, etag: str | None) -> str | None:
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        answer = await self._call("s3:PutObject", self._client.put_object, key, Body=content, **condition)
        return None if answer is None else str(answer["ETag"])

    async def remove(self, key: str, etag: str) -> bool:
        return await self._call("s3:DeleteObject", self._client.delete_object, key, IfMatch=etag) is not None

    def _read(self, **where: str) -> Stored:
        answer = self._client.get_object(**where)
        return Stored(answer["Body"].read(), answer["ETag"])

    async def _call(self, action: str, call: Any, key: str, **more: Any) -> Any:  # noqa: ANN401 - see above
        """What ``call`` answers; None where its condition does not hold."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return await asyncio.to_thread(call, Bucket=self._bucket, Key=key, **more)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in OTHER_OBJECT:
                return None
            raise _unusable(self._bucket, *_explain(code, action, self._bucket)) from error
        except BotoCoreError as error:
            raise _unusable(self._bucket, *_explain(type(error).__name__, action, self._bucket)) from error


_DENIED = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled"})
_NO_CREDENTIAL = frozenset({"NoCredentialsError", "PartialCredentialsError"})
_BAD_CREDENTIAL = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
)
_OTHER_REGION = frozenset({"PermanentRedirect", "301", "AuthorizationHeaderMalformed"})


def _explain(code: str, action: str, bucket: str) -> tuple[ErrorCode, str, str]:
    """The code of our own, why, and what to do next."""
    shared = ErrorCode.SHARED_UNUSABLE
    if code in _NO_CREDENTIAL:
        why, remedy = (
            "there are no AWS credentials",
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        )
        return ErrorCode.NO_CREDENTIAL, why, f"{remedy}, in the environment or in .env."
    if code in _BAD_CREDENTIAL:
        return shared, f"the AWS credentials are refused ({code})", "Renew the AWS credentials."
    if code == "NoSuchBucket":
        return shared, "there is no such bucket", "Correct the bucket in OKTA_PLAN_SHARED."
    if code in _DENIED:
        return (
            shared,
            f"{action} is denied",
            (
                f"Allow s3:GetObject, s3:PutObject and s3:DeleteObject on the objects of {bucket}, and "
                "s3:ListBucket on the bucket."
            ),
        )
    if code in _OTHER_REGION:
        return (
            shared,
            f"the bucket is in another region ({code})",
            "Set AWS_REGION to the region of the bucket.",
        )
    return shared, f"{action} failed ({code})", "Check AWS_ENDPOINT_URL and the network, then try again."


def _unusable(bucket: str, code: ErrorCode, why: str, next_step: str) -> InputError:
    return InputError(
        code,
        "The shared place cannot be used",
        f"OKTA_PLAN_SHARED names the bucket {bucket}: {why}.",
        next_step=next_step,
    )
