"""Which way of finding people takes least of the rate limits: calls divided by the bucket's limit decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.okta.buckets import bucket_of

SEARCHES = bucket_of("GET", "/api/v1/users")
LOOK_UPS = bucket_of("GET", "/api/v1/users/{id}")
DEFAULT_LIMITS: Mapping[str, int] = {SEARCHES: 300, LOOK_UPS: 1000}
"""Half of an org's limits, as a token has by default (okta-api.md 8.3 and 8.4)."""
USERS_PER_PAGE = 200
DIRECTORY_SHARE = 4
"""How large a directory is, only reading it tells. So it is given up after a fourth of the calls that the
searches would take: at worst a fourth was in vain, and it pays up to three times the people of the plan.
"""


class Way(StrEnum):
    """How people are found."""

    SEARCH = "batched search"
    DIRECTORY = "whole directory"
    LOOK_UP = "single look-ups"


@dataclass(frozen=True, slots=True)
class Choice:
    """``minutes`` is ``calls`` divided by the limit of their bucket. ``calls`` are the most that are made:
    where a directory is longer, the people are searched for after all.
    """

    way: Way
    calls: int
    minutes: float


def cheapest(people: int, searches: int, limits: Mapping[str, int], *, may_look_up: bool) -> Choice:
    """The way for ``people`` whom so many ``searches`` would find.

    ``may_look_up`` says that a look-up by login alone tells who is meant.
    """
    per_min = {**DEFAULT_LIMITS, **limits}
    choices = [Choice(Way.SEARCH, searches, searches / per_min[SEARCHES])]
    if may_look_up:
        choices.append(Choice(Way.LOOK_UP, people, people / per_min[LOOK_UPS]))
    pages_max = searches // DIRECTORY_SHARE
    # The users that are DEPROVISIONED are a listing of their own.
    if math.ceil(people / USERS_PER_PAGE) + 1 <= pages_max:
        choices.append(Choice(Way.DIRECTORY, pages_max, pages_max / per_min[SEARCHES]))
    return min(choices, key=lambda each: each.minutes)
