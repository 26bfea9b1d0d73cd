"""The shared place over a connection to an S3 server, and what a person is told when it cannot be used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ErrorCode, InputError
from pipeline.run.lease import LeaseText
from pipeline.run.lease_s3 import Objects, S3Lease
from pipeline.settings import load_settings
from pipeline.use_cases.leasing import shared_place
from pipeline.use_cases.s3 import Boto3Objects, s3_objects
from tests.s3_server import BUCKET, S3, settings_of
from tests.virtual_time import clock


def objects(s3: S3, bucket: str = BUCKET, **more: str) -> Objects:
    return s3_objects(settings_of(s3.settings | more), bucket)


def refused(call: Callable[[], Coroutine[Any, Any, object]]) -> InputError:
    with pytest.raises(InputError) as caught:
        asyncio.run(call())
    assert caught.value.next_step
    return caught.value


def test_an_object_is_made_once_replaced_and_removed_only_as_it_was_read(s3: S3) -> None:
    async def use() -> None:
        bucket = objects(s3)
        key = "once/lease.json"
        assert await bucket.read(key) is None
        first = await bucket.write(key, b"1", etag=None)
        assert first is not None
        assert await bucket.write(key, b"2", etag=None) is None
        second = await bucket.write(key, b"2", etag=first)
        assert second not in (None, first)
        assert await bucket.write(key, b"3", etag=first) is None
        assert not await bucket.remove(key, first)
        found = await bucket.read(key)
        assert found is not None
        assert (found.content, found.etag) == (b"2", second)
        assert await bucket.remove(key, found.etag)
        assert not await bucket.remove(key, found.etag)
        assert await bucket.write(key, b"4", etag=found.etag) is None

    asyncio.run(use())


def test_two_connections_claim_one_lease_one_after_the_other(s3: S3) -> None:
    async def use() -> None:
        one, other = (
            S3Lease(objects(s3), "two/lease.json", clock(), {1: 1.0, 2: 1.0}.get, "s3://b/k") for _ in "12"
        )
        mine, theirs = (LeaseText(pid, 1.0, f"host{pid}", f"run-{pid}", f"n{pid}", 0.0) for pid in (1, 2))
        assert await one.claim(mine) is None
        assert await other.claim(theirs) == mine
        assert await one.renew(mine)
        assert await other.claim(theirs) is not None
        await one.release(mine)
        assert await other.claim(theirs) is None
        assert not await one.renew(mine)
        await one.release(mine)
        assert s3.keys("two/") == ["two/lease.json"]

    asyncio.run(use())


def test_a_bucket_that_is_not_there_an_endpoint_that_is_silent_and_no_credentials_are_told_apart(
    s3: S3,
) -> None:
    absent = refused(lambda: objects(s3, "not-there").read("k"))
    assert (absent.code, "no such bucket" in absent.detail) == (ErrorCode.SHARED_UNUSABLE, True)
    silent = refused(lambda: objects(s3, AWS_ENDPOINT_URL="http://127.0.0.1:9").read("k"))
    assert "EndpointConnectionError" in silent.detail
    nobody = refused(
        lambda: s3_objects(settings_of({"AWS_ENDPOINT_URL": s3.url}), BUCKET).write("k", b"", etag=None)
    )
    assert (nobody.code, "no AWS credentials" in nobody.detail) == (ErrorCode.NO_CREDENTIAL, True)
    with pytest.raises(InputError, match="settings for S3"):
        s3_objects(settings_of({"AWS_PROFILE": "absent"}), BUCKET)


@pytest.mark.parametrize(
    ("code", "said", "remedy"),
    [
        ("AccessDenied", "s3:PutObject is denied", "s3:DeleteObject"),
        ("ExpiredToken", "refused (ExpiredToken)", "Renew"),
        ("PermanentRedirect", "another region", "AWS_REGION"),
        ("NotImplemented", "failed (NotImplemented)", "AWS_ENDPOINT_URL"),
    ],
)
def test_a_refusal_says_what_is_missing(code: str, said: str, remedy: str) -> None:
    """The server of moto lets everybody in, so the answers are those that botocore's own stub gives."""
    import boto3
    from botocore.stub import Stubber

    client = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stub:
        stub.add_client_error("put_object", service_error_code=code, http_status_code=403)
        error = refused(lambda: Boto3Objects(client, BUCKET).write("k", b"", etag=None))
    assert said in error.detail
    assert remedy in str(error.next_step)


def test_a_write_beside_another_one_is_not_ours() -> None:
    import boto3
    from botocore.stub import Stubber

    client = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stub:
        stub.add_client_error(
            "put_object", service_error_code="ConditionalRequestConflict", http_status_code=409
        )
        assert asyncio.run(Boto3Objects(client, BUCKET).write("k", b"", etag=None)) is None


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("s3://b", ("b", "")),
        ("s3://b/", ("b", "")),
        ("s3://b/p/q/", ("b", "p/q/")),
        ("b/p", None),
        ("https://b/p", None),
        ("s3:///p", None),
    ],
)
def test_the_shared_place_is_a_bucket_and_a_prefix(url: str, found: tuple[str, str] | None) -> None:
    if found is not None:
        assert shared_place(url) == found
        return
    with pytest.raises(InputError) as caught:
        shared_place(url)
    assert caught.value.code is ErrorCode.SETTINGS_INVALID


def test_settings_of_the_workspace_file_are_used_and_never_mixed_with_those_of_the_environment(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = s3.settings | {"AWS_SESSION_TOKEN": "of-the-file"}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()), "utf-8")

    def keys() -> tuple[str, str | None]:
        found = s3_objects(load_settings(tmp_path), BUCKET)
        assert isinstance(found, Boto3Objects)
        credentials = found._client._request_signer._credentials
        return credentials.access_key, credentials.token

    assert keys() == ("test", "of-the-file")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert keys() == ("of-the-environment", None)
