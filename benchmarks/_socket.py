"""A client that costs next to nothing, and the emulator in a process of its own for it to ask."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks._org import TOKEN, Request


@contextmanager
def served(org_file: Path) -> Iterator[str]:
    """The URL of ``okta-plan emulator serve`` with this org file."""
    command = [sys.executable, "-m", "pipeline", "emulator", "serve", "--org", str(org_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or not (line := process.stdout.readline()):
                sys.exit("The emulator did not start.")
            yield json.loads(line)["url"]
        finally:
            process.terminate()
            process.wait()


class Connection:
    """One connection, kept open; requests go one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, url: str) -> Connection:
        address = urlsplit(url)
        return cls(*await asyncio.open_connection(address.hostname, address.port))

    async def send(self, request: Request) -> tuple[str, bytes]:
        """Head and body of the answer, which must be a success."""
        self._writer.write(
            f"{request.method} {request.target} HTTP/1.1\r\nHost: acme.okta.com\r\n"
            f"Authorization: SSWS {TOKEN}\r\nContent-Length: {len(request.body)}\r\n\r\n".encode()
            + request.body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = int(head.partition("content-length: ")[2].split("\r\n", 1)[0])
        body = await self._reader.readexactly(length)
        if not head.startswith("HTTP/1.1 2"):
            sys.exit(f"{request.method} {request.target} was answered {head[:12]}: {body.decode()}")
        return head, body

    async def ask(self, request: Request) -> Any:  # noqa: ANN401 - JSON
        return json.loads((await self.send(request))[1])

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def send_all(connections: Iterable[Connection], requests: Iterable[Request]) -> None:
    """With one at a time on each connection."""
    left = iter(requests)

    async def work(connection: Connection) -> None:
        for request in left:
            await connection.send(request)

    await asyncio.gather(*(work(each) for each in connections))
