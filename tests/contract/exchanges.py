"""What went over the wire, written down at the transport."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    sent_type: str
    """Media type of the request's body; empty without a body."""
    sent: bytes
    status: int
    headers: httpx.Headers
    answer: bytes

    @property
    def sent_json(self) -> Any:
        return json.loads(self.sent)

    @property
    def answer_json(self) -> Any:
        return json.loads(self.answer)

    @property
    def answer_type(self) -> str:
        return media_type(self.headers)

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}"


def media_type(headers: httpx.Headers) -> str:
    return str(headers.get("content-type", "")).partition(";")[0].strip()


@dataclass
class Recorder(httpx.AsyncBaseTransport):
    """Passes everything on and keeps a copy."""

    inner: httpx.AsyncBaseTransport
    exchanges: list[Exchange] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = await request.aread()
        answered = await self.inner.handle_async_request(request)
        body = await answered.aread()
        self.exchanges.append(
            Exchange(
                method=request.method,
                path=request.url.path,
                query=tuple(parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)),
                sent_type=media_type(request.headers) if sent else "",
                sent=sent,
                status=answered.status_code,
                headers=answered.headers,
                answer=body,
            )
        )
        return httpx.Response(answered.status_code, headers=answered.headers, content=body)

    async def aclose(self) -> None:
        await self.inner.aclose()
