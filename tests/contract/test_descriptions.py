"""Every answer of the emulator against Okta's own API descriptions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import httpx
import pytest

from pipeline.emulator import create_app
from pipeline.emulator.orgfile import org_file_from
from pipeline.emulator.routes import ROUTES
from tests.contract import recordings, story
from tests.contract.descriptions import (
    FOLDER,
    FORMATS,
    UNCHECKED,
    Operation,
    documents,
    operation_of,
    operations,
)
from tests.contract.disagreements import DISAGREEMENTS, is_known
from tests.contract.exchanges import Exchange, Recorder
from tests.emulator.service_app import ASSERTION_TYPE, client_entry, ec_key, signed

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="Okta's API descriptions are not at hand")

NOW_S = 1_790_000_000.0
REFUSALS = frozenset({400, 401, 403, 404, 409})

UNDESCRIBED = {
    "GET /api/v1/apps": "the descriptions at hand leave out apps; recordings judge it",
    "GET /api/v1/apps/{}": "the descriptions at hand leave out apps; recordings judge it",
    "GET /api/v1/users/me": "an instance of /api/v1/users/{id}, which judges it",
    "POST /oauth2/v1/token": "the descriptions at hand leave out signing in; recordings judge it",
}
"""In the emulator, but not described."""

_CATALOGUE = "an error of Okta's catalogue that the description of the core API does not repeat"
ALSO_ANSWERED = {
    **{(f"{method} /api/v1/apps/{{appId}}/users", 401): _CATALOGUE for method in ("GET", "POST")},
    **{
        (f"{method} /api/v1/apps/{{appId}}/users/{{userId}}", 401): _CATALOGUE
        for method in ("GET", "POST", "DELETE")
    },
    ("GET /api/v1/org", 401): _CATALOGUE,
    ("GET /api/v1/users", 400): _CATALOGUE,
    ("GET /api/v1/users", 401): _CATALOGUE,
    ("GET /api/v1/users/{id}", 401): _CATALOGUE,
}
"""Statuses that are answered and not documented: E0000011 is 401, E0000031 is 400."""

NEVER_ANSWERED: dict[tuple[str, int], str] = {}
"""Documented refusals that the story cannot meet."""


def shape(template: str) -> str:
    """A path whose variable parts have no names: they differ between us and Okta."""
    return re.sub(r"{\w+}", "{}", template)


def emulated() -> dict[str, str]:
    """`METHOD path` without names -> with the emulator's."""
    return {f"{r.method} {shape(r.template)}": f"{r.method} {r.template}" for r in ROUTES}


def described() -> dict[str, Operation]:
    return {f"{each.method} {shape(each.template)}": each for each in operations()}


async def told() -> list[Exchange]:
    """The whole story, then each operation once without a good token and once with a useless scope."""
    key = ec_key("contract")
    client = client_entry(id=story.CLIENT, jwk=key.as_dict(private=False), scopes=[story.NO_USE])
    org = org_file_from({**story.org(), "clients": [client]})

    async def sleep(_wait_s: float) -> None:
        raise AssertionError("nothing in this org waits")

    okta = create_app(org, now=lambda: NOW_S, sleep=sleep)
    recorder = Recorder(httpx.ASGITransport(okta))
    async with httpx.AsyncClient(transport=recorder, base_url="http://org.test") as http:
        steps = await tell(http)
        token = await useless_token(http, key)
        for step in one_for_each(steps):
            for authorization in ("SSWS wrong", f"Bearer {token}"):
                await http.request(
                    step.method,
                    step.path,
                    params=dict(step.query),
                    json=None if step.method in ("GET", "DELETE") else {},
                    headers={"Authorization": authorization},
                )
    okta.state.close()
    return recorder.exchanges


async def tell(http: httpx.AsyncClient) -> list[story.Step]:
    """The steps as they were made."""
    answers: dict[str, Any] = {}
    made = []
    for told_step in story.STORY:
        step = replace(told_step, path=told_step.path + told_step.path_end(answers))
        made.append(step)
        body = step.body(answers) if callable(step.body) else step.body
        answer = await http.request(
            step.method,
            step.path,
            params=dict(step.query) or None,
            json=body,
            headers={"Authorization": "SSWS good"},
        )
        assert answer.status_code == step.status, f"{step}: {answer.text}"
        answers[f"{step.method} {step.path}"] = answer.json() if answer.content else None
    return made


async def useless_token(http: httpx.AsyncClient, key: Any) -> str:
    claims = {"iss": story.CLIENT, "sub": story.CLIENT, "aud": "http://org.test/oauth2/v1/token"}
    times = {"iat": int(NOW_S), "exp": int(NOW_S) + 300, "jti": "once"}
    form = {
        "grant_type": "client_credentials",
        "scope": story.NO_USE,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed(key, {**claims, **times}, kid=key.kid),
    }
    answer = await http.post("/oauth2/v1/token", data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def one_for_each(steps: list[story.Step]) -> Iterator[story.Step]:
    seen: set[str] = set()
    for step in steps:
        operation = operation_of(step.method, step.path)
        if operation and str(operation) not in seen and step.status < 300:
            seen.add(str(operation))
            yield step


@lru_cache(maxsize=1)
def exchanges() -> tuple[Exchange, ...]:
    return tuple(asyncio.run(told()))


def unknown(operation: Operation, faults: list[str]) -> list[str]:
    """Faults that no recording shares."""
    return [fault for fault in faults if not is_known(str(operation), fault)]


def test_every_format_is_checked_or_listed() -> None:
    used = set[str]().union(*(document.formats() for document in documents()))
    assert used - set(FORMATS.checkers) == set(UNCHECKED)


def test_all_that_is_described_is_emulated_and_the_rest_is_listed() -> None:
    assert {name for name in described() if name not in emulated()} == set()
    assert {name for name in emulated() if name not in described()} == set(UNDESCRIBED)


def test_answers_are_as_described() -> None:
    faults, used = [], set()
    for exchange in exchanges():
        operation = operation_of(exchange.method, exchange.path)
        if operation is None:
            continue
        if (str(operation), exchange.status) in ALSO_ANSWERED:
            used.add((str(operation), exchange.status))
            assert exchange.status not in operation.statuses
            continue
        faults += [f"{exchange}: {each}" for each in unknown(operation, operation.answer_faults(exchange))]
    assert "\n".join(sorted(set(faults))) == ""
    assert used == set(ALSO_ANSWERED), "nothing answers so: remove it"


def test_the_story_meets_every_documented_answer() -> None:
    met = {(str(operation_of(e.method, e.path)), e.status) for e in exchanges()}
    wanted = {
        (str(operation), status)
        for operation in described().values()
        for status in operation.statuses
        if status < 300 or status in REFUSALS
    }
    assert wanted - met == set(NEVER_ANSWERED)


def test_recorded_answers_are_as_described_but_for_the_listed_disagreements() -> None:
    everything = [each for name in recordings.names() for each in recordings.interactions(name)]
    shown = []
    for each in everything:
        operation = operation_of(each.method, each.path)
        faults = operation.answer_faults(each.exchange()) if operation else []
        assert not operation or unknown(operation, faults) == [], each
        shown += [
            disagreement
            for disagreement in DISAGREEMENTS
            if (disagreement.recording, disagreement.seq) == (each.recording, each.seq)
            and any(disagreement.covers(str(operation), fault) for fault in faults)
        ]
    assert {each.fault for each in shown} == {each.fault for each in DISAGREEMENTS}
