"""Source to frame: bytes become an all-text table with line numbers."""

REJECTS_MAX = 100
"""So many rows may be unreadable by default. A few damaged rows are left out and listed; many mean that the
file is not what it seems.
"""
