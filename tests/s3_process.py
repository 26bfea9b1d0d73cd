"""The server of moto with two buckets already filled: one with so many objects that it would take half a
minute over HTTP, one with keys that HTTP clients and proxies like to tidy up.
"""

from __future__ import annotations

import sys

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import main

FULL_BUCKET = "acme-full"
FULL_COUNT = 3500
PEOPLE = b"Email,Role,Effective_Access\nann@x.com,Admin,Permitted\n"

HOSTILE_BUCKET = "acme-hostile"
HOSTILE = [
    "../escaped.csv",
    "a/../../../escaped.csv",
    "/escaped.csv",
    "//escaped.csv",
    "%2e%2e/escaped.csv",
    "%252e%252e%252fescaped.csv",
    "..\\escaped.csv",
    "nul\x00byte.csv",
    "new\nline.csv",
    "\u202egnp.csv",
    "long/" + "x" * 300 + ".csv",
    "NUL.csv",
    "C:escaped.csv",
    "same.csv",
    "SAME.csv",
    "same.csv/inside.csv",
    "processed/back.csv",
    ".hidden.csv",
]


def full_keys() -> list[str]:
    return [f"exports/{number % 7}/people-{number:05}.csv" for number in range(FULL_COUNT)]


if __name__ == "__main__":
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.create_bucket(FULL_BUCKET, "us-east-1")
    for key in full_keys():
        backend.put_object(FULL_BUCKET, key, PEOPLE)
    backend.create_bucket(HOSTILE_BUCKET, "us-east-1")
    for key in (*HOSTILE, "good/erp.csv"):
        backend.put_object(HOSTILE_BUCKET, key, PEOPLE)
    main(sys.argv[1:])
