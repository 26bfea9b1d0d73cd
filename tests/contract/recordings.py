"""Recorded traffic, and the org file that holds what the recorded calls found.

An org gives ids, so the recorded ids stay: only the partition of an ORN differs from org to org.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from tests.contract.exchanges import REFERENCE, Exchange

FOLDER = REFERENCE / "recordings"
Json = Any

PROFILE = ("firstName", "lastName", "login", "email", "mobilePhone", "secondEmail")


@dataclass(frozen=True)
class Interaction:
    """One recorded call and its answer."""

    recording: str
    seq: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    sent: Json
    status: int
    answer_headers: httpx.Headers
    answer: Json

    def __str__(self) -> str:
        return f"{self.recording} #{self.seq} {self.method} {self.path} -> {self.status}"

    @property
    def at_s(self) -> float:
        return parsedate_to_datetime(self.answer_headers["date"]).timestamp()

    @property
    def is_whole(self) -> bool:
        """Some recordings were kept without most of their headers; the rate limits tell which."""
        return "x-rate-limit-limit" in self.answer_headers

    def exchange(self) -> Exchange:
        return Exchange(
            method=self.method,
            path=self.path,
            query=tuple(self.query.items()),
            sent_type="application/json" if self.sent else "",
            sent=json.dumps(self.sent).encode() if self.sent else b"",
            status=self.status,
            headers=self.answer_headers,
            answer=b"" if self.answer is None else json.dumps(self.answer).encode(),
        )


def names() -> list[str]:
    return sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json"))


def interactions(name: str) -> list[Interaction]:
    recorded = json.loads((FOLDER / name).read_text("utf-8"))["interactions"]
    return [
        Interaction(
            recording=name,
            seq=each["seq"],
            method=each["method"],
            path=each["path"],
            query=each["query"],
            headers={key.lower(): value for key, value in each["requestHeaders"].items()},
            sent=each["requestBody"],
            status=each["status"],
            answer_headers=httpx.Headers(list(_lines(each["responseHeaders"]))),
            answer=each["responseBody"],
        )
        for each in recorded
    ]


def _lines(headers: dict[str, str | list[str]]) -> Iterator[tuple[str, str]]:
    for key, value in headers.items():
        for line in [value] if isinstance(value, str) else value:
            yield key, line


def org_for(act: Iterable[Interaction]) -> dict[str, Any]:
    """The org that gave these answers, as an org file."""
    found, users_go_on = _Found({}, {}, {}, {}, {}, {}), False
    for each in act:
        for item in _items(each.answer):
            found.note(item)
        found.note_total(each.answer)
        plain = each.path == "/api/v1/users" and "search" not in each.query
        users_go_on |= plain and 'rel="next"' in each.answer_headers.get("link", "")
    return found.org_file(users_go_on=users_go_on)


def _items(answer: Json) -> list[dict[str, Any]]:
    if isinstance(answer, dict) and isinstance(answer.get("data"), list):
        return list(answer["data"])
    return [each for each in (answer if isinstance(answer, list) else [answer]) if isinstance(each, dict)]


@dataclass
class _Found:
    """By id; what was answered first counts, since later answers may follow from writes that are replayed."""

    users: dict[str, dict[str, Any]]
    apps: dict[str, dict[str, Any]]
    entitlements: dict[str, dict[str, Any]]
    values: dict[str, dict[str, Any]]
    bundles: dict[str, dict[str, Any]]
    totals: dict[str, int]
    unseen_bundles: set[str] = field(default_factory=set)

    def note(self, item: dict[str, Any]) -> None:
        kind = str(item.get("id", ""))[:3]
        if kind == "00u" and "profile" in item and "scope" not in item:
            self.users.setdefault(item["id"], item)
        elif kind == "0oa" and "signOnMode" in item:
            self.apps.setdefault(item["id"], item)
        elif kind == "esp":
            self.entitlements[item["id"]] = {**self.entitlements.get(item["id"], {}), **item}
            for value in item.get("values", []):
                self.values.setdefault(value["id"], {**value, "entitlementId": item["id"]})
        elif kind == "ent" and "entitlementId" in item:
            self.values.setdefault(item["id"], item)
        elif kind == "enb":
            self.bundles[item["id"]] = {**self.bundles.get(item["id"], {}), **item}
            for entitlement in item["entitlements"]:
                self.note({**entitlement, "parent": item["target"]})

    def note_total(self, answer: Json) -> None:
        """How many entitlements the app has, and that it has bundles, beyond the page that was recorded."""
        if isinstance(answer, dict) and "total" in answer.get("metadata", {}):
            for item in answer.get("data", [])[:1]:
                if str(item["id"]).startswith("esp"):
                    self.totals[item["parent"]["externalId"]] = answer["metadata"]["total"]
                elif "next" in answer["_links"]:
                    self.unseen_bundles.add(item["target"]["externalId"])

    def org_file(self, *, users_go_on: bool) -> dict[str, Any]:
        more = [{"login": "beyond@the.page", "id": "00uzzzzzzzzzzzzzzzzz"}] if users_go_on else []
        return {
            "users": [*(_user(each) for each in self.users.values()), *more],
            "okta_apps": [self._app(app_id) for app_id in self._app_ids()],
        }

    def _app_ids(self) -> list[str]:
        parents = [each["parent"]["externalId"] for each in self._with_parent()]
        targets = [each["target"]["externalId"] for each in self.bundles.values()]
        return list(dict.fromkeys([*self.apps, *parents, *targets]))

    def _with_parent(self) -> list[dict[str, Any]]:
        return [each for each in (*self.entitlements.values(), *self.values.values()) if "parent" in each]

    def _app(self, app_id: str) -> dict[str, Any]:
        if app_id in self.apps:
            read = self.apps[app_id]
            settings = read["settings"]
            about = {"label": read["label"], "name": read["name"], "status": read["status"]}
            managed = settings["emOptInStatus"] == "ENABLED"
            return {"id": app_id, **about, "entitlement_management": managed}
        orns = [each["parentResourceOrn"] for each in self._with_parent() if "parentResourceOrn" in each]
        orns += [each["targetResourceOrn"] for each in self.bundles.values()]
        name = next(orn.split(":")[5] for orn in orns if orn.endswith(app_id))
        bundles = [_bundle(each) for each in self.bundles.values() if each["target"]["externalId"] == app_id]
        if app_id in self.unseen_bundles:
            older = {"created": "2020-01-01T00:00:00Z", "status": "ACTIVE"}
            bundles.append({"name": "beyond the page", "values": {}, **older})
        entitlements = list(self._entitlements(app_id))
        return {
            "id": app_id,
            "label": f"{name} {app_id}",
            "name": name,
            "entitlements": entitlements,
            "bundles": bundles,
        }

    def _entitlements(self, app_id: str) -> Iterator[dict[str, Any]]:
        """Those answered, those only known by their values, and as many more as the listing counted."""
        own = {each["id"]: each for each in self.entitlements.values() if _parent(each) == app_id}
        for value in self.values.values():
            if _parent(value) == app_id and value["entitlementId"] not in own:
                unseen = value["entitlementId"]
                own[unseen] = {"id": unseen, "name": unseen, "externalValue": unseen}
        for entitlement in own.values():
            held = [each for each in self.values.values() if each["entitlementId"] == entitlement["id"]]
            shape = {"multi_value": entitlement.get("multiValue", True), "values": [_named(v) for v in held]}
            yield _named(entitlement) | shape
        for n in range(len(own), self.totals.get(app_id, 0)):
            yield {"name": f"zz beyond the page {n}"}


def _parent(read: dict[str, Any]) -> str | None:
    return read["parent"]["externalId"] if "parent" in read else None


def _bundle(read: dict[str, Any]) -> dict[str, Any]:
    held = {
        entitlement["externalValue"]: [value["externalValue"] for value in entitlement["values"]]
        for entitlement in read["entitlements"]
    }
    described = {"description": read["description"]} if "description" in read else {}
    about = {"id": read["id"], "name": read["name"], "created": read["created"]}
    return {**about, "values": held, **described}


def _named(read: dict[str, Any]) -> dict[str, Any]:
    named = {"id": read["id"], "name": read["name"], "external_value": read["externalValue"]}
    return {**named, "description": read["description"]} if "description" in read else named


def _user(read: dict[str, Any]) -> dict[str, Any]:
    """Its attributes are text or lists of text: of others an org file knows nothing."""
    kept = {key: value for key, value in read["profile"].items() if not isinstance(value, bool | int | float)}
    return {**kept, "id": read["id"], "status": read["status"], "created": read["created"]}


def org_id_in(answers: Iterable[Json]) -> str | None:
    for answer in answers:
        found = re.search(r"orn:\w+:idp:(00o\w{17}):", json.dumps(answer))
        if found or (isinstance(answer, dict) and str(answer.get("id", "")).startswith("00o")):
            return found[1] if found else str(answer["id"])
    return None
