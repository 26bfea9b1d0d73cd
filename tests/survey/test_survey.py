from __future__ import annotations

import csv
import random
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import FindingCode
from pipeline.plan.model import OktaAppRef
from pipeline.plan.yaml_text import dump_plan
from pipeline.source.frame import ROW, Frame, Lines, RejectedRow
from pipeline.source.local import read_local
from pipeline.survey.draft import draft_plan
from pipeline.survey.survey import Survey, survey

ROOT = Path(__file__).parent.parent.parent
HEADER = ("Email", "Role", "Permission_Set", "Effective_Access")
Row = tuple[str, ...]


def frame(rows: list[Row], header: tuple[str, ...] = HEADER, rejected: tuple[RejectedRow, ...] = ()) -> Frame:
    columns = {name: [row[index] for row in rows] for index, name in enumerate(header)}
    table = pl.DataFrame(columns, schema=dict.fromkeys(header, pl.String)).with_row_index(ROW)
    lines = Lines(2, pl.Series([], dtype=pl.Int64))
    return Frame("csv/a.csv", "0" * 64, header, table.lazy(), len(rows), lines, rejected)


def access(surveyed: Survey) -> dict[str, dict[str, tuple[str, ...]]]:
    return {user: dict(cohort.values) for cohort in surveyed.cohorts for user in cohort.users}


def drafted(surveyed: Survey) -> str:
    """The plan's text without what may differ by order: the source's digest and line numbers."""
    text = dump_plan(draft_plan(surveyed, okta_app=OktaAppRef(label="ERP"), name="t"))
    return re.sub(r"sha256: \w+|rows: \[[\d, ]*\]", "", text)


def test_lists_are_split_trimmed_and_freed_of_repeats() -> None:
    surveyed = survey(
        frame([("a@x", " Admin; Auditor ;;Admin", "P", "Permitted"), ("b@x", "Admin", "", "Permitted")])
    )
    assert access(surveyed) == {
        "a@x": {"Permission_Set": ("P",), "Role": ("Admin", "Auditor")},
        "b@x": {"Role": ("Admin",)},
    }
    reasons = {column.name: column.reason for column in surveyed.columns}
    assert reasons["Role"] == "1 of 2 cells hold ';' lists drawn from 2 values"
    assert reasons["Permission_Set"] == "1 distinct values, no separator"


def test_every_row_is_used_excluded_or_rejected_with_the_first_reason_that_holds() -> None:
    rows: list[Row] = [
        ("a@x", "R", "P", " permitted "),
        ("a@x", "R2", "P", "DENIED"),
        ("", "R", "P", "Permitted"),
        ("a b@x", "R", "P", "Permitted"),
        ("a@x", "R", "P", "Maybe"),
        ("a@x", " ; ", "", "Permitted"),
    ]
    surveyed = survey(frame(rows, rejected=(RejectedRow(9, "ragged_row", "It has 1 cells."),)))
    totals = surveyed.totals
    assert (totals.rows, totals.used) == (7, 1)
    assert totals.excluded == {"denied": 1, "no_value": 1}
    assert totals.rejected == {"bad_user": 1, "no_user": 1, "ragged_row": 1, "unknown_access_status": 1}
    assert [(each.line, each.reason) for each in surveyed.rejected] == [
        (4, "no_user"),
        (5, "bad_user"),
        (6, "unknown_access_status"),
        (9, "ragged_row"),
    ]


def test_users_that_are_equal_case_folded_are_one() -> None:
    surveyed = survey(frame([("Ann@X", "R1", "", "Permitted"), ("ann@x", "R2", "", "Permitted")]))
    assert access(surveyed) == {"Ann@X": {"Role": ("R1", "R2")}}


def test_conflicts_collisions_and_copies_are_found() -> None:
    rows: list[Row] = [
        ("a@x", "Admin", "P", "Permitted"),
        ("a@x", "Admin", "", "Denied"),
        ("b@x", "admin", "P", "Permitted"),
        ("b@x", "admin", "P", "Permitted"),
    ]
    found = {each.code: each.rows for each in survey(frame(rows)).findings}
    assert found == {
        FindingCode.PERMITTED_AND_DENIED: (2, 3),
        FindingCode.NEAR_COLLISION: (2, 4, 5),
        FindingCode.DUPLICATE_ROWS: (4, 5),
    }


@pytest.mark.parametrize(
    ("header", "rows", "code"),
    [
        (("Name", "Role"), [("a", "R")], ErrorCode.NO_USER_COLUMN),
        (("Email", "Department"), [("a@x", "D")], ErrorCode.NO_ENTITLEMENT_COLUMN),
        (HEADER, [("a@x", "R", "P", "Denied")], ErrorCode.NO_USABLE_ROWS),
        (HEADER, [("a@x", "R" * 256, "P", "Permitted")], ErrorCode.BAD_CELLS),
    ],
)
def test_a_source_that_cannot_become_a_plan_is_one_clear_error(
    header: tuple[str, ...], rows: list[Row], code: ErrorCode
) -> None:
    with pytest.raises(InputError) as refused:
        survey(frame(rows, header))
    assert refused.value.code is code
    assert refused.value.next_step


rows_strategy = st.lists(
    st.tuples(
        st.sampled_from(["a@x", "A@x", " a@x", "b@x", "", "c d@x", "straße@x", "STRASSE@x", "é@x"]),
        st.sampled_from(["Admin", "admin", "Admin; Auditor", "", "Straße", "x;y;z"]),
        st.sampled_from(["P1", "P2", ""]),
        st.sampled_from(["Permitted", "Denied", "permitted", "?"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(rows_strategy, st.randoms(use_true_random=False))
def test_totals_balance_and_order_changes_nothing(rows: list[tuple[str, ...]], rng: random.Random) -> None:
    certain = ("sure@x", "Admin", "P1", "Permitted")
    rows = [certain, *rows]
    surveyed = survey(frame(rows))
    totals = surveyed.totals
    assert totals.rows == len(rows)
    assert totals.rows == totals.used + sum(totals.excluded.values()) + sum(totals.rejected.values())
    columns = rng.sample(range(4), 4)
    shuffled = [tuple(row[index] for index in columns) for row in rng.sample(rows, len(rows))]
    again = survey(frame(shuffled, tuple(HEADER[index] for index in columns)))
    assert drafted(again) == drafted(surveyed)
    cohorts = [(tuple(each.values.items()), each.users) for each in surveyed.cohorts]
    assert cohorts == cohorts_one_by_one(rows)


def cohorts_one_by_one(
    rows: list[tuple[str, ...]],
) -> list[tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[str, ...]]]:
    """What each person holds, found row by row; people and cohorts in the order of a plan."""
    held: dict[str, set[tuple[str, str]]] = {}
    names: dict[str, str] = {}
    for cell, roles, permission, status in rows:
        user = cell.strip()
        pairs = {("Role", each.strip()) for each in roles.split(";")} | {("Permission_Set", permission)}
        pairs = {pair for pair in pairs if pair[1]}
        if status.casefold() == "permitted" and pairs and user and " " not in user:
            held.setdefault(user.casefold(), set()).update(pairs)
            names[user.casefold()] = min(user, names.get(user.casefold(), user))
    users_of: dict[tuple[tuple[str, tuple[str, ...]], ...], list[str]] = {}
    for key in sorted(held):
        of = {
            name: tuple(sorted(value for each, value in held[key] if each == name)) for name, _ in held[key]
        }
        users_of.setdefault(tuple(sorted(of.items())), []).append(names[key])
    ordered = sorted(users_of.items(), key=lambda each: (-len(each[1]), each[0]))
    return [(holding, tuple(users)) for holding, users in ordered]


SHAPES = {
    "sample_small_baseline": (10, 10, 0, 0, 4),
    "sample_medium_denormalized": (45, 15, 7, 7, 33),
    "sample_permission_creep": (20, 5, 8, 5, 4),
}


@pytest.mark.parametrize("name", SHAPES)
def test_samples_have_their_documented_shape_and_order_does_not_matter(name: str, tmp_path: Path) -> None:
    source = ROOT / "csv" / f"{name}.csv"
    with source.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    by_name = [dict(zip(header, row, strict=True)) for row in rows]
    assert (
        len(rows),
        len({row["Email"] for row in by_name}),
        sum(";" in row["Role"] for row in by_name),
        sum(row["Effective_Access"] == "Denied" for row in by_name),
        len({row["Permission_Set"] for row in by_name}),
    ) == SHAPES[name]
    rng = random.Random(name)
    order = rng.sample(range(len(header)), len(header))
    (tmp_path / "csv").mkdir()
    with (tmp_path / "csv" / source.name).open("w", newline="", encoding="utf-8") as file:
        shuffled = [header, *rng.sample(rows, len(rows))]
        csv.writer(file).writerows([[row[index] for index in order] for row in shuffled])
    here, there = (survey(read_local(root, Path("csv") / source.name)) for root in (ROOT, tmp_path))
    assert drafted(there) == drafted(here)


@pytest.mark.parametrize("values", [3, 64, 65, 200, 2_048, 2_049])
def test_however_many_values_there_are_people_hold_what_their_rows_say(values: int) -> None:
    rng = random.Random(values)
    expected: dict[str, set[str]] = {}
    denied: set[tuple[str, str]] = set()
    rows: list[Row] = []
    for number in range(values * 2):
        user, status = f"u{rng.randrange(40)}@x", rng.choice(["Permitted", "Permitted", "Denied"])
        held = [f"R{number % values}", *(f"R{rng.randrange(values)}" for _ in range(rng.randrange(3)))]
        if number < values:
            status = "Permitted"
        if status == "Permitted":
            expected.setdefault(user, set()).update(held)
        else:
            denied.update((user, value) for value in held)
        rows.append((user, "; ".join(held), "", status))
    surveyed = survey(frame(rows))
    assert access(surveyed) == {user: {"Role": tuple(sorted(held))} for user, held in expected.items()}
    assert [value.name for value in surveyed.entitlements[0].values] == sorted(f"R{n}" for n in range(values))
    conflicts = [each for each in surveyed.findings if each.code is FindingCode.PERMITTED_AND_DENIED]
    both = sorted((user, value) for user, value in denied if value in expected.get(user, ()))
    assert [each.detail.split(" is granted")[0] for each in conflicts] == [f"{u}: Role {v}" for u, v in both]


@pytest.mark.parametrize("values", [1, 2_049])
def test_very_many_conflicts_are_one_finding_with_the_lines_that_deny(values: int) -> None:
    rows: list[Row] = [(f"u{number}@x", f"R{number % values}", "P", "Permitted") for number in range(2_100)]
    rows += [(f"u{number}@x", f"R{number % values}", "", "Denied") for number in range(1_001)]
    conflicts = [
        each for each in survey(frame(rows)).findings if each.code is FindingCode.PERMITTED_AND_DENIED
    ]
    assert [each.rows for each in conflicts] == [tuple(range(2_102, 2_102 + 1_001))]
    assert conflicts[0].detail.startswith("Role: values of 1,001 people are granted, though 1,001 other rows")


@pytest.mark.parametrize(("rows", "said"), [(65_534, False), (65_535, True), (65_536, False)])
def test_a_source_as_long_as_a_sheet_may_be_cut_off(rows: int, *, said: bool) -> None:
    found = survey(frame([("a@x", "Admin", "", "Permitted")] * rows)).findings
    assert (FindingCode.SHEET_LIMIT in [each.code for each in found]) is said
