"""Options and guards of apply, in process and in virtual time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ErrorCode, OktaPlanError
from tests.in_process import Tenant
from tests.test_cases import furnish

ANN = {"login": "ann@x.com", "email": "ann@x.com", "firstName": "A", "lastName": "N", "status": "ACTIVE"}
PLAN: dict[str, Any] = {
    "entitlements": [{"name": "Role", "external_value": "Role", "values": ["Admin"]}],
    "access": [{"values": {"Role": ["Admin"]}, "users": ["ann@x.com", "nobody@x.com"]}],
}
ORG: dict[str, Any] = {"users": [ANN], "okta_apps": [{"label": "ERP", "entitlement_management": True}]}


def tenant(folder: Path, **plan: object) -> Tenant:
    return furnish(folder, {"plan": PLAN | plan, "org": ORG})


def test_only_the_structure_or_only_the_grants_can_be_sent(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    first = org.apply(only="structure", accept_held=("user_not_found",))
    assert first.exit_code == 0
    assert {each.reason.value for each in first.held} == {"left_out", "user_not_found"}
    assert org.held() == {}
    second = org.apply(only="grants", accept_held=("user_not_found",))
    assert second.exit_code == 0
    assert org.held() == {"ann@x.com": {"Role": ["Admin"]}}
    with pytest.raises(OktaPlanError) as refused:
        org.apply(only="everything")
    assert int(refused.value.exit_code) == 64


def test_accepted_holds_count_as_done_and_may_stand_in_a_file(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    assert org.apply().exit_code == 3
    (tmp_path / "accepted.txt").write_text("user_not_found\nuser_ambiguous\n", "utf-8")
    assert org.apply(accept_held=("accepted.txt",)).exit_code == 0
    with pytest.raises(OktaPlanError):
        org.apply(accept_held=("no_such_reason",))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"value_max": {"Role/Admin": 0}}, ErrorCode.LIMIT_EXCEEDED),
        ({"value_max": {"Role/Admin": 1}}, None),
        ({"changed_percent_max": 50}, ErrorCode.LIMIT_EXCEEDED),
    ],
)
def test_a_passed_limit_refuses_before_the_first_write(
    limits: dict[str, object], code: ErrorCode | None, tmp_path: Path
) -> None:
    org_file = {"users": [ANN], "okta_apps": [ORG["okta_apps"][0] | {"assigned": ["ann@x.com"]}]}
    org = furnish(tmp_path, {"plan": PLAN | {"limits": limits}, "org": org_file})
    if code is None:
        assert org.apply().exit_code == 3
        return
    with pytest.raises(OktaPlanError) as refused:
        org.apply()
    assert (refused.value.code, int(refused.value.exit_code)) == (code, 4)
    assert org.writes() == 0


def test_a_run_leaves_its_papers_for_its_owner_only(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    view = org.apply()
    folder = tmp_path / "plans" / ".runs" / str(view.run)
    papers = {each.name: each for each in folder.iterdir()}
    assert set(papers) == {"journal.jsonl", "changes.json", "report.json", "report.md", "not-applied.csv"}
    assert {each.stat().st_mode & 0o077 for each in papers.values()} == {0}
    assert json.loads(papers["report.json"].read_text("utf-8"))["run"] == view.run
    assert "nobody@x.com" in papers["not-applied.csv"].read_text("utf-8")
    assert "nobody@x.com" in papers["report.md"].read_text("utf-8")
