"""Entitlements and values against the tenant's: create, add, keep, hold."""

from __future__ import annotations

import pytest

from pipeline.changes.diff import diff
from pipeline.changes.model import Action, ChangeSet, HoldReason, NewValue
from pipeline.changes.snapshot import OktaEntitlement
from pipeline.lookalike import look
from pipeline.plan.model import Cohort, Entitlement, Move
from tests.builders import (
    cohort,
    entitlement,
    okta_entitlement,
    okta_value,
    plan,
    snapshot,
    value,
)

ALICE = "alice@acme.example.com"


def compare(
    wanted: list[Entitlement],
    existing: list[OktaEntitlement],
    *,
    moved: list[Move] | None = None,
    access: list[Cohort] | None = None,
) -> ChangeSet:
    return diff(
        plan(entitlements=wanted, moved=moved or [], access=access or []),
        "d",
        snapshot(entitlements=existing, people=[ALICE], assigned=[ALICE]),
    )


def test_an_absent_entitlement_is_created_with_all_its_values() -> None:
    (change,) = compare([entitlement("Role", "B", "A", description="what one may do")], []).changes
    assert (str(change.address), change.action) == ("entitlement/Role", Action.CREATE)
    assert change.message == "create entitlement Role with 2 values"
    assert change.before == ()
    assert change.after == (("Role", ("A", "B")),)
    assert change.entitlement is not None
    assert change.entitlement.id is None
    assert change.entitlement.description == "what one may do"
    assert change.entitlement.new_values == (NewValue("A", "A"), NewValue("B", "B"))


def test_absent_values_are_added_to_an_existing_entitlement() -> None:
    existing = okta_entitlement("Role", "A", multi_value=False)
    (change,) = compare([entitlement("Role", "A", "X", "Y")], [existing]).changes
    assert (str(change.address), change.action) == ("values/Role", Action.ADD)
    assert change.message == "add 2 values to Role: X, Y"
    assert change.before == (("Role", ("A",)),)
    assert change.after == (("Role", ("A", "X", "Y")),)
    assert change.entitlement is not None
    assert change.entitlement.id == existing.id
    assert change.entitlement.multi_value is False, "the tenant's multiValue wins"


def test_a_long_list_of_new_values_is_cut_in_the_message_only() -> None:
    (change,) = compare([entitlement("Role", *"ABCDEFG")], [okta_entitlement("Role")]).changes
    assert change.message == "add 7 values to Role: A, B, C, D, E and 2 more"
    assert change.entitlement is not None
    assert len(change.entitlement.new_values) == 7


def test_what_is_there_already_is_kept() -> None:
    change_set = compare([entitlement("Role", "A")], [okta_entitlement("Role", "A", "B")])
    assert change_set.changes == ()
    assert [str(keep.address) for keep in change_set.keeps] == ["entitlement/Role"]


def test_creates_come_before_adds_each_by_address() -> None:
    wanted = [entitlement(name, "new") for name in ("D", "C", "B", "A")]
    change_set = compare(wanted, [okta_entitlement("A"), okta_entitlement("C")])
    assert [str(change.address) for change in change_set.changes] == [
        "entitlement/B",
        "entitlement/D",
        "values/A",
        "values/C",
    ]


def test_the_external_value_decides_before_the_name() -> None:
    existing = [
        okta_entitlement("Role", "A", external_value="role_old"),
        okta_entitlement("Position", "A", external_value="Role"),
    ]
    (change,) = compare([entitlement("Role", "A", "B")], existing).changes
    assert change.entitlement is not None
    assert change.entitlement.id == existing[1].id


def test_a_unique_name_is_a_match_and_grants_use_the_tenants_external_values() -> None:
    admin = okta_value("role_x", "Admin", external_value="adm")
    change_set = compare(
        [entitlement("Role", "Admin")],
        [okta_entitlement("Role", admin, external_value="role_x")],
        access=[cohort({"Role": ["Admin"]}, ALICE)],
    )
    (change,) = change_set.changes
    assert change.after == (("role_x", ("adm",)),)


def test_several_of_one_name_are_held() -> None:
    existing = [okta_entitlement("Role", external_value=key) for key in ("r1", "r2")]
    change_set = compare([entitlement("Role", "A")], existing)
    assert change_set.changes == ()
    (hold,) = change_set.holds
    assert (hold.reason, str(hold.address)) == (HoldReason.AMBIGUOUS_NAME, "entitlement/Role")
    assert '"r1"' in hold.detail
    assert '"r2"' in hold.detail


def test_two_of_the_plan_never_become_one_of_the_tenant() -> None:
    admin = okta_value("Role", "Admin", external_value="adm")
    change_set = compare(
        [entitlement("Role", "Admin", value("Administrator", external_value="adm"))],
        [okta_entitlement("Role", admin)],
    )
    (hold,) = change_set.holds
    assert hold.reason is HoldReason.AMBIGUOUS_NAME
    assert hold.adds == (("Role", ("Admin",)),)


NEAR = [
    ("case", "admin"),
    ("blank at the end", "Admin "),
    ("no-break space", "Admin\u00a0"),
    ("zero-width space", "Ad\u200bmin"),
    ("byte order mark", "\ufeffAdmin"),
    ("full-width letter", "\uff21dmin"),
]


@pytest.mark.parametrize(("what", "written"), NEAR, ids=[what for what, _ in NEAR])
def test_a_near_miss_with_a_value_is_held_and_never_created(what: str, written: str) -> None:
    change_set = compare([entitlement("Role", written, "New")], [okta_entitlement("Role", "Admin")])
    (hold,) = change_set.holds
    assert (hold.reason, str(hold.address)) == (HoldReason.NEAR_MISS, "values/Role"), what
    assert '"Admin"' in hold.detail
    (change,) = change_set.changes
    assert change.after == (("Role", ("Admin", "New")),)


def test_composed_and_decomposed_forms_are_a_near_miss() -> None:
    change_set = compare([entitlement("Role", "Caf\u00e9")], [okta_entitlement("Role", "Cafe\u0301")])
    assert [hold.reason for hold in change_set.holds] == [HoldReason.NEAR_MISS]


def test_a_near_miss_with_an_entitlement_holds_it_and_who_wants_its_values() -> None:
    change_set = compare(
        [entitlement("role", "Admin"), entitlement("Team", "Red")],
        [okta_entitlement("Role", "Admin")],
        access=[cohort({"role": ["Admin"], "Team": ["Red"]}, ALICE)],
    )
    assert [(hold.reason, str(hold.address)) for hold in change_set.holds] == [
        (HoldReason.NEAR_MISS, "entitlement/role"),
        (HoldReason.DEPENDS_ON_HELD, f"grant/{ALICE}"),
    ]
    create, grant = change_set.changes
    assert create.entitlement is not None
    assert create.entitlement.name == "Team"
    assert grant.after == (("Team", ("Red",)),)
    assert grant.depends_on == (create.address,)


def test_different_texts_do_not_look_alike() -> None:
    texts = ["Admin", "Admin2", "Admins", "Administrator", "Ädmin", "A-dmin", "A_dmin"]
    assert len({look(text) for text in texts}) == len(texts)


def test_who_gains_a_new_value_waits_for_it() -> None:
    change_set = compare(
        [entitlement("Role", "Admin", "New")],
        [okta_entitlement("Role", "Admin")],
        access=[cohort({"Role": ["Admin", "New"]}, ALICE)],
    )
    add, grant = change_set.changes
    assert grant.depends_on == (add.address,)
