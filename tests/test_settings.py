from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.settings import find_workspace, load_settings, origin_of


@pytest.mark.parametrize(
    ("domain", "origin"),
    [
        ("acme.okta.com", "https://acme.okta.com"),
        (" https://acme.okta.com/ ", "https://acme.okta.com"),
        ("https://acme-admin.okta.com", "https://acme.okta.com"),
        ("acme-admin.oktapreview.com", "https://acme.oktapreview.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("acme-admin.okta-gov.com", "https://acme.okta-gov.com"),
        ("id.acme.example", "https://id.acme.example"),
        ("sso-admin.acme.example", "https://sso-admin.acme.example"),
        ("https://ACME.okta.com.:443", "https://acme.okta.com"),
    ],
)
def test_what_people_paste_becomes_the_origin(domain: str, origin: str) -> None:
    assert origin_of(domain) == origin


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "   ",
        "http://acme.okta.com",
        "ftp://acme.okta.com",
        "https://user:pass@acme.okta.com",
        "acme.okta.com/path",
        "acme.okta.com?x=1",
        "acme.okta.com#x",
        "https://acme.okta.com:port",
        "acme okta com",
        "[::1",
        "http://[::2]:80",
    ],
)
def test_anything_else_is_refused(domain: str) -> None:
    with pytest.raises(InputError):
        origin_of(domain)


def test_the_workspace_is_named_or_the_nearest_folder_that_looks_like_one(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_workspace(None, {}, inner) == inner
    (tmp_path / "a" / "plans").mkdir()
    assert find_workspace(None, {}, inner) == tmp_path / "a"
    assert find_workspace(None, {"OKTA_PLAN_HOME": str(tmp_path)}, inner) == tmp_path
    assert find_workspace(inner, {"OKTA_PLAN_HOME": str(tmp_path)}, tmp_path) == inner
    with pytest.raises(InputError):
        find_workspace(tmp_path / "absent", {}, inner)


def test_the_environment_wins_over_the_file_and_the_token_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("OKTA_DOMAIN=file.okta.com\nOKTA_API_TOKEN=s3cr3t\nOTHER=1\n", "utf-8")
    for name in ("OKTA_DOMAIN", "OKTA_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    settings = load_settings(tmp_path)
    assert settings.okta_domain == "file.okta.com"
    assert settings.okta_api_token.get_secret_value() == "s3cr3t"
    assert "s3cr3t" not in repr(settings)
    monkeypatch.setenv("OKTA_DOMAIN", "process.okta.com")
    assert load_settings(tmp_path).okta_domain == "process.okta.com"
