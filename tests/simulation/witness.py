"""What may never happen (DESIGN section 4), judged by the org's own record and not by our reports."""

from __future__ import annotations

from tests.simulation import accounting, preservation, repetition, reviewing, texts
from tests.simulation.case import Case
from tests.simulation.trial import Evidence


def breaches(evidence: Evidence) -> list[str]:
    """Every rule that was broken, each line starting with its number; empty where all hold."""
    case = Case(evidence)
    found = [f"?: {each}" for each in case.history.odd]
    for rule in (preservation, reviewing, repetition, texts, accounting):
        found += rule.breaches(case)
    return found
