"""Options and guards of apply, in process and in virtual time."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.errors import ErrorCode, OktaPlanError
from tests.in_process import Tenant
from tests.mortal import MortalTransport
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


class Edited(httpx.AsyncBaseTransport):
    """While the org is read, somebody edits the plan."""

    def __init__(self, org: httpx.AsyncBaseTransport, plan: Path, appended: str) -> None:
        self._org, self._plan, self._appended = org, plan, appended

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        text = self._plan.read_text("utf-8")
        if request.url.path.endswith("/grants") and self._appended not in text:
            self._plan.write_text(text + self._appended, "utf-8")
        return await self._org.handle_async_request(request)


def test_a_plan_that_is_edited_while_it_is_compared_is_not_carried_out(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    path = tmp_path / "plans" / "t.yaml"
    org.wrap = lambda transport: Edited(transport, path, "author: ann@x.com\n")
    with pytest.raises(OktaPlanError) as refused:
        org.apply()
    assert (refused.value.code, int(refused.value.exit_code)) == (ErrorCode.OTHER_CHANGES, 4)
    assert org.writes() == 0
    assert not list((tmp_path / "plans" / ".runs").glob("2*"))
    path.write_text(path.read_text("utf-8").replace("author: ann@x.com\n", ""), "utf-8")
    org.wrap = lambda transport: Edited(transport, path, "# a remark changes no meaning\n")
    assert org.apply().outcomes["applied"] > 0


class Blocked(httpx.AsyncBaseTransport):
    """Once something was written to the org, no file can take the place ``name`` in the run's folder."""

    def __init__(self, org: httpx.AsyncBaseTransport, runs_dir: Path, name: str) -> None:
        self._org, self._runs_dir, self._name = org, runs_dir, name

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            for folder in self._runs_dir.glob("2*"):
                (folder / self._name / "full").mkdir(parents=True, exist_ok=True)
        return await self._org.handle_async_request(request)


@pytest.mark.parametrize("name", ["report.json", "report.md", "not-applied.csv"])
def test_what_a_run_did_is_told_where_a_report_of_it_cannot_be_written(name: str, tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.wrap = lambda transport: Blocked(transport, tmp_path / "plans" / ".runs", name)
    view = org.apply()
    assert view.exit_code == 3
    assert view.outcomes["applied"] > 0
    assert [name in notice for notice in view.notices] == [True]
    assert all((tmp_path / path).is_file() for path in view.paths.values())
    assert "journal" in view.paths


def test_a_run_leaves_its_papers_for_its_owner_only(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    view = org.apply()
    folder = tmp_path / "plans" / ".runs" / str(view.run)
    papers = {each.name: each for each in folder.iterdir()}
    assert set(papers) == {
        "journal.jsonl",
        "changes.json",
        "report.json",
        "report.md",
        "not-applied.csv",
        "plan.yaml",
    }
    assert {each.stat().st_mode & 0o077 for each in papers.values()} == {0}
    assert json.loads(papers["report.json"].read_text("utf-8"))["run"] == view.run
    assert "nobody@x.com" in papers["not-applied.csv"].read_text("utf-8")
    assert "nobody@x.com" in papers["report.md"].read_text("utf-8")


def listings(org: Tenant, sent_before: int = 0) -> Counter[str]:
    """How often each listing of the app was read from its start, and the org asked who it is."""
    whole = [
        each["path"].rpartition("/")[2]
        for each in org.requests()[sent_before:]
        if each["method"] == "GET"
        and "after=" not in each["query"]
        and "targetPrincipal" not in each["query"]
    ]
    return Counter(each for each in whole if each in ("grants", "users", "values", "okta-organization"))


def test_with_nothing_to_send_nothing_is_listed_twice(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.apply()
    before = len(org.requests())
    again = org.apply()
    assert [each.reason for each in again.held] == ["user_not_found"]
    assert again.verification is not None
    assert (again.verification.pairs_planned, again.verification.pairs_held) == (2, 1)
    # The app's users and those of the org.
    assert listings(org, before) == {"grants": 1, "users": 2, "values": 1, "okta-organization": 1}


def test_after_a_killed_run_the_tenant_is_compared_once(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.wrap = lambda inner: MortalTransport(inner, dies_at=3, after=True)
    with pytest.raises(BaseExceptionGroup):
        org.apply()
    org.wrap = lambda inner: inner
    before = len(org.requests())
    view = org.apply()
    assert dict(view.earlier[0].settled) == {"applied": 1}
    # Values for settling what was begun, and for comparing; nothing was left to send.
    assert listings(org, before) == {"grants": 1, "users": 2, "values": 2, "okta-organization": 1}
    assert org.held() == {"ann@x.com": {"Role": ["Admin"]}}
