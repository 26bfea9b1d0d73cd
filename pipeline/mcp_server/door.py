"""What all tools share: how a workspace is opened, calls under way, the files that were listed last."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import ErrorCode, InputError, OktaPlanError
from pipeline.masking import Mask
from pipeline.mcp_server.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pipeline.use_cases.desk import Desk
    from pipeline.use_cases.working import Launch

DIGITS_MAX = 9
"""Of the number of a source."""
T = TypeVar("T")


@dataclass(slots=True)
class Door:
    """``open_desk`` raises InputError where there is no workspace; it is asked at each call, so that a person
    can correct settings without starting anything again. ``launch`` starts the process of a run.
    """

    open_desk: Callable[[], Desk]
    launch: Launch
    read_only: bool = False
    form_wait_s: float = 120.0
    """How long a call waits for a form to be filled in."""
    look_s: float = 1.0
    """How often a call that waits for a run looks at it."""
    jobs: Jobs = field(default_factory=Jobs)
    listed: dict[int, str] | None = None
    """Sources by number, as list_csv_files answered last."""
    _mask: Mask = field(default_factory=Mask)

    def source(self, given: str) -> str:
        """``given``, or the path of the source that list_csv_files showed last under that number. Raises
        InputError where it showed none.
        """
        if not (given.isascii() and given.isdecimal() and len(given) <= DIGITS_MAX):
            return given
        if self.listed is None or int(given) not in self.listed:
            raise InputError(
                ErrorCode.FILE_NOT_FOUND,
                "No file of that number was listed",
                "Numbers are those of the last answer of list_csv_files.",
            )
        return self.listed[int(given)]

    def mask(self) -> Mask:
        """What every answer passes; it masks where the settings say so, and where they cannot be read. There
        is one for all calls, so that a person looks the same in each.
        """
        try:
            self._mask.on = self.open_desk().settings.masks_people
        except OktaPlanError:
            self._mask.on = True
        return self._mask

    def _desk(self) -> Desk:
        return replace(self.open_desk(), mask=self.mask())

    async def look(self, what: str, asked: Any, call: Callable[[Desk], T]) -> T:  # noqa: ANN401 - JSON
        """As `work`, for what changes by the second: what an earlier call left behind is not told."""
        return await self._on_loop(f"look {what}", asked, call, fresh=True)

    async def work(self, tool: str, asked: Any, call: Callable[[Desk], T]) -> T:  # noqa: ANN401 - JSON
        """What ``call`` returns, from a thread. Raises what it raises, and StillWorking."""
        return await self._on_loop(tool, asked, call)

    async def _on_loop(
        self,
        tool: str,
        asked: Any,  # noqa: ANN401 - JSON
        call: Callable[[Desk], T],
        *,
        fresh: bool = False,
    ) -> T:

        async def on_loop(desk: Desk) -> T:
            # The clock of a desk is that of a loop.
            return call(desk)

        return await self.ask_okta(tool, asked, on_loop, fresh=fresh)

    async def ask_okta(
        self,
        tool: str,
        asked: Any,  # noqa: ANN401 - JSON
        call: Callable[[Desk], Awaitable[T]],
        *,
        fresh: bool = False,
    ) -> T:
        """As `work`, for a use case that talks to Okta."""

        def run() -> T:
            from pipeline.use_cases.live import run_live

            return run_live(self._desk, call)

        return await self.jobs.finish(_key(tool, asked), run, fresh=fresh)


def _key(tool: str, asked: Any) -> str:  # noqa: ANN401 - JSON
    return f"{tool} {json.dumps(asked, sort_keys=True, default=str)}"
