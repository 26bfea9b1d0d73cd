"""Commands for a person to type, as they stand."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.use_cases.desk import Desk


def approve_command(desk: Desk, plan: str, digest: str) -> str:
    """What a person types to approve the stored change set of ``digest``, wherever their terminal is."""
    changes = f"plans/.runs/changes/{digest}.json"
    words = ["okta-plan", "--workspace", str(desk.workspace), "approve", plan, "--changes", changes]
    return shlex.join(words)
