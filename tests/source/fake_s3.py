"""A bucket in memory that answers as boto3's client does."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetObject")


@dataclass
class FakeS3:
    objects: dict[str, bytes] = field(default_factory=dict)
    page: int = 1000
    breaks: int = 0
    """So many bodies break off in the middle."""
    denied: dict[str, str] = field(default_factory=dict)
    """Key -> the code with which it is not handed out."""
    changes: dict[str, bytes] = field(default_factory=dict)
    """Key -> what replaces it between listing and fetching."""
    fetched: list[str] = field(default_factory=list)
    pages: int = 0

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> dict[str, Any]:  # noqa: N803, ARG002
        self.pages += 1
        keys = sorted(key for key in self.objects if key.startswith(Prefix) and key > ContinuationToken)
        shown = keys[: self.page]
        answer: dict[str, Any] = {"IsTruncated": len(keys) > len(shown)}
        if shown:
            answer["Contents"] = [
                {"Key": key, "Size": len(self.objects[key]), "ETag": self._etag(key)} for key in shown
            ]
        if answer["IsTruncated"]:
            answer["NextContinuationToken"] = shown[-1]
        return answer

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str | None = None) -> dict[str, Any]:  # noqa: N803, ARG002
        self.fetched.append(Key)
        if Key in self.changes:
            self.objects[Key] = self.changes.pop(Key)
        if Key in self.denied:
            raise refused(self.denied[Key])
        if Key not in self.objects:
            raise refused("NoSuchKey")
        if IfMatch not in (None, self._etag(Key)):
            raise refused("PreconditionFailed")
        content = self.objects[Key]
        sent = content
        if self.breaks:
            self.breaks -= 1
            sent = content[: len(content) // 2]
        return {"Body": StreamingBody(io.BytesIO(sent), len(content))}

    def _etag(self, key: str) -> str:
        return f'"{hashlib.md5(self.objects[key]).hexdigest()}"'  # noqa: S324 - as S3 does
