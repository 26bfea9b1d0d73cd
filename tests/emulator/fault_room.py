"""An org with faults whose time is virtual: slow answers and time-outs take none."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx

from pipeline.emulator import InMemoryTransport, create_app
from pipeline.emulator.app import Gate
from pipeline.emulator.orgfile import org_file_from
from tests import virtual_time
from tests.emulator.org_room import APP, GOV, Json, Room, org_data

T = TypeVar("T")
POST_GRANT = f"POST {GOV}/grants"
PUT_GRANT = f"PUT {GOV}/grants/{{id}}"
LIST_GRANTS = f"GET {GOV}/grants"
ALICE, BOB = "alice@acme.example.com", "bob@acme.example.com"


def fault(kind: str, **options: Json) -> dict[str, Any]:
    return {"kind": kind, **options}


class StormyRoom(Room):
    """A room on a virtual-time loop; made within it."""

    def __init__(self, **changes: Json) -> None:
        self.clock = virtual_time.clock()
        org = org_file_from(org_data(**changes))
        app = self.app = create_app(org, now=self.clock.now, sleep=self.clock.sleep)
        self.close = app.state.close
        answer: Any = app.router.default
        self.gate: Gate = answer.__self__
        self.client = httpx.AsyncClient(
            transport=InMemoryTransport(app),
            base_url="http://org.test",
            headers={"Authorization": "SSWS good"},
            timeout=30,
        )

    async def set_faults(self, *faults: dict[str, Any], seed: int = 0) -> None:
        answer = await self.client.post("/_emulator/faults", json={"seed": seed, "faults": list(faults)})
        assert answer.status_code == 200, answer.text

    async def fired(self) -> list[int]:
        return [each["fired"] for each in (await self.ok("/_emulator/faults"))["faults"]]

    async def changes(self) -> list[dict[str, Any]]:
        return list(await self.ok("/_emulator/changes"))

    async def log(self) -> list[tuple[str, int]]:
        """(method, status) of the writes to grants."""
        lines = await self.ok("/_emulator/requests")
        return [(line["method"], line["status"]) for line in lines if line["method"] != "GET"]

    async def base(self, login: str) -> dict[str, Any] | None:
        """The base grant as the state tells it, past all faults."""
        state = await self.ok("/_emulator/state")
        [erp] = [each for each in state["okta_apps"] if each["id"] == APP]
        found = [g for g in erp["grants"] if g["user"] == login and g["type"] in ("CUSTOM", "POLICY")]
        assert len(found) <= 1
        return found[0] if found else None

    async def rate(self, path: str, **headers: str) -> tuple[int, int, int, int]:
        """(status, limit, remaining, seconds to the reset by the org's own Date)."""
        answer = await self.client.get(path, headers=headers)
        return answer.status_code, *rate_of(answer)


def rate_of(answer: httpx.Response) -> tuple[int, int, int]:
    limit, remaining, reset = (
        int(answer.headers[f"x-rate-limit-{k}"]) for k in ("limit", "remaining", "reset")
    )
    return limit, remaining, reset - int(date_of(answer))


def date_of(answer: httpx.Response) -> float:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(answer.headers["date"]).timestamp()


def stormy(story: Callable[[StormyRoom], Coroutine[Any, Any, T]], **changes: Json) -> T:
    """Run a story in virtual time against a fresh org."""

    async def told() -> T:
        room = StormyRoom(**changes)
        try:
            async with room.client:
                return await story(room)
        finally:
            room.close()

    return virtual_time.run(told())
