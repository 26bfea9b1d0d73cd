"""What a journal says of each part of a run: there is one, and one more for each time it was resumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.run.entries import End, Entry, Held, Note
from pipeline.run.fold import fold
from pipeline.run.result import Outcome


@dataclass(slots=True)
class Tally:
    """One part: how the changes that it met ended, and how many were done before it. Keys are addresses."""

    ended: dict[str, End] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    """Held while applying, with the reason."""
    before: dict[str, Outcome] = field(default_factory=dict)
    """From the parts before, and what was read back at the start of this one."""
    counts_before: Counter[str] = field(default_factory=Counter)
    """As the report counts them: an outcome that a later attempt may have replaced is there still."""

    @property
    def outcomes(self) -> dict[str, int]:
        return dict(Counter(end.outcome.value for end in self.ended.values()))

    @property
    def done_by_action(self) -> dict[str, int]:
        """Changes that are done, by action; an action of which none is done counts 0."""
        counts: dict[str, int] = {}
        for end in self.ended.values():
            counts[end.action] = counts.get(end.action, 0) + end.outcome.is_done
        return counts

    @property
    def problems(self) -> set[tuple[str, str]]:
        """(address, outcome) of what is not done."""
        return {(address, end.outcome) for address, end in self.ended.items() if not end.outcome.is_done}

    @property
    def done_before(self) -> int:
        return sum(outcome.is_done for outcome in self.before.values())


def tallies(entries: Sequence[Entry]) -> list[Tally]:
    """Every part, the last one last. What a later run settled when it took over belongs to none."""
    starts = [0, *(number for number, each in enumerate(entries) if _says(each, "resumed"))]
    ends = [*starts[1:], len(entries)]
    return [_tally(entries[:start], entries[start:end]) for start, end in zip(starts, ends, strict=True)]


def _tally(earlier: Sequence[Entry], part: Sequence[Entry]) -> Tally:
    before = fold(earlier)
    unsettled = {str(address) for address in before.open}
    tally = Tally(before={str(address): outcome for address, outcome in before.outcomes.items()})
    tally.counts_before.update(outcome.value for outcome in tally.before.values())
    for entry in part:
        if _says(entry, "stopped") or _says(entry, "halted"):
            break
        match entry:
            case End(address=address) if address in unsettled:
                unsettled.remove(address)
                tally.before[address] = entry.outcome
                tally.counts_before[entry.outcome.value] += 1
            case Note(what="no_effect", address=str(address)):
                unsettled.discard(address)
            case End(address=address):
                tally.ended[address] = entry
                tally.held.pop(address, None)
            case Held(address=address, reason=reason):
                tally.held[address] = reason
                tally.ended.pop(address, None)
            case _:
                pass
    return tally


def _says(entry: Entry, what: str) -> bool:
    return isinstance(entry, Note) and entry.what == what
