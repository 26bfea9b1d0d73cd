"""Starting the server of a real process: its workspace, its log, its transport."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from pipeline.errors import ErrorCode, InputError
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.server import build_server
from pipeline.mcp_server.stdio import serve_stdio
from pipeline.settings import environment

if TYPE_CHECKING:
    from pipeline.use_cases.desk import Desk


@dataclass(frozen=True, slots=True)
class Serving:
    """What the command line asked for. ``http_port`` None is stdio."""

    workspace: Path | None
    org: Path | None
    log_file: Path | None
    read_only: bool = False
    http_port: int | None = None
    current: Path | None = None
    """Where the process was started; None: where it is."""

    def open_desk(self) -> Desk:
        """Raises InputError where no workspace is named and none is near."""
        from pipeline.use_cases.live import live_desk

        if (
            self.workspace is None
            and not environment().get("OKTA_PLAN_HOME")
            and not _is_near(self.current or Path.cwd())
        ):
            raise InputError(
                ErrorCode.NO_WORKSPACE,
                "No workspace is configured",
                "Neither --workspace nor OKTA_PLAN_HOME names the folder to work in, and the folder that the"
                " client started this server in is none.",
            )
        return live_desk(self.workspace, self.org, self.log_file)


def _is_near(current: Path) -> bool:
    return any((each / "plans").is_dir() or (each / ".env").is_file() for each in (current, *current.parents))


def serve(asked: Serving) -> None:
    """Serve until the client leaves. stdout carries the protocol alone; warnings go to stderr."""
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[log])
    server = build_server(Door(asked.open_desk, launch, read_only=asked.read_only))
    if asked.http_port is None:
        anyio.run(serve_stdio, server)
    else:
        from pipeline.mcp_server.http import serve_http

        serve_http(server, asked.http_port)


class Redacting(logging.Formatter):
    """Lines and tracebacks without what looks like a secret."""

    _SECRET = re.compile(
        r"(SSWS|Bearer|DPoP)\s+\S+|eyJ[\w-]+\.[\w-]+\.[\w-]*|-----BEGIN[^-]*-----.*?-----END[^-]*-----",
        re.DOTALL,
    )

    def format(self, record: logging.LogRecord) -> str:
        return self._SECRET.sub("[redacted]", super().format(record))


def launch(desk: Desk, run: str) -> int:
    """The process of a run; what it takes to start one is loaded when there is one."""
    from pipeline.use_cases.working import launch_process

    return launch_process(desk, run)
