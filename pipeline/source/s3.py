"""Sources in S3: which of a bucket's objects may be read, their list, and their content as a stream."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from pipeline.errors import ErrorCode, InputError, UsageError
from pipeline.findings import Location
from pipeline.s3_client import Purpose, code_of, s3_client, unusable
from pipeline.settings import Settings
from pipeline.source import REJECTS_MAX, SIZE_MAX_BYTES, is_source_name
from pipeline.source.frame import Frame
from pipeline.source.reading import read_bytes
from pipeline.source.s3_keys import Reason

SCHEME = "s3://"
ATTEMPTS = 3
"""Of a body that breaks off; calls that fail before it begins are repeated by botocore."""
READ_S = 60
_CHUNK_BYTES = 1024**2
_PURPOSE = Purpose(
    ErrorCode.S3_UNUSABLE,
    "S3 cannot be read",
    "S3_BUCKET_NAME",
    "s3:ListBucket on {bucket} and s3:GetObject on its objects",
)
_ABSENT = frozenset({"NoSuchKey", "404"})
_OF_ONE_OBJECT = frozenset(
    {"AccessDenied", "403", "InvalidObjectState", "InvalidRequest", "KMS.DisabledException"}
)


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as the listing shows it."""

    key: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was received."""

    size_bytes: int
    sha256: str


class FetchError(Exception):
    """One object cannot be had; others can."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def roots_of(settings: Settings) -> tuple[str, ...]:
    """The prefixes and whole keys under which objects may be read: S3_ALLOWED_PATHS, else S3_PREFIX.

    An allowed path that does not end in ``/`` or like a source is a folder. Raises InputError where
    S3_ALLOWED_PATHS holds none.
    """
    if not settings.s3_allowed_paths.strip():
        return (settings.s3_prefix.strip().lstrip("/"),)
    named = [each.strip() for each in settings.s3_allowed_paths.split(",") if each.strip()]
    if not named:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "No path in S3 is allowed",
            "S3_ALLOWED_PATHS holds commas and no path, so nothing may be read.",
            next_step="Name folders or files, e.g. S3_ALLOWED_PATHS=exports/,hr/people.csv, or unset it.",
        )
    return tuple(
        (each if each.endswith("/") or is_source_name(each) else f"{each}/").lstrip("/") for each in named
    )


def is_under(key: str, root: str) -> bool:
    """Whether ``root`` allows ``key``: as itself where it names a file, else as what the key begins with."""
    return key == root if is_source_name(root) else key.startswith(root)


class Bucket:
    """The sources of one bucket. Each call raises InputError where bucket or credentials cannot be used."""

    def __init__(self, client: Any, name: str, roots: tuple[str, ...]) -> None:  # noqa: ANN401 - made at run time
        self.name = name
        self.roots = roots
        self._client = client

    def url(self, key: str) -> str:
        return f"{SCHEME}{self.name}/{key}"

    def list(self) -> tuple[tuple[Listed, ...], int]:
        """The sources under the roots by key, and how many other objects there are."""
        found: dict[str, Listed] = {}
        others: set[str] = set()
        for root in self.roots:
            for each in self._objects(root):
                if not is_under(each.key, root):
                    continue
                if is_source_name(each.key):
                    found[each.key] = each
                else:
                    others.add(each.key)
        return tuple(found[key] for key in sorted(found)), len(others)

    def download(self, key: str, file: IO[bytes], *, etag: str | None = None, size_max: int) -> Fetched:
        """Stream the object to ``file``, which is empty. With ``etag`` only that version of it.

        Raises FetchError where it is larger than ``size_max`` bytes, is not there, another version, or may
        not be read.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        condition = {} if etag is None else {"IfMatch": etag}
        for left in reversed(range(ATTEMPTS)):
            try:
                answer = self._client.get_object(Bucket=self.name, Key=key, **condition)
            except (ClientError, BotoCoreError) as error:
                raise self._refusal(error) from error
            try:
                return _stream(answer["Body"], file, size_max)
            except BotoCoreError as error:
                if not left:
                    raise self._refusal(error) from error
                file.seek(0)
                file.truncate()
        raise AssertionError("unreachable")

    def _refusal(self, error: Exception) -> Exception:
        code = code_of(error)
        if code in _ABSENT:
            return FetchError(Reason.CHANGED_MEANWHILE, "There is no such object.")
        if code in ("PreconditionFailed", "412"):
            return FetchError(Reason.CHANGED_MEANWHILE, "It was replaced while it was fetched.")
        if code in _OF_ONE_OBJECT:
            return FetchError(Reason.UNREADABLE, f"S3 does not hand it out ({code}).")
        return unusable(code, _PURPOSE, "s3:GetObject", self.name)

    def _objects(self, prefix: str) -> Iterator[Listed]:
        """Every object under ``prefix``. botocore's own paginator ends without a word where a page names no
        next one; here that is an error, as an incomplete list must not pass for a whole one.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        seen: set[str] = set()
        where = {"Bucket": self.name, "Prefix": prefix}
        while True:
            try:
                page = self._client.list_objects_v2(**where)
            except (ClientError, BotoCoreError) as error:
                raise unusable(code_of(error), _PURPOSE, "s3:ListBucket", self.name) from error
            for each in page.get("Contents", ()):
                yield Listed(each["Key"], each["Size"], each["ETag"])
            if not page.get("IsTruncated"):
                return
            token = page.get("NextContinuationToken")
            if not token or token in seen:
                raise unusable("incomplete list", _PURPOSE, "s3:ListBucket", self.name)
            seen.add(token)
            where["ContinuationToken"] = token


def _stream(body: Any, file: IO[bytes], size_max: int) -> Fetched:  # noqa: ANN401 - botocore's StreamingBody
    sha256 = hashlib.sha256()
    size_bytes = 0
    try:
        for chunk in body.iter_chunks(_CHUNK_BYTES):
            size_bytes += len(chunk)
            if size_bytes > size_max:
                raise FetchError(Reason.TOO_LARGE, f"It has more than {size_max:,} bytes.")
            sha256.update(chunk)
            file.write(chunk)
    finally:
        body.close()
    return Fetched(size_bytes, sha256.hexdigest())


def connect(settings: Settings, *, bucket: str | None = None) -> Bucket:
    """The bucket that the settings name; ``bucket`` is what a source names itself.

    Raises InputError where S3 is not enabled, no bucket is named, or another one than the settings allow.
    """
    _refuse_unless_enabled(settings)
    named = settings.s3_bucket_name.strip()
    name = bucket or named
    if not name:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "No bucket is named",
            "S3_ENABLED is set and S3_BUCKET_NAME is not.",
            next_step="Set S3_BUCKET_NAME in the environment or in .env.",
        )
    if named and name != named:
        raise InputError(
            ErrorCode.S3_UNUSABLE,
            "The source is in another bucket",
            f"{SCHEME}{name}/ is not the bucket of this workspace, which is {named} (S3_BUCKET_NAME).",
            next_step="Copy the object to that bucket, or change S3_BUCKET_NAME.",
        )
    return Bucket(s3_client(settings, attempts=4, read_s=READ_S), name, roots_of(settings))


def is_enabled(settings: Settings) -> bool:
    """Whether S3_ENABLED turns S3 on."""
    return settings.s3_enabled.strip().casefold() in ("true", "1", "yes", "on")


def _refuse_unless_enabled(settings: Settings) -> None:
    given = settings.s3_enabled.strip()
    if not is_enabled(settings):
        state = f"is {given!r}" if given else "is not set"
        raise InputError(
            ErrorCode.S3_DISABLED,
            "S3 is not enabled",
            f"S3_ENABLED {state}, so nothing is read from S3.",
            next_step="Set S3_ENABLED=true and S3_BUCKET_NAME in the environment or in .env.",
        )


def read_s3(
    settings: Settings, url: str, *, rejects_max: int = REJECTS_MAX, size_max: int = SIZE_MAX_BYTES
) -> Frame:
    """The frame of the object at ``s3://bucket/key``: streamed to a private file that has no name, then read.

    Raises UsageError where ``url`` lacks bucket or key, InputError where it cannot be had or read, or the
    settings do not allow its key.
    """
    name, _, key = url.removeprefix(SCHEME).partition("/")
    if not name or not key:
        raise UsageError(
            ErrorCode.USAGE,
            "The source in S3 is not named in full",
            f"{url} is not of the form s3://bucket/key.",
            next_step="Name bucket and key, e.g. s3://acme-exports/erp.csv.",
        )
    bucket = connect(settings, bucket=name)
    if not any(is_under(key, root) for root in bucket.roots):
        raise InputError(
            ErrorCode.S3_UNUSABLE,
            "The source is not in a place that may be read",
            f"{url} is not under {', '.join(bucket.roots)} (S3_ALLOWED_PATHS or S3_PREFIX).",
            location=Location(url),
            next_step="Widen S3_ALLOWED_PATHS, or move the object.",
        )
    with tempfile.TemporaryFile() as file:
        try:
            bucket.download(key, file, size_max=size_max)
        except FetchError as error:
            raise _not_had(url, error) from error
        file.seek(0)
        content = file.read()
    return read_bytes(content, url, rejects_max=rejects_max)


def _not_had(url: str, error: FetchError) -> InputError:
    codes = {Reason.TOO_LARGE: ErrorCode.FILE_TOO_LARGE, Reason.CHANGED_MEANWHILE: ErrorCode.FILE_NOT_FOUND}
    return InputError(
        codes.get(error.reason, ErrorCode.FILE_UNREADABLE),
        "The source in S3 cannot be read",
        f"{url}: {error.detail}",
        location=Location(url),
        next_step="`okta-plan files --sync` fetches what there is and says of the rest why not.",
    )
