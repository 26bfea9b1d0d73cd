"""Serving streamable HTTP to programs of this machine. Loopback only; other hosts and origins are refused."""

from __future__ import annotations

import json
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

from pipeline.errors import ErrorCode, InputError

if TYPE_CHECKING:
    from pipeline.mcp_server.strict import StrictServer

LOOPBACK = "127.0.0.1"
PATH = "/mcp"


def serve_http(server: StrictServer, port: int) -> None:
    """Serve until interrupted; one line on stdout says where. Raises InputError where the port is taken."""
    app = server.streamable_http_app(host=LOOPBACK, streamable_http_path=PATH)
    config = uvicorn.Config(app, log_level="warning", access_log=False, ws="none", server_header=False)
    with _listening(port) as listener:
        address = {"url": f"http://{LOOPBACK}:{listener.getsockname()[1]}{PATH}"}
        sys.stdout.write(json.dumps(address) + "\n")
        sys.stdout.flush()
        uvicorn.Server(config).run(sockets=[listener])


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "The server cannot be started",
            f"It cannot listen on port {port} of {LOOPBACK}: {error.strerror or error}.",
            next_step="Name another port with --http, or 0 for a free one.",
        ) from error
    return listener
