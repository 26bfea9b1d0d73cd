"""Which file below ``csv/`` a key of S3 means, which keys mean none, and the words for what becomes of them.

Whoever may write to the bucket chooses its keys, so a key is judged before anything is fetched. The rules are
those of all systems at once: what is refused on one is refused on each, and a workspace can be moved.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from pipeline.source import FINISHED

NAME_BYTES_MAX = 255
"""The longest name on ext4, APFS and NTFS; S3 takes keys of 1,024 bytes."""
KEY_BYTES_MAX = 1024


class State(StrEnum):
    """What became of one object; the closed list in ``files --sync --json``."""

    FETCHED = "fetched"
    UNCHANGED = "unchanged"
    EDITED = "edited"
    """Edited here, unchanged in S3: the edit stays."""
    CONFLICT = "conflict"
    """Changed in S3 and here, or here already and not from S3: nothing was overwritten."""
    ARCHIVED = "archived"
    """Dealt with: its content lies in one of the folders of finished sources."""


class Reason(StrEnum):
    """Why an object of S3 is not fetched; the closed list in ``files --sync --json``."""

    LEADS_OUT = "leads_out"
    UNPRINTABLE = "unprintable"
    TOO_LONG = "too_long"
    UNSAFE_NAME = "unsafe_name"
    HIDDEN = "hidden"
    FINISHED_FOLDER = "finished_folder"
    COLLISION = "collision"
    TOO_LARGE = "too_large"
    LINK = "link"
    IN_THE_WAY = "in_the_way"
    CHANGED_MEANWHILE = "changed_meanwhile"
    UNREADABLE = "unreadable"
    UNWRITABLE = "unwritable"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A key that is not fetched, and why."""

    key: str
    reason: Reason
    detail: str


def refusals(keys: Iterable[str]) -> dict[str, Refusal]:
    """The keys, all of them names of sources, that cannot be a file of that name below ``csv/``.

    Keys that only some file systems can tell apart are refused together: which one is meant is nothing to
    guess.
    """
    found: dict[str, Refusal] = {}
    by_place: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        judged = _judge(key)
        if judged is not None:
            found[key] = judged
        else:
            by_place[_folded(key)].append(key)
    for place, same in by_place.items():
        above = [each for folder in _above(place) for each in by_place.get(folder, ())]
        for key in same:
            others = [each for each in same if each != key] + above
            if others:
                found[key] = _collision(key, others[0])
        for each in above:
            found.setdefault(each, _collision(each, same[0]))
    return found


def _judge(key: str) -> Refusal | None:
    for reason, is_broken, detail in _RULES:
        if is_broken(key):
            return Refusal(key, reason, detail)
    return None


def _leads_out(key: str) -> bool:
    decoded = _decoded(key)
    has_hidden_step = "\\" in decoded or key.count("/") != decoded.count("/")
    return has_hidden_step or not {"", ".", ".."}.isdisjoint(decoded.split("/"))


def _is_unprintable(key: str) -> bool:
    return not (key.isprintable() and _decoded(key).isprintable())


def _is_too_long(key: str) -> bool:
    parts = key.encode().split(b"/")
    return len(key.encode()) > KEY_BYTES_MAX or any(len(part) > NAME_BYTES_MAX for part in parts)


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))


def _is_finished(key: str) -> bool:
    first, separator, _ = _folded(key).partition("/")
    return bool(separator) and first in FINISHED


def _decoded(key: str) -> str:
    """``key`` without percent-encoding, however often it was encoded."""
    while "%" in key and (decoded := unquote(key)) != key:
        key = decoded
    return key


_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\..*)?", re.IGNORECASE
)
_SHORT_NAME = re.compile(r"~[0-9]")
"""``PROCES~1`` is a second name that Windows gives a folder."""


def _is_unsafe(key: str) -> bool:
    return any(
        not set('<>:"|?*').isdisjoint(part)
        or part[-1] in ". "
        or _DEVICE.fullmatch(part)
        or _SHORT_NAME.search(part)
        for part in key.split("/")
    )


def _folded(key: str) -> str:
    """The same for names that a file system which ignores case or Unicode form takes for one."""
    if key.isascii():
        return key.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", key).casefold())


def _above(place: str) -> Iterator[str]:
    while place := place.rpartition("/")[0]:
        yield place


def _collision(key: str, other: str) -> Refusal:
    return Refusal(key, Reason.COLLISION, f"On some systems it is the same file as {other}, or inside of it.")


_RULES: tuple[tuple[Reason, Callable[[str], bool], str], ...] = (
    (Reason.UNPRINTABLE, _is_unprintable, "It holds control or invisible characters."),
    (
        Reason.LEADS_OUT,
        _leads_out,
        "It has an absolute, empty or relative step, perhaps percent-encoded, or a backslash.",
    ),
    (
        Reason.TOO_LONG,
        _is_too_long,
        f"A name may have {NAME_BYTES_MAX} bytes, a whole key {KEY_BYTES_MAX:,}.",
    ),
    (Reason.HIDDEN, _is_hidden, "A name that begins with a dot is hidden."),
    (Reason.UNSAFE_NAME, _is_unsafe, "Windows cannot keep a file of that name."),
    (Reason.FINISHED_FOLDER, _is_finished, "That folder of csv/ is for sources that were dealt with."),
)
"""Each judges keys that keep to those before it."""
