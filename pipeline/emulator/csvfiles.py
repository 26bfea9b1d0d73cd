"""The CSV forms of users and grants that an org file may name."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GRANT_COLUMNS = ("user", "type", "entitlement", "value")


class CsvFileError(Exception):
    """The message names the file and line."""


def read_users(path: Path) -> list[dict[str, Any]]:
    """One user a line; the columns are the keys of a user. An empty cell means the key is absent."""
    return [{key: cell for key, cell in row.items() if cell} for _, row in _rows(path, required=("login",))]


def read_grants(path: Path) -> list[dict[str, Any]]:
    """One value a line (columns user,type,entitlement,value); lines of one user and type are one grant.

    For type ENTITLEMENT-BUNDLE the value column holds the bundle's name and entitlement stays empty.
    """
    grants: dict[tuple[str, ...], dict[str, Any]] = {}
    for line, row in _rows(path, required=GRANT_COLUMNS):
        if set(row) != set(GRANT_COLUMNS):
            raise CsvFileError(f"{path.name}:{line}: the columns must be {','.join(GRANT_COLUMNS)}")
        _add_grant_row(grants, row)
    return list(grants.values())


def _add_grant_row(grants: dict[tuple[str, ...], dict[str, Any]], row: dict[str, str]) -> None:
    user, grant_type, value = row["user"], row["type"] or "CUSTOM", row["value"]
    if grant_type == "ENTITLEMENT-BUNDLE":
        grants[user, grant_type, value] = {"user": user, "type": grant_type, "bundle": value}
        return
    grant = grants.setdefault((user, grant_type), {"user": user, "type": grant_type, "values": {}})
    if row["entitlement"] or value:
        grant["values"].setdefault(row["entitlement"], []).append(value)


def _rows(path: Path, *, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _checked_rows(path, csv.DictReader(file), required)
    except (OSError, UnicodeDecodeError) as error:
        raise CsvFileError(f"{path.name}: cannot be read: {error}") from error


def _checked_rows(
    path: Path, reader: csv.DictReader[str], required: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    missing = [column for column in required if column not in (reader.fieldnames or ())]
    if missing:
        raise CsvFileError(f"{path.name}: the column {missing[0]!r} is missing")
    for row in reader:
        if None in row or None in row.values():
            raise CsvFileError(f"{path.name}:{reader.line_num}: the line has not as many cells as the header")
        yield reader.line_num, row
