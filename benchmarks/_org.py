"""A large org in the form meant for it, CSV files, and the calls that an apply sends to one."""

from __future__ import annotations

import csv
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

APP = "0oa1example0000000x7"
TOKEN = "sandbox-token"
GRANTS = "/governance/api/v1/grants"
TARGET = f'target.externalId eq "{APP}" AND target.type eq "APPLICATION"'
TERMS = 30
"""Logins in one search."""
PAGE, APP_USERS_PAGE = 200, 500

_ORG = f"""\
org: {{subdomain: acme}}
tokens: [{TOKEN}]
limits: none
users: {{csv: users.csv}}
okta_apps:
  - id: {APP}
    label: ERP
    assigned: {{csv: assigned.csv}}
    entitlements:
      - {{name: Role, external_value: Role, values: [Admin, Auditor, Clerk]}}
      - {{name: Site, external_value: Site, values: [North, South]}}
    grants: {{csv: grants.csv}}
"""


def lay_out(folder: Path, people: int) -> Path:
    """The org file of so many people, each assigned to the app and with a grant of two values."""
    logins = [login_of(number) for number in range(people)]
    users = ((each, "Given", "Family", f"{number:06}") for number, each in enumerate(logins))
    _write(folder / "users.csv", ("login", "firstName", "lastName", "employeeNumber"), users)
    _write(folder / "assigned.csv", ("user",), ((each,) for each in logins))
    held = (("Role", "Auditor"), ("Site", "North"))
    grants = ((each, "CUSTOM", *value) for each in logins for value in held)
    _write(folder / "grants.csv", ("user", "type", "entitlement", "value"), grants)
    (folder / "org.yaml").write_text(_ORG, "utf-8")
    return folder / "org.yaml"


def login_of(number: int) -> str:
    return f"p{number:06}@acme.example.com"


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    """Path and query."""
    body: bytes = b""


Ask = Callable[[Request], Awaitable[Any]]
"""Sends a request and answers its JSON."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of call; ``request`` makes the n-th of them."""

    name: str
    request: Callable[[int], Request]
    is_page: bool = False


def listing(path: str, **query: object) -> Request:
    return Request("GET", f"{path}?{urlencode(query)}")


async def typical_calls(ask: Ask, people: int) -> list[Kind]:
    """What an apply sends, each about another person. A PUT is about the first hundred, a POST the second,
    so that neither meets what the other has replaced.
    """
    users = await ask(listing("/api/v1/users", limit=PAGE))
    page = await ask(listing(GRANTS, filter=TARGET, include="full_entitlements", limit=PAGE))
    grants = page["data"]
    entitlements = [
        {"id": each["id"], "values": [{"id": value["id"]} for value in each["values"]]}
        for each in grants[0]["entitlements"]
    ]

    def searched(n: int) -> Request:
        logins = (login_of((n * TERMS + term) % people) for term in range(TERMS))
        return listing("/api/v1/users", search=" or ".join(f'profile.login eq "{each}"' for each in logins))

    def grants_of(n: int) -> Request:
        who = (
            f'targetPrincipal.externalId eq "{users[n % PAGE]["id"]}" AND targetPrincipal.type eq "OKTA_USER"'
        )
        return listing(GRANTS, filter=f"{TARGET} AND {who}", include="full_entitlements")

    def posted(n: int) -> Request:
        body = {
            "grantType": "CUSTOM",
            "target": {"externalId": APP, "type": "APPLICATION"},
            "targetPrincipal": {"externalId": users[100 + n % 100]["id"], "type": "OKTA_USER"},
            "entitlements": entitlements,
        }
        return Request("POST", GRANTS, json.dumps(body).encode())

    def replaced(n: int) -> Request:
        grant = {**grants[n % 100], "entitlements": entitlements}
        return Request("PUT", f"{GRANTS}/{grant['id']}", json.dumps(grant).encode())

    app_users = listing(f"/api/v1/apps/{APP}/users", limit=APP_USERS_PAGE)
    return [
        Kind("one user", lambda n: Request("GET", f"/api/v1/users/{login_of(n % people)}")),
        Kind("grants of one person", grants_of),
        Kind("POST of a grant", posted),
        Kind("PUT of a grant", replaced),
        Kind(f"search for {TERMS} users", searched, is_page=True),
        Kind("page of 200 users", lambda _: listing("/api/v1/users", limit=PAGE), is_page=True),
        Kind(
            "page of 200 grants",
            lambda _: listing(GRANTS, filter=TARGET, include="full_entitlements", limit=PAGE),
            is_page=True,
        ),
        Kind(f"page of {APP_USERS_PAGE} app users", lambda _: app_users, is_page=True),
    ]
