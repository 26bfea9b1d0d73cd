"""How a method becomes a tool: its title and hints, its answer inside the budget, its errors as answers."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol, get_type_hints

from mcp.server import MCPServer
from mcp_types import CallToolResult, ToolAnnotations

from pipeline.errors import OktaPlanError
from pipeline.mcp_server.answers import Answer, result_of
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.jobs import StillWorking, begin_call
from pipeline.mcp_server.refusals import refusal
from pipeline.mcp_server.refusals import refused as refused_as

P = ParamSpec("P")
CHECK_BACK = "Call {tool} again with the same arguments in 30 s; tell the person that it takes a while."
DEFECT = "Something unforeseen went wrong. This is a defect of okta-plan."
TELL = "Tell the person; the server's log (stderr) has the details. run_status tells what runs did."
_OFFER = "__offer__"


@dataclass(frozen=True, slots=True)
class Hints:
    """``writes_okta``: where a person approved. ``writes_files``: in the workspace, never over others."""

    writes_okta: bool = False
    writes_files: bool = False
    is_offline: bool = False

    def annotations(self) -> ToolAnnotations:
        """All four hints, none left to a client's default."""
        return ToolAnnotations(
            read_only_hint=not (self.writes_okta or self.writes_files),
            destructive_hint=self.writes_okta,
            idempotent_hint=True,
            open_world_hint=not self.is_offline,
        )


READS_FILES = Hints(is_offline=True)
READS_SOURCES = Hints()
"""A source may lie in S3."""
READS_OKTA = Hints()
WRITES_FILES = Hints(writes_files=True, is_offline=True)
PLANS = Hints(writes_files=True)
"""Reads Okta and writes a plan or a change set."""
WRITES_FROM_SOURCES = Hints(writes_files=True)
"""Reads sources and writes files."""
WRITES_OKTA = Hints(writes_okta=True)


class Refused(Exception):  # noqa: N818 - an answer that is an error, not a fault
    """Ends a tool with an error result of its own."""

    def __init__(self, result: CallToolResult) -> None:
        super().__init__()
        self.result = result


@dataclass(frozen=True, slots=True)
class Offer:
    title: str
    hints: Hints
    meta: dict[str, Any] | None = None


class HasDoor(Protocol):
    """An object whose methods are tools."""

    door: Door


def offered(
    title: str, hints: Hints, meta: dict[str, Any] | None = None
) -> Callable[[Callable[P, Awaitable[Answer]]], Callable[P, Awaitable[CallToolResult]]]:
    """A method as a tool; its docstring is what models read, its return type the output schema."""

    def mark(method: Callable[P, Awaitable[Answer]]) -> Callable[P, Awaitable[CallToolResult]]:
        @functools.wraps(method)
        async def tool(*args: P.args, **kwargs: P.kwargs) -> CallToolResult:
            here: HasDoor = args[0]  # type: ignore[assignment]  # the object of the method
            begin_call()
            try:
                answer = await method(*args, **kwargs)
            except StillWorking:
                answer = _at_work(method)
            except Refused as refused:
                return refused.result
            except OktaPlanError as error:
                return refusal(error, mask=here.door.mask())
            except Exception:  # a defect of ours: a sentence for the model, the traceback for the log
                logging.getLogger(__name__).exception("A tool failed: %s", method.__name__)
                return refused_as({"error": "internal", "what": DEFECT, "next": TELL}, mask=here.door.mask())
            return result_of(answer, mask=here.door.mask())

        setattr(tool, _OFFER, Offer(title, hints, meta))
        return tool

    return mark


def _at_work(method: Callable[..., Any]) -> Answer:
    model: type[Answer] = get_type_hints(method)["return"]
    return model(state="working", next=CHECK_BACK.format(tool=getattr(method, "__name__", "it")))


def add_tools(server: MCPServer[Door], tools: HasDoor, *, leave_out: frozenset[str] = frozenset()) -> None:
    """Add every method of ``tools`` that is `offered`, in the order in which they are written."""
    for name in type(tools).__dict__:
        method = getattr(tools, name)
        offer: Offer | None = getattr(method, _OFFER, None)
        if offer is not None and name not in leave_out:
            server.add_tool(
                method,
                title=offer.title,
                description=inspect.getdoc(method),
                annotations=offer.hints.annotations(),
                meta=offer.meta,
            )
