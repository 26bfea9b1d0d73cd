"""Source to frame: bytes become an all-text table with line numbers."""
