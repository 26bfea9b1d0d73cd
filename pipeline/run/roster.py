"""The app's rows as last listed, and when that is too old to go by."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from pipeline.changes.forecast import listing_pays
from pipeline.changes.model import Action, ChangeSet
from pipeline.changes.snapshot import AppUser, Listing, Snapshot
from pipeline.clock import Clock
from pipeline.errors import CredentialError, TenantError

ListAppUsers = Callable[[], Awaitable[tuple[Mapping[str, AppUser], Listing]]]


class Roster:
    """Who has a row in the app. ``assigns`` is how many people are to be looked up in all."""

    def __init__(
        self,
        rows: Mapping[str, AppUser],
        read_at_s: float,
        list_again: ListAppUsers,
        clock: Clock,
        *,
        recheck_s: float,
        assigns: int,
    ) -> None:
        self._rows = rows
        self._due_s = read_at_s + recheck_s
        self._list_again = list_again
        self._clock = clock
        self._recheck_s = recheck_s
        self._left = assigns
        self._asked = 0
        self._is_listed = True
        self._reading = asyncio.Lock()

    def row(self, user_id: str) -> AppUser | None:
        """The user's row in the last listing."""
        return self._rows.get(user_id)

    async def is_fresh(self) -> bool:
        """Whether ``row`` may be gone by for one more person, after listing again where that is due.

        Not where the listing failed, or would take more calls than to ask for as many rows as were needed
        since the last: then rows are read by id until the next is due. Raises CredentialError.
        """
        async with self._reading:
            now_s = self._clock.now()
            if now_s > self._due_s:
                pays = listing_pays(len(self._rows), min(self._left, self._asked))
                self._is_listed = pays and await self._list()
                self._due_s = now_s + self._recheck_s
                self._asked = 0
            self._asked += 1
            self._left -= 1
            return self._is_listed

    async def _list(self) -> bool:
        try:
            rows, listing = await self._list_again()
        except CredentialError:
            raise
        except TenantError:
            return False
        if listing.complete:
            self._rows = rows
        return listing.complete


def roster_of(
    snapshot: Snapshot,
    changes: ChangeSet,
    list_again: Callable[[str], Awaitable[tuple[Mapping[str, AppUser], Listing]]],
    clock: Clock,
    *,
    recheck_s: float,
) -> Roster | None:
    """The rows of ``snapshot`` for who carries out ``changes``; ``list_again`` takes the app's id. None where
    nobody has listed the app's users: then each row is read by id.
    """
    if not snapshot.is_complete("app_users"):
        return None
    return Roster(
        snapshot.app_users,
        snapshot.observed_at_s,
        partial(list_again, snapshot.okta_app.id),
        clock,
        recheck_s=recheck_s,
        assigns=sum(change.action is Action.ASSIGN for change in changes.changes),
    )
