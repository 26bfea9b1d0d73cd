"""The emulator as a process on a loopback socket."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from pipeline.emulator.serve import listen

PROGRAM = """
import sys
from pathlib import Path
from pipeline.emulator import load_org_file, serve
serve(load_org_file(Path(sys.argv[1])), port=0, db=":memory:", seed=0, limits=None)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be stopped by signal there")
def test_serving_announces_itself_answers_and_stops(tmp_path: Path) -> None:
    path = tmp_path / "org.yaml"
    path.write_text("org: {subdomain: acme}\ntokens: [t]\nusers: [{login: a@x}]\n", encoding="utf-8")
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        assert url.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=url, headers={"Authorization": "SSWS t"}) as client:
            response = client.get("/api/v1/users")
            assert [user["profile"]["login"] for user in response.json()] == ["a@x"]
            assert response.headers.get_list("date", split_commas=False) == [response.headers["date"]]
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == ""
        assert process.wait(timeout=20) == 0


def test_a_body_does_not_wait_for_the_client_to_acknowledge_the_head() -> None:
    with (
        listen(0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
