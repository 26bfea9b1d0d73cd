"""The org for an httpx client in the same process, with the failures that a socket would show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

from pipeline.emulator.broken_answers import HANG_UP

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


class InMemoryTransport(httpx.AsyncBaseTransport):
    """Time-outs and dropped connections look to the client as they do over TCP.

    And as there, a call that has been sent goes on when its client gives up or is cancelled: what becomes of
    it is then unknown to the client only.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._running: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange, loop = _Exchange(request, await request.aread()), asyncio.get_running_loop()
        answer: asyncio.Future[httpx.Response] = loop.create_future()
        task = loop.create_task(exchange.answer_to(answer, self._app))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        read_s = request.extensions.get("timeout", {}).get("read")
        # The client waits for the answer, not for the call: giving up must not cancel it.
        timer = None if read_s is None else loop.call_later(read_s, _give_up, answer, request)
        try:
            return await answer
        finally:
            if timer is not None:
                timer.cancel()


def _give_up(answer: asyncio.Future[httpx.Response], request: httpx.Request) -> None:
    if not answer.done():
        answer.set_exception(httpx.ReadTimeout("the org has not answered in time", request=request))


class _Exchange:
    """One request and what the app sends for it."""

    def __init__(self, request: httpx.Request, body: bytes) -> None:
        self._request = request
        self._body = body
        self._given = False
        self._over = asyncio.Event()
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._hung_up: httpx.TransportError | None = None

    async def answer_to(self, client: asyncio.Future[httpx.Response], app: AsgiApp) -> None:
        """What the app answers or fails with is for the client, if that still waits."""
        try:
            response = await self._response(app)
        except Exception as error:  # noqa: BLE001  raised where the client waits
            if not client.done():
                client.set_exception(error)
        else:
            if not client.done():
                client.set_result(response)

    async def _response(self, app: AsgiApp) -> httpx.Response:
        await app(self._scope(), self._receive, self._send)
        if self._hung_up is not None and not self._status:
            raise self._hung_up
        stream = _Stream(self._parts, self._hung_up)
        return httpx.Response(self._status, headers=self._headers, stream=stream, request=self._request)

    def _scope(self) -> dict[str, Any]:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._request.method,
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 0),
            "root_path": "",
            "extensions": {HANG_UP: self._hang_up},
        }

    async def _receive(self) -> dict[str, Any]:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", []))
            return
        self._parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            self._over.set()

    def _hang_up(self, reset: bool) -> None:  # noqa: FBT001  the extension's interface
        received = sum(len(part) for part in self._parts)
        if reset:
            self._hung_up = httpx.ReadError("", request=self._request)
        elif not self._status:
            said = "Server disconnected without sending a response."
            self._hung_up = httpx.RemoteProtocolError(said, request=self._request)
        else:
            expected = dict(self._headers).get(b"content-length", b"?").decode()
            said = "peer closed connection without sending complete message body"
            said += f" (received {received} bytes, expected {expected})"
            self._hung_up = httpx.RemoteProtocolError(said, request=self._request)
        self._over.set()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, parts: list[bytes], failure: httpx.TransportError | None) -> None:
        self._parts = parts
        self._failure = failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            if part:
                yield part
        if self._failure is not None:
            raise self._failure
