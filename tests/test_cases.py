"""tests/cases/*.yaml: a plan, an org, perhaps policies, and what diff and apply must make of them.

One runner for all.

A case may give ``refused`` (error code) instead of changes. ``held_after`` lists what people of the org hold
at the end; who is not named must hold what they held before. ``ends_after`` lists when grants end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import OktaPlanError, RefusedError
from pipeline.use_cases.reviewing import TAKING_AWAY
from pipeline.views import ApplyView, DiffView, SimulateView
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
    for name, policy in case.get("policies", {}).items():
        (folder / "policies").mkdir(exist_ok=True)
        (folder / "policies" / name).write_text(yaml.safe_dump(policy, sort_keys=False), "utf-8")
    return Tenant(folder, folder / "org.yaml")


def reviewed(tenant: Tenant, differs: DiffView) -> dict[str, Any]:
    """How the change set is to be agreed to: by itself where --yes is not enough, and is refused."""
    if not TAKING_AWAY.intersection(each.action for each in differs.changes):
        return {}
    with pytest.raises(RefusedError):
        tenant.apply()
    assert tenant.writes() == 0
    return {"changes": tenant.workspace / differs.paths["changes"]}


@pytest.mark.parametrize("case", ALL)
def test_case(case: dict[str, Any], tmp_path: Path) -> None:
    tenant = furnish(tmp_path, case)
    expected = case["expect"]
    before = tenant.held()
    if "refused" in expected:
        with pytest.raises(OktaPlanError) as refused:
            tenant.diff()
        assert (refused.value.code.value, int(refused.value.exit_code)) == tuple(expected["refused"])
        for call in (tenant.apply, tenant.simulate):
            with pytest.raises(OktaPlanError):
                call()
        assert tenant.writes() == 0
        assert tenant.held() == before
        return
    differs = tenant.diff()
    assert [f"{each.action} {each.address}" for each in differs.changes] == expected.get("changes", [])
    assert sorted(f"{each.principal}: {each.reason}" for each in differs.held) == expected.get("held", [])
    assert [each.code.value for each in differs.findings] == expected.get("findings", [])
    simulated = tenant.simulate()
    assert tenant.writes() == 0
    applied = tenant.apply(**reviewed(tenant, differs))
    assert_foreseen(simulated, applied)
    assert applied.exit_code == (3 if "held" in expected else 0), applied
    assert tenant.held() == before | expected.get("held_after", {})
    assert tenant.ends() == expected.get("ends_after", tenant.ends())
    assert tenant.verify().exit_code == (3 if "held" in expected else 0)
    sent = tenant.writes()
    assert tenant.apply().exit_code == applied.exit_code
    assert tenant.writes() == sent
    assert tenant.diff().changes == []


def assert_foreseen(simulated: SimulateView, applied: ApplyView) -> None:
    """The rehearsal ended as the real apply, up to people whom only the tenant can tell apart."""
    assert (simulated.exit_code, simulated.outcomes) == (applied.exit_code, applied.outcomes)
    assert simulated.counts == applied.counts
    assert {each.address for each in simulated.held} == {each.address for each in applied.held}
    assert simulated.verification is not None
    assert applied.verification is not None
    assert simulated.verification.pairs_held == applied.verification.pairs_held
    if not any("told apart" in each for each in simulated.unlike):
        assert simulated.held == applied.held
        assert simulated.changes_digest == applied.changes_digest
