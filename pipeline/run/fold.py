"""What a journal says, taken together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.address import Address
from pipeline.run.entries import Begin, Closed, End, Entry, Header, Held, Note
from pipeline.run.result import Outcome


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run stands. ``header`` is None where the crash came before the first whole line."""

    header: Header | None
    outcomes: Mapping[Address, Outcome]
    open: Mapping[Address, int]
    """What began and did not end, with the number of its last attempt."""
    held: Mapping[Address, str]
    closed: Closed | None

    @property
    def counts(self) -> dict[str, int]:
        """Changes by outcome, with ``held``."""
        counts = Counter(outcome.value for outcome in self.outcomes.values())
        if self.held:
            counts["held"] = len(self.held)
        return dict(counts)


def fold(entries: Sequence[Entry]) -> RunState:
    """The state after ``entries``; what is said later of an address replaces what was said before."""
    header: Header | None = None
    closed: Closed | None = None
    outcomes: dict[Address, Outcome] = {}
    open_begins: dict[Address, int] = {}
    held: dict[Address, str] = {}
    for entry in entries:
        match entry:
            case Header():
                header = entry
            case Begin():
                open_begins[Address.parse(entry.address)] = entry.attempt
            case End():
                _end(Address.parse(entry.address), open_begins, held)
                outcomes[Address.parse(entry.address)] = entry.outcome
            case Held():
                _end(Address.parse(entry.address), open_begins, outcomes)
                held[Address.parse(entry.address)] = entry.reason
            case Note():
                if entry.what == "no_effect" and entry.address:
                    open_begins.pop(Address.parse(entry.address), None)
            case Closed():
                closed = entry
    return RunState(header, outcomes, open_begins, held, closed)


def _end(address: Address, *forgotten: dict[Address, Any]) -> None:
    for each in forgotten:
        each.pop(address, None)
