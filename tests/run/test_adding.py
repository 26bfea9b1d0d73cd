"""ENTITLEMENT grants and writes beside them: nothing twice, nothing lost, the first of each kind alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, ChangeSet, HoldReason, PersonTarget
from pipeline.errors import ErrorCode
from pipeline.okta.answers import Refused, WriteAnswer
from tests.builders import change_set
from tests.run.fake_tenant import FakeTenant, Fault
from tests.run.test_executor import a_tenant, apply, roles
from tests.virtual_time import clock

ADMIN = (("Role", ("Admin",)),)


def granting(tenant: FakeTenant, *users: str, **person: object) -> ChangeSet:
    """Everybody is to get Admin, in a new grant."""
    changes = []
    for user_id in users:
        tenant.seed_row(user_id)
        target = PersonTarget(principals=(user_id,), user_id=user_id, login=user_id, **person)  # type: ignore[arg-type]
        address = Address(Kind.GRANT, user_id)
        changes.append(
            Change(address=address, action=Action.GRANT, message="", before=(), after=ADMIN, person=target)
        )
    return change_set(*changes)


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER])
def test_an_additive_grant_is_never_there_twice(fault: Fault, tmp_path: Path) -> None:
    tenant = a_tenant(fault)
    wanted = granting(tenant, "ann", "bob", grant_type="ENTITLEMENT")
    tenant.seed_grant("ann", roles("Auditor"), "POLICY")
    tenant.seed_grant("bob", roles("Clerk"))
    result = apply(wanted, tenant, tmp_path)
    assert result.counts["applied"] == 2
    types = sorted(each["grantType"] for each in tenant.raw_grants.values())
    assert types == ["CUSTOM", "ENTITLEMENT", "ENTITLEMENT", "POLICY"]
    assert tenant.held("ann") == roles("Admin", "Auditor")


def test_what_somebody_else_added_meanwhile_is_not_added_again(tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = granting(tenant, "ann", grant_type="ENTITLEMENT")
    tenant.seed_grant("ann", roles("Admin"), "ENTITLEMENT")
    assert apply(wanted, tenant, tmp_path).counts["already_so"] == 1
    assert tenant.writes == []


def test_a_tenant_without_additive_grants_stops_at_the_first_and_gets_no_custom_grant(tmp_path: Path) -> None:
    tenant = a_tenant()
    tenant.has_additive = False
    result = apply(granting(tenant, "ann", "bob", "cid", grant_type="ENTITLEMENT"), tenant, tmp_path)
    assert result.halt is not None
    assert result.halt.code is ErrorCode.NO_ADDITIVE_GRANTS
    assert tenant.writes == ["add to ann"]
    assert tenant.raw_grants == {}


def test_another_refusal_of_an_additive_grant_is_one_persons(tmp_path: Path) -> None:
    tenant = a_tenant(Fault.REFUSE)
    result = apply(granting(tenant, "ann", "bob", grant_type="ENTITLEMENT"), tenant, tmp_path)
    assert result.halt is None
    assert (result.counts["refused"], result.counts["applied"]) == (1, 1)


def test_a_custom_grant_refused_for_its_type_says_nothing_of_additive_ones(tmp_path: Path) -> None:
    class Strict(FakeTenant):
        async def post_custom_grant(self, *_: Any, **__: Any) -> WriteAnswer:
            return Refused(400, "E0000001", "Api validation failed: grantType", (), None)

    tenant = Strict(clock())
    tenant.seed_entitlement("Role", "Admin")
    result = apply(granting(tenant, "ann", "bob"), tenant, tmp_path)
    assert result.halt is None
    assert result.counts["refused"] == 2


def test_additive_grants_of_the_known_types_stay_beside_a_new_custom_grant(tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = granting(tenant, "ann", beside=("ENTITLEMENT",))
    tenant.seed_grant("ann", roles("Clerk"), "ENTITLEMENT")
    assert apply(wanted, tenant, tmp_path).counts["applied"] == 1
    assert tenant.held("ann") == roles("Admin", "Clerk")


@pytest.mark.parametrize("type_", ["ENTITLEMENT-BUNDLE", "CUSTOM", "POLICY", "NEW"])
def test_a_grant_of_another_type_beside_is_not_expected(type_: str, tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = granting(tenant, "ann", beside=("ENTITLEMENT",))
    tenant.seed_grant("ann", roles("Clerk"), type_)
    assert [each.reason for each in apply(wanted, tenant, tmp_path).held] == [HoldReason.DRIFTED]
    assert tenant.writes == []


def test_a_lost_bundle_halts_though_its_values_are_held_by_the_new_grant(tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = granting(tenant, "ann", "bob", beside=("ENTITLEMENT-BUNDLE",))
    for user_id in ("ann", "bob"):
        tenant.seed_grant(user_id, roles("Admin"), "ENTITLEMENT-BUNDLE")
    tenant.custom_replaces_additive = True
    result = apply(wanted, tenant, tmp_path)
    assert result.halt is not None
    assert result.halt.code is ErrorCode.CANARY_FAILED
    assert "POST /governance/api/v1/grants with grantType ENTITLEMENT-BUNDLE" in result.halt.detail
    assert tenant.writes == ["post ann"]
