"""An S3 as a process of its own: the server of moto."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.settings import Settings

BUCKET = "acme-okta-plan"


@dataclass(frozen=True)
class S3:
    """A served S3 with one bucket; ``settings`` are those of a process that uses it."""

    url: str

    @property
    def settings(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

    def shared(self, prefix: str) -> dict[str, str]:
        return self.settings | {"OKTA_PLAN_SHARED": f"s3://{BUCKET}/{prefix}"}

    def sources(self, bucket: str, **more: str) -> dict[str, str]:
        """Settings with which sources are read from ``bucket``."""
        return self.settings | {"S3_ENABLED": "true", "S3_BUCKET_NAME": bucket} | more

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def keys(self, prefix: str) -> list[str]:
        listed = self.client().list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", ())]


def settings_of(given: Mapping[str, str]) -> Settings:
    """As ``.env`` would give them."""
    return Settings.model_validate(dict(given))


@contextlib.contextmanager
def served_s3() -> Iterator[S3]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.s3_process", "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        cwd=Path(__file__).parent.parent,
    )
    try:
        assert process.stderr is not None
        line = next(each for each in process.stderr if "Running on" in each)
        s3 = S3(line.split()[-1])
        s3.client().create_bucket(Bucket=BUCKET)
        yield s3
    finally:
        process.terminate()
        process.communicate()
