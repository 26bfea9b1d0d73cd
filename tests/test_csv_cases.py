"""tests/cases/csv/*.yaml: a source and what must come of it. One runner for all; a file's name is its claim.

``text`` is the source as one text, or as a list of lines with their line ends; ``encoding`` (Python's name),
``pack`` and ``cut_bytes`` (off its end) make bytes of it, ``{long}`` stands for that many characters.
``expect`` gives an error (code and line), or totals (those named), access, findings (codes, with lines where
they are given), a part of what they say, rejected rows, columns (roles, some or all), a part of why a column
is read as it is, and how the source was read; findings that are not named must not be there. ``mapping`` is a
mapping file, ``as_of`` the day on which validity is judged.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import InputError
from pipeline.plan.mapping_reading import read_pins, unknown_columns
from pipeline.plan.model import OktaAppRef
from pipeline.plan.pins import Pins
from pipeline.plan.reading import read_plan
from pipeline.plan.yaml_text import dump_plan
from pipeline.source.frame import Frame
from pipeline.source.reading import read_bytes
from pipeline.survey.draft import draft_plan
from pipeline.survey.survey import Survey, survey
from tests.source.tables import zstd_compress

CASES = sorted((Path(__file__).parent / "cases" / "csv").glob("*.yaml"))
PACKS = {"gzip": gzip.compress, "zstd": zstd_compress}
REJECTIONS = {"ragged_row", "broken_quotes"}


def source(case: dict[str, Any]) -> bytes:
    text = case["text"] if isinstance(case["text"], str) else "".join(case["text"])
    content = text.replace("{long}", "x" * case.get("long", 0)).encode(case.get("encoding", "utf-8"))
    if "pack" in case:
        content = PACKS[case["pack"]](content)
    return content[: len(content) - case.get("cut_bytes", 0)]


def surveyed(case: dict[str, Any]) -> Survey:
    frame = read_bytes(source(case), "csv/a.csv", rejects_max=case.get("rejects_max", 100))
    return survey(frame, pins(case, frame), as_of=case.get("as_of"))


def access(found: Survey) -> dict[str, dict[str, list[str]]]:
    """What each person gets; what ends stands under ``person until END``."""
    return {
        f"{user} until {cohort.expires}" if cohort.expires else user: {
            name: list(values) for name, values in cohort.values.items()
        }
        for cohort in found.cohorts
        for user in cohort.users
    }


def pins(case: dict[str, Any], frame: Frame) -> Pins:
    if "mapping" not in case:
        return Pins()
    read = read_pins(f"schema: okta-plan-mapping/v1\n{case['mapping']}", "mapping.yaml")
    assert read.pins is not None, read.findings
    assert unknown_columns(read, frame.columns, frame.path) == ()
    return read.pins


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_source(path: Path) -> None:
    case = yaml.safe_load(path.read_text("utf-8"))
    expected = case["expect"]
    if "error" in expected:
        with pytest.raises(InputError) as refused:
            surveyed(case)
        place = refused.value.location
        assert [refused.value.code, place.line if place else None] == expected["error"]
        assert refused.value.next_step
        return
    found = surveyed(case)
    totals = found.totals.model_dump()
    assert totals["excluded"] == expected["totals"].get("excluded", {})
    assert totals["rejected"] == expected["totals"].get("rejected", {})
    assert totals | expected["totals"] == totals
    assert access(found) == expected["access"]
    assert [f"line {e.line} byte {e.byte} {e.reason}" for e in found.rejected] == expected.get("rejected", [])
    plan = draft_plan(found, okta_app=OktaAppRef(label="ERP"), name="t")
    said = [(each.code, " ".join([f"{each.code}:", *map(str, each.rows)])) for each in plan.findings]
    wanted = expected.get("findings", [])
    assert sorted(text if text in wanted else code for code, text in said if code not in REJECTIONS) == wanted
    assert expected.get("says", "") in " ".join(each.detail for each in plan.findings)
    roles = {each.name: str(each.role) for each in found.columns}
    assert roles | expected.get("columns", {}) == roles
    if "read_as" in expected:
        assert (
            plan.sources[0].model_dump(exclude={"path", "sha256", "rows"}, exclude_none=True)
            == expected["read_as"]
        )
    read = read_plan(dump_plan(plan), "plans/t.yaml")
    assert read.plan == plan
    assert not read.has_errors
    if "entitlements" in expected:
        assert {e.name: e.multi_value for e in plan.entitlements} == expected["entitlements"]
    if "why" in expected:
        assert plan.mapping is not None
        why = {each.column: each.why or "" for each in plan.mapping.entitlements}
        assert all(text in why[column] for column, text in expected["why"].items()), why
