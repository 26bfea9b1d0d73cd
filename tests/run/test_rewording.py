"""Names and descriptions: read directly before, in hundreds, settled after lost answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.address import Address, Kind
from pipeline.changes.model import (
    Action,
    Change,
    ChangeSet,
    EntitlementTarget,
    HoldReason,
    NewValue,
    Rewording,
)
from pipeline.changes.snapshot import OktaValue
from pipeline.okta.answers import Accepted, WriteAnswer
from tests.builders import change_set
from tests.run.fake_tenant import FakeTenant, Fault
from tests.run.scenario import Wanted, compare
from tests.run.test_executor import a_tenant, apply
from tests.virtual_time import clock


def rewording(action: Action, *texts: Rewording) -> ChangeSet:
    target = EntitlementTarget(
        id="esp1",
        name="Role",
        external_value="Role",
        description=None,
        multi_value=True,
        new_values=(),
        rewordings=texts,
    )
    new = tuple(each.external_value for each in texts if each.external_value)
    change = Change(
        address=Address(Kind.MOVE if action is Action.RENAME else Kind.DESCRIPTION, "Role"),
        action=action,
        message="",
        before=(),
        after=(("Role", new),) if new else (),
        entitlement=target,
    )
    return change_set(change)


def renaming() -> ChangeSet:
    return rewording(Action.RENAME, Rewording(value="Clerk", external_value="Agent", name="Agent"))


def role(tenant: FakeTenant) -> dict[str, str | None]:
    return {each.external_value: each.description for each in tenant.entitlements_by_id["esp1"].values}


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER])
def test_a_value_keeps_its_id_and_so_its_grants_whatever_answer_is_lost(fault: Fault, tmp_path: Path) -> None:
    tenant = a_tenant(fault)
    grant = tenant.seed_grant("ann", {("Role", "Clerk")})
    assert apply(renaming(), tenant, tmp_path).counts["applied"] == 1
    assert tenant.held("ann") == {("Role", "Agent")}
    assert list(tenant.raw_grants) == [grant]
    assert len(tenant.writes) == 1 + (fault is Fault.LOST_BEFORE)


def test_descriptions_go_in_hundreds_and_change_no_name(tmp_path: Path) -> None:
    tenant = FakeTenant(clock())
    names = [f"v{number:03}" for number in range(150)]
    tenant.seed_entitlement("Role", *names)
    texts = [Rewording(value=name, description=f"about {name}") for name in names]
    result = apply(rewording(Action.DESCRIBE, Rewording(description="Roles"), *texts), tenant, tmp_path)
    assert result.counts["applied"] == 1
    assert role(tenant) == {name: f"about {name}" for name in names}
    assert tenant.entitlements_by_id["esp1"].description == "Roles"
    assert tenant.writes == ["reword esp1", "reword esp1"]
    assert tenant.reads == ["entitlement esp1", "entitlement esp1"]


def test_what_is_so_already_is_not_written(tmp_path: Path) -> None:
    tenant = FakeTenant(clock())
    tenant.seed_entitlement("Role", "Agent")
    assert apply(renaming(), tenant, tmp_path).counts["already_so"] == 1
    assert tenant.writes == []


@pytest.mark.parametrize("values", [(), ("Other",), ("Clerk", "Agent")])
def test_a_value_that_is_gone_or_there_twice_is_left_alone(values: tuple[str, ...], tmp_path: Path) -> None:
    tenant = FakeTenant(clock())
    tenant.seed_entitlement("Role", *values)
    assert [each.reason for each in apply(renaming(), tenant, tmp_path).held] == [HoldReason.DRIFTED]
    assert tenant.writes == []


class Deaf(FakeTenant):
    """A tenant that takes a new externalValue and changes nothing."""

    async def reword(
        self,
        entitlement_id: str,
        description: str | None,
        values: tuple[OktaValue, ...],
        *,
        not_after_s: float,
    ) -> WriteAnswer:
        ids = {each.id for each in values}
        same = tuple(each for each in self.entitlements_by_id[entitlement_id].values if each.id in ids)
        return await FakeTenant.reword(self, entitlement_id, description, same, not_after_s=not_after_s)


def test_a_rename_that_okta_takes_and_does_not_do_is_sent_once_and_unresolved(tmp_path: Path) -> None:
    tenant = Deaf(clock())
    tenant.seed_entitlement("Role", "Clerk")
    result = apply(renaming(), tenant, tmp_path)
    assert result.counts["unresolved"] == 1
    assert tenant.writes == ["reword esp1"]


ODD_VALUES: tuple[object, ...] = (
    None,
    "all",
    7,
    {"total": 1},
    ["Agent"],
    [None],
    [{"id": ["ent2"], "externalValue": "Agent"}],
    [{"name": {"en": "Agent"}}],
)


class Odd(FakeTenant):
    """Answers writes of structure with ``values`` in a shape that nobody has recorded."""

    values: object = None

    async def reword(
        self,
        entitlement_id: str,
        description: str | None,
        values: tuple[OktaValue, ...],
        *,
        not_after_s: float,
    ) -> WriteAnswer:
        answer = await FakeTenant.reword(self, entitlement_id, description, values, not_after_s=not_after_s)
        return self._odd(answer)

    async def add_values(self, entitlement_id: str, values: tuple[NewValue, ...]) -> WriteAnswer:
        return self._odd(await FakeTenant.add_values(self, entitlement_id, values))

    def _odd(self, answer: WriteAnswer) -> WriteAnswer:
        return replace(answer, body={"values": self.values}) if isinstance(answer, Accepted) else answer


@pytest.mark.parametrize("values", ODD_VALUES)
def test_an_answer_in_another_shape_than_is_known_is_read_back(values: object, tmp_path: Path) -> None:
    tenant = Odd(clock())
    tenant.seed_entitlement("Role", "Clerk")
    tenant.values = values
    assert apply(renaming(), tenant, tmp_path).counts["applied"] == 1
    assert tenant.structure() == {"Role": ["Agent"]}
    assert tenant.writes == ["reword esp1"]


@pytest.mark.parametrize("values", ODD_VALUES)
def test_values_are_added_whatever_shape_the_answer_has(values: object, tmp_path: Path) -> None:
    tenant = Odd(clock())
    tenant.seed_entitlement("Role", "Clerk")
    tenant.values = values
    more = [f"v{number:03}" for number in range(150)]
    result = apply(compare(tenant, Wanted(structure={"Role": more})), tenant, tmp_path)
    assert result.counts["applied"] == 1
    assert tenant.structure() == {"Role": ["Clerk", *more]}
    assert tenant.writes == ["add esp1", "add esp1"]


def test_nothing_more_is_written_to_an_entitlement_before_it_is_read_after_a_lost_answer(
    tmp_path: Path,
) -> None:
    """The rename stays unresolved, since it could not be read back; values of the same entitlement follow."""
    tenant = a_tenant(Fault.LOST_AFTER)
    tenant.failing_reads = {2}
    read_before: list[list[str]] = []
    tenant.before_write = lambda _name: read_before.append(list(tenant.reads))
    [rename] = renaming().changes
    target = EntitlementTarget(
        id="esp1",
        name="Role",
        external_value="Role",
        description=None,
        multi_value=True,
        new_values=(NewValue("Owner", "Owner"),),
    )
    add = Change(
        address=Address(Kind.VALUES, "Role"),
        action=Action.ADD,
        message="",
        before=(),
        after=(("Role", ("Owner",)),),
        entitlement=target,
    )
    result = apply(change_set(rename, add), tenant, tmp_path)
    assert (result.counts["unresolved"], result.counts["applied"]) == (1, 1)
    assert [each[-1].split()[0] for each in read_before] == ["entitlement", "entitlements"]
    assert {"Agent", "Owner"} <= set(role(tenant))
