"""A connection on which the process dies: before or after a certain write took effect."""

from __future__ import annotations

import httpx


class Killed(BaseException):
    """kill -9 at this point."""


class MortalTransport(httpx.AsyncBaseTransport):
    """Passes requests on to ``inner`` until the write number ``dies_at`` (from 1)."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *, dies_at: int, after: bool) -> None:
        self._inner = inner
        self._dies_at = dies_at
        self._after = after
        self._writes = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._writes += request.method != "GET"
        dies = request.method != "GET" and self._writes == self._dies_at
        if dies and not self._after:
            raise Killed
        response = await self._inner.handle_async_request(request)
        if dies:
            raise Killed
        return response
