"""What is in S3, in ``csv/``: changed objects are fetched, edits made here are never overwritten.

A record is kept of what was fetched: its ETag and size in S3, and the digest of what was written. A file
whose digest is still that one was not touched here; any other was, or was never ours, and stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

from pipeline.source import SIZE_MAX_BYTES
from pipeline.source.placing import Contents, link_in, place_new, sha256_of
from pipeline.source.s3 import Bucket, Fetched, FetchError, Listed
from pipeline.source.s3_keys import Reason, Refusal, State, refusals

R = TypeVar("R")
AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Record:
    """What was fetched to one path. ``origin`` is the object as s3://bucket/key."""

    origin: str
    etag: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Synced:
    """One object of S3 that has its place below ``csv/``."""

    key: str
    state: State
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Result:
    """By key. ``others`` counts objects whose names are not those of sources."""

    synced: tuple[Synced, ...]
    refused: tuple[Refusal, ...]
    others: int


@dataclass(frozen=True, slots=True)
class Fetching:
    """How far the fetching is, in objects and bytes; the bytes are those that S3 listed."""

    done: int
    total: int
    done_bytes: int
    total_bytes: int


def _silent(_: Fetching) -> None:
    pass


def sync(
    bucket: Bucket,
    folder: Path,
    records: MutableMapping[str, Record],
    *,
    finished: Contents,
    drafts: Path,
    size_max: int = SIZE_MAX_BYTES,
    tell: Callable[[Fetching], None] = _silent,
) -> Result:
    """Bring what is under the bucket's roots to ``folder`` (the resolved ``csv/``), and note it in
    ``records``, by key. Drafts are written to the folder ``drafts`` on the same file system. ``tell`` hears
    how far the fetching is, after each object.

    Raises InputError where bucket or credentials cannot be used; ``records`` then tells what was fetched.
    """
    listed, others = bucket.list()
    refused = refusals(each.key for each in listed)
    one = _Sync(bucket, folder, records, finished, drafts, size_max)
    ended: list[Synced | Refusal] = []
    threads = ThreadPoolExecutor(AT_A_TIME)
    try:
        fetches: list[tuple[Listed, Future[Synced | Refusal]]] = []
        for each in listed:
            if each.key in refused:
                continue
            stands = one.compare(each)
            if stands is None:
                fetches.append((each, threads.submit(one.fetch, each)))
            else:
                ended.append(stands)
        done_bytes, total_bytes = 0, sum(each.size_bytes for each, _ in fetches)
        for done, (each, fetch) in enumerate(fetches, start=1):
            ended.append(fetch.result())
            done_bytes += each.size_bytes
            tell(Fetching(done, len(fetches), done_bytes, total_bytes))
    finally:
        threads.shutdown(cancel_futures=True)
    synced = (each for each in ended if isinstance(each, Synced))
    late = (each for each in ended if isinstance(each, Refusal))
    return Result(
        synced=tuple(sorted(synced, key=lambda each: each.key)),
        refused=tuple(sorted([*refused.values(), *late], key=lambda each: each.key)),
        others=others,
    )


class _Sync:
    def __init__(
        self,
        bucket: Bucket,
        folder: Path,
        records: MutableMapping[str, Record],
        finished: Contents,
        drafts: Path,
        size_max: int,
    ) -> None:
        self._bucket = bucket
        self._folder = folder
        self._records = records
        self._finished = finished
        self._drafts = drafts
        self._size_max = size_max
        self._numbers = count()

    def compare(self, listed: Listed) -> Synced | Refusal | None:
        """How it stands; None where it has to be fetched for that."""
        if listed.size_bytes > self._size_max:
            detail = f"It has {listed.size_bytes:,} bytes; at most {self._size_max:,} are fetched."
            return Refusal(listed.key, Reason.TOO_LARGE, detail)
        state = _or_refusal(listed, self._compare)
        return Synced(listed.key, state, listed.size_bytes) if isinstance(state, State) else state

    def fetch(self, listed: Listed) -> Synced | Refusal:
        state = _or_refusal(listed, self._fetch)
        return Synced(listed.key, state, listed.size_bytes) if isinstance(state, State) else state

    def _known(self, listed: Listed) -> Record | None:
        known = self._records.get(listed.key)
        return known if known is not None and known.origin == self._bucket.url(listed.key) else None

    def _compare(self, listed: Listed) -> State | None:
        path = self._folder / listed.key
        known = self._known(listed)
        here = self._digest(path)
        if known is not None and (known.etag, known.size_bytes) == (listed.etag, listed.size_bytes):
            if here is not None:
                return State.UNCHANGED if here == known.sha256 else State.EDITED
            if self._finished.find(known.sha256, known.size_bytes):
                return State.ARCHIVED
        elif _is_foreign(here, known) and path.stat().st_size != listed.size_bytes:
            return State.CONFLICT
        return None

    def _fetch(self, listed: Listed) -> State:
        draft = self._drafts / str(next(self._numbers))
        try:
            fetched = self._download(listed, draft)
            state = self._place(draft, self._folder / listed.key, fetched, self._known(listed))
        finally:
            draft.unlink(missing_ok=True)
        if state is not State.CONFLICT:
            origin = self._bucket.url(listed.key)
            self._records[listed.key] = Record(origin, listed.etag, fetched.size_bytes, fetched.sha256)
        return state

    def _download(self, listed: Listed, draft: Path) -> Fetched:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            fetched = self._bucket.download(listed.key, file, etag=listed.etag, size_max=listed.size_bytes)
            file.flush()
            os.fsync(file.fileno())
        return fetched

    def _place(self, draft: Path, path: Path, fetched: Fetched, known: Record | None) -> State:
        here = self._digest(path)
        if here == fetched.sha256:
            return State.UNCHANGED
        if _is_foreign(here, known):
            return State.CONFLICT
        if here is not None:
            draft.replace(path)
            return State.FETCHED
        if self._finished.find(fetched.sha256, fetched.size_bytes):
            return State.ARCHIVED
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            place_new(draft, path)
        except FileExistsError:
            return State.CONFLICT
        return State.FETCHED

    def _digest(self, path: Path) -> str | None:
        """The digest of what is at ``path``; None where nothing is. Raises FetchError where none can be."""
        link = link_in(self._folder, path)
        if link is not None:
            shown = link.relative_to(self._folder).as_posix()
            raise FetchError(Reason.LINK, f"csv/{shown} is a symbolic link; links are not followed.")
        try:
            return sha256_of(path)
        except FileNotFoundError:
            return None
        except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise FetchError(
                Reason.IN_THE_WAY, f"What is in its place in csv/ is no file to read: {error.strerror}."
            ) from error


def _or_refusal(listed: Listed, call: Callable[[Listed], R]) -> R | Refusal:
    try:
        return call(listed)
    except FetchError as error:
        return Refusal(listed.key, error.reason, error.detail)
    except OSError as error:
        detail = f"Its file cannot be read or written: {error.strerror or error}."
        return Refusal(listed.key, Reason.UNWRITABLE, detail)


def _is_foreign(here: str | None, known: Record | None) -> bool:
    """Whether there is a file that is not as we wrote it."""
    return here is not None and (known is None or here != known.sha256)
