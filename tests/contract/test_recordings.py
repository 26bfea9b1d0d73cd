"""What real Okta answered, asked again of the emulator: every recorded call, in order.

Compared are the status, the names of the headers, the links, the rate limits, and of the body every key and
the type of every value. Null says nothing about a type.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from pipeline.emulator.errors import OktaError
from pipeline.emulator.orgfile import org_file_from
from pipeline.emulator.routes import match
from tests.contract import recordings
from tests.contract.recordings import FOLDER, Interaction, Json, interactions
from tests.emulator.org_room import Room
from tests.emulator.service_app import TOKEN_URL, App, client_entry, ec_key, proof, token_hash

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings of real Okta are not at hand")

OUT_OF_SCOPE = (
    ("POST|PUT|DELETE", r"/api/v1/(apps|users)(/\w{20})?", "creates, changes or deletes apps and users"),
    ("POST", r"/api/v1/(apps|users)/\w{20}/lifecycle/\w+", "ends apps and users"),
    ("GET", r"/api/v1/users/\w{20}/(roles|groups)", "admin roles and groups"),
    ("GET|PUT", r"/api/v1(/apps/\w{20})?/policies.*", "policies"),
    ("GET|POST", "/api/v1/internal/.*", "Okta's internal API"),
    ("GET|POST", "/api/v1/meta/schemas/.*", "schemas of profiles"),
)
"""(method, path, what it is about): the emulator has none of that, so these calls are not repeated."""

STANDS_FOR = ((r"(/api/v1/apps/\w+)/features(/\w+)?", r"\1/users"),)
"""Paths the emulator lacks, whose answers are about the app alone: asked below the same app instead."""

REPLAYED = {
    "core/TestAccDataSourceOktaAppUserAssignments_read.json": 16,
    "core/TestAccDataSourceOktaApp_read.json": 20,
    "core/TestAccDataSourceOktaUser_read.json": 22,
    "core/TestAccDataSourceOktaUsers_read.json": 31,
    "core/TestAccResourceOktaUser_statusDeprovisioned.json": 7,
    "core/pysdk__TestApplicationFeaturesResource.test_comprehensive_coverage_push.json": 74,
    "core/pysdk__TestDPoPBackwardCompatibility.test_private_key_auth_without_dpop.json": 1,
    "core/pysdk__TestDPoPBackwardCompatibility.test_ssws_auth_unchanged.json": 1,
    "core/pysdk__TestDPoPIntegration.test_dpop_api_request.json": 6,
    "core/pysdk__TestDPoPIntegration.test_dpop_nonce_update.json": 8,
    "core/pysdk__TestDPoPTokenExpiry.test_token_expiry_and_refresh.json": 5,
    "entitlement_bundles__get_entitlement_bundle.6efbf2d.json": 2,
    "entitlement_bundles__get_entitlement_bundle.cb98d23.json": 2,
    "entitlement_bundles__list_entitlement_bundles.6efbf2d.json": 1,
    "entitlement_bundles__list_entitlement_bundles.cb98d23.json": 1,
    "entitlement_settings__get_entitlement_settings.cb98d23.json": 2,
    "entitlements__get_entitlement.cb98d23.json": 2,
    "entitlements__get_entitlement_value.cb98d23.json": 3,
    "entitlements__list_all_entitlement_values.2322fcc.json": 1,
    "entitlements__list_all_entitlement_values.cb98d23.json": 1,
    "entitlements__list_entitlement_values.cb98d23.json": 2,
    "entitlements__list_entitlements.cb98d23.json": 1,
    "entitlements__list_entitlements_filtered.2322fcc.json": 1,
    "entitlements__list_entitlements_filtered.cb98d23.json": 1,
}
"""How many calls of each recording are repeated: none is left out silently."""

BY_THE_EDGE = {"connection", "content-encoding", "server", "transfer-encoding", "vary"}
"""Headers of the machines in front of Okta."""
OURS = {"content-length", "x-okta-request-id"}
"""The first stands for transfer-encoding; governance recordings lack the second, all others have it."""

VARIES = {
    r"/api/v1/users\S* body(\[\])?\.realmId": "one org with realms sends it, no other does",
    r"/api/v1/users/\w+ body\._links\.resetFactors": "sent in 2026, not in 2025",
    r"/api/v1/users\S* body(\[\])?\.profile\.number123": "a number; an org file has text alone",
    r"/api/v1/apps/\w+/users\S* body(\[\])?\.profile\.\w+": "follows the app's own schema and its mappings",
}
"""`path place` of keys that are not the same in every org or year, and why."""


@dataclass
class Faults:
    """What differs in one answer, and which entries of VARIES were needed to let other things pass."""

    path: str
    found: list[str] = field(default_factory=list)
    varied: set[str] = field(default_factory=set)

    def key(self, where: str, what: str) -> None:
        varied = {pattern for pattern in VARIES if re.fullmatch(pattern, f"{self.path} {where}")}
        self.varied |= varied
        if not varied:
            self.found.append(f"{where}: {what}")

    def compare(self, what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            self.found.append(f"{what}: {ours!r} instead of {theirs!r}")


def reason_to_skip(each: Interaction) -> str | None:
    for method, path, about in OUT_OF_SCOPE:
        if re.fullmatch(method, each.method) and re.fullmatch(path, each.path):
            return about
    return None


def acts(name: str) -> Iterator[list[Interaction]]:
    """What lies between two writes that are not repeated: within it, the org changes only by what is."""
    act: list[Interaction] = []
    for each in interactions(name):
        if reason_to_skip(each) is None:
            act.append(each)
        elif each.method != "GET" and act:
            yield act
            act = []
    if act:
        yield act


@dataclass(frozen=True)
class Outcome:
    faults: tuple[str, ...]
    replayed: int
    varied: frozenset[str]


@cache
def outcome(name: str) -> Outcome:
    faults: list[str] = []
    varied: set[str] = set()
    replayed = 0
    for act in acts(name):
        for each, differs in zip(act, asyncio.run(Replay(act).run()), strict=True):
            faults += [f"{each}: {fault}" for fault in differs.found]
            varied |= differs.varied
            replayed += 1
    return Outcome(tuple(faults), replayed, frozenset(varied))


@pytest.mark.parametrize("name", recordings.names() if FOLDER.is_dir() else [])
def test_the_emulator_answers_as_recorded(name: str) -> None:
    assert "\n".join(outcome(name).faults) == ""
    assert outcome(name).replayed == REPLAYED[name]


def test_every_exception_is_needed() -> None:
    everything = [each for name in recordings.names() for each in interactions(name)]
    assert set(recordings.names()) == set(REPLAYED)
    skipped = [each for each in everything if reason_to_skip(each)]
    assert {reason_to_skip(each) for each in skipped} == {about for _, _, about in OUT_OF_SCOPE}
    assert [str(each) for each in skipped if is_emulated(each)] == []
    assert set().union(*(outcome(name).varied for name in REPLAYED)) == set(VARIES)
    assert all(any(re.fullmatch(theirs, each.path) for each in everything) for theirs, _ in STANDS_FOR)


def is_emulated(each: Interaction) -> bool:
    try:
        return match(each.method, each.path) is not None
    except OktaError:
        return False


class Replay:
    """One act, against an org that holds what its answers show."""

    def __init__(self, act: list[Interaction]) -> None:
        self.act = act
        answers = [each.answer for each in act]
        self.org_id = recordings.org_id_in(answers)
        key = ec_key("recorded")
        scopes = ["okta.users.read", "okta.apps.read", "okta.groups.read"]
        org = {
            "org": {"subdomain": "acme", "id": self.org_id},
            "tokens": ["good"],
            "clients": [client_entry(scopes=scopes, dpop=True)],
            "limits": self._limits(),
            **recordings.org_for(act),
        }
        self.room = Room(org_file_from(org))
        self.service_app = ServiceApp(self.room, key, " ".join(scopes))
        self.resets: dict[str, str] = {}

    def _limits(self) -> dict[str, int]:
        return {
            match(each.method, path_here(each)).route.bucket: int(each.answer_headers["x-rate-limit-limit"])
            for each in self.act
            if each.is_whole
        }

    async def run(self) -> list[Faults]:
        async with self.room.client:
            differences = [compared(each, await self._ask(each)) for each in self.act]
        self.room.close()
        return differences

    async def _ask(self, each: Interaction) -> httpx.Response:
        if each.path == "/oauth2/v1/token":
            self.room.now_s = each.at_s
            return await self.service_app.sign_in(each)
        authorization = {"Authorization": "SSWS good"}
        if "dpop" in each.headers:
            self.room.now_s = each.at_s
            authorization = self.service_app.signed(each)
        elif each.is_whole:
            await self._open_window(each)
        self.room.now_s = each.at_s
        return await self._send(each, authorization)

    async def _open_window(self, each: Interaction) -> None:
        """As many calls as others had made in the recorded window before."""
        bucket, headers = match(each.method, path_here(each)).route.bucket, each.answer_headers
        reset = headers["x-rate-limit-reset"]
        if self.resets.get(bucket) == reset:
            return
        self.resets[bucket] = reset
        self.room.now_s = int(reset) - 60
        spent = int(headers["x-rate-limit-limit"]) - int(headers["x-rate-limit-remaining"]) - 1
        for _ in range(spent):
            await self._send(each, {"Authorization": "SSWS good"})

    async def _send(self, each: Interaction, authorization: dict[str, str]) -> httpx.Response:
        path = re.sub("orn:[a-z]+:idp:", "orn:okta:idp:", path_here(each))
        query = each.query or None
        return await self.room.client.request(
            each.method, path, params=query, json=each.sent, headers=authorization
        )


def path_here(each: Interaction) -> str:
    for theirs, ours in STANDS_FOR:
        if re.fullmatch(theirs, each.path):
            return re.sub(theirs, ours, each.path)
    return each.path


class ServiceApp:
    """Makes the proofs and assertions that were scrubbed from the recordings."""

    def __init__(self, room: Room, key: Any, scope: str) -> None:
        self._app = App(room)
        self._room = room
        self._key = key
        self._scope = scope
        self._nonce: str | None = None
        self._token = ""
        self._proofs = 0

    async def sign_in(self, each: Interaction) -> httpx.Response:
        """With the last nonce, except where the recorded caller had none yet."""
        nonce = None if each.status == 400 else self._nonce
        made = self._proof("POST", TOKEN_URL, nonce=nonce) if "dpop" in each.headers else None
        answer = await self._app.ask(proof=made, scope=self._scope)
        self._nonce = answer.headers.get("dpop-nonce", self._nonce)
        self._token = answer.json().get("access_token", self._token)
        return answer

    def signed(self, each: Interaction) -> dict[str, str]:
        made = self._proof(each.method, f"http://org.test{each.path}", ath=token_hash(self._token))
        return {"Authorization": f"DPoP {self._token}", "DPoP": made}

    def _proof(self, method: str, url: str, **claims: str | None) -> str:
        self._proofs += 1
        return proof(self._key, self._room.now_s, method, url, jti=f"proof-{self._proofs}", **claims)


def compared(theirs: Interaction, ours: httpx.Response) -> Faults:
    faults = Faults(theirs.path)
    faults.compare("status", ours.status_code, theirs.status)
    compare_headers(faults, ours.headers, theirs)
    body = ours.json() if ours.content else None
    compare_bodies(faults, body, theirs.answer, "body")
    return faults


def compare_headers(faults: Faults, ours: httpx.Headers, theirs: Interaction) -> None:
    names, real = set(ours), set(theirs.answer_headers) - BY_THE_EDGE
    faults.compare("headers missing", real - names, set())
    if theirs.is_whole:
        faults.compare("headers too many", names - real - OURS, set())
        faults.compare("limit", ours["x-rate-limit-limit"], theirs.answer_headers["x-rate-limit-limit"])
    if theirs.is_whole and "dpop" not in theirs.headers and theirs.path != "/oauth2/v1/token":
        for name in ("x-rate-limit-remaining", "x-rate-limit-reset", "date"):
            faults.compare(name, ours[name], theirs.answer_headers[name])
    faults.compare("content-type", ours.get("content-type"), theirs.answer_headers.get("content-type"))
    faults.compare("links", links_of(ours), links_of(theirs.answer_headers))


def links_of(headers: httpx.Headers) -> dict[str, object]:
    """Relation -> path and query; the host and what is in the cursor are the org's own affair."""
    lines = headers.get_list("link", split_commas=False)
    parts = [re.fullmatch(r'<([^>]*)>; rel="(\w+)"', line) for line in lines]
    assert all(parts), lines
    return {part[2]: asked(part[1]) for part in parts if part}


def asked(url: str) -> tuple[str, dict[str, str]]:
    query = dict(parse_qsl(urlsplit(url).query))
    return urlsplit(url).path, {key: "..." if key == "after" else value for key, value in query.items()}


def compare_bodies(faults: Faults, ours: Json, theirs: Json, at: str) -> None:
    if ours is None or theirs is None:
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            where = f"{at}.{key}"
            if key in ours and key in theirs:
                compare_bodies(faults, ours[key], theirs[key], where)
            else:
                faults.key(where, "too many" if key in ours else "missing")
    elif isinstance(theirs, list) and isinstance(ours, list):
        if any(isinstance(item, dict) for item in (*ours, *theirs)):
            faults.compare(f"length of {at}", len(ours), len(theirs))
        for mine, real in zip(ours, theirs, strict=False):
            compare_bodies(faults, mine, real, f"{at}[]")
    else:
        faults.compare(f"type of {at}", type(ours), type(theirs))
        if at.endswith(".href") and "/governance/" in theirs:
            faults.compare(at, asked(ours), asked(theirs))
        if at.rpartition(".")[2] in SAME and not at.endswith(".type.id"):
            faults.compare(at, ours, theirs)


SAME = {
    *("id", "externalId", "entitlementId", "name", "externalValue", "label", "status", "scope", "login"),
    *("multiValue", "dataType", "errorCode", "errorSummary", "error", "error_description", "token_type"),
    *("type", "emOptInStatus"),
}
"""Here the value counts, too: the org was given it, or Okta says it so. (Not the org's types of users.)"""
