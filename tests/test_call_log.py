"""What is told of calls to Okta, where somebody wants to know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import ErrorCode, InputError
from tests.in_process import Tenant

ORG = """
org: {subdomain: acme}
tokens: [sandbox-token]
users: [{login: ann@acme.example.com, status: ACTIVE}]
okta_apps: [{id: 0oa1example0000000x7, label: ERP, entitlement_management: true}]
"""


def org_with(tmp_path: Path, level: str) -> Tenant:
    (tmp_path / "org.yaml").write_text(ORG, "utf-8")
    settings = {"OKTA_API_TOKEN": "sandbox-token", "OKTA_PLAN_LOG_LEVEL": level}
    return Tenant(tmp_path, tmp_path / "org.yaml", settings)


@pytest.mark.parametrize("level", ["info", "DEBUG"])
def test_each_call_is_told_on_stderr_without_a_credential(
    level: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    view = org_with(tmp_path, level).check()
    out, err = capsys.readouterr()
    told = [json.loads(line) for line in err.splitlines()]
    assert view.ok
    assert out == ""
    assert len(told) >= 3
    assert all(each["status"] == 200 and each["method"] == "GET" and each["request_id"] for each in told)
    assert "sandbox-token" not in err


@pytest.mark.parametrize("level", ["", "warning", "error"])
def test_by_default_no_call_is_told(level: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    org_with(tmp_path, level).check()
    assert capsys.readouterr() == ("", "")


def test_an_unknown_level_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        org_with(tmp_path, "loud").check()
    assert refused.value.code is ErrorCode.SETTINGS_INVALID
    assert "debug, info, warning, error" in (refused.value.next_step or "")
