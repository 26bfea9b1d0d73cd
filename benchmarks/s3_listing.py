"""A bucket of 200,000 sources: the list over all its pages, and the sync that finds nothing changed.

The bucket is a stub below boto3: a real client that gets its pages, 1,000 keys each, from memory instead of
from a socket. The list, judged key by key, is compared with botocore's own paginator on the same pages; the
sync with listing, and reading and hashing the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks._timing import Target, Times, hold, peak_mb, show
from pipeline.s3_client import s3_client
from pipeline.settings import Settings
from pipeline.source.placing import Contents
from pipeline.source.s3 import Bucket
from pipeline.source.s3_keys import State, refusals
from pipeline.source.sync import Record, sync

PAGE = 1000
CONTENT = b"Email,Role\nann@x.com,Admin\n"
ETAG = '"5e1f0c2a9b8d7e6f5a4b3c2d1e0f9a8b"'
PREFIX = "exports/"
TURNS = 2
SYNCED_MAX = 20_000
"""So many files are on disk; more would measure the disk."""


class Body(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def key_of(number: int) -> str:
    return f"{PREFIX}{number // 500:04}/access-{number:07}.csv"


def page_of(start: int, count: int) -> bytes:
    """A page as S3 sends it."""
    found = "".join(
        f"<Contents><Key>{key_of(number)}</Key><LastModified>2026-11-25T10:00:00.000Z</LastModified>"
        f"<ETag>&quot;{ETAG[1:-1]}&quot;</ETag><Size>{len(CONTENT)}</Size><StorageClass>STANDARD</StorageClass>"
        "</Contents>"
        for number in range(start, min(start + PAGE, count))
    )
    is_last = start + PAGE >= count
    token = "" if is_last else f"<NextContinuationToken>{start + PAGE}</NextContinuationToken>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench</Name>'
        f"<Prefix>{PREFIX}</Prefix><MaxKeys>{PAGE}</MaxKeys><EncodingType>url</EncodingType>"
        f"<IsTruncated>{'false' if is_last else 'true'}</IsTruncated>{token}{found}</ListBucketResult>"
    ).encode()


def stubbed_client(count: int) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

    pages = {str(start): page_of(start, count) for start in range(0, count, PAGE)}

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        token = parse_qs(urlsplit(request.url).query).get("continuation-token", ["0"])[0]
        return AWSResponse(request.url, 200, {"content-type": "application/xml"}, Body(pages[token]))

    settings = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
    client = s3_client(Settings.model_validate(settings))
    client.meta.events.register("before-send.s3.ListObjectsV2", answer)
    return client


def time_lists(client: Any, count: int) -> Times:  # noqa: ANN401 - see above
    times = Times()
    for _ in range(TURNS):
        with times.of("botocore"):
            pages = client.get_paginator("list_objects_v2").paginate(Bucket="bench", Prefix=PREFIX)
            known = sum(len(page["Contents"]) for page in pages)
        with times.of("list"):
            listed, others = Bucket(client, "bench", (PREFIX,)).list()
        with times.of("judge"):
            refused = refusals(each.key for each in listed)
        _expect((known, len(listed), others, refused) == (count, count, 0, {}))
    return times


def time_syncs(client: Any) -> Times:  # noqa: ANN401 - see above
    times = Times()
    bucket = Bucket(client, "bench", (PREFIX,))
    listed, _ = bucket.list()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        paths = [folder / each.key for each in listed]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(CONTENT)
        digest = hashlib.sha256(CONTENT).hexdigest()
        records = {each.key: Record(bucket.url(each.key), ETAG, len(CONTENT), digest) for each in listed}
        for _ in range(TURNS):
            with times.of("hash"):
                found = {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
            with times.of("list"):
                bucket.list()
            with times.of("sync"):
                result = sync(bucket, folder, records, finished=Contents([]), drafts=folder)
            _expect(found == {digest} and {each.state for each in result.synced} == {State.UNCHANGED})
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="A tenth of it.")
    count = 20_000 if parser.parse_args().quick else 200_000
    lists = time_lists(stubbed_client(count), count)
    peak = peak_mb()
    files = min(count, SYNCED_MAX)
    syncs = time_syncs(stubbed_client(files))
    whole_s = lists.quick_s("list") + lists.quick_s("judge")
    rows = [
        (f"{count:,} keys, botocore's paginator", f"{lists.quick_s('botocore'):.2f} s"),
        (f"{count:,} keys, listed", f"{lists.quick_s('list'):.2f} s"),
        (f"{count:,} keys, judged", f"{lists.quick_s('judge'):.2f} s"),
        (f"{files:,} files, read and hashed", f"{syncs.quick_s('hash'):.2f} s"),
        (f"{files:,} files, listed", f"{syncs.quick_s('list'):.2f} s"),
        (f"{files:,} files, a sync that finds nothing changed", f"{syncs.quick_s('sync'):.2f} s"),
        ("peak memory of the lists, the stub's pages included", f"{peak:.0f} MB" if peak else ""),
    ]
    show("Sources in S3", ("what", "takes"), rows)
    least_s = syncs.quick_s("list") + syncs.quick_s("hash")
    hold(
        [
            Target("list and judge to botocore's paginator", whole_s / lists.quick_s("botocore"), 1.5),
            Target("sync to list and hash", syncs.quick_s("sync") / least_s, 2),
        ]
    )


def _expect(is_so: bool) -> None:  # noqa: FBT001 - one argument says it all
    if not is_so:
        raise SystemExit("The benchmark measures something else than it says.")


if __name__ == "__main__":
    main()
