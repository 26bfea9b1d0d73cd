"""When who has the app is listed again, and when rows are read by id instead."""

from __future__ import annotations

import pytest

from pipeline.changes.snapshot import AppUser, Listing
from pipeline.errors import CredentialError, ErrorCode, TenantError
from pipeline.run.roster import Roster
from tests.virtual_time import clock, run

RECHECK_S = 600.0


class Org:
    """Its app users, how often they were listed, and what the next listing does."""

    def __init__(self, listed: int) -> None:
        self.clock = clock()
        self.rows = {f"u{number}": AppUser(f"u{number}", "USER", "ACTIVE") for number in range(listed)}
        self.listings = 0
        self.complete = True
        self.raises: Exception | None = None

    def roster(self, assigns: int) -> Roster:
        rows = dict(self.rows)
        return Roster(rows, self.clock.now(), self._list, self.clock, recheck_s=RECHECK_S, assigns=assigns)

    async def _list(self) -> tuple[dict[str, AppUser], Listing]:
        self.listings += 1
        if self.raises:
            raise self.raises
        return dict(self.rows), Listing("app_users", 1, len(self.rows), complete=self.complete)

    async def ask(self, roster: Roster, times: int) -> set[bool]:
        """Whether the roster may be gone by, of so many people one after another."""
        return {await roster.is_fresh() for _ in range(times)}


def test_a_fresh_listing_is_gone_by_and_an_old_one_is_read_again_first() -> None:
    async def story() -> None:
        org = Org(listed=2)
        roster = org.roster(assigns=100)
        assert await org.ask(roster, 10) == {True}
        org.rows["new"] = AppUser("new", "GROUP", "ACTIVE")
        await org.clock.sleep(RECHECK_S - 1)
        assert await org.ask(roster, 10) == {True}
        assert (roster.row("new"), org.listings) == (None, 0)
        await org.clock.sleep(2)
        assert await org.ask(roster, 10) == {True}
        assert (roster.row("new"), org.listings) == (org.rows["new"], 1)

    run(story())


def test_where_listing_takes_more_calls_than_asking_rows_are_read_by_id() -> None:
    async def story() -> None:
        org = Org(listed=5001)
        roster = org.roster(assigns=100)
        await org.ask(roster, 10)
        await org.clock.sleep(RECHECK_S + 1)
        assert await org.ask(roster, 50) == {False}
        assert org.listings == 0
        await org.clock.sleep(RECHECK_S + 1)
        assert await org.ask(roster, 11) == {True}
        assert org.listings == 1

    run(story())


@pytest.mark.parametrize("raises", [True, False])
def test_a_listing_that_fails_is_never_gone_by(raises: bool) -> None:
    async def story() -> None:
        org = Org(listed=2)
        roster = org.roster(assigns=100)
        await org.ask(roster, 10)
        await org.clock.sleep(RECHECK_S + 1)
        org.complete = False
        if raises:
            org.raises = TenantError(ErrorCode.TENANT_UNREACHABLE, "No answer", "None.")
        assert await org.ask(roster, 20) == {False}
        assert org.listings == 1

    run(story())


def test_a_dead_credential_is_not_taken_for_a_failed_listing() -> None:
    async def story() -> None:
        org = Org(listed=2)
        roster = org.roster(assigns=100)
        await org.ask(roster, 10)
        await org.clock.sleep(RECHECK_S + 1)
        org.raises = CredentialError(ErrorCode.CREDENTIAL_REFUSED, "Refused", "Revoked.")
        with pytest.raises(CredentialError):
            await org.ask(roster, 1)

    run(story())
