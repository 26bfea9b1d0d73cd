"""No test may reach the keyring or the cloud account of the person who runs it."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.s3_server import S3

# How long an example takes says how busy the machine is.
settings.register_profile("okta-plan", deadline=None)
settings.load_profile("okta-plan")

os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
for name in [each for each in os.environ if each.startswith("AWS_")]:
    del os.environ[name]
os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
# Drawn once, before the processes that share the tests start: they must agree on the names of the tests.
os.environ.setdefault("OKTA_PLAN_KILL_SEED", str(random.SystemRandom().randrange(1_000_000)))
os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking for garbage in it again and again takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """One server for all tests; each keeps its objects under a prefix of its own."""
    from tests.s3_server import served_s3

    with served_s3() as server:
        yield server
