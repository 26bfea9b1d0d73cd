"""tests/cases/*.yaml: a plan, an org, and what diff and apply must make of them. One runner for all.

A case may give ``refused`` (error code) instead of changes. ``held_after`` lists what people of the org hold
at the end; who is not named must hold what they held before. ``ends_after`` lists when grants end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import OktaPlanError
from tests.in_process import Tenant

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


def load(path: Path) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load(path.read_text("utf-8"))
    return loaded


ALL = [pytest.param(case, id=f"{path.stem}: {case['case']}") for path in CASES for case in load(path)]


def furnish(folder: Path, case: dict[str, Any]) -> Tenant:
    plan = {"schema": "okta-plan/v1", "name": "t", "okta_app": {"label": "ERP"}} | case["plan"]
    org = {"org": {"subdomain": "acme"}, "tokens": ["sandbox-token"], "limits": "none"} | case["org"]
    (folder / "plans").mkdir()
    (folder / "plans" / "t.yaml").write_text(yaml.safe_dump(plan, sort_keys=False), "utf-8")
    (folder / "org.yaml").write_text(yaml.safe_dump(org, sort_keys=False), "utf-8")
    return Tenant(folder, folder / "org.yaml")


@pytest.mark.parametrize("case", ALL)
def test_case(case: dict[str, Any], tmp_path: Path) -> None:
    tenant = furnish(tmp_path, case)
    expected = case["expect"]
    before = tenant.held()
    if "refused" in expected:
        with pytest.raises(OktaPlanError) as refused:
            tenant.diff()
        assert (refused.value.code.value, int(refused.value.exit_code)) == tuple(expected["refused"])
        with pytest.raises(OktaPlanError):
            tenant.apply()
        assert tenant.writes() == 0
        assert tenant.held() == before
        return
    differs = tenant.diff()
    assert [f"{each.action} {each.address}" for each in differs.changes] == expected.get("changes", [])
    assert sorted(f"{each.principal}: {each.reason}" for each in differs.held) == expected.get("held", [])
    assert [each.code.value for each in differs.findings] == expected.get("findings", [])
    assert tenant.writes() == 0
    reviewed = tmp_path / differs.paths["changes"]
    applied = tenant.apply(changes=reviewed)
    assert applied.exit_code == (3 if "held" in expected else 0), applied
    assert tenant.held() == before | expected.get("held_after", {})
    assert tenant.ends() == expected.get("ends_after", tenant.ends())
    assert tenant.verify().exit_code == (3 if "held" in expected else 0)
    sent = tenant.writes()
    assert tenant.apply().exit_code == applied.exit_code
    assert tenant.writes() == sent
    assert tenant.diff().changes == []
