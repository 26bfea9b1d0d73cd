"""OKTA_PLAN_MASK_PII at the second door: no tool and no resource names anybody, be it by a plain login."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.mcp_server.office import APP, Office, Talk, talk, text_of

LOGINS = ("ann-lee77", "bob-ray88", "cy-dow99")


def test_no_tool_and_no_resource_names_anybody(tmp_path: Path) -> None:
    office = Office(tmp_path, people=LOGINS)
    office.csv("".join(f"{who},Admin,Permitted\n" for who in (*LOGINS, "nobody-here1")))
    office.settings(OKTA_PLAN_MASK_PII="true")
    told: list[str] = []

    async def story(it: Talk) -> None:
        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await it.result(tool, **arguments)
            assert not result.is_error, text_of(result)
            told.append(result.model_dump_json())
            return result.structured_content or {}

        async def read(uri: str) -> None:
            told.append((await it.client.read_resource(uri)).model_dump_json())

        plan = (await call("generate_plan", filename="csv/erp.csv", appId=APP))["plan"]
        await call("analyze_csv_for_entitlements", filename="csv/erp.csv")
        await call("show_plan", plan=plan)
        changes = (await call("diff_plan", plan=plan))["changes_digest"]
        await read("okta-plan://plans/erp")
        await read(f"okta-plan://changes/{changes}")
        office.approve("erp", changes)
        run = (await call("apply_plan", plan=plan, changes_digest=changes))["run"]
        office.wait()
        await call("run_status", run=run)
        await read(f"okta-plan://runs/{run}")
        await call("undo_run", run=run)
        [found] = (await call("okta_user_search", attribute="login", value=LOGINS[0]))["rows"]
        many = await call("okta_batch_user_search", searches=[{"attribute": "login", "value": LOGINS[1]}])
        for user in (found, *many["rows"][0]["users"]):
            assert (user["status"], user["first_name"], user["last_name"]) == ("ACTIVE", "", "")

    talk(office.server(), story)
    text = "\n".join(told)
    assert [name for name in (*LOGINS, "nobody-here1") if name in text] == []
    assert text.count("***") > 10
    assert office.held() == {(who, "Admin") for who in LOGINS}
