"""Which plan a stage works on: the one that is there for this source and app, never one of anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.plan.file import load_plan
from pipeline.plan.model import Plan
from pipeline.use_cases import generating
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.looking import app_entitlements
from pipeline.use_cases.staging import stage_source
from tests.mcp_server.office import APP, PEOPLE, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.csv()
    return office


def staged(office: Office, csv: str = "csv/erp.csv", app: str = APP, *, structure: bool = False) -> str:
    async def stage(desk: Desk) -> str:
        return await stage_source(desk, csv, app, only_structure=structure)

    return office.on_loop(stage)


def plan(office: Office, path: str) -> Plan:
    return load_plan(office.workspace / path).plan


def test_the_same_source_and_app_are_the_same_plan_and_its_edits_are_kept(office: Office) -> None:
    path = staged(office)
    assert path == "plans/erp.yaml"
    file = office.workspace / path
    file.write_text(file.read_text("utf-8").replace(PEOPLE[2], "dee@acme.example.com"), encoding="utf-8")
    edited = file.read_bytes()
    assert staged(office) == path
    assert file.read_bytes() == edited


def test_an_edited_source_and_another_app_get_plans_of_their_own(office: Office) -> None:
    first = staged(office)
    kept = (office.workspace / first).read_bytes()
    office.csv("ann@acme.example.com,Viewer,Permitted\n")
    second = staged(office)
    other = staged(office, app="CRM")
    assert len({first, second, other}) == 3
    assert staged(office) == second
    assert (office.workspace / first).read_bytes() == kept
    assert plan(office, second).entitlements[0].values[0].name == "Viewer"
    assert plan(office, other).okta_app.label == "CRM"


def test_an_app_is_the_same_by_its_id_and_by_its_label(office: Office) -> None:
    async def app_id(desk: Desk) -> str:
        return (await app_entitlements(desk, APP))[0].id

    id_ = office.on_loop(app_id)
    path = staged(office)
    assert staged(office, app=id_) == path
    assert staged(office, app=id_, structure=True) == staged(office, structure=True)
    office.csv(name="by_id.csv")
    by_id = staged(office, "csv/by_id.csv", id_)
    assert plan(office, by_id).okta_app.id == id_
    assert staged(office, "csv/by_id.csv") == by_id


def test_the_structure_is_that_of_the_plan_a_person_made_with_a_mapping_file(office: Office) -> None:
    (office.workspace / "csv" / "odd.csv").write_text(
        "Who,What\nann@acme.example.com,Admin\n", encoding="utf-8"
    )
    mapping = office.workspace / "plans" / "odd.mapping.yaml"
    mapping.write_text(
        "schema: okta-plan-mapping/v1\nuser: {column: Who}\nentitlements: [{column: What}]\n",
        encoding="utf-8",
    )

    async def generate(desk: Desk) -> None:
        how = generating.Reading(mapping=mapping)
        generating.generate(desk, ["csv/odd.csv"], generating.Wanted(okta_app=APP), how=how)

    office.on_loop(generate)
    assert staged(office, "csv/odd.csv") == "plans/odd.yaml"
    structure = staged(office, "csv/odd.csv", structure=True)
    made = plan(office, structure)
    assert structure == "plans/odd-structure.yaml"
    assert (made.entitlements, made.access) == (plan(office, "plans/odd.yaml").entitlements, ())
    assert staged(office, "csv/odd.csv", structure=True) == structure


def test_the_structure_comes_before_the_plan_as_well_as_after_it(office: Office) -> None:
    before = staged(office, structure=True)
    staged(office)
    assert staged(office, structure=True) == before
    assert plan(office, before).access == ()
