"""A service app signs in from a process of its own, over a real socket, and leaves no secret anywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
import yaml

from pipeline.okta import scopes
from pipeline.okta.service_app import ASSERTION_TYPE
from pipeline.okta.signing import client_assertion, read_key
from tests.okta.token_endpoint import EC_KEY, RSA_KEY, pem
from tests.path.box import ROOT, Box, in_this_process, new_workspace, permitted, served, write_org
from tests.test_sign_in import Key, public_jwk

SOURCE = min((ROOT / "csv").glob("sample_*.csv"))
EC_APP, RSA_APP, READER = (f"0oa{n}service0000000x7" for n in (1, 2, 3))
LOG = "calls.jsonl"
JWT_START = "eyJ"
"""Every JWT begins so: assertions, proofs, and the access tokens of the org."""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    org = write_org(
        tmp_path_factory.mktemp("org") / "org.yaml", sorted({who for who, _, _ in permitted(SOURCE)})
    )
    clients = [
        {"id": EC_APP, "jwk": public_jwk(EC_KEY), "scopes": sorted(scopes.ALL), "dpop": True},
        {"id": RSA_APP, "jwk": public_jwk(RSA_KEY), "scopes": sorted(scopes.ALL)},
        {"id": READER, "jwk": public_jwk(RSA_KEY), "scopes": sorted(scopes.TO_READ)},
    ]
    org.write_text(org.read_text("utf-8") + yaml.safe_dump({"clients": clients}), "utf-8")
    with served(org) as box:
        yield box


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_workspace(tmp_path_factory.mktemp("planned") / "w", SOURCE)


@pytest.fixture
def workspace(box: Box, planned: Path, tmp_path: Path) -> Path:
    """One with a plan, beside an org that is as new."""
    httpx.post(f"{box.url}/_emulator/reset").raise_for_status()
    httpx.post(f"{box.url}/_emulator/faults", json={"faults": []}).raise_for_status()
    return shutil.copytree(planned, tmp_path / "w")


class Program:
    """`okta-plan` with the settings of one service app; keeps what was printed."""

    def __init__(self, box: Box, workspace: Path, client_id: str, private_key: str) -> None:
        self.box, self.workspace = box, workspace
        self.settings = {
            "OKTA_API_TOKEN": "",
            "OKTA_CLIENT_ID": client_id,
            "OKTA_PRIVATE_KEY": private_key,
            "OKTA_KEY_ID": "k1",
        }
        self.printed = ""

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        log = str(self.workspace / LOG)
        ended = in_this_process(
            self.workspace, self.box, "--debug", "--log-file", log, *words, **self.settings
        )
        self.printed += ended.stdout + ended.stderr
        return ended

    def shows(self, *secrets: str) -> list[str]:
        """Where one of these stands in what was printed or written."""
        written = {
            str(path.relative_to(self.workspace)): path.read_text("utf-8", "replace")
            for path in self.workspace.rglob("*")
            if path.is_file() and path.suffix != ".pem"
        }
        everything = {"what was printed": self.printed, **written}
        return [name for name, text in everything.items() if any(secret in text for secret in secrets)]


def pieces(key: Key) -> list[str]:
    """Any of these would give part of the key away."""
    lines = pem(key).splitlines()[1:-1]
    return [line[at : at + 16] for line in lines for at in range(0, len(line) - 15, 16)]


@pytest.mark.parametrize(
    ("client_id", "key", "in_a_file"),
    [(EC_APP, EC_KEY, True), (RSA_APP, RSA_KEY, False)],
    ids=["ES256-DPoP-path", "RS256-bearer-text"],
)
def test_a_service_app_checks_diffs_and_applies(
    box: Box, workspace: Path, client_id: str, key: Key, in_a_file: bool
) -> None:
    (workspace / "app.pem").write_text(pem(key), "ascii")
    program = Program(box, workspace, client_id, "app.pem" if in_a_file else pem(key).replace("\n", "\\n"))
    check = program.run("check", "--app", "ERP", "--json")
    assert check.returncode == 0, check.stderr
    assert client_id in json.loads(check.stdout)["credential"]
    assert ("DPoP" in json.loads(check.stdout)["credential"]) == (client_id == EC_APP)
    assert program.run("diff", "t", "--detailed-exitcode").returncode == 2
    assert program.run("apply", "t", "--yes").returncode == 0
    assert box.held() == permitted(SOURCE)
    calls = [each for each in box.requests() if each["path"].startswith(("/api/", "/governance/"))]
    assert {each["client"] for each in calls} == {client_id}
    assert {each["status"] for each in calls} == {200, 201}
    assert {LOG, "journal.jsonl"} <= {path.name for path in workspace.rglob("*")}
    assert program.shows(JWT_START, *pieces(key)) == []


def refused(program: Program, *words: str) -> dict[str, str]:
    """The error of a command that ended before it changed anything."""
    since = len(program.box.requests())
    ended = program.run(*words, "--json")
    assert ended.returncode == 1, ended.stdout
    error: dict[str, str] = json.loads(ended.stdout)["error"]
    assert {each["path"] for each in program.box.writes(since)} == {"/oauth2/v1/token"}
    assert program.shows(JWT_START, *pieces(RSA_KEY), *pieces(EC_KEY)) == []
    return error


def test_each_refusal_gives_oktas_error_and_what_to_do(box: Box, workspace: Path) -> None:
    wrong = refused(Program(box, workspace, RSA_APP, pem(EC_KEY)), "check")
    assert wrong["code"] == "credential_refused"
    assert "invalid_client" in wrong["detail"]
    assert "OKTA_PRIVATE_KEY" in wrong["next"]

    missing = refused(Program(box, workspace, READER, pem(RSA_KEY)), "apply", "t", "--yes")
    assert missing["code"] == "scope_missing"
    assert "invalid_scope" in missing["detail"]
    assert scopes.GOVERN in missing["detail"]
    assert "Okta API Scopes" in missing["next"]

    # The refusal that demands DPoP tells a time of two hours ago, by which the next assertion is signed.
    fault = {"kind": "clock_skew", "skew_s": -7200, "match": "POST /oauth2/v1/token"}
    httpx.post(f"{box.url}/_emulator/faults", json={"faults": [fault]}).raise_for_status()
    expired = refused(Program(box, workspace, EC_APP, pem(EC_KEY)), "check")
    assert expired["code"] == "credential_refused"
    assert "invalid_client" in expired["detail"]
    assert "expired" in expired["detail"]
    assert "clock" in expired["next"]


def test_an_assertion_is_good_for_one_token(box: Box) -> None:
    url = f"{box.url}/oauth2/v1/token"
    now = parsedate_to_datetime(httpx.get(f"{box.url}/.well-known/okta-organization").headers["date"])
    form = {
        "grant_type": "client_credentials",
        "scope": scopes.USERS,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": client_assertion(
            read_key(pem(RSA_KEY), "k1"), RSA_APP, url, now.timestamp(), "once"
        ),
    }
    first, second = (httpx.post(url, data=form) for _ in range(2))
    assert first.status_code == 200, first.text
    assert second.status_code == 401
    assert second.json()["error"] == "invalid_client"
    assert "already been used" in second.json()["error_description"]
