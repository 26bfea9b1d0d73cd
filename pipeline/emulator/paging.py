"""Pages by keyset: the cursor is the last id shown, so a page costs the same wherever it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.emulator.answers import Answer, governance_url, link, management_url
from pipeline.emulator.errors import BAD_PAGING, OktaError, bad_query, management_invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.emulator.answers import Call
    from pipeline.emulator.conditions import Condition
    from pipeline.emulator.tenant import Row, Tenant

_CURSOR = re.compile(r"[0-9A-Za-z]{20}")
"""A cursor is the id of the last row (okta-api.md 7)."""
_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of `table` under `condition`, in `order`: columns or expressions, the last one the unique id."""

    table: str
    condition: Condition
    order: tuple[str, ...] = ("id",)
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Row]
    more: bool

    @property
    def cursor(self) -> str:
        return str(self.rows[-1][0])


def management_limit(call: Call, default: int, most: int) -> int:
    """A limit above the maximum counts as the maximum."""
    number = _number(call.query.get("limit", str(default)))
    if number is None or number < 1:
        raise management_invalid("limit", "limit: must be a positive number")
    return min(number, most)


def governance_limit(call: Call, default: int, most: int) -> int:
    number = _number(call.query.get("limit", str(default)))
    if number is None or not 1 <= number <= most:
        raise bad_query(BAD_PAGING, "/limit", "The `limit` parameter isn't valid.", "INVALID_DATA_TYPE")
    return number


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def management_after(call: Call) -> str | None:
    """How Okta refuses a cursor of nobody's making is not documented; refusing shows the mistake."""
    after = call.query.get("after")
    if after is not None and not _CURSOR.fullmatch(after):
        raise OktaError(BAD_PAGING, causes=[{"errorSummary": "after: must come from a link of the listing"}])
    return after


def governance_after(call: Call) -> str | None:
    """An empty cursor has a sample of its own (entitlement-bundles-list-bad-request-empty-after)."""
    after = call.query.get("after")
    if after == "":
        cause = "Empty value found for query parameter 'after'"
        raise bad_query(BAD_PAGING, "/query/after", cause, "empty.openapi.validation")
    if after is not None and not _CURSOR.fullmatch(after):
        raise _bad_cursor()
    return after


def fetch_page(tenant: Tenant, listing: Listing, after: str | None, limit: int) -> Page:
    where, values = f"({listing.condition.sql})", listing.condition.values
    if after is not None:
        where, values = _behind(tenant, listing, after, where, values)
    columns = "id, *" if listing.table != "app_users" else "user_id, *"
    direction = " DESC" if listing.descending else ""
    order = ", ".join(column + direction for column in listing.order)
    sql = f"SELECT {columns} FROM {listing.table} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608  no user text
    rows = tenant.rows(sql, *values, limit + 1)
    return Page(rows[:limit], more=len(rows) > limit)


def _behind(
    tenant: Tenant, listing: Listing, after: str, where: str, values: tuple[object, ...]
) -> tuple[str, tuple[object, ...]]:
    key = listing.order[-1]
    if len(listing.order) == 1:
        start: Sequence[object] = (after,)
    else:
        sought = ", ".join(listing.order)
        last = tenant.row(f"SELECT {sought} FROM {listing.table} WHERE {key} = ?", after)  # noqa: S608  no user text
        if last is None:
            raise _bad_cursor()
        start = list(last)
    marks = ", ".join("?" * len(listing.order))
    compare = "<" if listing.descending else ">"
    return f"{where} AND ({', '.join(listing.order)}) {compare} ({marks})", (*values, *start)


def shown_until(tenant: Tenant, listing: Listing, after: str) -> int:
    """How many rows stand before and at the cursor."""
    where, values = f"({listing.condition.sql})", listing.condition.values
    count = f"SELECT count(*) FROM {listing.table} WHERE "  # noqa: S608  no user text
    behind, all_values = _behind(tenant, listing, after, where, values)
    return tenant.number(count + where, *values) - tenant.number(count + behind, *all_values)


def _bad_cursor() -> OktaError:
    cause = (
        "The `after` parameter isn't valid. Use links in response bodies or headers as the source of truth "
        "for paginated requests that contain an `after` parameter."
    )
    return bad_query(BAD_PAGING, "/query/after", cause, "INVALID_AFTER_PARAMETER")


def management_answer(
    tenant: Tenant, call: Call, page: Page, show: Callable[[Row], Any], limit: int
) -> Answer:
    """A bare array; the way on stands in Link headers only (okta-api.md 7)."""
    params = {**call.query, "limit": str(limit)}
    links = [("self", management_url(tenant.origin, call.path, params))]
    if page.more:
        links.append(("next", management_url(tenant.origin, call.path, {**params, "after": page.cursor})))
    return Answer([show(row) for row in page.rows], links=tuple(links))


def governance_answer(
    tenant: Tenant,
    call: Call,
    page: Page,
    items: list[Any],
    *,
    params: dict[str, str],
    total: int | None = None,
) -> Answer:
    """`data`, `_links` and Link headers, all at the admin host; `metadata.total` where Okta sends one."""
    shown = {**call.query, **params}
    urls = {"self": governance_url(tenant.admin_origin, call.path, shown)}
    if page.more:
        urls["next"] = governance_url(tenant.admin_origin, call.path, {**shown, "after": page.cursor})
    body: dict[str, Any] = {"data": items, "_links": {rel: link(url) for rel, url in urls.items()}}
    if total is not None:
        body["metadata"] = {"total": total}
    return Answer(body, links=tuple(urls.items()))
