"""Source to frame: bytes become an all-text table with line numbers."""

REJECTS_MAX = 100
"""So many rows may be unreadable by default. A few damaged rows are left out and listed; many mean that the
file is not what it seems.
"""
FINISHED = ("processed", "processed_and_assigned")
"""Folders of csv/ that hold sources already dealt with."""
ENDINGS = (".csv", ".tsv", ".csv.gz", ".csv.zst", ".tsv.gz", ".tsv.zst")
"""What the names of sources end in; how a file is read never depends on it."""
SIZE_MAX_BYTES = 4 * 1024**3
"""The largest source that is fetched from S3; 10 million rows take about 1 GB."""


def is_source_name(name: str) -> bool:
    """Whether a file or object of that name may be a source."""
    return name.lower().endswith(ENDINGS)
