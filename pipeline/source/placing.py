"""Files put in their place without ever replacing what stands there unseen."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from threading import Lock


def place_new(draft: Path, target: Path) -> None:
    """Move ``draft`` to ``target``. Raises FileExistsError where something is there, OSError otherwise."""
    try:
        os.link(draft, target)
    except FileExistsError:
        raise
    except OSError:
        _place_by_name(draft, target)
    else:
        draft.unlink()


def _place_by_name(draft: Path, target: Path) -> None:
    """As above where the file system has no hard links: the name is taken first, by an empty file."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        draft.replace(target)
    except OSError:
        target.unlink()
        raise


def sha256_of(path: Path) -> str:
    """The digest of a file's content. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link_in(folder: Path, path: Path) -> Path | None:
    """The first step from ``folder`` down to ``path`` that is a symbolic link."""
    step = str(folder)
    for name in path.relative_to(folder).parts:
        step = f"{step}{os.sep}{name}"
        if os.path.islink(step):  # noqa: PTH114 - a sync asks this of each step of each file
            return Path(step)
    return None


class Contents:
    """Finds files by their content; each is read once, and only where its size fits."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._by_size: defaultdict[int, list[Path]] = defaultdict(list)
        for path in paths:
            self._by_size[path.stat().st_size].append(path)
        self._digests: dict[Path, str] = {}
        self._lock = Lock()

    def find(self, sha256: str, size_bytes: int) -> Path | None:
        """The first of the files with that content. Raises OSError."""
        with self._lock:
            return next((each for each in self._by_size[size_bytes] if self._digest(each) == sha256), None)

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = sha256_of(path)
        return self._digests[path]
