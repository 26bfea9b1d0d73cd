"""Listings followed to their proven end: own origin and path only, own parameters on every page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from pipeline.changes.snapshot import Listing
from pipeline.errors import ErrorCode, TenantError
from pipeline.okta.client import TOO_MANY_REQUESTS, Answer, Call, OktaClient, failed

T = TypeVar("T", bound=BaseModel)
_NEXT = "next"


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """The items of all pages, without repeats, and the proof whether that is all of them."""

    items: tuple[T, ...]
    listing: Listing
    refused_with: int | None = None
    """The status (4xx, but for 429) with which Okta said no to the very first page."""


async def list_all(
    client: OktaClient, call: Call, model: type[T], name: str, *, pages_max: int | None = None
) -> Listed[T]:
    """Follow ``call`` page by page. A chain that does not close, a page that fails or cannot be read, a link
    that leads elsewhere, fewer items than ``metadata.total``, or more than ``pages_max`` gives
    ``complete=False`` with the problem. Raises CredentialError.
    """
    found: dict[str, T] = {}
    cursors: set[str] = set()
    after: str | None = None
    pages = 0
    while True:
        own = tuple((key, value) for key, value in call.query if key != "after")
        query = (*own, ("after", after)) if after is not None else own
        answer = await client.send(Call(call.method, call.template, call.ids, query))
        if not answer.is_good:
            broken = _broken(found, name, pages, failed(f"page {pages + 1} of the {name}", answer).detail)
            return replace(broken, refused_with=answer.status) if not pages and _is_no(answer) else broken
        pages += 1
        try:
            for item in _items(answer.body):
                parsed = model.model_validate(item)
                found[item["id"]] = parsed
        except (ValidationError, KeyError, TypeError):
            return _broken(found, name, pages, f"page {pages} does not have the expected shape")
        link = next_link(answer)
        if link is None:
            return _closed(found, name, pages, answer)
        if pages == pages_max:
            return _broken(found, name, pages, f"it is longer than {pages} pages")
        after = _cursor(link, call.path)
        if after is None or after in cursors:
            return _broken(found, name, pages, f"the link after page {pages} repeats or leads elsewhere")
        cursors.add(after)


def _is_no(answer: Answer) -> bool:
    """Whether Okta will not tell, however often it is asked."""
    return answer.status is not None and 400 <= answer.status < 500 and answer.status != TOO_MANY_REQUESTS  # noqa: PLR2004 - the 4xx class


def require(listed: Sequence[Listing]) -> None:
    """Raises TenantError for the first listing that is not complete."""
    for each in listed:
        if not each.complete:
            raise TenantError(
                ErrorCode.INCOMPLETE_READ,
                "A listing could not be read to its end",
                f"The listing of {each.name} ended after {each.pages} pages: {each.problem}",
                next_step="Try again; nothing is concluded from a part.",
            )


def next_link(answer: Answer) -> str | None:
    """The next page's address: ``_links.next`` in governance bodies, else the Link header lines
    (several lines occur: recordings/entitlements__list_entitlements). "" where there is a next page whose
    address cannot be read, so that the pages before it are not taken for all.
    """
    links = answer.body.get("_links") if isinstance(answer.body, dict) else None
    following = links.get("next") if isinstance(links, dict) else None
    if following is not None:
        address = following.get("href") if isinstance(following, dict) else None
        return address if isinstance(address, str) else ""
    for line in answer.headers.get("link", []):
        if _NEXT not in line.casefold():
            continue
        for relation, link in httpx.Response(200, headers={"Link": line}).links.items():
            # RFC 8288, 3.3: several relations may stand in one, and their case does not matter
            if _NEXT in (relation or "").casefold().split():
                return link.get("url", "")
    return None


def _items(body: object) -> list[dict[str, str]]:
    listed = body.get("data") if isinstance(body, dict) else body
    if not isinstance(listed, list):
        raise TypeError("a listing's body is a list or has one under data")
    return listed


def _cursor(link: str, path: str) -> str | None:
    """The ``after`` of a link to the same path; its host does not matter, it is never followed."""
    parts = urlsplit(link)
    if parts.path != path:
        return None
    return dict(parse_qsl(parts.query)).get("after")


def _closed(found: dict[str, T], name: str, pages: int, answer: Answer) -> Listed[T]:
    metadata = answer.body.get("metadata") if isinstance(answer.body, dict) else None
    total = metadata.get("total") if isinstance(metadata, dict) else None
    if isinstance(total, int) and total > len(found):
        return _broken(found, name, pages, f"Okta counts {total}, the pages showed {len(found)}")
    return Listed(tuple(found.values()), Listing(name, pages, len(found), complete=True))


def _broken(found: dict[str, T], name: str, pages: int, problem: str) -> Listed[T]:
    listing = Listing(name, pages, len(found), complete=False, problem=problem)
    return Listed(tuple(found.values()), listing)
