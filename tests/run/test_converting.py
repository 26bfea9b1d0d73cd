"""Converting a policy grant: what the policy gives is read directly before it is replaced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, ChangeSet, HoldReason, PersonTarget
from pipeline.changes.snapshot import BaseAccess, OktaGrant
from pipeline.errors import ErrorCode
from pipeline.okta.answers import WriteAnswer
from pipeline.run.tenant import Pairs
from tests.builders import change_set
from tests.run.fake_tenant import FakeTenant, Fault
from tests.run.test_executor import a_tenant, apply, roles

HELD, WANTED = (("Role", ("Auditor",)),), (("Role", ("Admin", "Auditor")),)


def converting(tenant: FakeTenant, *users: str) -> ChangeSet:
    """Each holds Auditor through a policy and is to get Admin."""
    changes = []
    for user_id in users:
        tenant.seed_row(user_id)
        grant_id = tenant.seed_grant(user_id, roles("Auditor"), "POLICY")
        person = PersonTarget(principals=(user_id,), user_id=user_id, login=user_id, grant_id=grant_id)
        address = Address(Kind.GRANT, user_id)
        changes.append(
            Change(
                address=address, action=Action.CONVERT, message="", before=HELD, after=WANTED, person=person
            )
        )
    return change_set(*changes)


def types(tenant: FakeTenant) -> list[str]:
    return [each["grantType"] for each in tenant.raw_grants.values()]


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER])
def test_the_policys_values_become_the_persons_own_whatever_answer_is_lost(
    fault: Fault, tmp_path: Path
) -> None:
    tenant = a_tenant(fault)
    result = apply(converting(tenant, "ann", "bob"), tenant, tmp_path)
    assert result.counts["applied"] == 2
    assert types(tenant) == ["CUSTOM", "CUSTOM"]
    for user_id in ("ann", "bob"):
        assert tenant.held(user_id) == roles("Admin", "Auditor")
        assert tenant.writes.count(f"post {user_id}") <= 1 + (fault is Fault.LOST_BEFORE)


def test_what_the_policy_gives_since_it_was_compared_is_kept_too(tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = converting(tenant, "ann")
    more = tenant.raw_grants.pop(tenant.seed_grant("ann", roles("Auditor", "Clerk"), "POLICY"))
    grant_id = str(wanted.changes[0].person and wanted.changes[0].person.grant_id)
    tenant.raw_grants[grant_id] = {**more, "id": grant_id}
    apply(wanted, tenant, tmp_path)
    assert tenant.held("ann") == roles("Admin", "Auditor", "Clerk")


def test_what_the_policy_gives_by_now_needs_no_converting(tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = converting(tenant, "ann")
    tenant.raw_grants.clear()
    tenant.seed_grant("ann", roles("Auditor", "Admin"), "POLICY")
    assert apply(wanted, tenant, tmp_path).counts["already_so"] == 1
    assert types(tenant) == ["POLICY"]


@pytest.mark.parametrize(
    ("grants", "reason"),
    [
        ([], HoldReason.DRIFTED),
        ([("POLICY", ("Clerk",))], HoldReason.DRIFTED),
        ([("CUSTOM", ("Auditor",))], HoldReason.DRIFTED),
        ([("POLICY", ("Auditor",)), ("ENTITLEMENT", ("Clerk",))], HoldReason.DRIFTED),
        ([("POLICY", ("Auditor",)), ("CUSTOM", ("Clerk",))], HoldReason.DRIFTED),
    ],
)
def test_who_has_other_grants_by_now_is_left_alone(
    grants: list[tuple[str, tuple[str, ...]]], reason: HoldReason, tmp_path: Path
) -> None:
    tenant = a_tenant()
    wanted = converting(tenant, "ann")
    tenant.raw_grants.clear()
    for type_, values in grants:
        tenant.seed_grant("ann", roles(*values), type_)
    result = apply(wanted, tenant, tmp_path)
    assert [hold.reason for hold in result.held] == [reason]
    assert tenant.writes == []


def test_a_deny_is_never_replaced(tmp_path: Path) -> None:
    tenant = a_tenant()
    wanted = converting(tenant, "ann")
    next(iter(tenant.raw_grants.values()))["action"] = "DENY"
    assert [hold.reason for hold in apply(wanted, tenant, tmp_path).held] == [HoldReason.DRIFTED]
    assert tenant.writes == []


class Forgetful(FakeTenant):
    """A tenant that does not tell all that a policy gives."""

    async def base_access(self, app_id: str, user_id: str) -> BaseAccess | None:
        found = await FakeTenant.base_access(self, app_id, user_id)
        return BaseAccess(found.grant_id, found.type, frozenset()) if found else None


def test_what_is_not_told_in_full_is_held(tmp_path: Path) -> None:
    tenant = Forgetful(a_tenant().clock)
    tenant.seed_entitlement("Role", "Admin", "Auditor", "Clerk")
    result = apply(converting(tenant, "ann"), tenant, tmp_path)
    assert [hold.reason for hold in result.held] == [HoldReason.INCOMPLETE_READ]
    assert tenant.writes == []


class Shy(FakeTenant):
    """A tenant whose listing shows no values of policy grants, and whose POST keeps none but the new ones."""

    async def grants_of(self, app_id: str, user_id: str) -> tuple[OktaGrant, ...]:
        found = await FakeTenant.grants_of(self, app_id, user_id)
        return tuple(replace(g, values=frozenset()) if g.type == "POLICY" else g for g in found)

    async def post_custom_grant(
        self, app_id: str, user_id: str, pairs: Pairs, expires: str | None, *, not_after_s: float
    ) -> WriteAnswer:
        fewer = frozenset(sorted(pairs)[:1])
        return await FakeTenant.post_custom_grant(
            self, app_id, user_id, fewer, expires, not_after_s=not_after_s
        )


def test_a_first_convert_that_loses_what_the_policy_gave_halts_and_names_what_restores_it(
    tmp_path: Path,
) -> None:
    tenant = Shy(a_tenant().clock)
    tenant.seed_entitlement("Role", "Admin", "Auditor", "Clerk")
    result = apply(converting(tenant, "ann", "bob"), tenant, tmp_path)
    assert result.halt is not None
    assert result.halt.code is ErrorCode.CANARY_FAILED
    assert "not held: Role: Auditor." in result.halt.detail
    assert "To restore: PUT /governance/api/v1/grants/" in result.halt.detail
    assert tenant.writes == ["post ann"]
