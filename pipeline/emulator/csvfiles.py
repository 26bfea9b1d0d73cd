"""The CSV forms of users, assignments and grants that an org file may name.

A large org has hundreds of thousands of lines, which as objects weigh ten times what they weigh in the file.
So the file is kept as its bytes and read again for each use.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T", bound=BaseModel)
GRANT_COLUMNS = ("user", "type", "entitlement", "value")


class CsvFileError(Exception):
    """The message names the file and line."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where an entry stands: one line of a file."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"

    def at(self, _key: str = "", /, *_held: str) -> str:
        return str(self)


@dataclass(slots=True)
class GrantLines:
    """The lines that make one grant."""

    file: str
    user: str
    grant_type: str
    bundle: str | None = None
    held: list[tuple[int, str, str]] = field(default_factory=list)
    """Line, entitlement, value; a grant without values has one line without them."""

    def __str__(self) -> str:
        return f"{self.file}:{self.held[0][0]}"

    def at(self, _key: str = "", /, *held: str) -> str:
        """The line where an entitlement, or a value of it, stands last; else the grant's first."""
        meant = [number for number, *names in self.held if held and tuple(names[: len(held)]) == held]
        return f"{self.file}:{meant[-1]}" if meant else str(self)

    def record(self) -> dict[str, Any]:
        if self.bundle is not None:
            return {"user": self.user, "type": self.grant_type, "bundle": self.bundle}
        values: dict[str, list[str]] = {}
        for _, entitlement, value in self.held:
            if entitlement or value:
                values.setdefault(entitlement, []).append(value)
        return {"user": self.user, "type": self.grant_type, "values": values}


@dataclass(frozen=True, slots=True)
class CsvFile:
    name: str
    content: bytes

    @property
    def columns(self) -> list[str]:
        return next(self._rows(), (0, []))[1]

    def lines(self, required: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
        """The lines below the header that are not empty, each with as many cells as the header."""
        rows = self._rows()
        _, header = next(rows, (0, []))
        for column in required:
            if column not in header:
                raise CsvFileError(f"{self.name}: the column {column!r} is missing")
        if len(set(header)) < len(header):
            raise CsvFileError(f"{self.name}: two columns have the same name")
        width = len(header)
        for number, cells in rows:
            if len(cells) != width:
                if not cells:
                    continue
                why = "the line has not as many cells as the header"
                raise CsvFileError(f"{self.name}:{number}: {why}")
            yield number, cells

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        text = io.TextIOWrapper(io.BytesIO(self.content), encoding="utf-8-sig", newline="")
        reader = csv.reader(text)
        try:
            for cells in reader:
                yield reader.line_num, cells
        except (UnicodeDecodeError, csv.Error) as error:
            raise CsvFileError(f"{self.name}:{reader.line_num + 1}: cannot be read: {error}") from error


Record = tuple[Line | GrantLines, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Sheet(Generic[T]):
    """A CSV file that stands for a list of entries."""

    file: CsvFile
    read: Callable[[CsvFile], Iterator[Record]]
    entry: type[T]

    def __iter__(self) -> Iterator[T]:
        return (entry for _, entry in self.placed())

    def placed(self) -> Iterator[tuple[Line | GrantLines, T]]:
        """Each entry, checked, with where it stands."""
        for place, record in self.read(self.file):
            try:
                entry = self.entry.model_validate(record)
            except ValidationError as error:
                problem = error.errors()[0]
                key = ".".join(str(part) for part in problem["loc"])
                raise CsvFileError(
                    f"{place}: {key}: {problem['msg'].removeprefix('Value error, ')}"
                ) from error
            yield place, entry

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.file.content).hexdigest()

    @property
    def gives_ids(self) -> bool:
        return "id" in self.file.columns


def open_csv(path: Path) -> CsvFile:
    try:
        return CsvFile(path.name, path.read_bytes())
    except OSError as error:
        raise CsvFileError(f"{path.name}: cannot be read: {error.strerror or error}") from error


def read_users(file: CsvFile) -> Iterator[Record]:
    """One user a line; the columns are the keys of a user. An empty cell means the key is absent."""
    return _records(file, required=("login",))


def read_assignments(file: CsvFile) -> Iterator[Record]:
    """One assigned user a line: the column user, and if wanted scope and user_name."""
    return _records(file, required=("user",))


def _records(file: CsvFile, required: tuple[str, ...]) -> Iterator[Record]:
    columns = file.columns
    for number, cells in file.lines(required):
        yield Line(file.name, number), {key: cell for key, cell in zip(columns, cells, strict=True) if cell}


def read_grants(file: CsvFile) -> Iterator[Record]:
    """One value a line (columns user,type,entitlement,value); lines of one user and type are one grant.

    For type ENTITLEMENT-BUNDLE the value column holds the bundle's name and entitlement stays empty.
    """
    return ((lines, lines.record()) for lines in _grants(file).values())


def _grants(file: CsvFile) -> dict[tuple[str, ...], GrantLines]:
    columns = file.columns
    grants: dict[tuple[str, ...], GrantLines] = {}
    shared: dict[str, str] = {}
    for number, cells in file.lines(GRANT_COLUMNS):
        if len(cells) != len(GRANT_COLUMNS):
            raise CsvFileError(f"{file.name}: the columns must be {','.join(GRANT_COLUMNS)}")
        row = (
            cells if columns == list(GRANT_COLUMNS) else [cells[columns.index(key)] for key in GRANT_COLUMNS]
        )
        # The few names that come again on most lines are kept once.
        user, grant_type, entitlement, value = row[0], *(shared.setdefault(cell, cell) for cell in row[1:])
        _add_line(grants, file.name, number, (user, grant_type or "CUSTOM", entitlement, value))
    return grants


def _add_line(
    grants: dict[tuple[str, ...], GrantLines], file: str, number: int, row: tuple[str, str, str, str]
) -> None:
    user, grant_type, entitlement, value = row
    if grant_type != "ENTITLEMENT-BUNDLE":
        key: tuple[str, ...] = (user.casefold(), grant_type)
        if (lines := grants.get(key)) is None:
            lines = grants[key] = GrantLines(file, user, grant_type)
        lines.held.append((number, entitlement, value))
        return
    key = (user.casefold(), grant_type, value)
    if key in grants or entitlement:
        why = f"the same bundle stands at {grants[key]}" if key in grants else "a bundle names no entitlement"
        raise CsvFileError(f"{file}:{number}: {why}")
    grants[key] = GrantLines(file, user, grant_type, value, [(number, "", "")])
