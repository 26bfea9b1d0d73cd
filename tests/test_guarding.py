"""Guards, their overrides and what is recorded of them, through diff, apply and simulate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pipeline.clock import Clock
from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.run.entries import Header
from pipeline.run.journal import read_journal
from pipeline.use_cases.allowing import permissions_given
from tests import virtual_time
from tests.in_process import Tenant
from tests.test_cases import furnish
from tests.test_resuming import ANN, BOB, CID, HELD_AFTER, ORG, PLAN, journal_of
from tests.virtual_time import EPOCH_S

WHY = "The team was dissolved, ticket 4711"
PAYMENTS = {
    "schema": "okta-plan-policy/v1",
    "rules": [{"id": "no-owner-clerk", "why": "Four eyes.", "together": ["Role/Owner", "Role/Admin"]}],
}


def tenant(folder: Path, settings: dict[str, str] | None = None, **plan: Any) -> Tenant:
    org = furnish(folder, {"plan": PLAN | plan, "org": ORG})
    org.settings = {"OKTA_API_TOKEN": "sandbox-token"} | (settings or {})
    return org


def refused(call: Callable[[], object]) -> OktaPlanError:
    with pytest.raises(OktaPlanError) as caught:
        call()
    return caught.value


def at(second: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(EPOCH_S + second, UTC).isoformat().replace("+00:00", "Z")


GUARDED: list[tuple[dict[str, Any], ErrorCode, str]] = [
    ({"limits": {"changed_percent_max": 50}}, ErrorCode.LIMIT_EXCEEDED, "changed_percent_max=300"),
    ({"limits": {"value_max": {"Role/Admin": 1}}}, ErrorCode.LIMIT_EXCEEDED, "value_max/Role/Admin=2"),
    ({"limits": {"privileged": ["Role/Ow*"]}}, ErrorCode.PRIVILEGED_VALUE, "privileged=Role/Owner"),
]


@pytest.mark.parametrize(("plan", "code", "override"), GUARDED, ids=[each[2] for each in GUARDED])
def test_a_guard_refuses_before_the_first_write_and_yields_to_its_override(
    plan: dict[str, Any], code: ErrorCode, override: str, tmp_path: Path
) -> None:
    org = tenant(tmp_path, **plan)
    shown = org.diff()
    assert (shown.exit_code, [each.code for each in shown.refusals]) == (2, [code])
    assert shown.refusals[0].override == f"--allow {override}"
    for call in (org.apply, org.simulate):
        error = refused(call)
        assert (error.code, int(error.exit_code)) == (code, 4)
        assert error.detail == shown.refusals[0].detail
    assert org.writes() == 0
    view = org.apply(allow=(override,), reasons=(WHY,))
    assert view.exit_code == 0
    assert org.held() == HELD_AFTER
    assert_recorded(org, str(view.run), override)


def assert_recorded(org: Tenant, run: str, override: str) -> None:
    header = read_journal(journal_of(org, run)).entries[0]
    assert isinstance(header, Header)
    assert [f"{each.guard}={each.value} {each.reason}" for each in header.allowed] == [f"{override} {WHY}"]
    folder = journal_of(org, run).parent
    (allowed,) = json.loads((folder / "report.json").read_text("utf-8"))["allowed"]
    assert (f"{allowed['guard']}={allowed['value']}", allowed["reason"]) == (override, WHY)
    assert "Guards overridden" in (folder / "report.md").read_text("utf-8")


BAD = {
    "a reason is missing": (("revoked_max=40",), ()),
    "a reason is blank": (("revoked_max=40",), ("  ",)),
    "one reason for two": (("revoked_max=40", "age_h=48"), (WHY,)),
    "no such guard": (("everything=yes",), (WHY,)),
    "no value": (("revoked_max",), (WHY,)),
    "no number": (("revoked_max=many",), (WHY,)),
    "a negative number": (("revoked_max=-1",), (WHY,)),
    "not a number": (("revoked_max=nan",), (WHY,)),
    "without an end": (("revoked_max=inf",), (WHY,)),
    "value_max without a value": (("value_max=3",), (WHY,)),
    "value_max without an entitlement": (("value_max/Admin=3",), (WHY,)),
    "a pattern of privileged values": (("privileged=Role/*",), (WHY,)),
    "a privileged value without entitlement": (("privileged=Admin",), (WHY,)),
    "a freeze without a zone": (("freeze=2026-12-24T18:00",), (WHY,)),
    "a freeze that is no time": (("freeze=always",), (WHY,)),
    "provisioning of something": (("provisioning=no",), (WHY,)),
    "twice": (("revoked_max=4", "revoked_max=5"), (WHY, WHY)),
}


@pytest.mark.parametrize(("allow", "reasons"), BAD.values(), ids=BAD)
def test_an_override_that_cannot_be_used_is_a_usage_error(
    allow: tuple[str, ...], reasons: tuple[str, ...]
) -> None:
    error = refused(lambda: permissions_given(allow, reasons))
    assert (error.code, int(error.exit_code)) == (ErrorCode.USAGE, 64)
    assert error.next_step


def test_values_with_equal_signs_can_be_named() -> None:
    given = permissions_given(
        ("privileged=AD/CN=Admins,OU=x", "value_max/AD/CN=Admins=3", "sod_conflict=a", "sod_conflict=b"),
        (WHY, WHY, WHY, WHY),
    )
    assert given.privileged == {"AD/CN=Admins,OU=x"}
    assert given.overrides["value_max/AD/CN=Admins"].limit == 3
    assert given.conflicts == {"a", "b"}


def test_a_conflict_of_duties_is_sent_only_where_its_rule_is_named(tmp_path: Path) -> None:
    org = tenant(tmp_path, access=[{"values": {"Role": ["Admin", "Owner"]}, "users": [ANN]}])
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "p.yaml").write_text(yaml.safe_dump(PAYMENTS), "utf-8")
    assert org.apply(allow=("sod_conflict=another",), reasons=(WHY,)).exit_code == 3
    (held,) = org.diff().held
    assert held.reason == "sod_conflict"
    assert "Role/Owner with Role/Admin" in held.detail
    assert "policies/p.yaml:2" in held.detail
    view = org.apply(allow=("sod_conflict=No-Owner-Clerk",), reasons=(WHY,))
    assert (view.exit_code, [each.code.value for each in view.findings]) == (0, ["sod_conflict"])
    assert org.held()[ANN] == {"Role": ["Admin", "Owner"]}


def test_a_change_set_is_refused_when_it_is_too_old(tmp_path: Path) -> None:
    org = tenant(tmp_path, {"OKTA_PLAN_CHANGES_AGE_H": "2"})
    changes = tmp_path / org.diff().paths["changes"]
    org.starts_s += 2.1 * 3600
    error = refused(lambda: org.apply(changes=changes))
    assert (error.code, int(error.exit_code), org.writes()) == (ErrorCode.CHANGES_TOO_OLD, 4, 0)
    assert "2.10 h later. OKTA_PLAN_CHANGES_AGE_H allows 2 h" in error.detail
    assert org.apply(changes=changes, allow=("age_h=3",), reasons=(WHY,)).exit_code == 0


@pytest.mark.parametrize("hours", ["soon", "-1", "inf", "nan"])
def test_an_age_that_is_no_number_of_hours_is_said_to_be_none(hours: str, tmp_path: Path) -> None:
    error = refused(tenant(tmp_path, {"OKTA_PLAN_CHANGES_AGE_H": hours}).apply)
    assert error.code is ErrorCode.SETTINGS_INVALID


def test_in_a_freeze_nothing_is_written(tmp_path: Path) -> None:
    org = tenant(tmp_path, {"OKTA_PLAN_FREEZE": f"{at(-60)}/{at(3600)}"})
    assert [each.guard for each in org.diff().refusals] == ["freeze"]
    error = refused(org.apply)
    assert (error.code, int(error.exit_code), org.writes()) == (ErrorCode.FREEZE, 4, 0)
    assert org.simulate().exit_code == 0, "the rehearsal is of the work, not of the hour"
    assert refused(lambda: org.apply(allow=(f"freeze={at(-1)}",), reasons=(WHY,))).code is ErrorCode.FREEZE
    assert org.apply(allow=(f"freeze={at(600)}",), reasons=(WHY,)).exit_code == 0


def test_what_cannot_be_read_as_a_freeze_is_not_read_as_none(tmp_path: Path) -> None:
    org = tenant(tmp_path, {"OKTA_PLAN_FREEZE": "Fri 4pm-Mon"})
    for call in (org.diff, org.apply):
        error = refused(call)
        assert error.code is ErrorCode.SETTINGS_INVALID
        assert "OKTA_PLAN_FREEZE" in error.detail
    assert org.writes() == 0


class Slow(httpx.AsyncBaseTransport):
    """Every write takes ten seconds."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._clock: Clock = virtual_time.clock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            await self._clock.sleep(10)
        return await self._inner.handle_async_request(request)


@pytest.mark.parametrize("allowed_until_s", [None, 25.0])
def test_a_freeze_that_begins_halts_the_run_which_goes_on_afterwards(
    allowed_until_s: float | None, tmp_path: Path
) -> None:
    """Also where the freeze was there from the start and was allowed for a while only."""
    begins_s = 25.0 if allowed_until_s is None else -60.0
    org = tenant(tmp_path, {"OKTA_PLAN_FREEZE": f"{at(begins_s)}/{at(7200)}"})
    org.wrap = Slow
    allow: dict[str, Any] = (
        {} if allowed_until_s is None else {"allow": (f"freeze={at(25)}",), "reasons": (WHY,)}
    )
    view = org.apply(concurrency=1, **allow)
    assert view.exit_code == 5
    assert view.error is not None
    assert view.error.code is ErrorCode.FREEZE
    assert view.resume is not None
    assert 1 <= org.writes() < 6
    sent = org.writes()
    org.starts_s += 100
    assert refused(lambda: org.apply(resume=view.run)).code is ErrorCode.FREEZE
    assert org.writes() == sent
    org.starts_s += 7200
    assert org.apply(resume=view.run).exit_code == 0
    assert org.held() == HELD_AFTER


def test_a_protected_person_keeps_all_until_named(tmp_path: Path) -> None:
    org = tenant(
        tmp_path,
        {"OKTA_PLAN_PROTECTED": CID},
        access=[],
        removals=[{"values": {"Role": ["Guest"]}, "users": [CID]}],
        entitlements=[{"name": "Role", "external_value": "Role", "values": ["Guest"]}],
        limits={"revoked_percent_max": 100},
    )
    assert [each.reason for each in org.diff().held] == ["protected"]
    assert org.apply().exit_code == 3
    given: dict[str, Any] = {"allow": (f"protected={CID.upper()}",), "reasons": (WHY,)}
    assert refused(lambda: org.apply(**given)).code is ErrorCode.NOT_CONFIRMED, "--yes covers no revoke"
    assert org.writes() == 0


def test_the_tenant_pin_yields_to_the_org_that_is_named(tmp_path: Path) -> None:
    org = tenant(tmp_path, tenant="other.okta.com")
    error = refused(org.apply)
    assert error.code is ErrorCode.OTHER_ORG
    assert "--allow tenant=acme.okta.com" in str(error.next_step)
    assert refused(lambda: org.apply(allow=("tenant=third.okta.com",), reasons=(WHY,))).code is error.code
    assert org.writes() == 0
    assert org.apply(allow=("tenant=acme.okta.com",), reasons=(WHY,)).exit_code == 0


def test_limits_on_people_do_not_stand_in_the_way_of_the_structure_alone(tmp_path: Path) -> None:
    org = tenant(tmp_path, limits={"value_max": {"Role/Admin": 0}})
    assert refused(org.apply).code is ErrorCode.LIMIT_EXCEEDED
    assert org.apply(only="structure").exit_code == 0
    assert org.held() == {CID: {"Role": ["Guest"]}}
    assert refused(lambda: org.apply(only="grants")).code is ErrorCode.LIMIT_EXCEEDED


def rules_call(request: dict[str, Any]) -> bool:
    return bool(request["path"] == "/governance/api/v1/risk-rules")


def test_the_risk_rules_are_asked_for_once_and_only_where_somebody_gets_something(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.apply()
    assert sum(map(rules_call, org.requests())) == 1
    (tmp_path / "structure").mkdir()
    alone = tenant(tmp_path / "structure", access=[])
    alone.apply()
    assert not any(map(rules_call, alone.requests()))


class Answering(httpx.AsyncBaseTransport):
    """Okta gives this answer where it is asked for risk rules."""

    def __init__(self, inner: httpx.AsyncBaseTransport, status: int, body: object) -> None:
        self._inner, self._status, self._body = inner, status, body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if request.url.path != "/governance/api/v1/risk-rules":
            return response
        headers = {
            name: response.headers[name] for name in response.headers if name.startswith(("x-", "date"))
        }
        return httpx.Response(self._status, json=self._body, headers=headers, request=request)


def answering(org: Tenant, status: int, body: object) -> Tenant:
    org.wrap = lambda inner: Answering(inner, status, body)
    return org


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"errorCode": "E0000006", "errorSummary": "You do not have permission"}),
        (404, {"errorCode": "E0000022", "errorSummary": "The endpoint does not support the HTTP method"}),
        (400, {"errorCode": "E0000001", "errorSummary": "Api validation failed"}),
        (401, {"errorCode": "E0000015", "errorSummary": "You do not have permission to access the feature"}),
        (403, {"errorCode": "E0000004", "errorSummary": "You don't have permission"}),
    ],
)
def test_risk_rules_that_okta_does_not_tell_are_said_not_to_be_checked(
    status: int, body: object, tmp_path: Path
) -> None:
    org = answering(tenant(tmp_path), status, body)
    shown = org.diff()
    assert [each.code.value for each in shown.findings] == ["sod_unchecked"]
    assert str(status) in shown.findings[0].detail
    assert org.simulate().unlike[0].startswith("Okta's risk rules could not be read")
    assert org.apply().exit_code == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, {}), (200, {"data": [{"id": "rul1"}]}), (200, {"data": [], "metadata": {"total": 2}})],
)
def test_risk_rules_that_were_not_read_to_the_end_hold_all_that_would_be_given(
    status: int, body: object, tmp_path: Path
) -> None:
    org = answering(tenant(tmp_path), status, body)
    shown = org.diff()
    assert {each.reason for each in shown.held} == {"incomplete_read"}
    assert {each.principal for each in shown.held} == {ANN, BOB, CID}
    assert org.apply().exit_code == 3
    assert org.held() == {CID: {"Role": ["Guest"]}}


def test_a_risk_rule_of_a_new_kind_is_told_and_one_about_another_app_is_none_of_ours(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    app_id = org.state()["okta_apps"][0]["id"]
    rule = {"id": "rul1", "name": "New", "status": "ACTIVE", "conflictCriteria": {"or": []}}
    about = [{"resourceOrn": f"orn:okta:idp:00o1:apps:erp:{each}"} for each in (app_id, "0oa2")]
    rules = [rule | {"resources": [about[0]]}, rule | {"id": "rul2", "resources": [about[1]]}]
    (finding,) = answering(org, 200, {"data": rules}).diff().findings
    assert finding.code == "sod_unchecked"
    assert "of a kind that this version does not know" in finding.detail


def approved(org: Tenant, **given: Any) -> Tenant:
    from tests.approvals import approve

    approve(org, **given)
    return org


def hide_conflicts(org: Tenant) -> None:
    """Somebody edits the stored set so that nobody is asked; what its digest covers stays."""
    stored = (org.workspace / "plans" / ".runs" / "changes").glob("*.json")
    newest = max(stored, key=lambda path: path.stat().st_mtime_ns)
    document = json.loads(newest.read_text("utf-8"))
    assert document["conflicts"] == ["no-owner-clerk"]
    newest.write_text(json.dumps(document | {"conflicts": [], "findings": []}), "utf-8")


def test_an_approval_that_names_the_rule_allows_the_conflict_that_was_reviewed(tmp_path: Path) -> None:
    org = tenant(tmp_path, access=[{"values": {"Role": ["Admin", "Owner"]}, "users": [ANN]}])
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yaml").write_text(yaml.safe_dump(PAYMENTS), "utf-8")
    assert [each.reason for each in org.diff().held] == ["sod_conflict"]
    assert org.diff(allow=("sod_conflict=no-owner-clerk",)).held == []
    with pytest.raises(OktaPlanError) as refused:
        approved(org)
    assert refused.value.code is ErrorCode.NOT_NAMED
    assert "no-owner-clerk" in refused.value.detail
    hide_conflicts(org)
    approved(org)
    assert [each.reason for each in org.apply(require_approval=True).held] == ["sod_conflict"]
    assert org.held() == {CID: {"Role": ["Guest"]}}
    org.diff(allow=("sod_conflict=no-owner-clerk",))
    approved(org, conflicts=("no-owner-clerk",))
    assert org.apply(require_approval=True).exit_code == 0
    assert org.held()[ANN] == {"Role": ["Admin", "Owner"]}


def test_an_approval_names_each_value_that_a_pattern_makes_privileged(tmp_path: Path) -> None:
    org = tenant(tmp_path, limits={"privileged": ["role/*"]})
    org.diff()
    approved(org)
    view = org.apply(require_approval=True)
    assert view.exit_code == 0
    assert org.held() == HELD_AFTER


def test_an_approval_of_limits_is_recorded_with_the_run(tmp_path: Path) -> None:
    from pipeline.plan.approval import Allowance

    org = tenant(tmp_path, limits={"value_max": {"Role/Admin": 1}})
    org.diff()
    approved(org, allow=(Allowance(guard="value_max/Role/Admin", limit=2, reason=WHY),))
    view = org.apply(require_approval=True)
    assert view.exit_code == 0
    assert_recorded(org, str(view.run), "value_max/Role/Admin=2")


def test_a_change_set_ages_until_it_is_approved(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.diff()
    org.starts_s += 23 * 3600
    approved(org)
    org.starts_s += 2 * 3600
    assert org.apply(require_approval=True).exit_code == 0
    stale = tmp_path / "stale"
    stale.mkdir()
    other = tenant(stale)
    other.diff()
    other.starts_s += 25 * 3600
    approved(other)
    error = refused(lambda: other.apply(require_approval=True))
    assert (error.code, other.writes()) == (ErrorCode.CHANGES_TOO_OLD, 0)
    assert "approved at" in error.detail
