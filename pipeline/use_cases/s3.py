"""The objects of the shared place, through a connection to S3."""

from __future__ import annotations

import asyncio
from typing import Any

from pipeline.errors import ErrorCode
from pipeline.run.lease_s3 import Objects, Stored
from pipeline.s3_client import Purpose, code_of, s3_client, unusable
from pipeline.settings import Settings

SHARED = Purpose(
    ErrorCode.SHARED_UNUSABLE,
    "The shared place cannot be used",
    "OKTA_PLAN_SHARED",
    "s3:GetObject, s3:PutObject and s3:DeleteObject on the objects of {bucket}, "
    "and s3:ListBucket on the bucket",
)


def s3_objects(settings: Settings, bucket: str) -> Objects:
    """The objects of ``bucket``. Raises InputError where the profile or the endpoint named is none."""
    return Boto3Objects(s3_client(settings), bucket)


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
        except (ClientError, BotoCoreError) as error:
            code = code_of(error)
            if code in OTHER_OBJECT:
                return None
            raise unusable(code, SHARED, action, self._bucket) from error
