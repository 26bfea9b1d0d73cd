"""Every tool, called as clients of both protocol eras call it, against an org in this process."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError

from pipeline.plan.approval import Allowance
from tests.approvals import edit
from tests.mcp_server.office import APP, ERAS, PEOPLE, Office, Talk, talk

READ = {
    "list_csv_files",
    "read_csv_file",
    "validate_csv_preflight",
    "analyze_csv_for_entitlements",
    "list_plans",
    "show_plan",
    "run_status",
    "okta_test",
    "okta_iga_list_entitlements",
    "okta_iga_list_entitlement_values",
    "okta_user_search",
    "okta_batch_user_search",
    "okta_get_rate_status",
}
PLAN = {
    "sync_s3_files",
    "generate_plan",
    "diff_plan",
    "prepare_entitlement_structure",
    "execute_user_grants",
    "okta_batch_assign_users",
    "okta_batch_create_grants",
    "undo_run",
}
WRITE = {"apply_plan", "control_run"}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.csv()
    return office


@pytest.mark.parametrize("era", ERAS)
def test_every_tool_answers_in_both_eras_and_the_three_stages_give_the_people_their_access(
    era: str, office: Office
) -> None:
    async def story(it: Talk) -> None:
        called: set[str] = set()

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            called.add(tool)
            return await it.call(tool, **arguments)

        await _sources(call)
        await _stages(call, office)
        await _people(call)
        runs = (await it.call("run_status"))["runs"]
        assert (await it.refused("control_run", run=runs[0]["run"], action="pause"))["error"] == "run_closed"
        called |= {"sync_s3_files", "control_run"}
        assert (await it.refused("sync_s3_files"))["error"] == "s3_disabled"
        assert called == set(it.tools) == READ | PLAN | WRITE

    talk(office.server(), story, mode=era)
    assert office.held() == {
        (PEOPLE[0], "Admin"),
        (PEOPLE[1], "Admin"),
        (PEOPLE[1], "Auditor"),
        (PEOPLE[2], "Auditor"),
    }


def test_a_number_given_up_on_means_another_file_once_the_list_has_changed(office: Office) -> None:
    async def story(it: Talk) -> str:
        await it.call("list_csv_files")
        with pytest.raises(MCPError):
            await it.client.call_tool(
                "analyze_csv_for_entitlements", {"filename": "1"}, read_timeout_seconds=0.001
            )
        office.csv(name="before.csv")
        await it.call("list_csv_files")
        return str((await it.call("analyze_csv_for_entitlements", filename="1"))["path"])

    assert talk(office.server(), story) == "csv/before.csv"


async def _sources(call: Any) -> None:
    files = await call("list_csv_files")
    assert files["rows"][0]["path"] == "csv/erp.csv"
    rows = await call("read_csv_file", file="1")
    assert rows["rows"][1]["cells"] == [PEOPLE[1], "Admin;Auditor", "Permitted"]
    assert (await call("validate_csv_preflight", file="erp"))["verdict"] == "pass"
    analysis = await call("analyze_csv_for_entitlements", filename="csv/erp.csv")
    assert analysis["rows"][0]["values"] == ["Admin", "Auditor"]
    assert analysis["users"] == 3


async def _stages(call: Any, office: Office) -> None:
    structure = await call("prepare_entitlement_structure", filename="1", appId=APP)
    assert structure["counts"] == {"create": 1}
    run = await _applied(call, office, structure)
    access = await call("execute_user_grants", filename="1", appId=APP)
    assert access["counts"] == {"assign": 3, "grant": 3, "keep": 1}
    made = await call("generate_plan", filename="1", appId=APP)
    assert made["plan"] == access["plan"]
    assert not made["written"]
    assert len((await call("list_plans"))["rows"]) == 2
    shown = await call("show_plan", plan=access["plan"], user=PEOPLE[1])
    assert shown["rows"][0]["gives"][0]["values"] == ["Admin", "Auditor"]
    assert (await call("diff_plan", plan=access["plan"]))["changes_digest"] == access["changes_digest"]
    run = await _applied(call, office, access)
    assert run["verified_pairs"] == run["planned_pairs"] == 4
    undo = await call("undo_run", run=run["run"])
    assert undo["values"] == 4
    back = await call("diff_plan", plan=undo["plan"])
    # The first person is the token's owner, from whom nothing is taken.
    assert (back["counts"], back["held"]) == ({"revoke": 2, "held": 1}, {"protected": 1})


async def _applied(call: Any, office: Office, changes: dict[str, Any]) -> dict[str, Any]:
    office.approve(changes["plan"], changes["changes_digest"])
    started = await call("apply_plan", plan=changes["plan"], changes_digest=changes["changes_digest"])
    assert started["is_new"]
    ended: dict[str, Any] = await call("run_status", run=started["run"], wait_s=40)
    assert ended["run_state"] == "finished"
    again = await call("apply_plan", plan=changes["plan"], changes_digest=changes["changes_digest"])
    assert (again["run"], again["is_new"]) == (started["run"], False)
    assert started["run"] in [each["run"] for each in (await call("run_status"))["runs"]]
    return ended


async def _people(call: Any) -> None:
    assert (await call("okta_test"))["org_host"] == "acme.okta.com"
    found = await call("okta_user_search", attribute="login", value=PEOPLE[0])
    [user] = found["rows"]
    many = await call(
        "okta_batch_user_search", searches=[{"value": PEOPLE[1]}, {"value": "x@y"}, {"value": " "}]
    )
    assert (many["found"], many["not_found"], many["blank"]) == (1, 1, 1)
    held = await call("okta_iga_list_entitlements", appId=APP)
    [entitlement] = held["rows"]
    values = await call("okta_iga_list_entitlement_values", entitlementId=entitlement["id"])
    admin, auditor = values["rows"]
    assert (admin["name"], auditor["name"]) == ("Admin", "Auditor")
    assert {each["bucket"] for each in (await call("okta_get_rate_status"))["buckets"]} >= {"users"}
    assigned = await call("okta_batch_assign_users", appId=APP, userIds=[user["id"]])
    assert assigned["counts"] == {"keep": 1}
    body = {
        "grantType": "CUSTOM",
        "target": {"externalId": held["okta_app_id"], "type": "APPLICATION"},
        "targetPrincipal": {"externalId": user["id"], "type": "OKTA_USER"},
        "entitlements": [{"id": entitlement["id"], "values": [{"id": auditor["id"]}]}],
    }
    planned = await call("okta_batch_create_grants", grants=[{"userId": user["id"], "grantBody": body}])
    assert planned["counts"]["extend"] == 1
    assert planned["rows"][0]["adds"][0]["values"] == ["Auditor"]


def test_preflight_names_the_lines_of_every_row_that_cannot_be_used(office: Office) -> None:
    office.csv("ann@acme.example.com,Admin,Permitted\n,Admin,Permitted\nbob@acme.example.com,Admin,Maybe\n")
    (office.workspace / "csv" / "empty.csv").write_bytes(b"")

    async def story(it: Talk) -> None:
        told = await it.call("validate_csv_preflight", file="erp")
        assert told["verdict"] == "warn"
        assert {(each["code"], tuple(each["lines"])) for each in told["rows"]} >= {
            ("no_user", (3,)),
            ("unknown_access_status", (4,)),
        }
        assert (await it.call("validate_csv_preflight", file="empty"))["verdict"] == "fail"
        assert (await it.refused("validate_csv_preflight", file="nothing"))["error"] == "file_not_found"

    talk(office.server(), story)


def test_the_command_for_the_person_is_whole_however_long_the_workspace_is_called(tmp_path: Path) -> None:
    office = Office(tmp_path / ("ann@corp " + "w" * 180))
    office.csv()
    office.settings(OKTA_PLAN_MASK_PII="true")

    async def story(it: Talk) -> str:
        changes = await it.call("execute_user_grants", filename="erp", appId=APP)
        asked = {"plan": changes["plan"], "changes_digest": changes["changes_digest"]}
        assert (await it.refused("apply_plan", **asked))["command"] == changes["command"]
        command: str = changes["command"]
        return command

    command = talk(office.server(), story)
    assert shlex.split(command)[2] == str(office.workspace.resolve())
    assert command.endswith(".json")


@pytest.mark.parametrize(
    ("said", "is_on"), [("yes", True), (" ON ", True), ("1", True), ("no", False), ("", False)]
)
def test_s3_is_told_to_be_on_wherever_sources_are_read_from_it(
    said: str, is_on: bool, office: Office
) -> None:
    office.settings(S3_ENABLED=said)

    async def story(it: Talk) -> list[bool]:
        return [(await it.call(tool))["s3_enabled"] for tool in ("okta_test", "list_csv_files")]

    assert talk(office.server(), story) == [is_on, is_on]


def test_what_guards_have_against_a_change_set_is_told_with_it_and_by_the_run_that_they_refuse(
    office: Office,
) -> None:
    async def story(it: Talk) -> None:
        made = await it.call("generate_plan", filename="erp", appId=APP)
        path = office.workspace / made["plan"]
        edit(path, limits={"value_max": {"Role/Admin": 1}, "privileged": ["Role/Auditor"]})
        changes = await it.call("diff_plan", plan=made["plan"])
        asked = {"plan": changes["plan"], "changes_digest": changes["changes_digest"]}
        assert [each["guard"] for each in changes["refusals"]] == ["value_max/Role/Admin", "privileged"]
        assert "2 people would gain Role/Admin" in changes["refusals"][0]["why"]
        assert "see refusals" in changes["next"]
        office.approve(changes["plan"], changes["changes_digest"], privileged=("Role/Auditor",))
        run = (await it.call("apply_plan", **asked))["run"]
        ended = await it.call("run_status", run=run, wait_s=40)
        assert (ended["run_state"], ended["error"]) == ("refused", "limit_exceeded")
        assert "2 people would gain Role/Admin" in ended["why"][0]
        assert "--allow" in ended["next"]
        assert office.writes() == []
        allowed = Allowance(guard="value_max/Role/Admin", limit=2, reason="a new team")
        office.approve(
            changes["plan"], changes["changes_digest"], privileged=("Role/Auditor",), allow=(allowed,)
        )
        again = await it.call("apply_plan", **asked)
        assert (again["is_new"], again["run"] == run) == (True, False)
        assert (await it.call("run_status", run=again["run"], wait_s=40))["run_state"] == "finished"

    talk(office.server(), story)
