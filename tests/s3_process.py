"""The server of moto with one bucket already full: to fill it over HTTP would take half a minute."""

from __future__ import annotations

import sys

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import main

FULL_BUCKET = "acme-full"
FULL_COUNT = 3500
PEOPLE = b"Email,Role,Effective_Access\nann@x.com,Admin,Permitted\n"


def full_keys() -> list[str]:
    return [f"exports/{number % 7}/people-{number:05}.csv" for number in range(FULL_COUNT)]


if __name__ == "__main__":
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.create_bucket(FULL_BUCKET, "us-east-1")
    for key in full_keys():
        backend.put_object(FULL_BUCKET, key, PEOPLE)
    main(sys.argv[1:])
