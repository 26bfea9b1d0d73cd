"""Serving over stdin and stdout, tolerant of clients that ask what a server speaks before they shake hands.

mcp 2.3 takes the first request for the connection's protocol era, so a client that sends ``server/discover``
and then ``initialize`` is refused. Here each ``server/discover`` that comes first is answered by a throw-away
loop, and the request after it decides. To be dropped when the SDK does so itself (tests pin what is used).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.runner import serve_dual_era_loop
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from pipeline.mcp_server.strict import StrictServer

    Received = SessionMessage | Exception

ASKED_FIRST = "server/discover"
FRAMES_MAX = 16
"""Frames that are no request and come before the first one; more are dropped."""


async def serve_stdio(server: StrictServer) -> None:
    """Serve one client until its end of stdin."""
    async with stdio_server() as (incoming, outgoing):
        await serve_streams(server, incoming, outgoing)


async def serve_streams(server: StrictServer, incoming: Any, outgoing: Any) -> None:  # noqa: ANN401 - SDK streams
    """Serve the streams until the client closes its side."""
    lowlevel = server._lowlevel_server  # noqa: SLF001 - no public way (see above)
    async with incoming, lowlevel.lifespan(lowlevel) as state:
        before: list[Received] = []
        while True:
            opening = await _next_request(incoming, before)
            if opening is None:
                await outgoing.aclose()
                return
            if _method(opening) != ASKED_FIRST:
                break
            await _answer_alone(lowlevel, state, opening, outgoing)
        async with _followed_by([*before, opening], incoming) as whole:
            options = lowlevel.create_initialization_options()
            await serve_dual_era_loop(lowlevel, whole, outgoing, lifespan_state=state, init_options=options)


async def _next_request(incoming: Any, before: list[Received]) -> SessionMessage | None:  # noqa: ANN401
    """The next request; what comes before it is put into ``before``. None at the end."""
    async for each in incoming:
        if isinstance(each, SessionMessage) and isinstance(each.message, JSONRPCRequest):
            return each
        if len(before) < FRAMES_MAX:
            before.append(each)
    return None


def _method(message: SessionMessage) -> str:
    return message.message.method if isinstance(message.message, JSONRPCRequest) else ""


async def _answer_alone(lowlevel: Any, state: Any, request: SessionMessage, outgoing: Any) -> None:  # noqa: ANN401
    """Answer one request as if the connection held nothing else."""
    send: MemoryObjectSendStream[Received]
    receive: MemoryObjectReceiveStream[Received]
    send, receive = anyio.create_memory_object_stream(1)
    answers_in: MemoryObjectSendStream[SessionMessage]
    answers_out: MemoryObjectReceiveStream[SessionMessage]
    answers_in, answers_out = anyio.create_memory_object_stream(8)
    async with anyio.create_task_group() as group, answers_out:
        group.start_soon(lambda: serve_dual_era_loop(lowlevel, receive, answers_in, lifespan_state=state))
        await send.send(request)
        await outgoing.send(await answers_out.receive())
        await send.aclose()
        async for more in answers_out:
            await outgoing.send(more)


@asynccontextmanager
async def _followed_by(first: list[Received], incoming: Any) -> AsyncIterator[Any]:  # noqa: ANN401
    """A stream of ``first`` and then of all that comes in."""
    send: MemoryObjectSendStream[Received]
    receive: MemoryObjectReceiveStream[Received]
    send, receive = anyio.create_memory_object_stream(0)

    async def relay() -> None:
        async with send:
            for each in first:
                await send.send(each)
            async for each in incoming:
                await send.send(each)

    async with anyio.create_task_group() as group:
        group.start_soon(relay)
        yield receive
        group.cancel_scope.cancel()
