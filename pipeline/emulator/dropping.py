"""HTTP on a socket, where the app may end the connection without an answer."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.emulator.broken_answers import HANG_UP, end_connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""On, for 0 seconds: closing then sends a reset."""


class DroppingProtocol(H11Protocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  passed on
        super().__init__(*args, **kwargs)
        self.app = _with_extension(self.app, self._hang_up)

    def _hang_up(self, reset: bool) -> None:  # noqa: FBT001  the extension's interface
        if not reset:
            # After what is already written has left.
            self.transport.close()
            return
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self.transport.abort()


def _with_extension(app: Any, hang_up: Callable[[bool], None]) -> Callable[..., Awaitable[None]]:  # noqa: ANN401  ASGI
    async def extended(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        scope.setdefault("extensions", {})[HANG_UP] = hang_up
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            # The server stops and waits no longer for this call, which a fault may have made last for hours.
            await end_connection(hang_up, receive, reset=False)

    return extended
