"""YAML text into plain dicts, lists and text, with the line of everything; a small, safe part of YAML only.

Aliases, anchors, tags, duplicate keys and several documents are refused, as is what nests too deep. Every
scalar is text; an unquoted ``null``, ``~`` or nothing at all is None. Built on parser events, because that is
several times as fast as building YAML's node tree and has every line at hand (speed.md, "The plan file").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

import yaml

from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.many_people import uncollected
from pipeline.plan.wording import shown

try:
    from yaml import CBaseLoader as _FastestLoader
except ImportError:  # PyYAML was built without libyaml: the same events, slower
    from yaml import BaseLoader as _FastestLoader  # type: ignore[assignment]

DEPTH_MAX = 20
SIZE_MAX = 512 * 1024 * 1024
"""Characters; a plan of 2 million users is below 100 million."""

Node: TypeAlias = "dict[str, Node] | list[Node] | str | None"
Path: TypeAlias = tuple[str | int, ...]

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class _Place:
    """Where a node stands: its line, and the places of what is in it."""

    line: int
    children: dict[str, _Place | int] | list[_Place | int] | None = None
    block_start: int = 0
    block: str | None = None
    offsets: list[int] | None = None

    def line_in_block(self, index: int) -> int:
        """The line of the ``index``-th non-blank line of a literal block."""
        if self.offsets is None:
            lines = (self.block or "").split("\n")
            self.offsets = [number for number, text in enumerate(lines) if text.strip()]
        if index >= len(self.offsets):
            return self.line
        return self.block_start + self.offsets[index]


class LineMap:
    """Path of keys and indexes -> 1-based line; an entry of a literal block counts without blank lines."""

    __slots__ = ("_root",)

    def __init__(self, root: _Place) -> None:
        self._root = root

    def __call__(self, path: Path) -> int | None:
        """The line of ``path``, or of the closest part of the file that holds it."""
        place: _Place | int = self._root
        for step in path:
            inner = _step(place, step)
            if inner is None:
                break
            place = inner
        return place if isinstance(place, int) else place.line

    def has(self, path: Path) -> bool:
        """Whether exactly this path stands in the file."""
        place: _Place | int | None = self._root
        for step in path:
            place = None if place is None else _step(place, step)
        return place is not None


def _step(place: _Place | int, step: str | int) -> _Place | int | None:
    if isinstance(place, int):
        return None
    if isinstance(step, str):
        return place.children.get(step) if isinstance(place.children, dict) else None
    if isinstance(place.children, list):
        return place.children[step] if step < len(place.children) else None
    return place.line_in_block(step) if place.block is not None else None


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """What was read. ``root`` is None where reading had to stop; then ``findings`` says why.

    ``spoilt`` are paths already reported, whose content says nothing.
    """

    root: dict[str, Node] | None
    lines: LineMap
    findings: tuple[Finding, ...]
    spoilt: frozenset[Path]


class _StopReading(Exception):  # noqa: N818 - not an error of the program; what is wrong is already collected
    pass


@dataclass(slots=True)
class _Level:
    """One open mapping or list."""

    content: dict[str, Node] | list[Node]
    place: _Place
    key: str | None = None
    key_line: int = 0
    discard: bool = False


@dataclass(slots=True)
class _Builder:
    shown_as: str
    depth_max: int
    root: dict[str, Node] = field(default_factory=dict)
    place: _Place = field(default_factory=lambda: _Place(1, {}))
    levels: list[_Level] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    spoilt: set[Path] = field(default_factory=set)
    documents: int = 0

    def feed(self, events: Iterator[Any]) -> None:
        scalar, alias = yaml.ScalarEvent, yaml.AliasEvent
        for event in events:
            kind = type(event)
            if kind is scalar:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, is_mapping=kind is yaml.MappingStartEvent)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.levels.pop()
            elif kind is alias:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._document(event)

    def report(self, line: int, detail: str, code: FindingCode = FindingCode.BAD_YAML) -> None:
        summary = "A key stands twice." if code is FindingCode.DUPLICATE_KEY else "The YAML cannot be used."
        self.findings.append(Finding(code, Severity.ERROR, summary, detail, Location(self.shown_as, line)))

    def stop(self, line: int, detail: str) -> NoReturn:
        self.report(line, detail)
        raise _StopReading

    def _document(self, event: Any) -> None:  # noqa: ANN401 - PyYAML's events are not typed further
        self.documents += 1
        if self.documents > 1:
            line = event.start_mark.line + 1
            self.stop(line, "A second document begins here. Keep one plan a file and remove the '---' line.")

    def _open(self, event: Any, *, is_mapping: bool) -> None:  # noqa: ANN401
        line = event.start_mark.line + 1
        self._plain_only(event, line)
        if not self.levels:
            self._open_root(line, is_mapping=is_mapping)
            return
        if len(self.levels) >= self.depth_max:
            self.stop(line, f"This nests more than {self.depth_max} levels deep; a plan needs fewer.")
        self._no_key_expected(line)
        content: dict[str, Node] | list[Node] = {} if is_mapping else []
        place = _Place(line, {} if is_mapping else [])
        self._attach(content, place, line)
        self.levels.append(_Level(content, place))

    def _open_root(self, line: int, *, is_mapping: bool) -> None:
        if not is_mapping:
            self.stop(line, "A plan is a mapping of keys such as 'schema:' and 'access:'; this is a list.")
        self.levels.append(_Level(self.root, self.place))

    def _scalar(self, event: Any) -> None:  # noqa: ANN401
        line = event.start_mark.line + 1
        if not self.levels:
            self.stop(line, "A plan is a mapping of keys such as 'schema:' and 'access:'; this is bare text.")
        if event.tag is not None or event.anchor is not None:
            self._plain_only(event, line)
        text = event.value
        level = self.levels[-1]
        content = level.content
        if type(content) is dict and level.key is None:
            self._take_key(level, text, line)
        elif event.style == "|":
            self._attach(text, _Place(line, block_start=line + 1, block=text), line)
        elif type(content) is list:  # as `_attach` does; most scalars are entries of lists
            content.append(None if event.implicit[0] and text in _NULLS else text)
            level.place.children.append(line)  # type: ignore[union-attr]
        else:
            self._attach(None if event.implicit[0] and text in _NULLS else text, line, line)

    def _take_key(self, level: _Level, key: str, line: int) -> None:
        level.key, level.key_line = key, line
        level.discard = key in level.content
        if level.discard:
            first = level.place.children[key] if isinstance(level.place.children, dict) else 0
            first_line = first if isinstance(first, int) else first.line
            self.report(
                line,
                f"The key {shown(key)} already stands on line {first_line}. Merge the two or remove one.",
                FindingCode.DUPLICATE_KEY,
            )

    def _attach(self, node: Node, place: _Place | int, line: int) -> None:
        level = self.levels[-1]
        if isinstance(level.content, list):
            level.content.append(node)
            level.place.children.append(place)  # type: ignore[union-attr]
            return
        key, level.key = level.key, None
        if level.discard:
            level.discard = False
            return
        # A key's line tells a reader more than the line where its value happens to begin.
        if isinstance(place, int):
            place = level.key_line
        else:
            place.line = level.key_line or line
        level.content[key] = node  # type: ignore[index]
        level.place.children[key] = place  # type: ignore[index, call-overload]

    def _alias(self, event: Any) -> None:  # noqa: ANN401
        line = event.start_mark.line + 1
        self._no_key_expected(line)
        self.spoilt.add(self._path())
        self.report(
            line, f"The alias {shown('*' + event.anchor)} is not allowed; write the content out in full."
        )
        self._attach(None, line, line)

    def _plain_only(self, event: Any, line: int) -> None:  # noqa: ANN401
        if event.anchor is not None:
            self.report(line, f"The anchor {shown('&' + event.anchor)} is not allowed; remove it.")
        if event.tag is not None:
            self.report(line, "A tag ('!…') is not allowed; every value is read as text. Remove it.")

    def _no_key_expected(self, line: int) -> None:
        level = self.levels[-1]
        if isinstance(level.content, dict) and level.key is None:
            self.stop(line, "A key must be plain text, not a list, a mapping or an alias.")

    def _path(self) -> Path:
        return tuple(
            len(level.content) if isinstance(level.content, list) else level.key or ""
            for level in self.levels
        )


def read_yaml(
    text: str,
    shown_as: str,
    *,
    size_max: int = SIZE_MAX,
    depth_max: int = DEPTH_MAX,
    loader: Any = _FastestLoader,  # noqa: ANN401 - PyYAML has no common type for its loaders
) -> YamlDocument:
    """The document in ``text``; everything wrong with it is in ``findings``, with ``shown_as`` as the file.

    Never raises for what the text holds. ``size_max`` is in characters.
    """
    builder = _Builder(shown_as, depth_max)
    root: dict[str, Node] | None = builder.root
    try:
        if len(text) > size_max:
            builder.stop(1, f"The file holds {len(text):,} characters; the limit is {size_max:,}.")
        with uncollected():
            builder.feed(_events(text, loader))
        if not builder.documents:
            builder.stop(1, "The file is empty.")
    except _StopReading:
        root = None
    except yaml.YAMLError as error:
        line, detail = _explained(error, text)
        builder.report(line, detail)
        root = None
    return YamlDocument(root, LineMap(builder.place), tuple(builder.findings), frozenset(builder.spoilt))


def _events(text: str, loader: Any) -> Iterator[Any]:  # noqa: ANN401
    """What `yaml.parse` gives, which asks for each event twice."""
    parser = loader(text)
    try:
        event = parser.get_event()
        while event is not None and type(event) is not yaml.StreamEndEvent:
            yield event
            event = parser.get_event()
    finally:
        parser.dispose()


def _explained(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _unprintable(text)
    lines = text.splitlines() or [""]
    line = min(error.problem_mark.line + 1, len(lines))
    detail = f"The YAML breaks here: {error.problem}."
    if error.context_mark is not None and error.context_mark.line + 1 < line:
        detail += f" It is part of what begins on line {error.context_mark.line + 1}."
    for number in (line, line + 1):
        if _is_tab_indented(lines, number):
            return number, "A tab cannot indent YAML. Use spaces."
    return line, detail + " Text with special characters must stand in double quotes."


def _is_tab_indented(lines: list[str], number: int) -> bool:
    line = lines[number - 1] if number <= len(lines) else ""
    return "\t" in line[: len(line) - len(line.lstrip(" \t"))]


def _unprintable(text: str) -> tuple[int, str]:
    match = _NOT_YAML.search(text)
    if match is None:
        return 1, "The YAML cannot be read."
    line = text.count("\n", 0, match.start()) + 1
    return line, f"The character U+{ord(match.group()):04X} cannot stand in YAML; remove it."
