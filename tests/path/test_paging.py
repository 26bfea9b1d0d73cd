"""Listings longer than a page are seen whole, and what is written in parts arrives whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.in_process import Tenant

VALUES, PEOPLE, BYSTANDERS = 230, 230, 320


def furnish(folder: Path, plan: Mapping[str, object], org: Mapping[str, object]) -> Tenant:
    (folder / "plans").mkdir()
    head = {"schema": "okta-plan/v1", "name": "t", "okta_app": {"label": "ERP"}}
    (folder / "plans" / "t.yaml").write_text(yaml.safe_dump({**head, **plan}, sort_keys=False), "utf-8")
    base = {"org": {"subdomain": "acme"}, "tokens": ["sandbox-token"], "limits": "none"}
    (folder / "org.yaml").write_text(yaml.safe_dump({**base, **org}, sort_keys=False), "utf-8")
    return Tenant(folder, folder / "org.yaml")


def test_more_than_a_page_of_values_grants_and_app_users_are_all_seen(tmp_path: Path) -> None:
    values = [f"value-{n:03}" for n in range(VALUES)]
    people = [f"person-{n:03}@x.com" for n in range(PEOPLE)]
    bystanders = [f"bystander-{n:03}@x.com" for n in range(BYSTANDERS)]
    users = [
        {"login": login, "email": login, "firstName": "F", "lastName": "L", "status": "ACTIVE"}
        for login in (*people, *bystanders)
    ]
    role = {"name": "Role", "external_value": "Role", "multi_value": True, "values": values}
    okta_app = {
        "label": "ERP",
        "entitlement_management": True,
        "assigned": [*bystanders, *people],
        "entitlements": [role],
        "grants": [
            {"user": login, "type": "CUSTOM", "values": {"Role": [value]}}
            for login, value in zip(people, values, strict=True)
        ],
    }
    plan = {
        "entitlements": [{"name": "Role", "external_value": "Role", "values": values}],
        "access": [
            {"values": {"Role": [value]}, "users": login} for login, value in zip(people, values, strict=True)
        ],
    }
    tenant = furnish(tmp_path, plan, {"users": users, "okta_apps": [okta_app]})
    differs = tenant.diff()
    assert differs.changes == []
    assert differs.held == []
    assert differs.kept == PEOPLE + 1
    verification = tenant.verify().verification
    assert verification is not None
    assert verification.pairs_held == PEOPLE
    assert tenant.apply().exit_code == 0
    assert tenant.writes() == 0


def test_an_entitlement_with_more_values_than_one_call_takes_is_created_whole(tmp_path: Path) -> None:
    values = [f"value-{n:04}" for n in range(1150)]
    plan = {"entitlements": [{"name": "Role", "external_value": "Role", "values": values}]}
    org = {"users": [], "okta_apps": [{"label": "ERP", "entitlement_management": True}]}
    tenant = furnish(tmp_path, plan, org)
    assert tenant.apply().exit_code == 0
    assert tenant.writes() == 3
    assert tenant.diff().changes == []
    [role] = tenant.state()["okta_apps"][0]["entitlements"]
    assert len(role["values"]) == len(values)
