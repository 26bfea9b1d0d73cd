"""Revocations over the whole path: what is asked before, what is limited, who is protected, what is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ErrorCode, OktaPlanError
from tests.in_process import Tenant
from tests.mortal import MortalTransport
from tests.test_cases import furnish
from tests.test_resuming import runs_of, with_digest

PEOPLE = [f"{name}@x.com" for name in ("root", "ann", "bob", "cid")]
ROLE = {"name": "Role", "external_value": "Role", "values": ["Admin", "Clerk"]}
ORG: dict[str, Any] = {
    "users": [{"login": each, "email": each} for each in PEOPLE],
    "okta_apps": [
        {
            "label": "ERP",
            "entitlement_management": True,
            "assigned": PEOPLE,
            "entitlements": [{"name": "Role", "values": ["Admin", "Clerk", "Owner"]}],
            "grants": [{"user": who, "values": {"Role": ["Admin", "Clerk"]}} for who in PEOPLE],
        }
    ],
}


def tenant(
    folder: Path,
    *users: str,
    limits: dict[str, float] | None = None,
    mails: dict[str, str] | None = None,
    **settings: str,
) -> Tenant:
    """The plan takes Admin from ``users``."""
    plan = {
        "entitlements": [ROLE],
        "removals": [{"values": {"Role": ["Admin"]}, "users": list(users)}],
        "limits": {"revoked_percent_max": 100} if limits is None else limits,
    }
    people = [{"login": each, "email": (mails or {}).get(each, each)} for each in PEOPLE]
    org = furnish(folder, {"plan": plan, "org": {**ORG, "users": people}})
    org.settings = {"OKTA_API_TOKEN": "sandbox-token", **settings} if settings else {}
    return org


def test_yes_alone_is_refused_and_a_reviewed_change_set_is_enough(tmp_path: Path) -> None:
    org = tenant(tmp_path, *PEOPLE[1:])
    with pytest.raises(OktaPlanError) as refused:
        org.apply()
    assert (refused.value.code, int(refused.value.exit_code)) == (ErrorCode.NOT_CONFIRMED, 4)
    assert org.writes() == 0
    view = org.apply_reviewed()
    assert (view.exit_code, view.counts["revoke"], len(view.revoked)) == (0, 3, 3)
    assert view.verification is not None
    assert view.verification.pairs_removed == 3
    report = (tmp_path / view.paths["report"]).read_text("utf-8")
    assert "## Revoked" in report


def test_a_revoke_that_nobody_reviewed_stops_the_run_before_its_first_write(tmp_path: Path) -> None:
    org = tenant(tmp_path, *PEOPLE[1:])
    reviewed = json.loads((tmp_path / org.diff().paths["changes"]).read_text("utf-8"))
    reviewed["changes"].pop()
    path = tmp_path / "reviewed.json"
    path.write_text(json.dumps(with_digest(reviewed)), "utf-8")
    with pytest.raises(OktaPlanError) as refused:
        org.apply(changes=path)
    assert int(refused.value.exit_code) == 4
    assert org.writes() == 0


@pytest.mark.parametrize("limits", [{}, {"revoked_percent_max": 100, "revoked_max": 2}])
def test_limits_come_before_the_question(limits: dict[str, float], tmp_path: Path) -> None:
    """3 of 8 values are more than the 10 % that a plan allows by itself."""
    org = tenant(tmp_path, *PEOPLE[1:], limits=limits)
    with pytest.raises(OktaPlanError) as refused:
        org.apply_reviewed()
    assert refused.value.code is ErrorCode.LIMIT_EXCEEDED
    assert ("3 / 8 = 37.50 %" in refused.value.detail) is (limits == {})
    assert org.writes() == 0


def test_from_protected_people_nothing_is_taken(tmp_path: Path) -> None:
    org = tenant(tmp_path, *PEOPLE, OKTA_PLAN_PROTECTED=" BOB@x.com,nobody@x.com cid@x.com")
    view = org.apply_reviewed()
    assert view.exit_code == 3
    held_back = {each.principal: each.reason.value for each in view.held}
    assert held_back == dict.fromkeys(["root@x.com", "bob@x.com", "cid@x.com"], "protected")
    assert org.held()["ann@x.com"] == {"Role": ["Clerk"]}
    assert org.held()["bob@x.com"] == {"Role": ["Admin", "Clerk"]}


def test_the_forecast_counts_the_calls_that_are_made(tmp_path: Path) -> None:
    view = tenant(tmp_path, *PEOPLE[1:]).apply_reviewed()
    assert view.forecast is not None
    for bucket in ("governance grants read", "governance grants write"):
        assert view.calls[bucket] == view.forecast.calls[bucket]


def test_one_write_gives_and_takes_and_half_of_it_is_still_reviewed(tmp_path: Path) -> None:
    """Somebody took the value away already: what is left to give was reviewed too."""
    org = tenant(tmp_path, "ann@x.com")
    plan = json.loads(json.dumps({"schema": "okta-plan/v1", "name": "t", "okta_app": {"label": "ERP"}}))
    plan |= {
        "entitlements": [{**ROLE, "values": ["Admin", "Clerk", "Owner"]}],
        "access": [{"values": {"Role": ["Owner"]}, "users": ["ann@x.com"]}],
        "removals": [{"values": {"Role": ["Admin"]}, "users": ["ann@x.com"]}],
        "limits": {"revoked_percent_max": 100},
    }
    path = tmp_path / "plans" / "t.yaml"
    both = json.dumps(plan)
    path.write_text(both, "utf-8")
    reviewed = tmp_path / org.diff().paths["changes"]
    only_taking = {**plan, "name": "other", "access": []}
    (tmp_path / "plans" / "other.yaml").write_text(json.dumps(only_taking), "utf-8")
    assert org.apply_reviewed("other").exit_code == 0
    sent = org.writes()
    assert org.apply(changes=reviewed).exit_code == 0
    assert org.writes() == sent + 1
    assert org.held()["ann@x.com"] == {"Role": ["Clerk", "Owner"]}


@pytest.mark.parametrize("name", ["cid@x.com", "cid@mail.x.com"])
def test_a_resumed_run_takes_nothing_from_who_is_protected_by_now(name: str, tmp_path: Path) -> None:
    """A login, or an e-mail that no change set has."""
    org = tenant(tmp_path, *PEOPLE[1:], mails={"cid@x.com": "cid@mail.x.com"})
    reviewed = tmp_path / org.diff().paths["changes"]
    org.wrap = lambda inner: MortalTransport(inner, dies_at=1, after=True)
    with pytest.raises(BaseExceptionGroup):
        org.apply(changes=reviewed)
    org.wrap = lambda inner: inner
    run = next(each.name for each in runs_of(org))
    org.settings = {"OKTA_API_TOKEN": "sandbox-token", "OKTA_PLAN_PROTECTED": name}
    sent = org.writes()
    with pytest.raises(OktaPlanError) as refused:
        org.apply(resume=run)
    assert int(refused.value.exit_code) == 4
    assert org.writes() == sent
    assert org.held()["cid@x.com"] == {"Role": ["Admin", "Clerk"]}
    reason = (f"protected={name}",)
    assert org.apply(resume=run, allow=reason, reasons=("The tenant's owner agreed",)).exit_code == 0
    assert org.held()["cid@x.com"] == {"Role": ["Clerk"]}


def test_guards_count_only_what_was_reviewed(tmp_path: Path) -> None:
    """What nobody reviewed is held, so it does not use up a limit."""
    org = tenant(tmp_path)
    plan = {
        "schema": "okta-plan/v1",
        "name": "t",
        "okta_app": {"label": "ERP"},
        "entitlements": [{**ROLE, "values": ["Owner"]}],
        "access": [{"values": {"Role": ["Owner"]}, "users": PEOPLE[:2]}],
        "limits": {"value_max": {"Role/Owner": 1}},
    }
    (tmp_path / "plans" / "t.yaml").write_text(json.dumps(plan), "utf-8")
    reviewed = json.loads((tmp_path / org.diff().paths["changes"]).read_text("utf-8"))
    path = tmp_path / "reviewed.json"
    path.write_text(json.dumps(with_digest(reviewed)), "utf-8")
    with pytest.raises(OktaPlanError) as refused:
        org.apply(changes=path)
    assert refused.value.code is ErrorCode.LIMIT_EXCEEDED
    reviewed["changes"].pop()
    path.write_text(json.dumps(with_digest(reviewed)), "utf-8")
    view = org.apply(changes=path)
    assert (view.exit_code, [each.reason.value for each in view.held]) == (3, ["not_reviewed"])
    assert org.writes() == 1
