"""Listings whose pages do not join, core and governance, followed by a plain client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.fault_room import StormyRoom, fault, stormy
from tests.emulator.org_room import GOV, PARENT, Json

MOST_PAGES = 12


async def core_page(room: StormyRoom, url: str | None) -> tuple[list[str], str | None]:
    answer = await room.client.get(url or "/api/v1/users?limit=1")
    assert answer.status_code == 200
    links = [part for part in answer.headers.get_list("link") if 'rel="next"' in part]
    return [user["id"] for user in answer.json()], here(links[0].split(">")[0][1:]) if links else None


async def governance_page(room: StormyRoom, url: str | None) -> tuple[list[str], str | None]:
    if url is None:
        answer = await room.get(f"{GOV}/entitlements/values", filter=PARENT, limit=1)
    else:
        answer = await room.client.get(url)
    assert answer.status_code == 200
    body: Json = answer.json()
    by_header = [part for part in answer.headers.get_list("link") if 'rel="next"' in part]
    by_body = body["_links"].get("next", {}).get("href")
    # Header and body agree on the way on.
    assert [part.split(">")[0][1:] for part in by_header] == ([by_body] if by_body else [])
    return [value["id"] for value in body["data"]], here(by_body) if by_body else None


def here(url: str) -> str:
    """The link without Okta's host."""
    return "/" + url.split("/", 3)[3]


async def walk(room: StormyRoom, page: Any) -> tuple[list[str], bool]:
    """Ids in the order in which they came; and whether the chain ended."""
    found: list[str] = []
    url: str | None = None
    for _ in range(MOST_PAGES):
        ids, url = await page(room, url)
        found += ids
        if url is None:
            return found, True
    return found, False


LISTINGS = pytest.mark.parametrize("page", [core_page, governance_page])


@LISTINGS
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_repeated_page_comes_twice(page: Any, after: int) -> None:
    async def story(room: StormyRoom) -> None:
        whole, _ = await walk(room, page)
        await room.set_faults(fault("repeated_page", after=after, times=1))
        assert await walk(room, page) == (whole[: after + 1] + whole[after:], True)
        assert await room.fired() == [1]

    stormy(story)


@LISTINGS
def test_a_page_that_always_leads_to_itself_never_ends(page: Any) -> None:
    async def story(room: StormyRoom) -> None:
        whole, _ = await walk(room, page)
        await room.set_faults(fault("repeated_page", after=1))
        found, ended = await walk(room, page)
        assert (found, ended) == ([whole[0]] + [whole[1]] * (MOST_PAGES - 1), False)

    stormy(story)


@LISTINGS
def test_a_loop_goes_round_and_round(page: Any) -> None:
    async def story(room: StormyRoom) -> None:
        whole, _ = await walk(room, page)
        # Only the last page leads back to the first.
        await room.set_faults(*[fault("page_loop", after=len(whole) - 1, times=1)])
        found, ended = await walk(room, page)
        assert (found, ended) == (whole + whole, True)
        await room.set_faults(fault("page_loop"))
        assert await walk(room, page) == ([whole[0]] * MOST_PAGES, False)

    stormy(story)


@LISTINGS
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_skipped_page_is_missing(page: Any, after: int) -> None:
    async def story(room: StormyRoom) -> None:
        whole, _ = await walk(room, page)
        await room.set_faults(fault("skipped_page", after=after, times=1))
        assert await walk(room, page) == (whole[: after + 1] + whole[after + 2 :], True)

    stormy(story)


@LISTINGS
def test_an_early_end_looks_like_the_last_page(page: Any) -> None:
    async def story(room: StormyRoom) -> None:
        whole, _ = await walk(room, page)
        await room.set_faults(fault("early_end", after=1, times=1))
        assert await walk(room, page) == (whole[:2], True)
        assert await walk(room, page) == (whole, True)

    stormy(story)
