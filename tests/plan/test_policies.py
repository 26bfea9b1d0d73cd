"""Policy files: what is wrong with them, which app they are about, and what they say of a plan by itself."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from pipeline.errors import ErrorCode, InputError
from pipeline.plan.duties import Duties, Rule, Side
from pipeline.plan.file import load_policies
from pipeline.plan.model import OktaAppRef
from pipeline.plan.policy_reading import read_policy
from pipeline.plan.value_texts import ValuePattern
from tests.effort import examples
from tests.test_cases import furnish
from tests.test_guarding import PAYMENTS, refused
from tests.test_resuming import ANN

HEAD = "schema: okta-plan-policy/v1\nrules:\n"
RULE = "  - {id: a, why: w, together: [R/x, R/y]}\n"

BAD = {
    "no rules": ("schema: okta-plan-policy/v1\n", 1, 'key "rules" is missing'),
    "no schema": ("rules:\n" + RULE, 1, 'key "schema" is missing'),
    "another schema": ("schema: okta-plan/v1\nrules:\n" + RULE, 1, "okta-plan-policy/v1"),
    "a later schema": ("schema: okta-plan-policy/v2\nrules: 3\n", 1, "Upgrade okta-plan"),
    "an unknown key": (HEAD + "  - {id: a, why: w, togther: [R/x, R/y]}\n", 3, '"together"'),
    "no reason": (HEAD + "  - {id: a, together: [R/x, R/y]}\n", 3, '"why" is missing'),
    "one duty alone": (HEAD + "  - {id: a, why: w, together: [R/x]}\n", 3, "two or more"),
    "an empty duty": (HEAD + "  - {id: a, why: w, together: [R/x, []]}\n", 3, "at least one value"),
    "a bare value": (
        HEAD + "  - id: a\n    why: w\n    together:\n      - R/x\n      - y\n",
        7,
        "Entitlement/value",
    ),
    "an id with blanks": (HEAD + "  - {id: a b, why: w, together: [R/x, R/y]}\n", 3, "letters, digits"),
    "an app by nothing": (HEAD + "  - {id: a, why: w, okta_app: {}, together: [R/x, R/y]}\n", 3, "app's id"),
    "another severity": (HEAD + "  - {id: a, why: w, severity: x, together: [R/x, R/y]}\n", 3, "error"),
    "a key twice": (HEAD + RULE + "rules: []\n", 4, "rules"),
}


@pytest.mark.parametrize(("text", "line", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_policy_is_said_with_its_line(text: str, line: int, said: str) -> None:
    read = read_policy(text, "policies/a.yaml")
    assert read.rules == ()
    found = read.findings[0]
    assert found.location is not None
    assert (found.location.path, found.location.line) == ("policies/a.yaml", line)
    assert said in found.detail


def test_all_problems_of_all_files_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + RULE, "utf-8")
    (tmp_path / "b.yml").write_text(HEAD + RULE.replace("id: a", "id: A"), "utf-8")
    (tmp_path / "c.yaml").write_text("schema: okta-plan-policy/v1\n", "utf-8")
    (tmp_path / "notes.txt").write_text("nothing of ours", "utf-8")
    with pytest.raises(InputError) as caught:
        load_policies(tmp_path, shown_as="policies")
    assert caught.value.code is ErrorCode.POLICY_INVALID
    places = [str(each.location) for each in caught.value.findings]
    assert places == ["policies/c.yaml:1", "policies/b.yml:3"]


def test_a_folder_that_is_not_there_has_no_rules(tmp_path: Path) -> None:
    assert load_policies(tmp_path / "policies", shown_as="policies") == ()


@pytest.mark.parametrize(
    ("wanted", "app_id", "label", "about"),
    [
        (None, None, "ERP", True),
        (OktaAppRef(label="ERP"), "0oa1example0000000x7", "ERP", True),
        (OktaAppRef(label="ERP"), "0oa1example0000000x7", "erp", False),
        (OktaAppRef(id="0oa1example0000000x7"), "0oa1example0000000x7", "CRM", True),
        (OktaAppRef(id="0oa1example0000000x7", label="CRM"), "0oa2example0000000x7", "CRM", False),
        (OktaAppRef(id="0oa1example0000000x7", label="CRM"), None, "CRM", True),
        (OktaAppRef(id="0oa1example0000000x7"), None, "CRM", False),
        (OktaAppRef(label="CRM"), "0oa1example0000000x7", None, False),
    ],
)
def test_a_rule_is_about_the_app_it_names(
    wanted: OktaAppRef | None, app_id: str | None, label: str | None, about: bool
) -> None:
    rule = Rule(id="r", why="w", place="p:1", sides=(), okta_app=wanted)
    assert rule.is_about(app_id, label) is about


def patterns(*texts: str) -> Side:
    return Side(tuple(map(ValuePattern.of, texts)))


def conflicts(held: set[str], *sides: Side, okta: bool = False) -> list[str]:
    rule = Rule(id="r", why="w", place="p:1", sides=sides, one_value_suffices=okta)
    duties = Duties([rule], lambda pair: frozenset({"/".join(pair).casefold()}))
    return [each.told for each in duties.conflicts(("R", value) for value in held)]


def test_one_value_on_two_sides_is_no_conflict_by_itself_but_for_okta() -> None:
    sides = (patterns("R/*Admin"), patterns("R/Super*"))
    assert conflicts({"SuperAdmin"}, *sides) == []
    assert conflicts({"SuperAdmin"}, *sides, okta=True) == ["R/SuperAdmin with R/SuperAdmin"]
    assert conflicts({"SuperAdmin", "Admin"}, *sides) == ["R/Admin and R/SuperAdmin with R/SuperAdmin"]


def test_two_values_of_one_duty_are_no_conflict() -> None:
    assert conflicts({"a", "b"}, patterns("R/a", "R/b"), patterns("R/c")) == []
    assert conflicts({"a", "c"}, patterns("R/a", "R/b"), patterns("R/c")) == ["R/a with R/c"]


def test_of_three_duties_any_two_are_a_conflict() -> None:
    three = (patterns("R/a"), patterns("R/b"), patterns("R/c"))
    for one, other in combinations("abc", 2):
        assert conflicts({one, other}, *three) == [f"R/{one} with R/{other}"]
    assert conflicts({"a"}, *three) == []
    assert conflicts({"a", "b", "c"}, *three) == ["R/a with R/b with R/c"]


def test_conflicts_are_those_that_a_look_at_every_pair_finds() -> None:
    """Nobody holds two different values, one on each of two sides."""
    rng = random.Random(20260101)
    values = [f"v{number}" for number in range(6)]
    for _ in range(examples(300)):
        sides = [rng.sample(values, rng.randint(1, 3)) for _ in range(rng.randint(2, 4))]
        held = set(rng.sample(values, rng.randint(0, 5)))
        expected = any(
            one in sides[i] and other in sides[j]
            for i, j in combinations(range(len(sides)), 2)
            for one in held
            for other in held
            if one != other
        )
        found = conflicts(held, *(patterns(*(f"R/{value}" for value in side)) for side in sides))
        assert bool(found) == expected, (sides, held)


def test_only_a_star_stands_for_more_than_itself() -> None:
    for pattern, text, matches in (
        ("Role/*", "role/", True),
        ("Role/*", "role/a/b", True),
        ("*/Admin", "role/admin", True),
        ("Role/Adm?n", "role/admin", False),
        ("Role/[A]dmin", "role/admin", False),
        ("Role/Admin.", "role/admin1", False),
        ("Role/STRASSE", "role/straße".casefold(), True),
    ):
        assert ValuePattern.of(pattern).matches(frozenset({text})) is matches, pattern


PLAN = {
    "entitlements": [{"name": "Role", "external_value": "Role", "values": ["Admin", "Owner"]}],
    "access": [
        {"values": {"Role": ["Admin"]}, "users": ["bob@x.com"]},
        {"values": {"Role": ["Admin", "Owner"]}, "users": [ANN]},
    ],
}
ORG = {
    "users": [{"login": ANN, "email": ANN}],
    "okta_apps": [{"label": "ERP", "entitlement_management": True}],
}


@pytest.mark.parametrize(("severity", "ok"), [("error", False), ("warning", True)])
def test_validate_says_what_the_plan_itself_combines(severity: str, ok: bool, tmp_path: Path) -> None:
    policy = {**PAYMENTS, "rules": [{**PAYMENTS["rules"][0], "severity": severity}]}  # type: ignore[dict-item]
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG, "policies": {"p.yaml": policy}})
    view = org.validate()
    (finding,) = view.plans[0].findings
    assert (view.ok, view.exit_code, finding.code.value) == (ok, int(not ok), "sod_conflict")
    lines = (tmp_path / "plans" / "t.yaml").read_text("utf-8").splitlines()
    assert finding.location is not None
    number = int(str(finding.location).rpartition(":")[2])
    assert lines[number - 1].strip().startswith(("- values:", "values:"))
    assert number > lines.index("access:") + 2
    assert "1 person gets Role/Owner with Role/Admin" in finding.detail


def test_generate_writes_the_plan_and_says_what_it_combines(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG, "policies": {"p.yaml": PAYMENTS}})
    (tmp_path / "csv").mkdir()
    csv = "Email,Role,Effective_Access\na@x.com,Admin;Owner,Permitted\nb@x.com,Admin;Reader,Permitted\n"
    (tmp_path / "csv" / "people.csv").write_text(csv, "utf-8")
    view = org.generate("csv/people.csv")
    assert view.exit_code == 0
    (found,) = [each for each in view.findings if each.code == "sod_conflict"]
    assert found.location is not None
    assert str(found.location).startswith("plans/people.yaml:")
    written = (tmp_path / "plans" / "people.yaml").read_bytes()
    assert b"sod_conflict" not in written, "a plan depends on its sources alone"


def test_a_policy_that_cannot_be_read_stops_every_command_that_needs_it(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG, "policies": {"p.yaml": PAYMENTS | {"rules": 3}}})
    for call in (org.validate, org.diff, org.apply, org.verify, org.simulate):
        assert refused(call).code is ErrorCode.POLICY_INVALID
    assert org.writes() == 0


def test_the_example_of_the_documentation_is_a_policy() -> None:
    text = (Path(__file__).parents[2] / "docs" / "guards.md").read_text("utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    assert yaml.safe_load(example)["schema"] == "okta-plan-policy/v1"
    assert read_policy(example, "docs/guards.md").findings == ()
