"""One emulated org: its database, its time, its ids, its addresses. Views get it as their first argument."""

from __future__ import annotations

import hashlib
import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.emulator.access_records import record_touched
from pipeline.emulator.ids import okta_id
from pipeline.emulator.operations import next_due, settle
from pipeline.emulator.schema import TABLE_NAMES, open_database
from pipeline.emulator.seeding import seed_org

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pipeline.emulator.orgfile import OrgFile, Switches

Row = Any
"""A sqlite3.Row: columns by name, each of the type the schema gives it."""


@dataclass(slots=True)
class Tenant:
    org: OrgFile
    db: sqlite3.Connection
    now: Callable[[], float]
    seed: int
    fingerprint: str
    """Of the org file: state made from another one is not continued."""
    org_id: str = ""
    owner_id: str = ""
    """The user whose token it is (okta-api.md 10): the first ACTIVE user of the org file."""
    last_number: int = 0
    due_at: float = math.inf
    """When the next running operation completes."""
    touched: dict[str, set[str]] = field(default_factory=dict)
    """Apps, each with the users whose access may change in this transaction."""

    @property
    def switches(self) -> Switches:
        return self.org.switches

    @property
    def partition(self) -> str:
        return "oktapreview" if self.org.org.preview else "okta"

    @property
    def origin(self) -> str:
        return f"https://{self.org.org.subdomain}.{self.partition}.com"

    @property
    def admin_origin(self) -> str:
        """Where links of governance answers point (okta-api.md 7)."""
        return f"https://{self.org.org.subdomain}-admin.{self.partition}.com"

    def new_id(self, prefix: str) -> str:
        self.last_number += 1
        return okta_id(prefix, self.last_number, self.seed)

    def rows(self, sql: str, *values: object) -> list[Row]:
        return self.db.execute(sql, values).fetchall()

    def each(self, sql: str, *values: object) -> Iterator[Row]:
        """Row by row, for long answers; nothing may be written in between."""
        return self.db.execute(sql, values)

    def rows_of(self, sql: str, keys: Iterable[str]) -> list[Row]:
        """One query for any number of keys: `{}` in the statement becomes their marks."""
        given = list(keys)
        return self.rows(sql.format(", ".join("?" * len(given))), *given) if given else []

    def row(self, sql: str, *values: object) -> Row | None:
        return self.db.execute(sql, values).fetchone()

    def number(self, sql: str, *values: object) -> int:
        return int(self.db.execute(sql, values).fetchone()[0])

    def write(self, sql: str, *values: object) -> None:
        self.db.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        before = self.last_number
        try:
            yield
            record_touched(self)
        except BaseException:
            self.db.execute("ROLLBACK")
            self.touched.clear()
            self.last_number = before
            raise
        if self.last_number != before:
            self._remember("last_number", str(self.last_number))
        self.db.execute("COMMIT")

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Within a transaction: what an error interrupts has written nothing."""
        self.db.execute("SAVEPOINT step")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK TO step")
            raise
        finally:
            self.db.execute("RELEASE step")

    def wake(self) -> None:
        """Continue from the state in the database if it is of this org file, else start from the org file.

        Happens at the first request, not at construction: the time may only be known within a running loop.
        """
        if not self.org_id and not self._continues():
            self.start_over()
        if self.now() >= self.due_at:
            # Nobody looked since it was due, so nobody can tell that it completes only now.
            with self.transaction():
                settle(self)
            self.due_at = next_due(self)

    def start_over(self) -> None:
        """The state of the org file, whatever happened before."""
        with self.transaction():
            for table in TABLE_NAMES:
                self.write(f"DELETE FROM {table}")  # noqa: S608  the names are constants
            # The objects of the org file get their ids again; those made since leave theirs to nobody else.
            used = self.last_number
            self.org_id = seed_org(self)
            self.last_number = max(self.last_number, used)
            self.owner_id = self._first_owner()
            about = {"org_id": self.org_id, "org_file": self.fingerprint, "owner_id": self.owner_id}
            for key, value in about.items():
                self._remember(key, value)
            self._remember("last_number", str(self.last_number))
        self.due_at = next_due(self)

    def _continues(self) -> bool:
        known = {row["key"]: row["value"] for row in self.rows("SELECT key, value FROM meta")}
        if known.get("org_file") != self.fingerprint:
            return False
        self.org_id = known["org_id"]
        self.last_number = int(known["last_number"])
        self.owner_id = known["owner_id"]
        self.due_at = next_due(self)
        return True

    def _remember(self, key: str, value: str) -> None:
        self.write("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def _first_owner(self) -> str:
        owner = self.row("SELECT id FROM users WHERE status = 'ACTIVE' ORDER BY id LIMIT 1")
        return str(owner["id"]) if owner else okta_id("pca", 0, self.seed)


def open_tenant(org: OrgFile, *, db: str | Path, now: Callable[[], float], seed: int) -> Tenant:
    fingerprint = hashlib.sha256(org.model_dump_json().encode()).hexdigest()
    return Tenant(org=org, db=open_database(db), now=now, seed=seed, fingerprint=fingerprint)
