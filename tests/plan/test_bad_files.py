"""tests/plan/bad/*.yaml: each names, in its first line, the findings it must give, with their lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Severity
from pipeline.plan.file import load_plan

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_problem_is_reported_at_its_line(path: Path) -> None:
    first = path.read_text("utf-8").splitlines()[0]
    expected = [(int(line), code) for line, code in re.findall(r"(\d+) (\w+)", first)]
    with pytest.raises(InputError) as refused:
        load_plan(path, shown_as="plans/t.yaml")
    assert refused.value.code is ErrorCode.PLAN_INVALID
    errors = [each for each in refused.value.findings if each.severity is Severity.ERROR]
    found = [(each.location.line if each.location else None, each.code.value) for each in errors]
    assert found == expected, [each.detail for each in errors]
    for each in errors:
        assert str(each.location).startswith("plans/t.yaml:")
        assert each.detail.endswith((".", "?"))


def test_a_misspelt_key_and_value_get_a_suggestion() -> None:
    for name, suggestion in (("unknown_key", "access"), ("unknown_value", "Admin")):
        with pytest.raises(InputError) as refused:
            load_plan(Path(__file__).parent / "bad" / f"{name}.yaml")
        assert suggestion in refused.value.findings[0].detail


def test_a_file_that_is_not_there_or_not_utf_8_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        load_plan(tmp_path / "absent.yaml")
    assert refused.value.code is ErrorCode.FILE_NOT_FOUND
    (tmp_path / "latin.yaml").write_bytes("name: é\n".encode("latin-1"))
    with pytest.raises(InputError):
        load_plan(tmp_path / "latin.yaml")


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / "deep.yaml"
    deep.write_text("name: " + "[" * 5000 + "]" * 5000 + "\n", "utf-8")
    with pytest.raises(InputError):
        load_plan(deep)
