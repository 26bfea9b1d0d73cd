"""What every benchmark needs: times that another program cannot spoil, tables, and targets that are held."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

MARGIN = 1.15
"""A measured time counts as a miss above so many times its target: on a machine that others use too, ratios
of quick turns still move by a tenth.
"""


class Times:
    """Seconds of works that take turns, so that what else the machine does meets all of them alike."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        """``process_time`` for work that this process does alone: it does not count what others take."""
        self._spent_s: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def of(self, work: str) -> Iterator[None]:
        started_s = self._clock()
        yield
        self._spent_s[work].append(self._clock() - started_s)

    def quick_s(self, work: str) -> float:
        """What a fifth of its turns take at most: those that nobody disturbed, but not the luckiest one."""
        spent_s = sorted(self._spent_s[work])
        return spent_s[len(spent_s) // 5]


def peak_mb() -> float | None:
    """The most memory of this process so far; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@dataclass(frozen=True, slots=True)
class Target:
    """What must be at most ``most``."""

    what: str
    measured: float
    most: float
    margin: float = MARGIN

    @property
    def is_met(self) -> bool:
        return self.measured <= self.most * self.margin


def _met(target: Target) -> str:
    return "yes" if target.is_met else "NO"


def hold(targets: Iterable[Target]) -> None:
    """Say of each target how it stands, and exit with 1 if one is missed by more than its margin."""
    held = list(targets)
    rows = [
        (each.what, f"{each.measured:.3g}", f"{each.most:g}", f"{each.margin:g}", _met(each)) for each in held
    ]
    show("Targets", ("what", "measured", "at most", "margin", "met"), rows)
    sys.exit(0 if all(each.is_met for each in held) else 1)


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(columns) + " |")
    print("|---" + "|---:" * (len(columns) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()
