"""Values that move to another externalValue, and descriptions."""

from __future__ import annotations

import pytest

from pipeline.changes.codec import changes_digest, reviewer_of
from pipeline.changes.diff import diff
from pipeline.changes.model import ChangeSet, Rewording
from pipeline.changes.snapshot import OktaValue, Snapshot
from pipeline.changes.verification import verify
from pipeline.changes.waves import waves
from pipeline.plan.model import Entitlement, Move, Plan
from tests.builders import (
    cohort,
    entitlement,
    okta_entitlement,
    okta_grant,
    okta_value,
    plan,
    snapshot,
    value,
)
from tests.changes.applying import applied

ALICE, BOB = "alice@acme.example.com", "bob@acme.example.com"
NAMESAKE = okta_value("Role", "New", external_value="n")


def moving(*moves: tuple[str, str], values: tuple[str, ...] = ("New",)) -> Plan:
    """Alice and Bob are to hold the first value."""
    return plan(
        entitlements=[entitlement("Role", *values)],
        access=[cohort({"Role": [values[0]]}, ALICE, BOB)],
        moved=[Move(entitlement="Role", from_=old, to=new) for old, new in moves],
    )


def tenant(*values: str | OktaValue, held: str = "Old") -> Snapshot:
    """Alice holds ``held``, Bob nothing."""
    return snapshot(
        people=[ALICE, BOB],
        assigned=[ALICE, BOB],
        entitlements=[okta_entitlement("Role", *values)],
        grants=[okta_grant(ALICE, {"Role": [held]})],
    )


def said(changes: ChangeSet) -> list[str]:
    sent = [f"{each.action} {each.address}" for each in changes.changes]
    return sent + [f"hold {each.action} {each.address} {each.reason}" for each in changes.holds]


def test_a_value_is_renamed_whoever_holds_it_keeps_it_and_who_wants_it_waits() -> None:
    wanted, before = moving(("Old", "New")), tenant("Old", "Other")
    changes = diff(wanted, "d", before)
    rename, grant = changes.changes
    assert said(changes) == ["rename move/Role", f"grant grant/{BOB}"]
    assert rename.message == 'rename in Role: "Old" to "New" (grants of them stay)'
    assert (rename.before, rename.after) == ((("Role", ("Old",)),), (("Role", ("New",)),))
    assert grant.depends_on == (rename.address,)
    assert verify(wanted, before).otherwise == (rename.message,)
    after = applied(changes, before)
    assert [each.external_value for each in after.entitlements[0].values] == ["New", "Other"]
    assert said(diff(wanted, "d", after)) == []
    assert verify(wanted, after).is_good


@pytest.mark.parametrize(("name", "becomes"), [("Old", "New"), ("A name of its own", "A name of its own")])
def test_the_name_follows_only_where_it_was_the_external_value(name: str, becomes: str) -> None:
    old = okta_value("Role", name, external_value="Old")
    [rename, _] = diff(moving(("Old", "New")), "d", tenant(old)).changes
    assert rename.entitlement is not None
    assert rename.entitlement.rewordings == (Rewording(value="Old", external_value="New", name=becomes),)


@pytest.mark.parametrize(
    ("why", "values"),
    [
        ("both are there", ("Old", "New")),
        ("another one is called so", ("Old", NAMESAKE)),
        ("another one looks so", ("Old", "new ")),
    ],
)
def test_a_move_that_is_not_clear_is_held(why: str, values: tuple[str | OktaValue, ...]) -> None:
    changes = diff(moving(("Old", "New")), "d", tenant(*values))
    assert "hold rename move/Role move_blocked" in said(changes), why
    assert "rename" not in {each.action for each in changes.changes}


def test_a_held_move_creates_no_new_value_beside_the_old() -> None:
    changes = diff(moving(("Old", "New")), "d", tenant("Old", "new "))
    assert said(changes) == [
        f"hold grant grant/{ALICE} depends_on_held",
        f"hold grant grant/{BOB} depends_on_held",
        "hold rename move/Role move_blocked",
        "hold add values/Role move_blocked",
    ]


@pytest.mark.parametrize("values", [("New",), ("Other", "New")])
def test_a_move_that_is_over_is_nothing(values: tuple[str, ...]) -> None:
    assert said(diff(moving(("Old", "New")), "d", tenant(*values, held="New"))) == [f"grant grant/{BOB}"]


def test_what_was_never_there_is_created() -> None:
    changes = said(diff(moving(("Old", "New")), "d", tenant("Other", held="Other")))
    assert changes == ["add values/Role", f"extend grant/{ALICE}", f"grant grant/{BOB}"]


def test_a_listing_that_is_torn_holds_moves_too() -> None:
    torn = snapshot(entitlements=[okta_entitlement("Role", "Old")], incomplete=["values"])
    assert "hold rename move/Role incomplete_read" in said(diff(moving(("Old", "New")), "d", torn))


def test_a_move_nobody_reviewed_is_not_reviewed() -> None:
    one = diff(moving(("Old", "New")), "d", tenant("Old", "Older"))
    other = diff(moving(("Older", "New")), "d", tenant("Old", "Older"))
    assert changes_digest(one) != changes_digest(other)
    assert reviewer_of(one)(one.changes[0])
    assert not reviewer_of(one)(other.changes[0])


# descriptions


def described(text: str | None, value_text: str | None) -> list[Entitlement]:
    return [entitlement("Role", value("Admin", description=value_text), "Clerk", description=text)]


def compare(text: str | None, value_text: str | None) -> tuple[ChangeSet, Plan, Snapshot]:
    there = OktaValue("ent1", "Admin", "Admin", "May do all")
    role = okta_entitlement("Role", there, "Clerk", description="What one may do")
    wanted, before = plan(entitlements=described(text, value_text)), snapshot(entitlements=[role])
    return diff(wanted, "d", before), wanted, before


@pytest.mark.parametrize(
    ("text", "value_text", "message"),
    [
        (None, None, None),
        ("What one may do", "May do all", None),
        ("What one may do", " May do all ", None),
        ("Roles", None, 'describe in Role: itself as "Roles"'),
        (None, "May do much", 'describe in Role: Admin as "May do much"'),
        ("Roles", "May do much", 'describe in Role: itself as "Roles", Admin as "May do much"'),
    ],
)
def test_only_descriptions_that_the_plan_states_otherwise_are_sent(
    text: str | None, value_text: str | None, message: str | None
) -> None:
    changes, wanted, before = compare(text, value_text)
    assert [each.message for each in changes.changes] == ([message] if message else [])
    assert said(changes) == (["describe description/Role"] if message else [])
    assert verify(wanted, before).is_good == (message is None)
    after = applied(changes, before)
    assert diff(wanted, "d", after).changes == ()
    assert verify(wanted, after).is_good


def test_a_description_nobody_reviewed_is_not_reviewed_and_counts_in_the_digest() -> None:
    (one, _, _), (other, _, _) = compare("Roles", None), compare("What roles are", None)
    assert changes_digest(one) != changes_digest(other)
    assert reviewer_of(one)(one.changes[0])
    assert not reviewer_of(one)(other.changes[0])


def test_no_two_writes_of_one_entitlement_are_in_one_wave() -> None:
    wanted = plan(
        entitlements=[entitlement("Role", "New", "More", description="Roles")],
        moved=[Move(entitlement="Role", from_="Old", to="New")],
    )
    changes = diff(wanted, "d", snapshot(entitlements=[okta_entitlement("Role", "Old")]))
    assert [[each.action for [each] in wave.chains] for wave in waves(changes)] == [
        ["rename"],
        ["add"],
        ["describe"],
    ]
