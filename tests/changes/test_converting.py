"""Policy grants made people's own: only with all that the policy gives, as read for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.changes.diff import diff
from pipeline.changes.model import ChangeSet
from pipeline.changes.snapshot import BaseAccess, OktaGrant
from pipeline.plan.model import GrantOptions
from tests.builders import entitlement_id, snapshot, user_id, value_id
from tests.changes.test_access_table import ALICE, ROLE, TEAM, of_type, outcome, wants

CONVERT = GrantOptions(policy_users="convert")
POLICY = of_type("POLICY", "Auditor")


def read(*values: str, grant_id: str = POLICY.id, type_: str = "POLICY") -> BaseAccess:
    pairs = frozenset((entitlement_id("Role"), value_id("Role", value)) for value in values)
    return BaseAccess(grant_id, type_, pairs)


def compare(base: BaseAccess | None, *grants: OktaGrant, options: GrantOptions = CONVERT) -> ChangeSet:
    tenant = snapshot(people=[ALICE], assigned=[ALICE], grants=grants, entitlements=[ROLE, TEAM])
    bases = {user_id(ALICE): base} if base else {}
    return diff(wants("Admin", grants=options), "d", replace(tenant, bases=bases))


def test_all_that_the_policy_gives_goes_into_the_persons_own_grant() -> None:
    [change] = compare(read("Auditor", "Editor"), POLICY).changes
    assert change.action == "convert"
    assert change.before == (("Role", ("Auditor", "Editor")),)
    assert change.after == (("Role", ("Admin", "Auditor", "Editor")),)
    assert change.message == (
        f"convert {ALICE} + Role: Admin: leaves the policy, keeps 2 values of the policy as their own"
    )


@pytest.mark.parametrize(
    ("why", "base"),
    [
        ("not read", None),
        ("another grant", read("Auditor", grant_id="gra2")),
        ("no policy grant any more", read("Auditor", type_="CUSTOM")),
        ("less than is listed", read("Editor")),
        ("nothing", read()),
    ],
)
def test_what_the_policy_gives_must_be_known_in_full(why: str, base: BaseAccess | None) -> None:
    assert outcome(compare(base, POLICY)) == ["hold incomplete_read"], why


def test_values_that_the_app_does_not_list_are_never_converted_away() -> None:
    unknown = replace(read("Auditor"), values=read("Auditor").values | {("esp?", "ent?")})
    assert outcome(compare(unknown, POLICY)) == ["hold incomplete_read"]


def test_what_the_policy_gives_by_now_is_kept() -> None:
    assert outcome(compare(read("Admin", "Auditor"), POLICY)) == ["keep POLICY"]


def test_nobody_is_converted_where_the_plan_does_not_say_so() -> None:
    assert outcome(compare(read("Auditor"), POLICY, options=GrantOptions())) == ["hold policy_grant"]
