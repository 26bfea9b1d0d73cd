"""How hard the random tests try: OKTA_PLAN_SOAK=20 makes twenty times the examples (the default is 1)."""

from __future__ import annotations

import os

SOAK = int(os.environ.get("OKTA_PLAN_SOAK", "1"))
"""Times the usual number of examples; a whole number from 1."""

if SOAK < 1:
    raise ValueError(f"OKTA_PLAN_SOAK={SOAK}: must be a whole number from 1")


def examples(usual: int, *, soaked: int = 0) -> int:
    """The number of examples to try, for `@settings(max_examples=examples(50), deadline=None)`; at least
    ``soaked`` as soon as OKTA_PLAN_SOAK is above 1.
    """
    return usual if SOAK == 1 else max(usual * SOAK, soaked)
