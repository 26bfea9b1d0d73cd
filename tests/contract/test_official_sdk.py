"""Okta's own Python SDK against the emulator, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
import yaml
from okta.client import Client
from okta.models import AppUserAssignRequest
from okta.pagination import paginate_all

from pipeline.emulator import create_app
from pipeline.emulator.orgfile import org_file_from
from tests.okta.token_endpoint import RSA_KEY, pem
from tests.path.box import served

APP, CLIENT = "0oa1example0000000x7", "0oa1svc0000000000x71"
PEOPLE = [f"user{n:03}@acme.example.com" for n in range(230)]
READ_USERS = ["okta.users.read"]


def org(**changes: Any) -> dict[str, Any]:
    users: list[dict[str, Any]] = [
        {"login": login, "firstName": "Ann", "lastName": "Lee"} for login in PEOPLE
    ]
    users[7]["lastName"] = "O'Hara"
    users[8] |= {"status": "SUSPENDED"}
    okta_apps = [{"id": APP, "label": "ERP", "assigned": [PEOPLE[0]]}, {"label": "Wiki", "name": "wiki"}]
    about = {"org": {"subdomain": "acme"}, "tokens": ["sandbox-token"], "limits": "none"}
    return {**about, "users": users, "okta_apps": okta_apps, **changes}


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK takes http:// only when told that this is a test."""
    monkeypatch.setenv("OKTA_TESTING_TESTINGDISABLEHTTPSCHECK", "true")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("org") / "org.yaml"
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True)
    clients = [
        {"id": CLIENT + suffix, "jwk": {**jwk, "kid": "k1"}, "scopes": READ_USERS, "dpop": dpop}
        for suffix, dpop in (("b", False), ("d", True))
    ]
    path.write_text(yaml.safe_dump(org(clients=clients)), "utf-8")
    with served(path) as box:
        yield box.url


def client(url: str, **credential: Any) -> Any:
    """Untyped: its annotations name the object alone where (object, answer, error) is returned."""
    return Client({"orgUrl": url, **(credential or {"token": "sandbox-token"})})


def test_it_lists_searches_and_reads_users(url: str) -> None:
    async def story(okta: Any) -> None:
        found, _, error = await okta.list_users(search='profile.lastName eq "O\'Hara"')
        assert error is None
        assert [user.profile.login for user in found] == [PEOPLE[7]]
        for key in (found[0].id, PEOPLE[7]):
            user, _, error = await okta.get_user(key)
            assert (user.id, user.status, error) == (found[0].id, "ACTIVE", None)
        suspended, _, error = await okta.list_users(filter='status eq "SUSPENDED"')
        assert [user.profile.login for user in suspended] == [PEOPLE[8]]
        _, _, error = await okta.get_user("nobody")
        assert error.error_code == "E0000007"

    asyncio.run(story(client(url)))


def test_it_follows_pages(url: str) -> None:
    async def story(okta: Any) -> None:
        listed = [user.profile.login async for user in paginate_all(okta.list_users, limit=100)]
        assert sorted(listed) == PEOPLE
        people = 'profile.login sw "user"'
        found = [user.profile.login async for user in paginate_all(okta.list_users, limit=100, search=people)]
        assert sorted(found) == PEOPLE

    asyncio.run(story(client(url)))


def test_it_lists_and_reads_apps_and_assigns_a_user(url: str) -> None:
    async def story(okta: Any) -> None:
        okta_apps, _, error = await okta.list_applications()
        assert (sorted(each.label for each in okta_apps), error) == (["ERP", "Wiki"], None)
        found, _, error = await okta.list_applications(q="er", filter='status eq "ACTIVE"')
        assert ([each.id for each in found], error) == ([APP], None)
        erp, _, error = await okta.get_application(APP)
        assert (erp.label, erp.status, error) == ("ERP", "ACTIVE", None)
        user, _, _ = await okta.get_user(PEOPLE[1])
        _, _, error = await okta.get_application_user(APP, user.id)
        assert error.error_code == "E0000007"
        wanted = AppUserAssignRequest(id=user.id, scope="USER")
        assigned, _, error = await okta.assign_user_to_application(APP, wanted)
        assert (assigned.id, assigned.scope, error) == (user.id, "USER", None)
        listed = [each.id async for each in paginate_all(okta.list_application_users, app_id=APP, limit=1)]
        assert len(listed) == 2
        assert user.id in listed

    asyncio.run(story(client(url)))


@pytest.mark.parametrize("dpop", [False, True], ids=["bearer", "dpop"])
def test_it_signs_in_as_a_service_app(url: str, dpop: bool) -> None:
    key = {"clientId": CLIENT + "bd"[dpop], "privateKey": pem(RSA_KEY), "kid": "k1", "scopes": READ_USERS}
    okta = client(url, authorizationMode="PrivateKey", dpopEnabled=dpop, **key)

    async def story() -> None:
        users, _, error = await okta.list_users(limit=3)
        assert (len(users or []), error) == (3, None)
        user, _, error = await okta.get_user(users[0].id)
        assert (user.profile.login, error) == (users[0].profile.login, None)
        _, _, error = await okta.list_applications()
        assert error.status == 403

    asyncio.run(story())


class Clock:
    """The wall clock, which can be put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s  # noqa: TID251  the SDK waits in real time


@contextlib.contextmanager
def in_a_thread(okta_org: dict[str, Any], clock: Clock) -> Iterator[str]:
    """The org on a socket of this process, so that the test holds its clock."""
    okta = create_app(org_file_from(okta_org), now=clock.now, sleep=asyncio.sleep)  # noqa: TID251  never called
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(okta, log_level="warning", lifespan="off", date_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        okta.state.close()


def test_it_survives_a_429() -> None:
    """The window is nearly over when the SDK meets its end: so it waits two seconds, not sixty."""
    clock = Clock()

    async def story(okta: Any) -> None:
        for _ in range(2):
            assert (await okta.list_users(limit=1))[2] is None
        clock.ahead_s = 58.5
        users, answer, error = await okta.list_users(limit=1)
        assert (len(users), error) == (1, None)
        assert answer.headers["x-rate-limit-remaining"] == "1"

    with in_a_thread(org(limits={"/api/v1/users": 2}), clock) as url:
        asyncio.run(story(client(url)))
        statuses = [each["status"] for each in httpx.get(f"{url}/_emulator/requests").json()]
    assert statuses == [200, 200, 429, 200]
