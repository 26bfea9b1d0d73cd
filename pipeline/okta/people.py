"""Finding the people of a plan: the way that costs least, then one look-up by login before "not found"."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from pipeline.address import principal_key
from pipeline.changes.people import resolve_person
from pipeline.changes.snapshot import Lookup, LookupStatus, OktaUser
from pipeline.errors import CredentialError, TenantError
from pipeline.okta.read_costs import Way, cheapest
from pipeline.okta.reads import Reads

TERMS_MAX = 30
QUERY_CHARACTERS_MAX = 3500
"""Okta documents no limit; proxies break near 8 KB (okta-api.md 1.2)."""
_PROFILE_KEYS = {"login": "profile.login", "email": "profile.email", "id": "id"}

Candidates = dict[str, list[OktaUser]]


async def find_people(
    reads: Reads,
    principals: Sequence[str],
    match: tuple[str, ...],
    *,
    limits: Mapping[str, int] | None = None,
    known: Sequence[OktaUser] = (),
) -> dict[str, Lookup]:
    """The lookup of each principal, by ``address.principal_key``. ``limits`` are calls a minute by bucket.
    ``known`` are users read before: where no e-mail counts, who is among them need not be looked for.

    A search that fails makes its principals ``user_lookup_failed``, never "not found": the search index lags
    (okta-api.md 12.18) and a failed read proves nothing. Raises CredentialError.
    """
    unique = {principal_key(principal): principal for principal in principals}
    lookups = {} if "email" in match else _among(known, list(unique.values()), match)
    lookups = {key: look for key, look in lookups.items() if look.status is not LookupStatus.NOT_FOUND}
    rest = [principal for key, principal in unique.items() if key not in lookups]
    if rest:
        lookups |= await _find(reads, rest, match, limits or {})
    return {key: lookups[key] for key in unique}


async def _find(
    reads: Reads, principals: list[str], match: tuple[str, ...], limits: Mapping[str, int]
) -> dict[str, Lookup]:
    batches = _batches(principals, match)
    by_login_alone = match == ("login",) and all(_may_look_up(each) for each in principals)
    choice = cheapest(len(principals), len(batches), limits, may_look_up=by_login_alone)
    lookups: dict[str, Lookup] = {}
    if choice.way is Way.LOOK_UP:
        lookups = _among((), principals, match)
    elif choice.way is Way.DIRECTORY and (users := await reads.directory(choice.calls)) is not None:
        lookups = _among(users, principals, match)
    else:
        for found in await asyncio.gather(*(_search(reads, batch, match) for batch in batches)):
            lookups.update(found)
    unsure = [look for look in lookups.values() if look.status is LookupStatus.NOT_FOUND]
    again = await asyncio.gather(*(_look_up(reads, each, match) for each in unsure))
    return lookups | {principal_key(each.principal): each for each in again}


def _among(users: Sequence[OktaUser], principals: Sequence[str], match: tuple[str, ...]) -> dict[str, Lookup]:
    """The lookup of each principal among ``users``."""
    index: dict[str, list[OktaUser]] = {}
    for user in users:
        for name in {principal_key(user.login), principal_key(user.email), principal_key(user.id)}:
            index.setdefault(name, []).append(user)
    keys = {principal_key(each): each for each in principals}
    return {key: resolve_person(each, match, index.get(key, ())) for key, each in keys.items()}


def search_text(principals: Sequence[str], match: tuple[str, ...]) -> str:
    """The search that finds ``principals`` under every key of ``match``; values are quoted."""
    terms = (f"{_PROFILE_KEYS[key]} eq {_literal(each)}" for each in principals for key in match)
    return " or ".join(terms)


def _literal(text: str) -> str:
    escaped = text.strip().replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _batches(principals: list[str], match: tuple[str, ...]) -> list[list[str]]:
    batches: list[list[str]] = []
    most = max(1, TERMS_MAX // len(match))
    size = 0
    for principal in principals:
        cost = len(quote(search_text([principal], match))) + len("%20or%20")
        if not batches or len(batches[-1]) >= most or size + cost > QUERY_CHARACTERS_MAX:
            batches.append([])
            size = 0
        batches[-1].append(principal)
        size += cost
    return batches


async def _search(reads: Reads, batch: list[str], match: tuple[str, ...]) -> dict[str, Lookup]:
    listed = await reads.users_listed(search_text(batch, match))
    if listed.listing.complete:
        users = [each.value() for each in listed.items]
        return {principal_key(each): resolve_person(each, match, users) for each in batch}
    if len(batch) == 1:
        detail = f"The search for this person failed: {listed.listing.problem}"
        return {principal_key(batch[0]): Lookup(batch[0], LookupStatus.FAILED, detail=detail)}
    # Too complex a search is refused or times out (okta-api.md 1.2): its halves may pass.
    half = len(batch) // 2
    left = await _search(reads, batch[:half], match)
    return left | await _search(reads, batch[half:], match)


async def _look_up(reads: Reads, lookup: Lookup, match: tuple[str, ...]) -> Lookup:
    """A full login asked for directly: a new user may be missing in the search index."""
    if "login" not in match or not _may_look_up(lookup.principal):
        return lookup
    try:
        user = await reads.user_by_login(lookup.principal.strip())
    except CredentialError:
        raise
    except TenantError as error:
        return Lookup(lookup.principal, LookupStatus.FAILED, detail=error.detail)
    return resolve_person(lookup.principal, match, [user]) if user else lookup


def _may_look_up(principal: str) -> bool:
    """Whether the path can name ``principal`` and no one else: never a short login."""
    return "@" in principal and "/" not in principal
