"""What a run needs from outside, in one object passed by hand: time, chance, transport, directories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from pathlib import Path

    import httpx

    from pipeline.clock import Clock


@dataclass(frozen=True, slots=True)
class Runtime:
    """Built by the doors and by tests; nothing else reads the clock, the network or chance."""

    clock: Clock
    rng: random.Random
    transport: httpx.AsyncBaseTransport | None
    """None lets httpx build its own network transport."""
    workspace: Path

    @property
    def runs_dir(self) -> Path:
        return self.workspace / "plans" / ".runs"
