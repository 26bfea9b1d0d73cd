"""Several sources in one plan: as if all rows stood in one, where they are read alike."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ErrorCode, InputError
from pipeline.plan.model import OktaAppRef
from pipeline.plan.pins import Pins
from pipeline.plan.reading import read_plan
from pipeline.plan.yaml_text import dump_plan
from pipeline.source.frame import Frame
from pipeline.survey.draft import draft_plan
from pipeline.survey.merging import survey_all
from pipeline.survey.survey import survey
from tests.effort import examples
from tests.survey.test_decisions import AS_OF, HEADER, rows_of
from tests.survey.test_survey import Row, access, frame


def named(path: str, rows: list[Row], header: tuple[str, ...] = HEADER) -> Frame:
    return replace(frame(rows, header), path=path, sha256=(path.encode().hex() * 8)[:64].rjust(64, "0"))


@pytest.mark.parametrize("on_conflict", ["filter", "deny_wins", "latest"])
@settings(deadline=None, max_examples=examples(15))
@given(rows=rows_of, rng=st.randoms(use_true_random=False))
def test_rows_give_the_same_in_one_source_as_in_several(
    on_conflict: str, rows: list[Row], rng: random.Random
) -> None:
    rows = [("sure@x", "R9", "Permitted", "2026-06-15", "", ""), *rows]
    pins = Pins.model_validate(
        {
            "rows": {"on_conflict": on_conflict},
            "entitlements": [{"column": "Role", "separator": ";"}],
        }
    )
    parts: list[list[Row]] = [[("sure@x", "R9", "Permitted", "2026-06-15", "", "")] for _ in range(3)]
    for row in rows:
        rng.choice(parts).append(row)
    together = survey(frame([row for part in parts for row in part], HEADER), pins, as_of=AS_OF)
    frames = [named(f"csv/{number}.csv", part) for number, part in enumerate(parts)]
    merged = survey_all(rng.sample(frames, 3), pins, as_of=AS_OF)
    assert (merged.cohorts, merged.entitlements) == (together.cohorts, together.entitlements)
    assert merged.totals == together.totals
    assert [each.path for each in merged.sources] == [each.path for each in frames]
    assert not any(each.mapping for each in merged.sources)


def test_sources_of_other_columns_are_read_each_in_its_way_and_said_in_the_plan() -> None:
    merged = survey_all(
        [
            named("csv/sap.csv", [("Ann@x", "Z_BUYER"), ("bob@x", "z_buyer")], ("UNAME", "AGR_NAME")),
            named("csv/ad.csv", [("ann@x", "Admin")], ("UPN", "Role")),
        ]
    )
    assert access(merged) == {
        "Ann@x": {"AGR_NAME": ("Z_BUYER",), "Role": ("Admin",)},
        "bob@x": {"AGR_NAME": ("z_buyer",)},
    }
    plan = draft_plan(merged, okta_app=OktaAppRef(label="ERP"), name="t")
    assert [(each.path, each.mapping and each.mapping.user.column) for each in plan.sources] == [
        ("csv/ad.csv", None),
        ("csv/sap.csv", "UNAME"),
    ]
    assert [(each.code, each.source, each.rows) for each in plan.findings] == [
        ("near_collision", "csv/sap.csv", (2, 3))
    ]
    read = read_plan(dump_plan(plan), "t.yaml")
    assert (read.plan, read.has_errors) == (plan, False)


def test_what_only_looks_different_is_found_across_sources() -> None:
    header = ("Email", "Role")
    merged = survey_all(
        [named("csv/a.csv", [("a@x", "Admin")], header), named("csv/b.csv", [("b@x", "admin")], header)]
    )
    assert [(str(each.location), each.code, each.rows) for each in merged.findings] == [
        ("csv/a.csv", "near_collision", (2,)),
        ("csv/b.csv", "near_collision", (2,)),
    ]


@pytest.mark.parametrize(
    ("on_conflict", "outcome"), [("filter", "is granted"), ("deny_wins", "is not granted")]
)
def test_what_one_source_permits_and_another_denies_is_reported(on_conflict: str, outcome: str) -> None:
    header = ("Email", "Role", "Effective_Access")
    merged = survey_all(
        [
            named("csv/a.csv", [("a@x", "Admin", "Permitted"), ("b@x", "Admin", "Permitted")], header),
            named("csv/b.csv", [("A@x", "Admin", "Denied")], header),
        ],
        Pins.model_validate({"rows": {"on_conflict": on_conflict}}),
    )
    [found] = merged.findings
    assert (str(found.location), found.code, found.rows) == ("csv/b.csv", "permitted_and_denied", (2,))
    assert outcome in found.detail


def test_the_same_content_twice_is_refused() -> None:
    one = named("csv/a.csv", [("a@x", "Admin")], ("Email", "Role"))
    with pytest.raises(InputError) as refused:
        survey_all([one, replace(one, path="csv/copy.csv")])
    assert refused.value.code is ErrorCode.USAGE
