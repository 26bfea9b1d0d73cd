"""The org on a loopback socket, in real time."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from pipeline.emulator.app import create_app
from pipeline.emulator.dropping import DroppingProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pipeline.emulator.fault_kinds import FaultSet
    from pipeline.emulator.orgfile import OrgFile

LOOPBACK = "127.0.0.1"
GRACE_S = 5
"""What calls under way may take when the org is stopped; a fault can make them last for hours."""


def serve(
    org: OrgFile,
    *,
    port: int,
    db: str | Path,
    seed: int,
    limits: str | Mapping[str, int] | None = None,
    faults: FaultSet | None = None,
) -> None:
    """Blocks until SIGTERM or Ctrl-C. Prints one line with the URL once connections are accepted."""
    app = create_app(
        org,
        db=db,
        now=time.time,  # noqa: TID251  the org's own clock
        sleep=asyncio.sleep,  # noqa: TID251
        seed=seed,
        limits=limits,
        faults=faults,
    )
    listener = listen(port)
    # `date_header=False`: the org's own clock writes Date.
    config = uvicorn.Config(
        app,
        http=DroppingProtocol,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    with listener:
        _Announcing(config, listener.getsockname()[1]).run(sockets=[listener])
    app.state.close()


def listen(port: int) -> socket.socket:
    """A listener whose connections send at once."""
    listener = socket.create_server((LOOPBACK, port))
    # Else a head and its body, sent one after the other, wait 40 ms for the client's acknowledgement. asyncio
    # sets this only on sockets made with the protocol's number; accepted ones have it from the listener.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, port: int) -> None:
        super().__init__(config)
        self._port = port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        sys.stdout.write(json.dumps({"url": f"http://{LOOPBACK}:{self._port}"}) + "\n")
        sys.stdout.flush()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, but without raising the signal again at the end: being stopped is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {name: signal.signal(name, self.handle_exit) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, previous in before.items():
                signal.signal(name, previous)
