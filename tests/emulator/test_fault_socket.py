"""Faults over a real socket: what the emulator as a process does to a plain httpx client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.emulator.fault_room import fault
from tests.emulator.org_room import Json

ROOT = Path(__file__).parents[2]
USERS = "/api/v1/users"
ASSIGN = "POST /api/v1/apps/{id}/users"
ORG = """
org: {subdomain: acme}
tokens: [t]
limits: none
users: [{login: a@x, id: 00u1example0000000x7}]
okta_apps: [{label: ERP, id: 0oa1example0000000x7}]
"""


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    (folder / "org.yaml").write_text(ORG, encoding="utf-8")
    command = [sys.executable, "-W", "error", "-m", "pipeline", "emulator", "serve"]
    return subprocess.Popen(
        [*command, "--org", str(folder / "org.yaml"), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("org")
    (folder / "faults.yaml").write_text("[{kind: rate_limit, times: 1}]", encoding="utf-8")
    with start(folder, "--faults", str(folder / "faults.yaml")) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with httpx.Client(base_url=url, headers={"Authorization": "SSWS t"}) as client:
            assert client.get(USERS).status_code == 429
            assert client.get(USERS).status_code == 200
            yield client
        process.terminate()
        _, complaints = process.communicate(timeout=20)
    # A connection that is ended on purpose is no defect of the server.
    assert complaints == ""


def set_faults(client: httpx.Client, *faults: Json) -> None:
    assert client.post("/_emulator/faults", json=list(faults)).status_code == 200


def assigned(client: httpx.Client) -> bool:
    return bool(client.get("/_emulator/state").json()["okta_apps"][0]["assigned"])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("reset", "error"), [(False, httpx.RemoteProtocolError), (True, httpx.ReadError)])
def test_a_dropped_connection(client: httpx.Client, when: str, reset: bool, error: type[Exception]) -> None:
    client.post("/_emulator/reset")
    set_faults(client, fault("dropped_connection", match=ASSIGN, when=when, reset=reset, times=1))
    with pytest.raises(error):
        client.post("/api/v1/apps/0oa1example0000000x7/users", json={"id": "00u1example0000000x7"})
    assert assigned(client) == (when == "after")
    assert client.get(USERS).status_code == 200


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_truncated_body(client: httpx.Client, share: float) -> None:
    set_faults(client, fault("truncated_body", match=f"GET {USERS}", share=share, times=1))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        client.get(USERS)
    assert client.get(USERS).status_code == 200


def test_a_slow_answer_outlasts_the_clients_patience(client: httpx.Client) -> None:
    client.post("/_emulator/reset")
    set_faults(client, fault("slow", match=ASSIGN, delay_s=2, when="after", times=1))
    with pytest.raises(httpx.ReadTimeout):
        client.post(
            "/api/v1/apps/0oa1example0000000x7/users", json={"id": "00u1example0000000x7"}, timeout=0.2
        )
    assert assigned(client)


def test_the_other_kinds(client: httpx.Client) -> None:
    set_faults(client, fault("server_error", status=502, times=1), fault("captive_portal", times=1))
    answers = [client.get(USERS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [502, 200, 200]
    kinds = [answer.headers["content-type"].split(";")[0] for answer in answers]
    assert kinds == ["text/html", "text/html", "application/json"]


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be stopped by signal there")
def test_stopping_does_not_wait_for_a_slow_answer(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("[{kind: slow, delay_s: 36000}]", encoding="utf-8")
    with start(tmp_path, "--faults", str(path)) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with httpx.Client(base_url=url) as client, pytest.raises(httpx.ReadTimeout):
            client.get(USERS, timeout=0.2)
        process.terminate()
        _, complaints = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in complaints


@pytest.mark.parametrize(
    ("text", "message"),
    [("[{kind: rain}]", "faults[0]: Input tag 'rain'"), ("[", "cannot be read as YAML")],
)
def test_a_file_of_faults_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text, encoding="utf-8")
    with start(tmp_path, "--faults", str(path)) as process:
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == 1
    assert message in " ".join(complaints.split())
