"""Names of people made unrecognisable in what is shown: OKTA_PLAN_MASK_PII.

A mask learns names of people where they become known (a plan, a source, the tenant) and from the fields of
views that hold them, and replaces exactly those wherever they stand in a text. What else looks like an
e-mail address is replaced as well. ``ann.lee@acme.example.com`` shows as ``a***@acme.example.com``; a
second person who would show as the same as ``a***~2@acme.example.com``, in everything that one process
shows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from pipeline.address import Address, Kind, principal_key
from pipeline.plan.wording import ECHO_CHARS_MAX, shown

V = TypeVar("V", bound=BaseModel)


_PRINCIPALS = frozenset(
    {"principal", "principals", "also", "users", "login", "email", "assigned", "not_assigned"}
    | {"approver", "author"}
)
"""Fields of views that hold names of people."""
_ADDRESSES = frozenset({"address", "addresses"})
_OF_PEOPLE = frozenset({Kind.ASSIGNMENT, Kind.GRANT, Kind.REMOVAL})
_PREFIX = 3
_LIKE_EMAIL = re.compile(
    r"[^\s\"'<>(),;:\[\]{}|\\/=`]+@[^\W_](?:[\w-]*[^\W_])?(?:\.[^\W_](?:[\w-]*[^\W_])?)+"
)
_STARTS = re.compile(r"(?<![^\W_])[^\W_]|[\W_]")
"""Where a name can begin: not within a word."""
_PLAIN = re.compile(rf"[a-z0-9@._+-]{{1,{ECHO_CHARS_MAX}}}", re.ASCII | re.IGNORECASE)
"""Such names stand in a text as they are."""
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)
_MARKDOWN = "\\`*_{}[]<>()#+!|~"
"""Characters that stand after a backslash in the report of a run."""
_HIDDEN = "***"


class Mask:
    """Masks what is shown; ``on`` is whether anything is masked at all."""

    def __init__(self, *, on: bool = False) -> None:
        self.on = on
        self._people: dict[str, str] = {}
        """Each written form of a name, length-preserving case-folded -> the key of its person."""
        self._lengths: dict[str, frozenset[int]] = {}
        """The first characters of the forms -> how long those are. Sets are replaced, not changed: one thread
        may learn while another masks.
        """
        self._shown: dict[str, str] = {}
        self._taken: dict[str, int] = {}

    def learn(self, names: Iterable[str]) -> None:
        """Remember names of people, to be replaced from now on."""
        if not self.on:
            return
        for name in names:
            key = principal_key(name)
            if key:
                for form in _forms(name):
                    self._people.setdefault(form, key)
                    lengths = self._lengths.get(form[:_PREFIX], frozenset())
                    if len(form) not in lengths:
                        self._lengths[form[:_PREFIX]] = lengths | {len(form)}

    def learn_from(self, value: object) -> None:
        """Remember the names in the fields for names of people in a view, or in JSON."""
        if self.on:
            self.learn(_named(value))

    def text(self, text: str) -> str:
        """``text`` without the names that were learned, nor anything like an e-mail address."""
        if not self.on:
            return text
        parts: list[str] = []
        done = 0
        for start, end, key in self._found(_folded(text)):
            parts += [self._without_emails(text[done:start]), self._name(key)]
            done = end
        return "".join([*parts, self._without_emails(text[done:])])

    def view(self, view: V) -> V:
        """``view`` with every text in it masked. What its marked fields hold is learned first."""
        if not self.on:
            return view
        self.learn_from(view)
        masked: V = self._masked(view)
        return masked

    def _masked(self, value: Any) -> Any:  # noqa: ANN401 - whatever a view holds
        if isinstance(value, BaseModel):
            fields = type(value).model_fields
            return value.model_copy(update={name: self._masked(getattr(value, name)) for name in fields})
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(map(self._masked, value))
        if isinstance(value, dict):
            return {self._masked(key): self._masked(each) for key, each in value.items()}
        return self.text(value) if type(value) is str else value

    def _found(self, folded: str) -> Iterator[tuple[int, int, str]]:
        """Where names stand: (start, end, key of the person), the longest at each place."""
        done = 0
        for start in _STARTS.finditer(folded):
            at = start.start()
            end = self._name_at(folded, at) if at >= done else None
            if end is not None:
                yield at, end, self._people[folded[at:end]]
                done = end

    def _name_at(self, folded: str, at: int) -> int | None:
        longest = None
        for width in range(1, _PREFIX + 1):
            for length in self._lengths.get(folded[at : at + width], ()):
                end = at + length
                is_name = width in (_PREFIX, length) and folded[at:end] in self._people
                if is_name and _ends_here(folded, end):
                    longest = max(longest or 0, end)
        return longest

    def _without_emails(self, text: str) -> str:
        return _LIKE_EMAIL.sub(self._email, text) if "@" in text else text

    def _email(self, match: re.Match[str]) -> str:
        found = match.group()
        return found if _HIDDEN in found else self._name(principal_key(found))

    def _name(self, key: str) -> str:
        """What is shown for the person: the same each time, and for nobody else."""
        if key not in self._shown:
            first, domain = _left_of(key)
            place = f"{first}{_HIDDEN}{domain}"
            number = self._taken[place] = self._taken.get(place, 0) + 1
            self._shown[key] = f"{first}{_HIDDEN}~{number}{domain}" if number > 1 else place
        return self._shown[key]


def _left_of(key: str) -> tuple[str, str]:
    """The first character, where it is not all there is, and the domain."""
    local, at, domain = key.rpartition("@")
    if not at or not _DOMAIN.fullmatch(domain):
        local, domain = key, ""
    first = local[0] if len(local) > 1 and local[0].isalnum() else ""
    return first, f"@{domain}" if domain else ""


def _folded(text: str) -> str:
    """``text`` case-folded without changing its length."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(each if len(each.casefold()) != 1 else each.casefold() for each in text)


def _forms(name: str) -> set[str]:
    """How ``name`` may stand in a text: as it is, trimmed, as a key; quoted, cut, its characters escaped."""
    written = {name, name.strip(), principal_key(name)}
    if not _PLAIN.fullmatch(name):
        written |= {repr(each)[1:-1] for each in written}
        written |= {json.dumps(each)[1:-1] for each in (name, name.strip())}
    written |= {"".join(f"\\{c}" if c in _MARKDOWN else c for c in each) for each in written}
    written |= {shown(each)[1:-1] for each in (name, name.strip()) if each and not _PLAIN.fullmatch(each)}
    return {_folded(each) for each in written if each}


def _ends_here(text: str, end: int) -> bool:
    """Whether no word goes on beyond ``end``: ``ann`` does not stand in ``annual``."""
    return end >= len(text) or not (text[end - 1].isalnum() and text[end].isalnum())


def _named(value: object, field: str = "") -> Iterator[str]:
    """What the fields of a view that are for names of people hold."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _named(getattr(value, name), name)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _named(each, field)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _named(each, name)
    elif isinstance(value, str) and field in _PRINCIPALS:
        yield value
    elif isinstance(value, str) and field in _ADDRESSES:
        yield from _of_address(value)


def _of_address(text: str) -> Iterator[str]:
    try:
        address = Address.parse(text)
    except ValueError:
        return
    if address.kind in _OF_PEOPLE:
        yield address.key
