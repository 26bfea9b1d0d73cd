"""generate --since: what is gone is proposed for review, and only where it is certain that it is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ErrorCode, InputError
from pipeline.plan.cohorts import cohorts_of
from pipeline.plan.file import load_plan
from pipeline.plan.model import Entitlement, OktaAppRef, Plan, Value
from pipeline.plan.reading import read_plan
from pipeline.plan.since import propose_removals
from pipeline.plan.yaml_text import dump_plan
from tests.in_process import Tenant
from tests.test_cases import furnish

PEOPLE = [f"p{number}@x.com" for number in range(20)]
ORG: dict[str, Any] = {
    "users": [{"login": each, "email": each} for each in ("root@x.com", *PEOPLE)],
    "okta_apps": [
        {
            "label": "ERP",
            "entitlement_management": True,
            "assigned": [PEOPLE[1]],
            "entitlements": [
                {"name": "Role", "external_value": "Role", "multi_value": True, "values": ["Old"]}
            ],
            "grants": [{"user": PEOPLE[1], "type": "CUSTOM", "values": {"Role": ["Old"]}}],
        }
    ],
}
HEADER = "Email,Role,Effective_Access\n"
ROWS = [f"{each},Admin,Permitted\n" for each in PEOPLE]
FIRST = [ROWS[0], f"{PEOPLE[1]},Old; Admin,Permitted\n", *ROWS[2:]]


def write(folder: Path, name: str, rows: list[str], header: str = HEADER) -> str:
    path = folder / "csv" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(header + "".join(rows), "utf-8")
    return f"csv/{name}.csv"


@pytest.fixture
def tenant(tmp_path: Path) -> Tenant:
    """The plan ``first`` has been applied; one value of it was held before."""
    room = furnish(tmp_path, {"plan": {}, "org": ORG})
    room.generate(write(tmp_path, "first", FIRST))
    assert room.apply("first").exit_code == 0
    room.starts_s += 3600
    return room


def proposed(room: Tenant, rows: list[str], **wanted: Any) -> tuple[dict[str, Any], tuple[int, int, int]]:
    made = room.generate(write(room.workspace, "second", rows), since="first", **wanted)
    plan = load_plan(room.workspace / made.plan).plan
    assert made.since is not None
    counts = (made.since.removals, made.since.not_ours, made.since.doubted)
    return {user: dict(cohort.values) for cohort in plan.removals for user in cohort.users}, counts


def test_what_a_run_added_and_the_source_lacks_is_proposed_and_taken_once_reviewed(tenant: Tenant) -> None:
    removals, counts = proposed(tenant, [*ROWS[2:], f"{PEOPLE[1]},Other,Permitted\n"])
    assert removals == {PEOPLE[0]: {"Role": ("Admin",)}, PEOPLE[1]: {"Role": ("Admin",)}}
    assert counts == (2, 1, 0)
    done = tenant.apply_reviewed("second")
    assert (done.exit_code, [(e.principal, e.reason, e.detail) for e in done.held]) == (0, [])
    held = tenant.held()
    assert PEOPLE[0] not in str({user: values for user, values in held.items() if values})
    assert "Old" in str(held[PEOPLE[1]])


def test_since_all_also_proposes_what_was_there_before_any_run(tenant: Tenant) -> None:
    removals, counts = proposed(tenant, [*ROWS[2:], f"{PEOPLE[1]},Other,Permitted\n"], since_all=True)
    assert removals[PEOPLE[1]] == {"Role": ("Admin", "Old")}
    assert counts == (3, 0, 0)


def test_of_people_with_rejected_rows_nothing_is_proposed(tenant: Tenant) -> None:
    removals, counts = proposed(tenant, [f"{PEOPLE[0]},Admin,Perhaps\n", *FIRST[1:]])
    assert (removals, counts) == ({}, (0, 0, 1))


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (FIRST[:17], HEADER, "20 rows, and now 17: 15.0 % are gone"),
        (
            [each.replace(",Permitted", "") for each in FIRST],
            "Email,Role\n",
            "the status column Effective_Access",
        ),
        (FIRST, "Login,Role,Effective_Access\n", "the user column Email"),
        (FIRST, "Email,Permission_Set,Effective_Access\n", "the column of access Role"),
        ([*FIRST[1:], f"{PEOPLE[0]}\n"], HEADER, "1 rows, the first on line 21, name nobody"),
        ([*FIRST[1:], ",Admin,Permitted\n"], HEADER, "1 rows, the first on line 21, name nobody"),
    ],
)
def test_what_may_be_missing_rather_than_gone_is_never_proposed(
    tenant: Tenant, rows: list[str], header: str, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        tenant.generate(write(tenant.workspace, "second", rows, header), since="first", since_all=True)
    assert refused.value.code is ErrorCode.SINCE_REFUSED
    assert said in refused.value.detail
    assert not (tenant.workspace / "plans" / "second.yaml").exists()


pairs = st.sets(st.tuples(st.sampled_from(["Role", "Group"]), st.sampled_from("ABC")), max_size=4)
holdings = st.dictionaries(st.sampled_from(["ann@x", "bob@x", "cid@x"]), pairs)


def plan_of(given_pairs: dict[str, set[tuple[str, str]]]) -> Plan:
    given_pairs = {user: each for user, each in given_pairs.items() if each}
    names: dict[str, set[str]] = {}
    for entitlement, value in (pair for each in given_pairs.values() for pair in each):
        names.setdefault(entitlement, set()).add(value)
    return Plan(
        name="t",
        okta_app=OktaAppRef(label="ERP"),
        entitlements=tuple(
            Entitlement(
                name=name,
                external_value=name,
                values=tuple(Value(name=each, external_value=each) for each in sorted(values)),
            )
            for name, values in sorted(names.items())
        ),
        access=cohorts_of(given_pairs),
    )


@given(holdings, holdings, st.none() | holdings, st.sets(st.sampled_from(["ann@x", "bob@x"])))
def test_removals_are_what_the_old_plan_gave_without_what_is_given_not_ours_or_doubted(
    old: dict[str, set[tuple[str, str]]],
    new: dict[str, set[tuple[str, str]]],
    added: dict[str, set[tuple[str, str]]] | None,
    doubted: set[str],
) -> None:
    found = propose_removals(plan_of(old), plan_of(new), added, doubted)
    removed = {
        (user, pair)
        for cohort in found.plan.removals
        for user in cohort.users
        for pair in ((name, value) for name, values in cohort.values.items() for value in values)
    }
    assert removed == {
        (user, pair)
        for user, each in old.items()
        for pair in each
        if user not in doubted
        and pair not in new.get(user, set())
        and (added is None or pair in added.get(user, set()))
    }
    gone = sum(len(each - new.get(user, set())) for user, each in old.items())
    assert found.removals + found.not_ours + found.doubted == gone
    assert not read_plan(dump_plan(found.plan), "t.yaml").has_errors
