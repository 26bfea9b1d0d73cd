"""What a client sees of the server before it calls anything: names, schemas, hints, and what that takes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from mcp_types import Tool

from tests.mcp_server.office import ERAS, Office, Talk, talk
from tests.mcp_server.test_tools import PLAN, READ, WRITE

SNAPSHOT = Path(__file__).with_name("tools.json")
KNOWN: dict[str, set[str]] = {
    "okta_test": set(),
    "list_csv_files": set(),
    "read_csv_file": {"file"},
    "validate_csv_preflight": {"file"},
    "analyze_csv_for_entitlements": {"filename"},
    "prepare_entitlement_structure": {"filename", "appId", "mode"},
    "execute_user_grants": {"filename", "appId"},
    "okta_iga_list_entitlements": {"appId"},
    "okta_iga_list_entitlement_values": {"entitlementId"},
    "okta_user_search": {"attribute", "value"},
    "okta_batch_user_search": {"searches", "concurrency"},
    "okta_batch_assign_users": {"appId", "userIds", "concurrency"},
    "okta_batch_create_grants": {"grants", "concurrency"},
    "okta_get_rate_status": set(),
    "sync_s3_files": set(),
}
"""The tools that users of the predecessor know, with their arguments."""
OFFLINE = {"list_csv_files", "list_plans", "show_plan", "run_status", "undo_run"}
"""The tools that reach neither Okta nor S3."""


def listed(tmp_path: Path, era: str = "auto", **how: Any) -> list[Tool]:
    async def story(it: Talk) -> list[Tool]:
        return list(it.tools.values())

    return talk(Office(tmp_path).server(**how), story, mode=era)


def as_json(tools: list[Tool]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in tools]


@pytest.mark.parametrize("era", ERAS)
def test_there_are_few_tools_and_listing_them_takes_few_tokens(era: str, tmp_path: Path) -> None:
    tools = listed(tmp_path, era)
    assert len(tools) <= 25
    assert len(json.dumps({"tools": as_json(tools)})) / 4 < 10_000
    for tool in tools:
        assert len(tool.description or "") < 2_000
        assert len(tool.name) < 64


def test_every_schema_and_description_is_as_the_snapshot_has_it(tmp_path: Path) -> None:
    found = json.dumps(as_json(listed(tmp_path)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("OKTA_PLAN_WRITE_SNAPSHOT"):
        SNAPSHOT.write_text(found, encoding="utf-8")
    assert SNAPSHOT.read_text("utf-8") == found, (
        "OKTA_PLAN_WRITE_SNAPSHOT=1 writes it; clients see the difference"
    )


def test_the_known_tools_have_the_arguments_that_users_know(tmp_path: Path) -> None:
    tools = {each.name: each for each in listed(tmp_path)}
    assert set(KNOWN) | {
        "generate_plan",
        "list_plans",
        "show_plan",
        "diff_plan",
        "apply_plan",
        "run_status",
        "control_run",
        "undo_run",
    } == set(tools)
    for name, arguments in KNOWN.items():
        assert arguments <= set(tools[name].input_schema["properties"]), name
        assert set(tools[name].input_schema.get("required", [])) <= arguments, name


def test_every_tool_has_all_four_hints_and_only_runs_are_destructive(tmp_path: Path) -> None:
    for tool in listed(tmp_path):
        hints = tool.annotations
        assert hints is not None
        assert None not in (
            hints.read_only_hint,
            hints.destructive_hint,
            hints.idempotent_hint,
            hints.open_world_hint,
        )
        assert hints.destructive_hint is (tool.name in WRITE)
        assert hints.read_only_hint is (tool.name in READ)
        assert hints.open_world_hint is (tool.name not in OFFLINE)
        needs_person = (tool.meta or {}).get("anthropic/requiresUserInteraction", False)
        assert needs_person is (tool.name == "apply_plan")
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema


def test_no_tool_takes_a_host_a_token_a_limit_or_an_approval(tmp_path: Path) -> None:
    for tool in listed(tmp_path):
        names = {name.lower() for name in tool.input_schema["properties"]}
        assert not [
            name
            for name in names
            if any(word in name for word in ("url", "host", "token", "limit", "approv"))
        ]
        assert "approve" not in tool.name


def test_a_read_only_server_has_no_tool_that_applies_or_controls(tmp_path: Path) -> None:
    assert {each.name for each in listed(tmp_path, read_only=True)} == READ | PLAN


def test_a_plan_of_a_read_only_server_is_applied_in_a_terminal(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.csv()

    async def story(it: Talk) -> str:
        told: list[object] = [
            it.client.instructions,
            await it.call("execute_user_grants", filename="erp", appId="ERP"),
        ]
        told.append(await it.client.get_prompt("grant_access", {"file": "csv/erp.csv", "app": "ERP"}))
        return str(told)

    for read_only in (False, True):
        told = talk(office.server(read_only=read_only), story)
        assert ("apply_plan" in told) is not read_only
        assert ("okta-plan apply" in told) is read_only


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"plan": "erp", "force": True}, "unknown_argument"),
        ({"plan": "erp", "cursor": 7}, "bad_argument"),
        ({"plan": ["x"]}, "bad_argument"),
        ({}, "bad_argument"),
        ({"plan": "erp", "cursor": "../../x"}, "usage"),
    ],
)
@pytest.mark.parametrize("era", ERAS)
def test_arguments_that_are_unknown_or_of_another_kind_are_refused_without_an_echo(
    era: str, arguments: dict[str, Any], error: str, tmp_path: Path
) -> None:
    async def story(it: Talk) -> dict[str, Any]:
        return await it.refused("diff_plan", **arguments)

    told = talk(Office(tmp_path).server(), story, mode=era)
    assert told["error"] == error
    assert "next" in told
    assert "../../x" not in json.dumps(told)
    assert "pydantic" not in json.dumps(told)


def test_without_a_workspace_every_tool_says_so_and_how_to_put_it_right(tmp_path: Path) -> None:
    from pipeline.mcp_server.door import Door
    from pipeline.mcp_server.server import build_server
    from pipeline.mcp_server.serving import Serving

    async def story(it: Talk) -> list[dict[str, Any]]:
        given = {"list_csv_files": {}, "okta_test": {}, "diff_plan": {"plan": "erp"}, "run_status": {}}
        return [await it.refused(name, **arguments) for name, arguments in given.items()]

    door = Door(Serving(None, None, None, current=tmp_path).open_desk, lambda _desk, _run: 0)
    told = talk(build_server(door), story)
    assert {each["error"] for each in told} == {"no_workspace"}
    assert all("OKTA_PLAN_HOME" in each["next"] for each in told)


def test_resources_and_prompts_show_what_the_tools_show(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.csv()

    async def story(it: Talk) -> None:
        await it.call("list_csv_files")
        await it.call("generate_plan", filename="1", appId="ERP")
        changes = await it.call("diff_plan", plan="erp")
        client = it.client
        kinds = {each.uri for each in (await client.list_resources()).resources}
        assert {str(kind) for kind in kinds} == {
            f"okta-plan://{kind}" for kind in ("sources", "plans", "changes", "runs")
        }
        assert len((await client.list_resource_templates()).resource_templates) == 4
        for uri, needle in (
            ("okta-plan://sources", "csv/erp.csv"),
            ("okta-plan://plans", "plans/erp.yaml"),
            ("okta-plan://changes", changes["changes_digest"]),
            ("okta-plan://runs", "[]"),
            ("okta-plan://sources/csv/erp.csv", "Admin;Auditor"),
            ("okta-plan://plans/erp.yaml", "schema: okta-plan/v1"),
            (f"okta-plan://changes/{changes['changes_digest']}", "ann@acme.example.com"),
        ):
            [content] = (await client.read_resource(uri)).contents
            assert needle in str(content), uri
        prompts = {each.name for each in (await client.list_prompts()).prompts}
        assert prompts == {"analyze_source", "prepare_structure", "grant_access"}
        asked = await client.get_prompt("grant_access", {"file": "csv/erp.csv", "app": "ERP"})
        assert "execute_user_grants" in str(asked.messages[0].content)

    talk(office.server(), story)


@pytest.mark.parametrize("era", ERAS)
def test_files_apps_plans_and_digests_are_completed(era: str, tmp_path: Path) -> None:
    from mcp_types import PromptReference, ResourceTemplateReference

    office = Office(tmp_path)
    office.csv()

    async def story(it: Talk) -> dict[str, list[str]]:
        await it.call("generate_plan", filename="csv/erp.csv", appId="ERP")
        for label in ("Acme, Inc: {ERP}", "0oa" + "a" * 17):
            made = await it.call("generate_plan", filename="csv/erp.csv", appId=label, name=f"erp{label[0]}")
            assert made["written"]
        for n, text in enumerate(("{label: [ERP", "[" * 4_000, "", "ERP", "{id: ../users}")):
            (office.workspace / "plans" / f"broken{n}.yaml").write_text(
                f"okta_app: {text}\n", encoding="utf-8"
            )
        prompt = PromptReference(name="grant_access")
        plan = ResourceTemplateReference(uri="okta-plan://plans/{name}")
        asked: dict[str, tuple[PromptReference | ResourceTemplateReference, str, str]]
        asked = {"file": (prompt, "file", "er"), "app": (prompt, "app", ""), "plan": (plan, "name", "erp.")}
        return {
            what: (await it.client.complete(ref, {"name": name, "value": typed})).completion.values
            for what, (ref, name, typed) in asked.items()
        }

    found = talk(office.server(), story, mode=era)
    assert found["file"] == ["csv/erp.csv"]
    assert set(found["app"]) == {"ERP", "Acme, Inc: {ERP}", "0oa" + "a" * 17}
    assert found["plan"] == ["erp.yaml"]
