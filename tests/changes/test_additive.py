"""Writing beside bundles and ENTITLEMENT grants, and writing ENTITLEMENT grants."""

from __future__ import annotations

import pytest

from pipeline.changes.model import Change
from pipeline.changes.risks import firsts, risk_kind
from pipeline.changes.snapshot import OktaGrant
from pipeline.changes.waves import waves
from pipeline.plan.model import GrantOptions
from tests.builders import cohort, okta_grant, plan
from tests.changes.test_access_table import (
    ALICE,
    BOB,
    BUNDLE,
    FUTURE,
    compare,
    custom,
    of_type,
    outcome,
    wants,
)

ADDITIVE = GrantOptions(type="additive")
CANARY = GrantOptions(with_additive="canary")


def only(options: GrantOptions, *grants: OktaGrant) -> Change:
    [change] = compare(wants("Admin", grants=options), *grants).changes
    return change


def test_a_write_beside_additive_grants_says_so_and_is_a_kind_of_its_own() -> None:
    change = only(CANARY, custom("Editor"), of_type(BUNDLE, "Auditor"))
    assert change.person is not None
    assert change.person.beside == (BUNDLE,)
    assert change.message == f"extend {ALICE} + Role: Admin (keeps 1 value), beside {BUNDLE} grants"
    assert risk_kind(change) == "extend beside additive grants"
    assert risk_kind(only(CANARY, of_type(BUNDLE, "Auditor"))) == "grant beside additive grants"
    assert risk_kind(only(CANARY)) == "grant"
    assert risk_kind(only(ADDITIVE)) == "ENTITLEMENT grant"


def test_the_first_beside_additive_grants_goes_alone_though_its_action_was_proven() -> None:
    wanted = plan(access=[cohort({"Role": ["Admin"]}, ALICE, BOB)], grants=CANARY)
    options = {"people": [ALICE, BOB], "assigned": [ALICE, BOB]}
    changes = compare(wanted, okta_grant(BOB, {"Role": ["Auditor"]}, type=BUNDLE, bundle_id="b"), **options)
    assert [wave.name for wave in waves(changes) if wave.canary] == [
        "canary: first grant",
        "canary: first grant beside additive grants",
    ]
    assert len(list(firsts(changes.changes))) == 2


@pytest.mark.parametrize(
    "base", [[], [custom("Auditor")], [of_type("POLICY", "Auditor")], [of_type(BUNDLE, "Auditor")]]
)
def test_an_additive_plan_adds_what_is_missing_and_leaves_all_else_alone(base: list[OktaGrant]) -> None:
    change = only(ADDITIVE, *base)
    assert change.person is not None
    assert (change.action, change.person.grant_type, change.person.grant_id) == ("grant", "ENTITLEMENT", None)
    assert (change.before, change.after) == ((), (("Role", ("Admin",)),))
    assert change.message == f"grant {ALICE} Role: Admin, in an ENTITLEMENT grant of its own"


def test_an_additive_grant_ends_when_it_is_to_end_whatever_else_there_is() -> None:
    wanted = wants("Admin", expires=FUTURE, grants=ADDITIVE)
    [change] = compare(wanted, custom("Auditor")).changes
    assert change.person is not None
    assert change.person.expires == FUTURE
    assert outcome(
        compare(wants("Admin", "Auditor", expires=FUTURE, grants=ADDITIVE), custom("Auditor"))
    ) == ["hold expiry_differs"]


@pytest.mark.parametrize("options", [ADDITIVE, CANARY])
@pytest.mark.parametrize("type_", ["ENTITLEMENT", BUNDLE])
def test_a_single_value_entitlement_gets_no_second_value_through_another_grant(
    options: GrantOptions, type_: str
) -> None:
    wanted = plan(access=[cohort({"Team": ["Blue"]}, ALICE)], grants=options)
    assert outcome(compare(wanted, okta_grant(ALICE, {"Team": ["Red"]}, type=type_))) == ["hold single_value"]


def test_an_additive_plan_sees_the_base_grants_single_value_too() -> None:
    wanted = plan(access=[cohort({"Team": ["Blue"]}, ALICE)], grants=ADDITIVE)
    assert outcome(compare(wanted, okta_grant(ALICE, {"Team": ["Red"]}))) == ["hold single_value"]
