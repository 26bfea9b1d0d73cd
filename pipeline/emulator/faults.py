"""The faults an org has at the moment: which of them strike a call, and how often they have."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.emulator.fault_kinds import FaultSet, TruncatedBody, call_pattern

if TYPE_CHECKING:
    import re

    from pipeline.emulator.fault_kinds import Fault

T = TypeVar("T")
F = TypeVar("F")


@dataclass(slots=True)
class LiveFault:
    """One fault with its count. Its chance depends on nothing but seed, place in the list and count."""

    number: int
    seed: int
    fault: Fault
    pattern: re.Pattern[str]
    matched: int = 0
    """Calls that it could have struck."""
    fired: int = 0
    lasts_until: float = float("-inf")
    """For a fault that goes on for a time."""
    taken_until: dict[tuple[str, str], float] = field(default_factory=dict)
    """(client, bucket) -> up to when the calls of others have been counted."""

    def strikes(self) -> bool:
        """Counts a call that it could strike; True when it does."""
        self.matched += 1
        if self.matched <= self.fault.after or self.fired == self.fault.times:
            return False
        if self.fault.probability < 1 and self.drawn("strikes", self.matched) >= self.fault.probability:
            return False
        self.fired += 1
        return True

    def drawn(self, *what: object) -> float:
        """At least 0, less than 1."""
        text = "/".join(str(part) for part in (self.seed, self.number, *what))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56

    def pick(self, what: str, candidates: Sequence[T]) -> T | None:
        """For the call that is being looked at: the next that will be counted."""
        if not candidates:
            return None
        return candidates[int(self.drawn(what, self.matched + 1) * len(candidates))]

    def told(self) -> dict[str, Any]:
        return {**as_written(self.fault), "matched": self.matched, "fired": self.fired}


def as_written(fault: Fault) -> dict[str, Any]:
    return fault.model_dump(mode="json", exclude_none=True)


@dataclass(slots=True)
class Faults:
    """Replaced as a whole while the org runs; calls under way keep those they met."""

    first: FaultSet
    """What a reset returns to."""
    default_seed: int
    seed: int = 0
    live: list[LiveFault] = field(default_factory=list)
    read: set[tuple[str, str]] = field(default_factory=set)
    """(app, user) whose grants were shown since they were last written; kept while there are faults."""

    def __post_init__(self) -> None:
        self.replace(self.first)

    @property
    def on(self) -> bool:
        return bool(self.live)

    def replace(self, wanted: FaultSet) -> None:
        seed = self.seed = self.default_seed if wanted.seed is None else wanted.seed
        self.live = [
            LiveFault(number, seed, fault, call_pattern(fault.match))
            for number, fault in enumerate(wanted.faults)
        ]
        self.read.clear()

    def start_over(self) -> None:
        self.replace(self.first)

    def meeting(self, method: str, path: str) -> Meeting:
        called = f"{method} {path}"
        return Meeting(tuple(each for each in self.live if each.pattern.fullmatch(called)))

    def told(self) -> dict[str, Any]:
        return {"seed": self.seed, "faults": [each.told() for each in self.live]}

    def dump(self) -> dict[str, Any]:
        """As an org file says it."""
        return {"seed": self.seed, "faults": [as_written(each.fault) for each in self.live]}


@dataclass(frozen=True, slots=True)
class Meeting:
    """The faults whose `match` fits one call, in their order."""

    live: tuple[LiveFault, ...]

    def of(self, kind: type[F], when: str | None = None) -> list[tuple[LiveFault, F]]:
        """Those of one kind, and of one moment where the kind has several."""
        return [
            (each, each.fault)
            for each in self.live
            if isinstance(each.fault, kind) and when in (None, moment_of(each.fault))
        ]

    def first(self, kinds: tuple[type[Fault], ...], when: str) -> Fault | None:
        """The first that strikes, of faults that exclude one another; those behind it are not asked."""
        for each in self.live:
            if isinstance(each.fault, kinds) and moment_of(each.fault) == when and each.strikes():
                return each.fault
        return None


def moment_of(fault: Fault) -> str:
    """Seen from the effect of the call; kinds without a choice have one moment only."""
    return str(getattr(fault, "when", "after" if isinstance(fault, TruncatedBody) else "before"))
