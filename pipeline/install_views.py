"""The result of `mcp install` as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.envelope import View


class InstallView(View):
    """``diff`` has every value masked that is not this server's own; ``entry`` is all that is written."""

    schema_: Annotated[Literal["okta-plan/mcp-install/v1"], Field(alias="schema")] = (
        "okta-plan/mcp-install/v1"
    )
    command: Literal["mcp install"] = "mcp install"
    client: str
    server: str
    state: Literal["written", "unchanged", "shown"]
    file: str
    backup: str | None = None
    entry: dict[str, object] = {}
    diff: list[str] = []
    notes: list[str] = []
