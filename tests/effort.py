"""How hard the random tests try: OKTA_PLAN_SOAK=20 makes twenty times the examples (the default is 1)."""

from __future__ import annotations

import os

SOAK = int(os.environ.get("OKTA_PLAN_SOAK", "1"))
"""Times the usual number of examples; a whole number from 1."""

if SOAK < 1:
    raise ValueError(f"OKTA_PLAN_SOAK={SOAK}: must be a whole number from 1")


def examples(usual: int) -> int:
    """The number of examples to try, for `@settings(max_examples=examples(50), deadline=None)`."""
    return usual * SOAK
