"""The tables of an emulated org, and how its SQLite database is opened."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

from pipeline.emulator.orgchecks import OrgFileError

APPLICATION_ID = 0x0C7A0B0C
"""Marks a database as an emulated org, so that no other file is ever overwritten."""

TABLES = """
-- meta: org_id, org_file, owner_id, last_number
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE users (
  id TEXT PRIMARY KEY, status TEXT NOT NULL, login TEXT NOT NULL, login_key TEXT NOT NULL UNIQUE,
  short_key TEXT NOT NULL, email TEXT, email_key TEXT, profile TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX users_by_short ON users (short_key);
CREATE INDEX users_by_email ON users (email_key);
CREATE TABLE apps (
  id TEXT PRIMARY KEY, label TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, features TEXT NOT NULL,
  management TEXT NOT NULL, implicit_assignment INTEGER NOT NULL, created REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE app_users (
  app_id TEXT NOT NULL, user_id TEXT NOT NULL, scope TEXT NOT NULL, user_name TEXT, profile TEXT NOT NULL,
  created REAL NOT NULL, last_updated REAL NOT NULL, PRIMARY KEY (app_id, user_id)
) WITHOUT ROWID;
CREATE TABLE entitlements (
  id TEXT PRIMARY KEY, app_id TEXT NOT NULL, name TEXT NOT NULL, external_value TEXT NOT NULL,
  description TEXT,
  multi_value INTEGER NOT NULL, required INTEGER NOT NULL, created REAL NOT NULL, last_updated REAL NOT NULL,
  UNIQUE (app_id, external_value)
) WITHOUT ROWID;
CREATE INDEX entitlements_by_name ON entitlements (app_id, name, id);
CREATE TABLE entitlement_values (
  id TEXT PRIMARY KEY, app_id TEXT NOT NULL, entitlement_id TEXT NOT NULL, name TEXT NOT NULL,
  external_value TEXT NOT NULL, description TEXT, created REAL NOT NULL, last_updated REAL NOT NULL,
  UNIQUE (entitlement_id, external_value)
) WITHOUT ROWID;
CREATE INDEX values_by_app ON entitlement_values (app_id, id);
CREATE INDEX values_by_name ON entitlement_values (entitlement_id, name, id);
CREATE TABLE bundles (
  id TEXT PRIMARY KEY, app_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT, status TEXT NOT NULL,
  created REAL NOT NULL, last_updated REAL NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX bundles_by_name ON bundles (app_id, name) WHERE status = 'ACTIVE';
CREATE TABLE bundle_values (
  bundle_id TEXT NOT NULL, value_id TEXT NOT NULL, PRIMARY KEY (bundle_id, value_id)
) WITHOUT ROWID;
CREATE INDEX bundles_by_value ON bundle_values (value_id);
CREATE TABLE grants (
  id TEXT PRIMARY KEY, app_id TEXT NOT NULL, user_id TEXT NOT NULL, grant_type TEXT NOT NULL, bundle_id TEXT,
  action TEXT NOT NULL, actor TEXT NOT NULL, status TEXT NOT NULL,
  expires TEXT, expires_at REAL, time_zone TEXT,
  created REAL NOT NULL, last_updated REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX grants_by_app ON grants (app_id, id);
CREATE INDEX grants_by_user ON grants (app_id, user_id, id);
CREATE TABLE grant_values (
  grant_id TEXT NOT NULL, value_id TEXT NOT NULL, PRIMARY KEY (grant_id, value_id)
) WITHOUT ROWID;
CREATE INDEX grants_by_value ON grant_values (value_id);
CREATE INDEX grants_by_bundle ON grants (bundle_id) WHERE bundle_id IS NOT NULL;
CREATE TABLE access_records (
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, app_id TEXT NOT NULL, user_id TEXT NOT NULL,
  began REAL, ended REAL, checked REAL NOT NULL, entitlements TEXT NOT NULL
);
CREATE INDEX access_records_by_user ON access_records (app_id, user_id, n);
CREATE UNIQUE INDEX open_access_records ON access_records (app_id, user_id) WHERE ended IS NULL;
CREATE TABLE operations (
  id TEXT PRIMARY KEY, app_id TEXT NOT NULL, target TEXT NOT NULL, status TEXT NOT NULL,
  created REAL NOT NULL, due REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE risk_rules (
  id TEXT PRIMARY KEY, app_id TEXT NOT NULL, name TEXT NOT NULL UNIQUE, description TEXT, notes TEXT,
  status TEXT NOT NULL, created REAL NOT NULL, last_updated REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE risk_criteria (
  rule_id TEXT NOT NULL, n INTEGER NOT NULL, name TEXT NOT NULL, operation TEXT NOT NULL,
  PRIMARY KEY (rule_id, n)
) WITHOUT ROWID;
CREATE TABLE risk_values (
  rule_id TEXT NOT NULL, n INTEGER NOT NULL, value_id TEXT NOT NULL, PRIMARY KEY (rule_id, n, value_id)
) WITHOUT ROWID;
CREATE INDEX risk_rules_by_value ON risk_values (value_id);
CREATE TABLE spent_jwts (jwt TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX spent_jwts_by_end ON spent_jwts (until);
CREATE TABLE requests (
  n INTEGER PRIMARY KEY, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL,
  body TEXT, status INTEGER NOT NULL, bucket TEXT NOT NULL, client TEXT NOT NULL
);
CREATE TABLE changes (
  n INTEGER PRIMARY KEY, at REAL NOT NULL, after_request INTEGER NOT NULL, change TEXT NOT NULL,
  app_id TEXT, user_id TEXT, detail TEXT NOT NULL
);
"""

VERSION = zlib.crc32(TABLES.encode()) & 0x7FFFFFFF
"""Of the tables: state written by other tables is refused rather than misread."""

TABLE_NAMES = tuple(line.split()[2] for line in TABLES.splitlines() if line.startswith("CREATE TABLE"))


def open_database(db: str | Path) -> sqlite3.Connection:
    """One connection; transactions are opened and closed by hand. Refuses a file of something else."""
    connection = sqlite3.connect(str(db), isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.create_function("fold", 1, _fold, deterministic=True)
    try:
        _prepare(connection, db)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise OrgFileError(f"{db}: is not the state of an emulated org: {error}") from error
    return connection


def _prepare(connection: sqlite3.Connection, db: str | Path) -> None:
    foreign = connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID
    if foreign and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise OrgFileError(f"{db}: is a database of something else; name another file")
    if not foreign and connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        raise OrgFileError(f"{db}: is the state of another version of the emulator; name another file")
    # A killed process loses nothing (the operating system has the pages); a power cut may.
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA busy_timeout = 5000;"
    )
    if foreign:
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
        connection.executescript(f"{TABLES} {marks}")


def _fold(text: object) -> str | None:
    """SQLite's own lower() knows ASCII only."""
    return None if text is None else str(text).casefold()
