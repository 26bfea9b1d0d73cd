"""What every rule asks of one trial: who held what around a write, and what the plan says of a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import takewhile
from math import inf
from typing import Any

from tests.simulation.access import Access
from tests.simulation.history import ENTITLEMENTS, GRANTS, History, Write
from tests.simulation.structure import Pair, value_name
from tests.simulation.trial import Evidence
from tests.simulation.wire import Sent
from tests.simulation.world import APP_ID

FRESH_S = 2.0
ASSIGNMENTS = f"/api/v1/apps/{APP_ID}/users"

Change = Mapping[str, Any]


class Case:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.world = evidence.world
        self.grants: Mapping[str, str] = self.world.plan["grants"]
        self.history = History(evidence)
        alone = dict.fromkeys(self.world.plan["assignments"]["users"], frozenset[Pair]())
        self.wanted = self._by_login({**alone, **self.world.wanted})
        self.unwanted = self._by_login(self.world.unwanted)
        self.runs_dir = evidence.workspace / "plans" / ".runs"
        self._documents: dict[str, Any] = {}

    def had(self, write: Write) -> list[Access]:
        """All that the person of a write had from the read it rests on until it took effect."""
        return self.history.between(str(write.user), self.read_before(write), write)

    def had_during_run(self, write: Write) -> list[Access]:
        """All that the person of a write had since its run first called."""
        run = write.sent.run
        began = next((each.left_at for each in self.evidence.sent if each.run == run), write.at)
        return self.history.during(str(write.user), began, write.at)

    def read_before(self, write: Write) -> Mapping[str, Any] | None:
        """The last read, as the org wrote it down, of what ``write`` could replace; None where none was
        answered in the 2 s before it left.
        """
        if write.method in ("PUT", "PATCH"):
            return self._last_read(write, write.path, "")
        user_id = self.history.user_id(write.path, write.body) or ""
        if write.path == ASSIGNMENTS:
            return self._last_read(write, f"{ASSIGNMENTS}/{user_id}", "")
        return self._last_read(write, GRANTS, user_id)

    def _last_read(self, write: Write, path: str, of: str) -> Mapping[str, Any] | None:
        left_at = write.sent.left_at
        reads = (
            each
            for each in self._sent_before(write)
            if each.tells
            and each.path == path
            and of in each.query
            and "after=" not in each.query
            and left_at - FRESH_S <= each.left_at <= (each.back_at or left_at) <= left_at
        )
        last = max(reads, key=lambda each: each.left_at, default=None)
        if last is None:
            return None
        rows = (
            row
            for row in self.evidence.requests[: write.n]
            if (row["method"], row["path"], row["status"]) == ("GET", path, last.status)
            and of in row["query"]
            and "after=" not in row["query"]
            and last.left_at <= row["at"] <= (last.back_at or left_at)
        )
        return max(rows, key=lambda row: row["n"], default=None)

    def _sent_before(self, write: Write) -> Iterator[Sent]:
        """In the order in which they left: where nothing takes time, the time does not tell."""
        return takewhile(lambda each: each is not write.sent, self.evidence.sent)

    def rows_read_at(self, write: Write) -> float:
        """When the read of the app's users left that ``write`` rests on."""
        step = self.evidence.steps[write.sent.step].step
        own = f"{ASSIGNMENTS}/{self.history.user_id(write.path, write.body)}"
        reads = (
            each.left_at
            for each in self._sent_before(write)
            if each.tells
            and each.step == write.sent.step
            and each.path in (ASSIGNMENTS, own)
            and "after=" not in each.query
            and (each.back_at or inf) <= write.sent.left_at
        )
        return max(reads, default=write.sent.left_at - step.recheck_s)

    def body_pairs(self, write: Write) -> frozenset[Pair]:
        return self.history.pairs_of(write.body.get("entitlements") or ())

    def document(self, path: str) -> Any:
        """A JSON file of the workspace."""
        if path not in self._documents:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123
                self._documents[path] = json.load(file)
        return self._documents[path]

    def entitlement(self, path: str, body: Any) -> str:
        """The external value of the entitlement that a write of structure is about."""
        if path == ENTITLEMENTS:
            return str(body["externalValue"])
        return self.history.entitlements.get(path.rpartition("/")[2], "?")

    def planned_pairs(self) -> set[Pair]:
        return {
            (each["external_value"], value_name(value))
            for each in self.world.plan["entitlements"]
            for value in each["values"]
        }

    def ends_with_nothing_to_send(self) -> bool:
        last, differs = self.evidence.steps[-1], self.evidence.differs
        return last.view is not None and not differs.changes

    def meant(self, principal: str) -> list[str]:
        """Logins of whom a principal may name."""
        users = self.evidence.before["users"]
        return [
            each["login"]
            for each in users
            if key_of(principal) in (key_of(each["login"]), key_of(each["email"]))
        ]

    def _by_login(self, wishes: Mapping[str, frozenset[Pair]]) -> dict[str, frozenset[Pair]]:
        """Everything ``wishes`` may mean for each user, by login or e-mail."""
        found: dict[str, frozenset[Pair]] = {}
        for principal, pairs in wishes.items():
            for login in self.meant(principal):
                found[login] = found.get(login, frozenset()) | pairs
        return found


def is_structure(call: Write | Sent) -> bool:
    return call.path.startswith(ENTITLEMENTS)


def shown(write: Write) -> str:
    return f"request {write.n} ({write.method} {write.path})"


def key_of(principal: str) -> str:
    return principal.strip().casefold()
