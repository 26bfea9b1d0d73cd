"""analyze and generate with a mapping file: what it pins, what is wrong with it, what is written of it."""

from __future__ import annotations

import io
import random
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.errors import ErrorCode, InputError, OktaPlanError
from pipeline.plan.digest import plan_digest
from pipeline.plan.file import load_plan
from pipeline.plan.model import Plan
from pipeline.report.surveys import show_survey
from pipeline.runtime import Runtime
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.generating import INFERRED, Reading, Wanted, analyze, generate
from pipeline.use_cases.offline import show
from tests.s3_server import settings_of
from tests.virtual_time import clock

EXPORT = """Person,Mail,Job,Group_ID,Role
Ann,ann@x.example,"Clerk|Buyer",7,Admin
Bob,bob@x.example,Clerk,8,admin
"""


def desk(folder: Path, **sources: str) -> Desk:
    for name, text in sources.items():
        path = folder / "csv" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="")
    runtime = Runtime(clock=clock(), rng=random.Random(0), transport=None, workspace=folder.resolve())
    return Desk(runtime, settings_of({}))


def pinned(folder: Path, text: str) -> Reading:
    (folder / "m.yaml").write_text(f"schema: okta-plan-mapping/v1\n{text}", "utf-8")
    return Reading(mapping=Path("m.yaml"))


def planned(room: Desk, *, how: Reading = INFERRED, csv: str = "erp", force: bool = False) -> Plan:
    made = generate(room, csv.split(), Wanted(okta_app="ERP", force=force), how=how)
    return load_plan(room.workspace / made.plan).plan


def gives(plan: Plan) -> dict[str, dict[str, tuple[str, ...]]]:
    return {user: dict(cohort.values) for cohort in plan.access for user in cohort.users}


def test_a_mapping_file_decides_over_names_and_cells(tmp_path: Path) -> None:
    how = pinned(
        tmp_path,
        'entitlements:\n  - {column: Job, separator: "|"}\n  - {column: Group_ID}\nrows: null\n',
    )
    plan = planned(desk(tmp_path, erp=EXPORT), how=how)
    assert gives(plan) == {
        "ann@x.example": {"Group_ID": ("7",), "Job": ("Buyer", "Clerk")},
        "bob@x.example": {"Group_ID": ("8",), "Job": ("Clerk",)},
    }
    assert plan.mapping is not None
    assert plan.mapping.ignored["Role"] == "the mapping file says 'entitlements' without it"


def test_what_analyze_writes_reads_the_source_in_the_same_way(tmp_path: Path) -> None:
    room = desk(tmp_path, erp=EXPORT)
    seen = analyze(room, "erp", write_mapping=Path("m.yaml"))
    assert seen.paths == {"mapping": "m.yaml"}
    inferred, said = planned(room), planned(room, how=Reading(mapping=Path("m.yaml")), force=True)
    assert plan_digest(said) == plan_digest(inferred)


def test_the_next_command_can_be_pasted_whatever_the_source_is_called(tmp_path: Path) -> None:
    name = "$(touch gone) `id`; a'b.csv"
    room = desk(tmp_path)
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / name).write_text(EXPORT, "utf-8")
    out = io.StringIO()
    show_survey(analyze(room, f"csv/{name}"), Console(file=out, width=400))
    told = out.getvalue().splitlines()[-1]
    words = shlex.split(told.removeprefix("Next: "))
    assert words == ["okta-plan", "generate", f"csv/{name}", "--app", "APP"]


def test_what_values_may_be_meant_to_be_stands_in_comments_and_works_once_they_are_taken_away(
    tmp_path: Path,
) -> None:
    room = desk(tmp_path, erp="Email,Role\na@x,Admin\nb@x,admin\nc@x,3-Jan\nd@x,7\ne@x,007\n")
    analyze(room, "erp", write_mapping=Path("m.yaml"))
    text = (tmp_path / "m.yaml").read_text("utf-8")
    assert len(planned(room, how=Reading(mapping=Path("m.yaml"))).entitlements[0].values) == 5
    (tmp_path / "m.yaml").write_text(
        text.replace("    # values:", "    values:").replace("    #   ", "      ")
    )
    decided = planned(room, how=Reading(mapping=Path("m.yaml")), force=True)
    assert [each.name for each in decided.entitlements[0].values] == ["007", "3-1", "Admin"]


def test_access_that_begins_some_day_wants_a_day_to_be_judged_by(tmp_path: Path) -> None:
    room = desk(tmp_path, sap="UNAME,AGR_NAME,FROM_DAT\nANN,Z_BUYER,20260101\nBOB,Z_BUYER,20270101\n")
    with pytest.raises(InputError) as refused:
        planned(room, csv="sap")
    assert refused.value.code is ErrorCode.AS_OF_MISSING
    plan = planned(room, csv="sap", how=Reading(as_of="2026-06-15"))
    assert plan.mapping is not None
    assert (list(gives(plan)), plan.mapping.as_of) == (["ANN"], "2026-06-15")


def test_a_mapping_file_with_decisions_is_not_written_over(tmp_path: Path) -> None:
    room = desk(tmp_path, erp=EXPORT)
    how = pinned(tmp_path, "rows: null\n")
    with pytest.raises(InputError) as refused:
        analyze(room, "erp", how=how, write_mapping=Path("m.yaml"))
    assert refused.value.code is ErrorCode.MAPPING_EXISTS


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("user: {column: Mial}\n", 2, 'csv/erp.csv has no column "Mial". Did you mean "Mail"?'),
        ("entitlements:\n  - column: Role\n  - column: role\n", 4, 'Did you mean "Role"?'),
        ("usr: {column: Mail}\n", 2, 'Did you mean "user"?'),
        ("rows: {on_conflict: newest}\n", 2, "filter, deny_wins or latest"),
        ("date_order: ymd\n", 2, "dmy or mdy"),
    ],
)
def test_what_is_wrong_with_a_mapping_file_is_said_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        planned(desk(tmp_path, erp=EXPORT), how=pinned(tmp_path, text))
    assert refused.value.code is ErrorCode.MAPPING_INVALID
    [problem] = refused.value.findings
    assert problem.location is not None
    assert (problem.location.path, problem.location.line) == ("m.yaml", line)
    assert said in problem.detail


@pytest.mark.parametrize("day", ["2026-02-30", "today", "31.01.2026", "20260131"])
def test_a_day_that_is_none_is_refused(tmp_path: Path, day: str) -> None:
    with pytest.raises(OktaPlanError) as refused:
        planned(desk(tmp_path, erp=EXPORT), how=Reading(as_of=day))
    assert refused.value.code is ErrorCode.USAGE


def test_each_value_is_explained_down_to_the_lines_that_name_it(tmp_path: Path) -> None:
    text = "Email,Role,Effective_Access\nann@x,Admin; Buyer,Permitted\n\n"
    text += "ANN@x,Admin,Permitted\nann@x,Audit,Denied\n"
    room = desk(tmp_path, erp=text)
    planned(room)
    person = show(room, "erp", user="Ann@X").person
    assert person is not None
    assert [
        (each.entitlement, each.value, each.given, [(row.source, row.line, row.verdict) for row in each.rows])
        for each in person.because
    ] == [
        ("Role", "Admin", True, [("csv/erp.csv", 2, "used"), ("csv/erp.csv", 4, "used")]),
        ("Role", "Audit", False, [("csv/erp.csv", 5, "denied")]),
        ("Role", "Buyer", True, [("csv/erp.csv", 2, "used")]),
    ]


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("Email,Admin,Buyer\nann@x,x,\nbob@x,,x\n", INFERRED),
        ("Email,Attribute,Value\nann@x,Role,Admin\nbob@x,Role,Buyer\n", INFERRED),
        ("Email,Role,Valid From,Expires\nann@x,Admin,2026-01-01,31/12/2026\n", Reading(as_of="2026-06-15")),
    ],
)
def test_any_layout_is_explained_as_it_was_read(tmp_path: Path, source: str, how: Reading) -> None:
    room = desk(tmp_path, erp=source)
    planned(room, how=how)
    person = show(room, "erp", user="ann@x").person
    assert person is not None
    assert [(each.value, [row.line for row in each.rows]) for each in person.because] == [("Admin", [2])]


def test_a_source_that_changed_explains_nothing_and_one_that_moved_does(tmp_path: Path) -> None:
    room = desk(tmp_path, erp=EXPORT)
    planned(room)
    source = tmp_path / "csv" / "erp.csv"
    (tmp_path / "csv" / "processed").mkdir()
    moved = source.rename(tmp_path / "csv" / "processed" / "erp.csv")
    person = show(room, "erp", user="bob@x.example").person
    assert person is not None
    assert [row.line for each in person.because for row in each.rows] == [3]
    moved.rename(source).write_text(EXPORT + "Cid,cid@x.example,Clerk,9,Admin\n", "utf-8")
    with pytest.raises(InputError) as refused:
        show(room, "erp", user="bob@x.example")
    assert refused.value.code is ErrorCode.FILE_CHANGED
    source.unlink()
    person = show(room, "erp", user="bob@x.example").person
    assert person is not None
    assert (person.unread, [each.rows for each in person.because]) == (["csv/erp.csv"], [[]])


def test_latest_without_a_date_is_refused(tmp_path: Path) -> None:
    rows = "Email,Role,Effective_Access\na@x.example,R,Permitted\na@x.example,R,Denied\n"
    at = desk(tmp_path, export=rows)
    mapping = tmp_path / "m.yaml"
    mapping.write_text("schema: okta-plan-mapping/v1\nrows: {on_conflict: latest}\n")
    with pytest.raises(InputError) as refused:
        generate(at, ["csv/export.csv"], Wanted("ERP"), how=Reading(mapping))
    assert refused.value.code is ErrorCode.MAPPING_INVALID
    assert "latest" in refused.value.detail
