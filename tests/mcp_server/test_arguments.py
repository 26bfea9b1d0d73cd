"""What is wrong with an argument is said so that the next call can be right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ErrorCode
from pipeline.mcp_server.file_tools import UNUSABLE
from pipeline.mcp_server.refusals import NEXT
from tests.mcp_server.office import APP, PEOPLE, Office, Talk, talk

USER, ID = "00u" + "a" * 17, "a" * 20
APP_ID = "0oa" + "a" * 17
GRANT = {
    "userId": USER,
    "grantBody": {
        "grantType": "CUSTOM",
        "target": {"externalId": APP_ID, "type": "APPLICATION"},
        "targetPrincipal": {"externalId": USER, "type": "OKTA_USER"},
        "entitlements": [{"id": ID, "values": [{"id": ID}]}],
    },
}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.csv()
    return office


def told(office: Office, story: Callable[[Talk], Awaitable[Any]]) -> Any:
    return talk(office.server(), story)


@pytest.mark.parametrize(
    ("tool", "arguments", "place"),
    [
        ("okta_batch_create_grants", {"grants": [GRANT, {"userId": USER}]}, "grants.1.grantBody"),
        (
            "okta_batch_create_grants",
            {"grants": [{**GRANT, "grantBody": {**GRANT["grantBody"], "action": "ALLOW"}}]},  # type: ignore[dict-item]
            "grants.0.grantBody.action",
        ),
        ("okta_batch_assign_users", {"appId": APP, "userIds": [USER, "bob@acme.example.com"]}, "userIds.1"),
        ("okta_batch_user_search", {"searches": [{"value": "x"}, {"email": "x"}]}, "searches.1.value"),
        ("read_csv_file", {"file": 1}, "file"),
        ("okta_user_search", {"attribute": "email", "value": "  "}, "value"),
    ],
)
def test_a_bad_part_of_an_argument_is_named_by_its_place(
    tool: str, arguments: dict[str, Any], place: str, office: Office
) -> None:
    refused = told(office, lambda it: it.refused(tool, **arguments))
    assert refused["error"] == "bad_argument"
    assert place in {each["argument"] for each in refused["problems"]}


def test_names_in_such_a_place_are_cleaned_and_cut(office: Office) -> None:
    searches = [{"value": "x", "\u202e" + "n" * 5_000: 1}]
    refused = told(office, lambda it: it.refused("okta_batch_user_search", searches=searches))
    [problem] = refused["problems"]
    assert problem["argument"].startswith("searches.0.\\u{202e}nnn")
    assert len(problem["argument"]) < 200


@pytest.mark.parametrize("concurrency", [0, 5, "10", 50])
def test_concurrency_has_no_effect_whatever_it_is(concurrency: object, office: Office) -> None:
    searches = [{"value": PEOPLE[0]}]
    found = told(
        office, lambda it: it.call("okta_batch_user_search", searches=searches, concurrency=concurrency)
    )
    assert found["found"] == 1


def test_what_is_not_there_is_told_with_the_tool_that_shows_what_is(office: Office) -> None:
    async def story(it: Talk) -> None:
        assert "list_plans" in (await it.refused("diff_plan", plan="nope"))["next"]
        assert "list_csv_files" in (await it.refused("read_csv_file", file="nope"))["next"]
        unknown = await it.refused("okta_iga_list_entitlement_values", entitlementId=ID)
        assert (unknown["error"], unknown["what"]) == ("usage", "There is no such entitlement")
        await it.call("generate_plan", filename="erp", appId=APP)
        nobody = await it.refused("show_plan", plan="erp", user="eve@acme.example.com")
        assert (nobody["error"], nobody["what"]) == ("usage", "The person is not in the plan")

    told(office, story)


def test_a_person_of_a_plan_is_shown_also_where_its_source_has_changed(office: Office) -> None:
    async def story(it: Talk) -> dict[str, Any]:
        await it.call("generate_plan", filename="erp", appId=APP)
        office.csv(f"{PEOPLE[0]},Auditor,Permitted\n")
        return await it.call("show_plan", plan="erp", user=PEOPLE[1].upper())

    shown = told(office, story)
    assert shown["users"] == 1
    assert shown["rows"][0]["gives"][0]["values"] == ["Admin", "Auditor"]


def test_a_plan_counts_its_people_once_those_from_whom_it_takes_and_those_it_only_assigns(
    office: Office,
) -> None:
    async def story(it: Talk) -> None:
        await it.call("generate_plan", filename="erp", appId=APP)
        path = office.workspace / "plans" / "erp.yaml"
        removal = f"removals:\n  - values: {{Role: [Admin]}}\n    users: [{PEOPLE[2].upper()}, x@acme.com]\n"
        path.write_text(path.read_text("utf-8").replace("removals: []\n", removal), encoding="utf-8")
        shown = await it.call("show_plan", plan="erp")
        assert (shown["users"], shown["assigned"]) == (len(PEOPLE) + 1, 0)
        user = (await it.call("okta_user_search", attribute="login", value=PEOPLE[0]))["rows"][0]["id"]
        assigning = await it.call("okta_batch_assign_users", appId=APP, userIds=[user])
        shown = await it.call("show_plan", plan=assigning["plan"])
        assert (shown["users"], shown["assigned"]) == (0, 1)

    told(office, story)


def test_where_there_are_no_files_s3_is_named_only_where_it_is_on(tmp_path: Path) -> None:
    office = Office(tmp_path)

    async def story(it: Talk) -> str:
        return str((await it.call("list_csv_files"))["next"])

    assert "sync_s3_files" not in told(office, story)
    office.settings(S3_ENABLED="true", S3_BUCKET_NAME="exports")
    assert "sync_s3_files" in told(office, story)


def test_a_file_that_cannot_be_used_is_named_and_its_check_does_not_ask_for_itself(office: Office) -> None:
    office.csv("", name="empty.csv")
    (office.workspace / "csv" / "odd.csv").write_text("Foo,Bar\n1,2\n", encoding="utf-8")

    async def story(it: Talk) -> None:
        empty = await it.call("validate_csv_preflight", file="empty")
        assert (empty["verdict"], empty["path"]) == ("fail", "csv/empty.csv")
        assert empty["next"] == "A person has to correct the file."
        odd = await it.call("validate_csv_preflight", file="odd")
        assert (odd["verdict"], odd["rows"][0]["code"]) == ("fail", "no_user_column")
        assert "mapping file" in odd["next"]

    told(office, story)


def test_a_broken_plan_sends_to_a_person_and_not_to_the_tool_that_was_called(office: Office) -> None:
    plans = office.workspace / "plans"
    (plans / "bad.yaml").write_text("schema: okta-plan/v1\nname: bad\n", encoding="utf-8")
    (plans / "worse.yaml").write_bytes(b"\xff\xfe\x00")

    async def story(it: Talk) -> None:
        bad = await it.refused("show_plan", plan="bad")
        assert (bad["error"], bad["first"][0]["location"]) == ("plan_invalid", "plans/bad.yaml:1")
        assert "show_plan" not in bad["next"]
        worse = await it.refused("show_plan", plan="worse")
        assert worse["next"].startswith("A person has to correct the file")

    told(office, story)


def test_whatever_a_file_or_a_mapping_is_refused_for_something_can_be_done_about_it() -> None:
    others = {
        ErrorCode.MAPPING_INVALID,
        ErrorCode.SINCE_REFUSED,
        ErrorCode.S3_UNUSABLE,
        ErrorCode.APP_INACTIVE,
    }
    assert not [code for code in UNUSABLE | others if not NEXT.get(code)]
