"""The parameter orderBy of governance listings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.emulator.errors import BAD_PAGING, bad_query
from pipeline.emulator.paging import Listing

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.emulator.answers import Call
    from pipeline.emulator.conditions import Condition

_ORDERS = {
    "name": ("name", "id"),
    "externalValue": ("external_value", "id"),
    "created": ("created", "id"),
    "lastUpdated": ("last_updated", "id"),
    "id": ("id",),
}
"""Okta names only `name` and `created`, in examples (okta-api.md 4.1); the rest is our guess."""


def ordered(
    table: str, wanted: Condition, call: Call, default: str, names: Collection[str] = _ORDERS
) -> tuple[Listing, str]:
    """The order asked for, and the text of it that the links repeat. Only the id may follow, the same way."""
    text = call.query.get("orderBy", default)
    first, *rest = (part.strip() for part in text.split(","))
    name, _, way = first.partition(" ")
    if name not in names or way not in ("", "asc", "desc") or rest not in ([], [f"id {way}".strip()]):
        raise bad_query(BAD_PAGING, "/orderBy", "Invalid `orderBy` syntax", "STRING_FORMAT_INVALID")
    return Listing(table, wanted, _ORDERS[name], descending=way == "desc"), text
