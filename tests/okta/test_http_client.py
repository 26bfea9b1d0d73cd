"""Proxies and certificates of the environment, on the network transport itself."""

from __future__ import annotations

import asyncio
import random
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipeline.errors import ErrorCode, InputError
from pipeline.okta.budget import Budget
from pipeline.okta.client import Call, Connection, OktaClient
from pipeline.okta.http_client import http_client
from pipeline.okta.sign_in import ApiToken
from pipeline.runtime import Runtime
from tests import virtual_time
from tests.okta.wired import ORIGIN, TOKEN

GET = Call("GET", "/api/v1/users/{}", ("00u1",))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ALL_PROXY", "socks5://me:secret@127.0.0.1:9", "socks"),
        ("HTTPS_PROXY", "ftp://me:secret@127.0.0.1", "proxy"),
        ("HTTPS_PROXY", "http://me:secret@[::1", "proxy"),
        ("NO_PROXY", "[::1", "proxy"),
        ("SSL_CERT_FILE", "secret.pem", "SSL_CERT_FILE"),
    ],
)
def test_network_settings_that_cannot_be_used_are_named_and_not_shown(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    runtime = Runtime(virtual_time.clock(), random.Random(7), None, Path())
    with pytest.raises(InputError) as refused:
        http_client(ORIGIN, runtime, "okta-plan/test")
    assert refused.value.code is ErrorCode.SETTINGS_INVALID
    assert words in refused.value.detail
    assert "secret" not in f"{refused.value.detail} {refused.value.next_step}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_org_on_this_machine_is_asked_past_a_proxy_which_would_see_the_token(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Org(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is given
            pass

    with socket.create_server(("127.0.0.1", 0)) as unused:
        proxy = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)

    async def ask(port: int) -> int | None:
        runtime = Runtime(virtual_time.clock(), random.Random(7), None, Path())
        connection = Connection(f"http://{host}:{port}", ApiToken(TOKEN))
        async with OktaClient(connection, runtime, budget=Budget(), user_agent="okta-plan/test") as client:
            return (await client.send(GET)).status

    with HTTPServer(("127.0.0.1", 0), Org) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            assert asyncio.run(ask(server.server_port)) == 200
        finally:
            server.shutdown()
    assert asked == [f"SSWS {TOKEN}"]
