"""Plans, change sets, runs and sources as resources: what is too long for an answer, cleaned the same way."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from pipeline.errors import ErrorCode, InputError, OktaPlanError
from pipeline.mcp_server.answers import lists_in
from pipeline.mcp_server.door import Door
from pipeline.mcp_server.jobs import StillWorking
from pipeline.mcp_server.places import list_plans, plan_place, source_place
from pipeline.mcp_server.untrusted import cleaned, visible

if TYPE_CHECKING:
    from pipeline.mcp_server.strict import StrictServer
    from pipeline.use_cases.desk import Desk

T = TypeVar("T")
CHARACTERS_MAX = 200_000
"""Of one resource; the file on disk has the rest."""
ROWS = 200
ITEMS_MAX = 5_000
"""Of one list: so many never fit."""
JSON, YAML, MARKDOWN = "application/json", "application/yaml", "text/markdown"


def add_resources(server: StrictServer, door: Door) -> None:
    """Lists under fixed addresses, and one template for each kind."""
    shown = Shown(door)
    for kind, title, lister in (
        ("sources", "Source files", shown.sources),
        ("plans", "Plans", shown.plans),
        ("changes", "Stored change sets", shown.change_sets),
        ("runs", "Runs", shown.runs),
    ):
        server.resource(f"okta-plan://{kind}", name=kind, title=title, mime_type=JSON)(lister)
    for uri, name, title, mime_type, reader in (
        ("okta-plan://sources/{+path}", "source", "Rows of a source", JSON, shown.source),
        ("okta-plan://plans/{name}", "plan", "A plan file", YAML, shown.plan),
        ("okta-plan://changes/{digest}", "change_set", "A stored change set", JSON, shown.change_set),
        ("okta-plan://runs/{run}", "run", "Report of a run", MARKDOWN, shown.run),
    ):
        server.resource(uri, name=name, title=title, mime_type=mime_type)(reader)


class Shown:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def sources(self) -> str:
        from pipeline.use_cases.sources import files

        view = await self._read("sources", files)
        return self._json([each.model_dump() for each in view.files])

    async def plans(self) -> str:
        return self._json(
            await self._read("plans", lambda desk: [desk.shown(each) for each in list_plans(desk)])
        )

    async def change_sets(self) -> str:
        return self._json(await self._read("changes", stored_digests))

    async def runs(self) -> str:
        from pipeline.use_cases.run_standing import in_short, run_ids

        found = await self._read("runs", lambda desk: [in_short(desk, run) for run in run_ids(desk)[:ROWS]])
        return self._json([{"run": e.run, "plan": e.plan, "state": e.state} for e in found])

    async def source(self, path: str) -> str:
        from pipeline.use_cases.sources import rows_of

        found = await self._read(
            f"source {path}", lambda desk: rows_of(desk, source_place(desk, path), 0, ROWS)
        )
        rows = [{"line": line, "cells": list(cells)} for line, cells in found.rows]
        return self._json(
            {"path": found.path, "total": found.total, "columns": list(found.columns), "rows": rows}
        )

    async def plan(self, name: str) -> str:
        return self._text(await self._read(f"plan {name}", lambda desk: _plan_text(desk, name)))

    async def change_set(self, digest: str) -> str:
        from pipeline.changes.codec import to_json
        from pipeline.use_cases.paging import stored

        if not _is_digest(digest):
            raise ResourceNotFoundError("There is no such change set.")
        return self._json(await self._read(digest, lambda desk: to_json(stored(desk, digest).changes)))

    async def run(self, run: str) -> str:
        from pipeline.use_cases.history import runs

        view = await self._read(f"run {run}", lambda desk: runs(desk, run))
        return self._text(view.report or "")

    async def _read(self, what: str, call: Callable[[Desk], T]) -> T:
        try:
            return await self._door.look("resource", what, call)
        except StillWorking:
            raise ResourceError("It takes longer than a call may. Read it again in 30 s.") from None
        except OktaPlanError as error:
            known = {ErrorCode.FILE_NOT_FOUND, ErrorCode.RUN_NOT_FOUND, ErrorCode.CHANGES_INVALID}
            kind = ResourceNotFoundError if error.code in known else ResourceError
            raise kind(f"{error.code}: {error.summary}") from error

    def _json(self, value: Any) -> str:  # noqa: ANN401 - JSON
        mask = self._door.mask()
        shown, cut = _bounded(value)
        mask.learn_from(shown)
        return _fitting(cleaned(shown, mask=mask), cut)

    def _text(self, text: str) -> str:
        told = self._door.mask().text(_capped(text))
        return "\n".join(visible(line, characters_max=2_000) for line in told.split("\n"))


def _plan_text(desk: Desk, name: str) -> str:
    from pipeline.use_cases.offline import read_plan

    place = plan_place(desk, name)
    if desk.mask.on:
        with suppress(InputError):  # a broken plan is shown, too; what of it is no address then stays
            read_plan(desk, place)
    return (desk.workspace / place).read_text("utf-8")


def stored_digests(desk: Desk) -> list[str]:
    """Digests of the change sets that `diff` stored, newest first."""
    folder = desk.runtime.runs_dir / "changes"
    found = [each for each in folder.glob("*.json") if _is_digest(each.stem)] if folder.is_dir() else []
    return [each.stem for each in sorted(found, key=lambda each: -each.stat().st_mtime)]


def _bounded(value: Any) -> tuple[Any, dict[str, int]]:  # noqa: ANN401 - JSON
    """``value`` without what would not fit whatever is in it, and how much that is, by list."""
    lists = {"items": value} if isinstance(value, list) else value
    cut = {
        name: len(each) - ITEMS_MAX
        for name, each in lists.items()
        if isinstance(each, list) and len(each) > ITEMS_MAX
    }
    return {**lists, **{name: lists[name][:ITEMS_MAX] for name in cut}} if cut else value, cut


def _fitting(value: Any, cut: dict[str, int]) -> str:  # noqa: ANN401 - JSON
    """``value`` as JSON, its longest lists halved until it fits; ``cut`` counts what is left out, by list.
    Raises ResourceError where lists are not what is long.
    """
    text = json.dumps(value, ensure_ascii=False, indent=1)
    body = {"items": value} if isinstance(value, list) else value
    while cut or len(text) > CHARACTERS_MAX:
        text = json.dumps({"cut": cut, **body}, ensure_ascii=False, indent=1)
        if len(text) <= CHARACTERS_MAX:
            break
        lists = [(path, each) for path, each in lists_in(body) if len(each) > 1]
        if not lists:
            raise ResourceError("It is too long to be shown; the file has it.")
        path, longest = max(lists, key=lambda pair: len(json.dumps(pair[1], ensure_ascii=False)))
        left = (len(longest) + 1) // 2
        cut[path] = cut.get(path, 0) + len(longest) - left
        del longest[left:]
    return text


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)  # noqa: PLR2004 - sha256 in hex


def _capped(text: str) -> str:
    rest = len(text) - CHARACTERS_MAX
    return f"{text[:CHARACTERS_MAX]}\n[+{rest} characters; the file has them]" if rest > 0 else text
