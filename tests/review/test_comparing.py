"""Two plans side by side: by person and value, and nothing that changes the meaning stays unseen."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.plan.comparison import compare_plans, wanted_by_person
from pipeline.plan.digest import plan_digest
from pipeline.plan.file import write_plan
from pipeline.plan.lines import plan_lines
from pipeline.plan.model import Assignments, GrantOptions, Limits, Move, OktaAppRef, Plan, SourceRef
from pipeline.review.of_comparison import review_comparison
from tests.builders import cohort, entitlement, plan, value
from tests.changes.test_properties import plans
from tests.effort import examples
from tests.review.commands import okta_plan

ALICE, BOB = "alice@acme.example.com", "bob@acme.example.com"


def differs(old: Plan, new: Plan) -> bool:
    found = compare_plans(old, new)
    return bool(found.people or found.rules or found.values_added or found.values_gone)


@settings(max_examples=examples(60), deadline=None)
@given(plans(), plans())
def test_plans_that_mean_something_else_differ_in_comparison_and_lines(old: Plan, new: Plan) -> None:
    same = plan_digest(old) == plan_digest(new)
    assert same or differs(old, new)
    assert same or list(plan_lines(old)) != list(plan_lines(new))
    assert not differs(old, old)


@settings(max_examples=examples(60), deadline=None)
@given(plans(), plans())
def test_what_a_person_had_and_what_changes_make_what_the_person_gets(old: Plan, new: Plan) -> None:
    found = compare_plans(old, new)
    for each in found.people:
        assert (each.old.given - (each.old.given - each.new.given)) | (
            each.new.given - each.old.given
        ) == each.new.given
    everybody = wanted_by_person(old).keys() | wanted_by_person(new).keys()
    assert len(found.people) + found.same == len(everybody)


SETTINGS: dict[str, dict[str, Any]] = {
    "another name": {"name": "other"},
    "an author": {"author": "alice"},
    "another tenant": {"tenant": "acme.okta.com"},
    "another app": {"okta_app": OktaAppRef(label="CRM")},
    "another source": {"sources": (SourceRef(path="csv/a.csv", sha256="a" * 64, rows=3),)},
    "people with the app alone": {"assignments": Assignments(users=(BOB,))},
    "missing people held": {"assignments": Assignments(missing="hold")},
    "policies converted": {"grants": GrantOptions(policy_users="convert")},
    "another limit": {"limits": Limits(revoked_max=400)},
    "a privileged value": {"limits": Limits(privileged=("Role/Admin",))},
    "a move": {"moved": (Move.model_validate({"entitlement": "Role", "from": "Admin", "to": "Root"}),)},
    "another value": {"entitlements": (entitlement("Role", "Admin", "Clerk", "New"),)},
    "another name of a value": {
        "entitlements": (entitlement("Role", value("Chief", external_value="Admin"), "Clerk"),)
    },
    "a description": {"entitlements": (entitlement("Role", "Admin", "Clerk", description="what one does"),)},
    "one value a person": {"entitlements": (entitlement("Role", "Admin", "Clerk", multi_value=False),)},
    "an end": {"access": (cohort({"Role": ["Admin", "Clerk"]}, ALICE, expires="2027-01-01T00:00:00Z"),)},
    "an end of one value": {
        "access": (
            cohort({"Role": ["Admin"]}, ALICE, expires="2027-01-01T00:00:00Z"),
            cohort({"Role": ["Clerk"]}, ALICE),
        )
    },
    "a removal": {"removals": (cohort({"Role": ["Clerk"]}, BOB),)},
}


@pytest.mark.parametrize("change", SETTINGS.values(), ids=SETTINGS)
def test_each_thing_a_plan_says_is_seen_when_it_changes(change: dict[str, Any]) -> None:
    old = plan(
        access=[cohort({"Role": ["Admin", "Clerk"]}, ALICE)],
        entitlements=[entitlement("Role", "Admin", "Clerk")],
    )
    new = old.model_copy(update=change)
    assert differs(old, new)
    assert differs(new, old)
    assert list(plan_lines(old)) != list(plan_lines(new))


def test_the_first_limit_of_a_value_is_one_setting_that_changed() -> None:
    old = plan(access=[cohort({"Role": ["Admin"]}, ALICE)], entitlements=[entitlement("Role", "Admin")])
    new = old.model_copy(update={"limits": Limits(value_max={"Role/Admin": 3})})
    told = [(each.rule, each.old, each.new) for each in compare_plans(old, new).rules]
    assert told == [("limits.value_max.Role/Admin", None, "3")]
    back = [(each.rule, each.old, each.new) for each in compare_plans(new, old).rules]
    assert back == [("limits.value_max.Role/Admin", "3", None)]


def test_layout_order_and_case_of_people_are_no_difference() -> None:
    old = plan(access=[cohort({"Role": ["Admin"]}, ALICE, BOB)])
    new = plan(access=[cohort({"Role": ["Admin"]}, BOB.upper()), cohort({"Role": ["Admin"]}, ALICE)])
    assert plan_digest(old) == plan_digest(new)
    assert not differs(old, new)


def written(folder: Path, name: str, content: Plan) -> Path:
    path = folder / "plans" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    write_plan(path, content, force=True)
    return path


OLD = plan(
    access=[cohort({"Role": ["Admin", "Clerk"]}, ALICE), cohort({"Role": ["Clerk"]}, BOB)],
    entitlements=[entitlement("Role", "Admin", "Clerk")],
)
NEW = plan(
    access=[cohort({"Role": ["Clerk"]}, ALICE), cohort({"Role": ["Clerk", "Auditor"]}, BOB)],
    removals=[cohort({"Role": ["Admin"]}, ALICE)],
    entitlements=[entitlement("Role", "Admin", "Auditor", "Clerk")],
    limits=Limits(revoked_max=1),
)


def test_the_comparison_tells_what_is_given_taken_and_only_dropped(tmp_path: Path) -> None:
    written(tmp_path, "old", OLD)
    written(tmp_path, "new", NEW)
    answer = okta_plan(tmp_path, "compare", "old", "new", "--format", "json").json()
    alice, bob = answer["people"]
    assert (alice["principal"], alice["takes"], alice["drops"]) == (
        ALICE,
        {"Role": ["Admin"]},
        {"Role": ["Admin"]},
    )
    assert (bob["principal"], bob["adds"], bob["keeps"]) == (BOB, {"Role": ["Auditor"]}, {"Role": ["Clerk"]})
    assert answer["values_added"] == {"Role": ["Auditor"]}
    assert answer["rules"] == [{"rule": "limits.revoked_max", "old": "25", "new": "1"}]
    assert answer["counts"] == {"takes": 1, "adds": 1, "drops": 1, "people": 2, "values_added": 1, "rules": 1}


def test_a_reader_sees_the_removal_before_all_else() -> None:
    from pipeline.use_cases.comparing import compare_views

    review = review_comparison(compare_views("old.yaml", OLD, "new.yaml", NEW))
    assert [risk.key for risk in review.risks] == ["revocations", "rules", "new"]
    assert review.people is not None
    assert review.people.names == (ALICE, BOB)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")
def test_git_diff_shows_people_and_values(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
        return subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    git("init", "-q")
    git("config", "diff.okta-plan.textconv", f'"{sys.executable}" -m pipeline textconv')
    (tmp_path / ".gitattributes").write_text("plans/*.yaml diff=okta-plan\n", "utf-8")
    written(tmp_path, "erp", OLD)
    git("add", ".")
    git("commit", "-qm", "old")
    written(tmp_path, "erp", NEW)
    shown = git("diff").splitlines()
    assert [line for line in shown if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"}] == [
        "-limits.revoked_max: 25",
        "+limits.revoked_max: 1",
        "+value: Role: Auditor",
        f"-{ALICE} + Role: Admin",
        f"+{BOB} + Role: Auditor",
        f"+{ALICE} - Role: Admin",
    ]


def test_a_file_that_is_no_plan_is_shown_to_git_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("schema: okta-plan/v1\nname: [\n", "utf-8")
    said = okta_plan(tmp_path, "textconv", str(path))
    assert (said.exit_code, said.stdout) == (0, "schema: okta-plan/v1\nname: [\n")
    assert okta_plan(tmp_path, "textconv", str(tmp_path / "missing.yaml")).exit_code == 1


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.sampled_from(["Admin", "Clerk", "Auditor"]), unique=True, min_size=1))
def test_lines_name_every_person_and_value_once(roles: list[str]) -> None:
    lines = list(plan_lines(plan(access=[cohort({"Role": roles}, ALICE, BOB)])))
    wanted = [f"{who} + Role: {role}" for who in (ALICE, BOB) for role in sorted(roles)]
    assert [line for line in lines if " + " in line] == wanted
