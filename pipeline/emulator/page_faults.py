"""Listings whose pages do not join: the way on is changed in the Link headers and in the body."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from pipeline.emulator.answers import Answer, link
from pipeline.emulator.errors import OktaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.emulator.answers import Call

_AFTER = re.compile(r"(?<=[?&])after=[^&]*&?")


def is_listing(call: Call, answer: Answer) -> bool:
    """A page of one, told by the shapes of okta-api.md 7: a bare array, or `data` beside `_links`."""
    if call.method != "GET" or answer.status != HTTPStatus.OK or _url(answer, "self") is None:
        return False
    return isinstance(answer.body, list) or (isinstance(answer.body, dict) and "data" in answer.body)


def has_next(answer: Answer) -> bool:
    return _url(answer, "next") is not None


def leading_to_itself(answer: Answer) -> Answer:
    return _with_next(answer, _url(answer, "self"))


def leading_to_the_start(answer: Answer) -> Answer:
    """Also from the last page, so that the chain never ends."""
    url = _url(answer, "self") or ""
    return _with_next(answer, _AFTER.sub("", url).rstrip("?&"))


def ending(answer: Answer) -> Answer:
    return _with_next(answer, None)


def skipping(call: Call, answer: Answer, fetch: Callable[[Call], Answer]) -> Answer:
    """The way on leads to the page after the next one, or nowhere if the next is the last."""
    url = _url(answer, "next") or ""
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    try:
        skipped = fetch(replace(call, query={**call.query, **query}))
    except OktaError:
        # The next page cannot be read, as a client would learn by following the link.
        return answer
    return _with_next(answer, _url(skipped, "next"))


def emptied(answer: Answer) -> Answer:
    return _with_next(replace(answer, body=[]), None)


def _url(answer: Answer, rel: str) -> str | None:
    return next((url for each, url in answer.links if each == rel), None)


def _with_next(answer: Answer, url: str | None) -> Answer:
    links = [(rel, each) for rel, each in answer.links if rel != "next"]
    body: Any = answer.body
    if isinstance(body, dict):
        kept = {rel: each for rel, each in body["_links"].items() if rel != "next"}
        body = {**body, "_links": {**kept, "next": link(url)} if url else kept}
    return replace(answer, body=body, links=(*links, ("next", url)) if url else tuple(links))
