"""Who held what when: a record of somebody's effective entitlements on an app for each time they changed.

A person's first record tells what they held when the org was loaded. It is made when something about them
first changes or their history is asked for, so that loading 200,000 grants makes none. Nothing runs in the
background: an expiry is recorded, with its instant, before anything that happens later.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline.emulator.effective_values import entitlements_json, holders
from pipeline.emulator.ids import okta_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.emulator.effective_values import Pairs
    from pipeline.emulator.tenant import Row, Tenant

_BATCH = 1000


def touch(tenant: Tenant, app_id: str, user_ids: Iterable[str]) -> None:
    """To be called before what these people are granted changes; the transaction records what came of it."""
    touched = tenant.touched.setdefault(app_id, set())
    new = set(user_ids) - touched
    catch_up(tenant, app_id, new)
    touched |= new


def touch_holders(tenant: Tenant, app_id: str, where: str, *values: str) -> None:
    """`touch` for whom has a grant under the SQL condition `where`."""
    sql = f"SELECT DISTINCT user_id FROM grants WHERE app_id = ? AND ({where})"  # noqa: S608  constants
    touch(tenant, app_id, [row["user_id"] for row in tenant.rows(sql, app_id, *values)])


def catch_up(tenant: Tenant, app_id: str, user_ids: Iterable[str]) -> None:
    """Record what these people held at load, where nobody asked before, and what has expired since."""
    loaded = tenant.rows("SELECT created FROM apps WHERE id = ?", app_id)[0]["created"]
    for batch in _batches(user_ids):
        known = _open_records(tenant, app_id, batch)
        for user_id, holder in holders(tenant, app_id, batch).items():
            record = known.get(user_id)
            if record is None:
                held = holder.effective(loaded)
                record = _add(tenant, app_id, user_id, loaded, held, first=True)
            for at in holder.expiries(record["checked"], tenant.now()):
                record = _supersede(tenant, record, at, holder.effective(at))


def record_touched(tenant: Tenant) -> None:
    """What the touched hold now. Who has no record was touched by a call that was taken back."""
    now = tenant.now()
    for app_id, user_ids in tenant.touched.items():
        for batch in _batches(user_ids):
            known = _open_records(tenant, app_id, batch)
            for user_id, holder in holders(tenant, app_id, list(known)).items():
                record = _supersede(tenant, known[user_id], now, holder.effective(now))
                # Expiries before these writes are settled; they must not be judged by the grants of today.
                if record["checked"] < now:
                    tenant.write("UPDATE access_records SET checked = ? WHERE n = ?", now, record["n"])
    tenant.touched.clear()


def previous(tenant: Tenant, record: Row) -> Row | None:
    sql = "SELECT * FROM access_records WHERE app_id = ? AND user_id = ? AND n < ? ORDER BY n DESC LIMIT 1"
    return tenant.row(sql, record["app_id"], record["user_id"], record["n"])


def _batches(user_ids: Iterable[str]) -> Iterator[list[str]]:
    ordered = iter(sorted(user_ids))
    while batch := list(islice(ordered, _BATCH)):
        yield batch


def _open_records(tenant: Tenant, app_id: str, user_ids: list[str]) -> dict[str, Row]:
    marks = ", ".join("?" * len(user_ids))
    where = f"app_id = ? AND user_id IN ({marks}) AND ended IS NULL"
    rows = tenant.rows(f"SELECT * FROM access_records WHERE {where}", app_id, *user_ids)  # noqa: S608  marks
    return {row["user_id"]: row for row in rows}


def _supersede(tenant: Tenant, record: Row, at: float, held: Pairs) -> Row:
    """The record that holds from `at` on: the same one if nothing differs."""
    if {value["id"] for _, value in held} == value_ids(json.loads(record["entitlements"])):
        return record
    tenant.write("UPDATE access_records SET ended = ? WHERE n = ?", at, record["n"])
    return _add(tenant, record["app_id"], record["user_id"], at, held)


def value_ids(entitlements: list[dict[str, Any]]) -> set[str]:
    return {value["id"] for entitlement in entitlements for value in entitlement["values"]}


def _add(tenant: Tenant, app_id: str, user_id: str, at: float, held: Pairs, *, first: bool = False) -> Row:
    """A first record without values has no beginning: nothing was ever held."""
    n = tenant.number("SELECT coalesce(max(n), 0) + 1 FROM access_records")
    began = None if first and not held else at
    shown = json.dumps(entitlements_json(tenant, held), ensure_ascii=False)
    sql = "INSERT INTO access_records VALUES (?, ?, ?, ?, ?, NULL, ?, ?) RETURNING *"
    return tenant.rows(sql, n, okta_id("rep", n, tenant.seed), app_id, user_id, began, at, shown)[0]
