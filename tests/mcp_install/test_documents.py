"""The pages for people who come from the older server, or who are stuck: they name what there is."""

from __future__ import annotations

import ast
import asyncio
import re
from typing import Any

import pytest

from mcp_tools.bundle import ROOT, server_to_list
from pipeline.changes.model import HoldReason
from pipeline.use_cases.mcp_clients import McpClient

KNOWN = {
    "okta_test": [],
    "list_csv_files": [],
    "read_csv_file": ["file"],
    "validate_csv_preflight": ["file"],
    "analyze_csv_for_entitlements": ["filename"],
    "prepare_entitlement_structure": ["filename", "appId", "mode"],
    "execute_user_grants": ["filename", "appId"],
    "okta_iga_list_entitlements": ["appId"],
    "okta_iga_list_entitlement_values": ["entitlementId"],
    "okta_user_search": ["attribute", "value"],
    "okta_batch_user_search": ["searches", "concurrency"],
    "okta_batch_assign_users": ["appId", "userIds", "concurrency"],
    "okta_batch_create_grants": ["grants", "concurrency"],
    "okta_get_rate_status": [],
    "sync_s3_files": [],
}
IN_CLIENTS = {
    "The server does not show in the client",
    "spawn ... ENOENT",
    'Unexpected token ..., "..." is not valid JSON; the connection closes',
    "A tool call times out",
    "It is slow",
    "An unfinished run",
}
"""Headings that are no words of ours."""


@pytest.fixture(scope="module")
def tools() -> dict[str, Any]:
    return {each.name: each.input_schema for each in asyncio.run(server_to_list().list_tools())}


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def said_in_code() -> set[str]:
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "pipeline").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("name", KNOWN)
def test_the_known_tools_are_there_with_their_arguments_and_explained(
    tools: dict[str, Any], name: str
) -> None:
    assert set(KNOWN[name]) <= set(tools[name]["properties"])
    row = re.search(rf"^\| `{name}` \| (?P<arguments>[^|]*) \|", page("migration.md"), re.MULTILINE)
    assert row is not None
    assert re.findall(r"`(\w+)`", row["arguments"]) == KNOWN[name]


def test_the_new_tools_are_all_named(tools: dict[str, Any]) -> None:
    assert [name for name in tools if f"`{name}`" not in page("migration.md")] == []


def test_every_message_that_is_explained_is_one_that_is_said() -> None:
    headings = set(re.findall(r"^### (.*)$", page("troubleshooting.md"), re.MULTILINE))
    assert headings >= IN_CLIENTS
    assert headings - IN_CLIENTS - said_in_code() == set()


def test_every_reason_to_hold_a_change_has_a_remedy() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", page("troubleshooting.md"), re.MULTILINE)
    assert sorted(rows) == sorted(HoldReason)


def test_every_client_is_named() -> None:
    assert [each for each in McpClient if each.value not in page("mcp-install.md")] == []


@pytest.mark.parametrize("name", ["migration.md", "troubleshooting.md", "mcp-install.md"])
def test_links_between_documents_lead_somewhere(name: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page(name))
    assert targets
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []
