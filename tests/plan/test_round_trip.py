"""What is written is read back unchanged, whatever the names; the digest covers meaning and nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.address import principal_key
from pipeline.errors import ErrorCode, InputError
from pipeline.plan.digest import _FORMAT, _canonical, _outside_cohorts, plan_digest
from pipeline.plan.file import load_plan, write_plan
from pipeline.plan.mapping_reading import read_pins
from pipeline.plan.mapping_text import dump_mapping
from pipeline.plan.model import (
    Cohort,
    Entitlement,
    EntitlementColumn,
    Mapping,
    NamedValues,
    OktaAppRef,
    Plan,
    PlanFinding,
    RowsMapping,
    Totals,
    UserMapping,
    Validity,
    Value,
    Wide,
)
from pipeline.plan.reading import read_plan
from pipeline.plan.schema import mapping_schema
from pipeline.plan.yaml_text import dump_plan

ROOT = Path(__file__).parent.parent.parent
TRAPS = [
    "no",
    "on",
    "012",
    "1_000",
    "12:30:45",
    "2025-01-01",
    "=",
    "<<",
    ".inf",
    "+15551234",
    "null",
    "~",
    "- a",
]
TRAPS += [
    "@a",
    " a",
    "a ",
    "`",
    "%a",
    "&a",
    "*a",
    "!a",
    "#a",
    "a #b",
    "a: b",
    "? a",
    "{a",
    "[a",
    "|",
    ">",
    '"',
    "'",
]
TRAPS += [
    "a\tb",
    "a\nb",
    "\u0085",
    "\u2028",
    "\ufeff",
    "\U0001f600",
    "\x00",
    "\x9f",
    "\ufffe",
    "true",
    "0x1F",
    "1e3",
]

texts = st.one_of(
    st.sampled_from(TRAPS), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
)
optional = st.none() | texts


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    """With every key that a mapping can have, given or not."""
    columns = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    named = NamedValues(name=draw(texts), value=draw(texts), names=tuple(columns))
    wide = Wide(entitlement=draw(texts), columns=tuple(columns), marks=("x", draw(texts)))
    start, end = draw(texts), draw(optional)
    return Mapping(
        user=UserMapping(column=draw(texts)),
        rows=draw(st.none() | st.just(RowsMapping(column=draw(texts), use=("Yes", draw(texts)), deny=()))),
        date=draw(optional),
        validity=draw(st.none() | st.just(Validity(start=start, end=end))),
        date_order=draw(st.sampled_from([None, "dmy", "mdy"])),
        as_of=draw(st.sampled_from([None, "2026-01-31"])),
        wide=draw(st.none() | st.just(wide)),
        named_values=draw(st.none() | st.just(named)),
        entitlements=tuple(
            EntitlementColumn(
                column=each,
                separator=draw(optional),
                nothing=draw(st.none() | st.just((draw(texts),))),
                values=draw(st.none() | st.dictionaries(texts, texts, min_size=1, max_size=2)),
                multi_value=draw(st.none() | st.booleans()),
                why=draw(optional),
            )
            for each in columns
        ),
        ignored=draw(st.dictionaries(texts, texts, max_size=3)),
    )


visible = st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cf"])
logins = st.text(visible, min_size=1, max_size=12).filter(lambda text: not any(map(str.isspace, text)))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    names = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    users = draw(st.lists(logins, min_size=1, max_size=6, unique_by=str.casefold))
    values = tuple(Value(name=each, external_value=each) for each in names)
    entitlement = draw(texts)
    half = len(users) // 2
    cohorts = [(users[:half], names[:1]), (users[half:], names)]
    return Plan(
        name="t",
        okta_app=OktaAppRef(label=draw(texts)),
        mapping=draw(st.none() | mappings()),
        author=draw(st.none() | texts),
        entitlements=(Entitlement(name=entitlement, external_value=entitlement, values=values),),
        access=tuple(
            Cohort(values={entitlement: tuple(sorted(held))}, users=tuple(sorted(who)))
            for who, held in cohorts
            if who
        ),
        findings=(PlanFinding(code="x", rows=(1,), detail=draw(texts)),),
    )


def meaning(plan: Plan) -> dict[str, object]:
    """The plan as data, users in any order."""
    dumped = plan.model_dump(mode="json", by_alias=True)
    for cohort in dumped["access"]:
        cohort["users"] = sorted(cohort["users"])
    return dumped


@given(plans())
def test_a_written_plan_is_read_back_unchanged(plan: Plan) -> None:
    text = dump_plan(plan)
    read = read_plan(text, "t.yaml")
    assert read.plan is not None, read
    assert meaning(read.plan) == meaning(plan)
    assert dump_plan(read.plan) == text
    assert yaml.safe_load(text)["schema"] == "okta-plan/v1"
    assert plan_digest(read.plan) == plan_digest(plan)


crowd_logins = st.one_of(
    st.sampled_from(["a", "a!", "A", "a b", 'a"', "a\\", "straße", "STRASSE", "", " a", "\u2028", "a\nb"]),
    logins,
)
crowds = st.lists(
    st.tuples(
        st.lists(crowd_logins, max_size=4),
        st.dictionaries(texts, st.lists(texts, max_size=3), max_size=2),
        st.sampled_from([None, "2027-01-31T00:00:00Z"]),
    ),
    max_size=4,
)


@settings(deadline=None)
@given(crowds, crowds)
def test_very_many_people_have_the_digest_that_they_have_one_by_one(
    given_to: list[tuple[list[str], dict[str, list[str]], str | None]],
    taken_from: list[tuple[list[str], dict[str, list[str]], str | None]],
) -> None:
    cohorts = [
        tuple(
            Cohort.model_construct(
                values={key: tuple(values) for key, values in held.items()}, expires=end, users=tuple(users)
            )
            for users, held, end in each
        )
        for each in (given_to, taken_from)
    ]
    plan = base().model_copy(update={"access": cohorts[0], "removals": cohorts[1]})
    assert plan_digest(plan, many_people=1) == plan_digest(plan, many_people=1_000)
    assert plan_digest(plan) == digest_by_definition(plan)


def digest_by_definition(plan: Plan) -> str:
    """As its module says, with no regard to speed."""
    lines = [_FORMAT, _canonical(_outside_cohorts(plan))]
    for section in ("access", "removals"):
        lines.append(section)
        cohorts = getattr(plan, section)
        for person in sorted({principal_key(user) for cohort in cohorts for user in cohort.users}):
            until: dict[str, set[tuple[str, str]]] = {}
            for cohort in cohorts:
                if person in map(principal_key, cohort.users):
                    pairs = {(key, value) for key, values in cohort.values.items() for value in values}
                    until.setdefault(cohort.expires or "", set()).update(pairs)
            holding = _canonical({end: sorted(pairs) for end, pairs in until.items()})
            held = hashlib.sha256(holding.encode()).hexdigest()
            lines.append(f"{json.dumps(person, ensure_ascii=False)} {held}")
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


@given(mappings())
def test_a_written_mapping_file_pins_what_it_was_written_from(mapping: Mapping) -> None:
    text = dump_mapping(mapping, "csv/a.csv", {mapping.entitlements[0].column: {"3-Jan\n": "3-1"}})
    read = read_pins(text, "m.yaml")
    assert read.pins is not None, read
    pinned = [each.model_copy(update={"why": None}) for each in read.pins.entitlements or ()]
    assert [each.model_dump() for each in pinned] == [
        each.model_dump() | {"why": None} for each in mapping.entitlements
    ]
    assert read.pins.model_dump(exclude={"entitlements", "schema_"}) == mapping.model_dump(
        exclude={"entitlements", "as_of", "ignored"}
    ) | {"ignored": tuple(sorted(mapping.ignored))}
    jsonschema.validate(yaml.safe_load(text), mapping_schema())


def base() -> Plan:
    return Plan(
        name="t",
        okta_app=OktaAppRef(label="ERP"),
        entitlements=(
            Entitlement(
                name="Role",
                external_value="Role",
                values=tuple(Value(name=each, external_value=each) for each in "AB"),
            ),
        ),
        access=(Cohort(values={"Role": ("A",)}, users=("ann@x.com", "bob@x.com")),),
    )


def test_the_digest_ignores_what_means_nothing() -> None:
    plan = base()
    [cohort] = plan.access
    split = tuple(cohort.model_copy(update={"users": (user,)}) for user in reversed(cohort.users))
    same = [
        plan.model_copy(update={"access": split}),
        plan.model_copy(update={"findings": (PlanFinding(code="x"),)}),
        plan.model_copy(update={"totals": Totals(rows=0, used=0, users=0, values=0, cohorts=0)}),
    ]
    assert {plan_digest(each) for each in same} == {plan_digest(plan)}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "u"},
        {"tenant": "acme.okta.com"},
        {"okta_app": OktaAppRef(label="Other")},
        {"access": (Cohort(values={"Role": ("A",)}, users=("ann@x.com",)),)},
        {"access": (Cohort(values={"Role": ("A", "B")}, users=("ann@x.com", "bob@x.com")),)},
        {"removals": (Cohort(values={"Role": ("B",)}, users=("ann@x.com",)),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_changes_with_the_meaning(change: dict[str, object]) -> None:
    assert plan_digest(base().model_copy(update=change)) != plan_digest(base())


def test_writing_twice_changes_nothing_and_another_plan_needs_force(tmp_path: Path) -> None:
    path = tmp_path / "plans" / "t.yaml"
    path.parent.mkdir()
    assert write_plan(path, base(), force=False)
    assert not write_plan(path, base(), force=False)
    other = base().model_copy(update={"tenant": "acme.okta.com"})
    with pytest.raises(InputError) as refused:
        write_plan(path, other, force=False)
    assert refused.value.code is ErrorCode.PLAN_EXISTS
    assert load_plan(path).plan == base()
    assert write_plan(path, other, force=True)
    assert load_plan(path).plan == other
    assert [each.name for each in path.parent.iterdir()] == ["t.yaml"]


def test_the_published_schema_takes_the_samples_and_hand_written_forms() -> None:
    schema = json.loads((ROOT / "schemas" / "plan.schema.json").read_text("utf-8"))
    for path in sorted((ROOT / "plans").glob("sample_*.yaml")):
        jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), schema)
    short = {
        "schema": "okta-plan/v1",
        "name": "t",
        "okta_app": {"label": "ERP"},
        "entitlements": [{"name": "Role", "external_value": "Role", "values": ["A", {"name": "B"}]}],
        "access": [{"values": {"Role": ["A"]}, "users": ["ann@x.com"]}],
    }
    jsonschema.validate(short, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(short | {"acess": []}, schema)
