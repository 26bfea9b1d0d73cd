"""The SDK's server, stricter: unknown arguments are refused, schemas are terse, errors echo nothing."""

from __future__ import annotations

import json
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, InputRequiredResult, TextContent, Tool
from pydantic import ValidationError

from pipeline.mcp_server.door import Door
from pipeline.mcp_server.untrusted import visible

_NOISE = frozenset({"title", "default", "additionalProperties"})
PROBLEMS_MAX = 10
PLACE_CHARACTERS_MAX = 120


class StrictServer(MCPServer[Door]):
    """Looks into the SDK's tool registry, which is private: tests/mcp_server pins what is used of it."""

    async def list_tools(self) -> list[Tool]:
        """The tools; each input schema says that other arguments are refused."""
        tools = await super().list_tools()
        for tool in tools:
            tool.input_schema = {**_terse(tool.input_schema), "additionalProperties": False}
            if tool.output_schema is not None:
                tool.output_schema = _terse(tool.output_schema, noise=_NOISE | {"required"})
        return tools

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Door, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool whose arguments are all known and of their kind."""
        tool = self._tool_manager.get_tool(name)
        if tool is not None:
            known = sorted(tool.parameters.get("properties", {}))
            if unknown := sorted(visible(each) for each in set(arguments) - set(known)):
                return _refused(
                    {"error": "unknown_argument", "unknown": unknown[:PROBLEMS_MAX], "known": known}
                )
            try:
                tool.fn_metadata.validate_arguments(arguments)
            except ValidationError as error:
                problems = [
                    {"argument": _named(each["loc"]), "problem": each["msg"][:200]}
                    for each in error.errors(include_url=False, include_input=False, include_context=False)
                ]
                return _refused({"error": "bad_argument", "problems": problems[:PROBLEMS_MAX]})
        return await super().call_tool(name, arguments, context)


def _named(place: tuple[int | str, ...]) -> str:
    """Which part of which argument, such as ``grants.0.grantBody.actor``; names in it may be the caller's."""
    return visible(".".join(map(str, place)), characters_max=PLACE_CHARACTERS_MAX)


def _refused(told: dict[str, Any]) -> CallToolResult:
    text = json.dumps({**told, "next": "Correct the arguments and call again."}, ensure_ascii=False)
    return CallToolResult(content=[TextContent(text=text)], is_error=True)


def _terse(schema: dict[str, Any], *, noise: frozenset[str] = _NOISE) -> dict[str, Any]:
    """``schema`` without what says nothing to a model. Names of properties are no keywords."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in {"properties", "$defs"}:
            kept[key] = {name: _terse(each, noise=noise) for name, each in value.items()}
        elif key == "additionalProperties" and isinstance(value, dict):
            kept[key] = _terse(value, noise=noise)
        elif key not in noise:
            kept[key] = _terse_value(value, noise)
    return _plain_optional(kept)


def _terse_value(value: Any, noise: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return _terse(value, noise=noise)
    return [_terse_value(each, noise) for each in value] if isinstance(value, list) else value


def _plain_optional(schema: dict[str, Any]) -> dict[str, Any]:
    """``anyOf`` of one simple type and null as a list of types."""
    choices = schema.get("anyOf")
    if not isinstance(choices, list) or len(choices) != 2 or choices[1] != {"type": "null"}:  # noqa: PLR2004
        return schema
    first = choices[0]
    if not isinstance(first.get("type"), str) or "enum" in first or "const" in first:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**first, "type": [first["type"], "null"], **rest}
