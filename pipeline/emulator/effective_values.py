"""What people hold in effect: the values of their grants, without those that another grant outdoes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.emulator.entitlement_views import bare_entitlement, bare_value
from pipeline.emulator.grant_views import held_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.emulator.grant_views import Held
    from pipeline.emulator.tenant import Row, Tenant

BASE = ("CUSTOM", "POLICY")
Pairs = list[tuple["Row", "Row"]]
"""Entitlements, each with one of its values."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The active grants of one person on one app, whether their expiry has passed or not."""

    grants: list[Row]
    held: Held

    def live(self, at: float) -> list[Row]:
        return [row for row in self.grants if row["expires_at"] is None or row["expires_at"] > at]

    def effective(self, at: float) -> Pairs:
        rows = self.live(at)
        beaten = outdone(rows, self.held)
        return [
            (entitlement, value)
            for row in rows
            for entitlement, values in self.held.get(row["id"], [])
            if (row["id"], entitlement["id"]) not in beaten
            for value in values
        ]

    def expiries(self, after: float, until: float) -> Iterator[float]:
        """When something ended in between, in order."""
        ends = {row["expires_at"] for row in self.grants if row["expires_at"] is not None}
        yield from sorted(at for at in ends if after < at <= until)


def holder(tenant: Tenant, app_id: str, user_id: str) -> Holder:
    return holders(tenant, app_id, [user_id])[user_id]


def holders(tenant: Tenant, app_id: str, user_ids: Sequence[str]) -> dict[str, Holder]:
    marks = ", ".join("?" * len(user_ids))
    where = f"app_id = ? AND user_id IN ({marks}) AND action = 'ALLOW' AND status = 'ACTIVE'"
    rows = tenant.rows(f"SELECT * FROM grants WHERE {where} ORDER BY id", app_id, *user_ids)  # noqa: S608  marks
    held = held_values(tenant, rows)
    found = {user_id: Holder([], held) for user_id in user_ids}
    for row in rows:
        found[row["user_id"]].grants.append(row)
    return found


def outdone(rows: Sequence[Row], held: Held) -> set[tuple[str, str]]:
    """(grant, entitlement) without effect: a single-value entitlement has the value of one grant only.

    Additional grants outdo the base grant (schema granted-entitlement-value); that the newest of several
    additional grants outdoes the others is our assumption.
    """
    ranked = sorted(rows, key=lambda row: (row["grant_type"] not in BASE, row["created"], row["id"]))
    single = [
        (row["id"], entitlement["id"])
        for row in ranked
        for entitlement, _ in held.get(row["id"], [])
        if not entitlement["multi_value"]
    ]
    winners = {entitlement_id: grant_id for grant_id, entitlement_id in single}
    return {pair for pair in single if winners[pair[1]] != pair[0]}


def entitlements_json(tenant: Tenant, pairs: Iterable[tuple[Row, Row]]) -> list[dict[str, Any]]:
    """Each entitlement once with its values, both by id."""
    entitlements: dict[str, Row] = {}
    values: dict[str, dict[str, Row]] = {}
    for entitlement, value in pairs:
        entitlements[entitlement["id"]] = entitlement
        values.setdefault(entitlement["id"], {})[value["id"]] = value
    return [
        {
            **bare_entitlement(row),
            "values": [bare_value(tenant, value) for _, value in sorted(values[key].items())],
        }
        for key, row in sorted(entitlements.items())
    ]
