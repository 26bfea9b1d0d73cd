"""Answers that are none of Okta's: pages of proxies, connections that end early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

HANG_UP = "pipeline.emulator.hang_up"
"""The ASGI extension by which a server lets the app end the connection: called with True for a TCP reset."""

_NAMES = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


class CannotHangUpError(RuntimeError):
    """What runs the app gives it no way to end a connection."""


class HungUp(Response):
    """The connection ends without an answer."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  the interface
        await _hang_up(scope, receive, reset=self.reset)


class CutShort(Response):
    """The headers of an answer and a part of its body, then the connection ends."""

    def __init__(self, whole: Response, share: float) -> None:
        super().__init__()
        self.whole = whole
        self.arriving = bytes(whole.body)[: int(len(whole.body) * share)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self.whole.raw_headers
        await send({"type": "http.response.start", "status": self.whole.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.arriving, "more_body": True})
        await _hang_up(scope, receive, reset=False)


async def _hang_up(scope: Scope, receive: Receive, *, reset: bool) -> None:
    close: Callable[[bool], None] | None = scope.get("extensions", {}).get(HANG_UP)
    if close is None:
        raise CannotHangUpError(
            "a fault ends the connection here, and this transport cannot do that; "
            "use pipeline.emulator.InMemoryTransport or the served emulator"
        )
    await end_connection(close, receive, reset=reset)


async def end_connection(close: Callable[[bool], None], receive: Receive, *, reset: bool) -> None:
    """Until the server has noticed: it takes an app that returns before for one that forgot to answer."""
    close(reset)
    while (await receive())["type"] != "http.disconnect":
        pass


def error_page(status: int) -> str:
    """As proxies write them; its exact text is ours."""
    title = f"{status} {_NAMES[status]}"
    return f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>\n"


PORTAL_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in to the network</title></head>"
    "<body><form action='/login' method='post'><button>Accept and connect</button></form></body></html>"
)


def page(status: int, text: str, date: str) -> Response:
    """HTML without any of Okta's headers: no rate limit, no request id."""
    return Response(text, status, headers={"Date": date}, media_type="text/html")
