"""A whole apply under the recorded rate limits, in virtual time: hours pass in seconds."""

from __future__ import annotations

from pathlib import Path

from tests.in_process import Tenant
from tests.path.test_paging import furnish

PEOPLE = 240


def tenant_with_limits(folder: Path) -> Tenant:
    people = [f"person-{number:03}@x.com" for number in range(PEOPLE)]
    users = [
        {"login": login, "email": login, "firstName": "F", "lastName": "L", "status": "ACTIVE"}
        for login in people
    ]
    role = {"name": "Role", "external_value": "Role", "multi_value": True, "values": ["Admin"]}
    okta_app = {"label": "ERP", "entitlement_management": True, "assigned": people, "entitlements": [role]}
    plan = {
        "entitlements": [{"name": "Role", "external_value": "Role", "values": ["Admin"]}],
        "access": [{"values": {"Role": ["Admin"]}, "users": people}],
    }
    org = {"users": users, "okta_apps": [okta_app], "limits": "observed", "latency_ms": [300, 900]}
    return furnish(folder, plan, org)


def test_it_keeps_to_the_limits_without_a_429_and_takes_about_as_long_as_forecast(tmp_path: Path) -> None:
    tenant = tenant_with_limits(tmp_path)
    view = tenant.apply()
    assert view.exit_code == 0
    assert view.outcomes == {"applied": PEOPLE}
    assert [each for each in tenant.requests() if each["status"] == 429] == []
    assert view.forecast is not None
    assert view.forecast.bottleneck
    assert 0.8 <= view.elapsed_s / view.forecast.seconds <= 1.2
    assert sum(call["method"] != "GET" for call in tenant.requests()) == PEOPLE
