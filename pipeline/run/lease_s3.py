"""The lease as an object in S3, for machines that share nothing else.

Of two that write at once S3 lets one win: an object is made with ``If-None-Match: *`` and replaced or removed
with ``If-Match`` and the ETag that was read (S3 user guide, "Conditional requests").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeline.clock import Clock
from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.run.lease import STALE_S, LeaseText, ProcessStart, read_lease


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as read."""

    content: bytes
    etag: str


class Objects(Protocol):
    """Objects of one bucket. Each call raises InputError where the bucket cannot be used."""

    async def read(self, key: str) -> Stored | None:
        """None where there is no such object."""
        ...

    async def write(self, key: str, content: bytes, *, etag: str | None) -> str | None:
        """Replace the object of that ETag, or make it (``etag`` None); its new ETag. None: the object is
        another one, there is one already, or there is none.
        """
        ...

    async def remove(self, key: str, etag: str) -> bool:
        """Remove the object of that ETag. False: it is another one, or there is none."""
        ...


class S3Lease:
    """A place of a lease: the object ``key``.

    An owner on another host is judged by this process alone: the object must have stood unchanged for three
    beats of our own clock. No other host's clock is asked, so a clock that is off takes nothing over.
    """

    def __init__(
        self, objects: Objects, key: str, clock: Clock, process_start: ProcessStart, shown: str
    ) -> None:
        self._objects = objects
        self._key = key
        self._clock = clock
        self._process_start = process_start
        self._shown = shown
        self._etag = ""
        self._seen_etag = ""
        self._seen_since_s = 0.0

    @property
    def shown(self) -> str:
        return self._shown

    async def claim(self, text: LeaseText) -> LeaseText | None:
        content = text.dump().encode()
        etag = await self._objects.write(self._key, content, etag=None)
        while etag is None:
            found = await self._objects.read(self._key)
            if found is None:
                etag = await self._objects.write(self._key, content, etag=None)
                continue
            owner = read_lease(found.content, self._shown)
            if owner.nonce == text.nonce:
                etag = found.etag  # made by a call of ours whose answer was lost
            elif self._is_stale(owner, found.etag, here=text.host):
                etag = await self._objects.write(self._key, content, etag=found.etag)
            else:
                return owner
        self._etag = etag
        await self._refuse_blind_store(content)
        return None

    async def holder(self) -> LeaseText | None:
        found = await self._objects.read(self._key)
        return read_lease(found.content, self._shown) if found else None

    async def renew(self, text: LeaseText) -> bool:
        content = text.dump().encode()
        while True:
            etag = await self._objects.write(self._key, content, etag=self._etag)
            if etag is not None:
                self._etag = etag
                return True
            if not await self._is_still_ours(text):
                return False

    async def release(self, text: LeaseText) -> None:
        while not await self._objects.remove(self._key, self._etag):
            if not await self._is_still_ours(text):
                return

    async def _is_still_ours(self, text: LeaseText) -> bool:
        """Whether the object is of ours under another ETag: of a call whose answer was lost."""
        found = await self._objects.read(self._key)
        if found is None or read_lease(found.content, self._shown).nonce != text.nonce:
            return False
        self._etag = found.etag
        return True

    def _is_stale(self, owner: LeaseText, etag: str, *, here: str) -> bool:
        now_s = self._clock.now()
        if etag != self._seen_etag:
            self._seen_etag, self._seen_since_s = etag, now_s
        if owner.host == here:
            return owner.is_dead(self._process_start)
        return now_s - self._seen_since_s > STALE_S

    async def _refuse_blind_store(self, content: bytes) -> None:
        """A store that makes an object twice would let two applies run side by side."""
        if await self._objects.write(self._key, content, etag=None) is not None:
            raise InputError(
                ErrorCode.SHARED_UNUSABLE,
                "The shared place cannot keep two applies apart",
                f"The store of {self._shown} ignores conditional writes (If-None-Match).",
                location=Location(self._shown),
                next_step="Use Amazon S3, or a store that knows conditional writes.",
            )
