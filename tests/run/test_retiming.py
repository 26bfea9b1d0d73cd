"""A later end of a grant: sent alone first, read before and after, never over what drifted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, ChangeSet, HoldReason, PersonTarget
from pipeline.errors import ErrorCode
from pipeline.okta.answers import WriteAnswer
from tests.builders import change_set
from tests.run.fake_tenant import FakeTenant, Fault
from tests.run.test_executor import a_tenant, apply, roles

OLD, NEW = "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"


def lengthening(tenant: FakeTenant, *users: str) -> ChangeSet:
    changes = []
    for user_id in users:
        tenant.seed_row(user_id)
        grant_id = tenant.seed_grant(user_id, roles("Admin", "Clerk"), expires=OLD)
        person = PersonTarget(
            principals=(user_id,),
            user_id=user_id,
            login=user_id,
            grant_id=grant_id,
            expires=NEW,
            expires_before=OLD,
        )
        held = (("Role", ("Admin", "Clerk")),)
        address = Address(Kind.GRANT, user_id)
        changes.append(
            Change(address=address, action=Action.RETIME, message="", before=held, after=held, person=person)
        )
    return change_set(*changes)


def ends(tenant: FakeTenant) -> list[str]:
    return [each["scheduleSettings"]["expirationDate"] for each in tenant.raw_grants.values()]


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER])
def test_the_end_is_written_and_nothing_else_whatever_answer_is_lost(fault: Fault, tmp_path: Path) -> None:
    tenant = a_tenant(fault)
    result = apply(lengthening(tenant, "ann", "bob"), tenant, tmp_path)
    assert result.counts["applied"] == 2
    assert ends(tenant) == [NEW, NEW]
    assert tenant.held("ann") == roles("Admin", "Clerk")
    assert tenant.writes.count("patch bob") == 1


@pytest.mark.parametrize(
    "drift",
    [
        {"scheduleSettings": {"expirationDate": "2035-01-01T00:00:00Z"}},
        {"scheduleSettings": {}},
        {"grantType": "POLICY"},
        {"action": "DENY"},
        {"status": "EXPIRED"},
        {"entitlements": []},
    ],
)
def test_a_grant_that_is_not_as_it_was_compared_is_left_alone(drift: dict[str, Any], tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = lengthening(tenant, "ann")
    next(iter(tenant.raw_grants.values())).update(drift)
    result = apply(wanted, tenant, tmp_path)
    assert [hold.reason for hold in result.held] == [HoldReason.DRIFTED]
    assert tenant.writes == []


def test_a_first_end_is_written_beside_grants_that_the_comparison_did_not_see(tmp_path: Path) -> None:
    """Changing an end rewrites no values, and the canary tells whether the other grant is there still."""
    tenant = a_tenant()
    wanted = lengthening(tenant, "ann")
    tenant.seed_grant("ann", roles("Auditor"), "ENTITLEMENT")
    assert apply(wanted, tenant, tmp_path).counts["applied"] == 1


def test_an_end_that_is_there_already_is_not_written(tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = lengthening(tenant, "ann")
    next(iter(tenant.raw_grants.values()))["scheduleSettings"] = {
        "expirationDate": "2031-01-01T00:00:00.000Z"
    }
    assert apply(wanted, tenant, tmp_path).counts["already_so"] == 1
    assert tenant.writes == []


class Careless(FakeTenant):
    """A tenant whose PATCH does not do what it should."""

    async def patch_grant(self, grant_id: str, expires: str, *, not_after_s: float) -> WriteAnswer:
        answer = await FakeTenant.patch_grant(self, grant_id, expires, not_after_s=not_after_s)
        self.raw_grants[grant_id]["scheduleSettings"] = {"expirationDate": "2030-06-01T00:00:00Z"}
        return answer


def test_a_canary_whose_end_is_another_than_sent_halts_before_the_second(tmp_path: Path) -> None:
    tenant = Careless(a_tenant().clock)
    tenant.seed_entitlement("Role", "Admin", "Auditor", "Clerk")
    result = apply(lengthening(tenant, "ann", "bob"), tenant, tmp_path)
    assert result.halt is not None
    assert result.halt.code is ErrorCode.CANARY_FAILED
    assert f"ends 2030-06-01T00:00:00Z, not {NEW}" in result.halt.detail
    assert tenant.writes == ["patch ann"]
