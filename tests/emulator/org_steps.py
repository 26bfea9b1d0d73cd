"""What clients do to an org, as steps of a random story: each is asked of the org and of the model alike."""

from __future__ import annotations

import asyncio
import copy
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from pipeline.emulator.orgfile import org_file_from
from tests.emulator.org_model import Bundle, Entitlement, OrgModel, Pair, Refused, Rules
from tests.emulator.org_room import GOV, Json, Room, assert_refused

T = TypeVar("T")
Change = Callable[[OrgModel, Json], None]
APPS = ("0oa1first00000000x71", "0oa1second0000000x72")
NAMES = st.sampled_from(["a", "A", "b", "ß", "c d"])
PICKS = st.integers(0, 11)
SEVERAL = st.lists(PICKS, max_size=3)
APP = st.sampled_from(APPS)
RULES = st.builds(
    Rules,
    custom_post_replaces_additive=st.booleans(),
    custom_post_assigns_app=st.booleans(),
    grant_needs_assignment=st.sampled_from([False, False, False, True]),
    revoke_ends_empty_custom=st.booleans(),
)


def picked(choice: Sequence[T], pick: int) -> T:
    return choice[pick % len(choice)]


class OrgSteps(RuleBasedStateMachine):
    """Opening and closing the org; entitlements, bundles and who may use an app."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.touched: list[Pair] = []
        self.given_ids: set[str] = set()

    @initialize(rules=RULES, people=st.integers(2, 4))
    def begin(self, rules: Rules, people: int) -> None:
        switches = {name: getattr(rules, name) for name in Rules.__dataclass_fields__}
        self.org = org_file_from(
            {
                "org": {"subdomain": "acme"},
                "tokens": ["good"],
                "limits": "none",
                "users": [{"login": f"user{n}@acme.example.com"} for n in range(people)],
                "okta_apps": [{"id": app, "label": app[4:8]} for app in APPS],
                "switches": {**switches, "additive_entitlements": True},
            }
        )
        self.room = self.opened()
        users = self.get("/api/v1/users")
        self.model = OrgModel(rules, APPS, {user["id"]: user["profile"]["login"] for user in users})
        self.user_ids = list(self.model.users)
        for app in APPS:
            self.create_entitlement(app, "a", multi=True, values=["a", "b", "c d"])
            self.create_entitlement(app, "b", multi=False, values=["a", "b"])
            self.create_bundle(app, "a", [0, 3], split=False)
        self.assign(APPS[0], 1, "USER")

    def opened(self) -> Room:
        return Room(self.org, db=Path(self.folder.name) / "org.sqlite")

    def teardown(self) -> None:
        if hasattr(self, "room"):
            self.check_at_the_end()
            state = self.get("/_emulator/state")
            copied = Room(org_file_from(state))
            assert self.run(copied.ok("/_emulator/state")) == state
            self.close(copied)
            self.close(self.room)
        self.folder.cleanup()
        self.loop.close()

    def check_at_the_end(self) -> None:
        """What is too slow for every step."""

    def close(self, room: Room) -> None:
        self.run(room.client.aclose())
        room.close()

    # Sending.

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(story)

    def get(self, path: str, **params: Json) -> Json:
        return self.run(self.room.ok(path, **params))

    def write(self, method: str, path: str, body: Json, change: Change, ok: int = 200) -> None:
        """What the org does or refuses, the model does or refuses, with the same status."""
        response = self.run(self.room.send(method, path, body))
        trial = copy.deepcopy(self.model)
        told = f"{method} {path} {body}: {response.status_code} {response.text}"
        answer = response.json() if response.content else {}
        expected = ok
        try:
            change(trial, answer if response.status_code == ok else _echo(body))
        except Refused as refused:
            expected = refused.status
        assert response.status_code == expected, told
        if expected == ok:
            made = trial.ids() - self.model.ids()
            assert not made & self.given_ids, "an id is given a second time"
            self.given_ids |= made
            self.model = trial
        else:
            assert_refused(response)

    def groups(self, values: Iterable[str], *, split: bool = False) -> list[dict[str, Any]]:
        """The `entitlements` of a body; `split` into one entry for each value."""
        found: list[dict[str, Any]] = []
        for value in values:
            key = self.model.entitlement_of(value)
            known = [group for group in found if group["id"] == key and not split]
            if known:
                known[0]["values"].append({"id": value})
            else:
                found.append({"id": key, "values": [{"id": value}]})
        return found

    def values(self, app: str, picks: Iterable[int], *, only_single: bool = False) -> list[str]:
        """Of single-value entitlements it is easily one too many, or one that another grant outdoes."""
        known = self.model.values_of(app, only_single=only_single)
        return sorted({picked(known, pick) for pick in picks}) if known else []

    # Entitlements and values.

    @rule(app=APP, name=NAMES, multi=st.booleans(), values=st.lists(NAMES, max_size=3))
    def create_entitlement(self, app: str, name: str, multi: bool, values: list[str]) -> None:
        body = {
            **_named(name),
            "parent": {"externalId": app, "type": "APPLICATION"},
            "multiValue": multi,
            "dataType": "array" if multi else "string",
            "values": [_named(value) for value in values],
        }

        def change(model: OrgModel, answer: Json) -> None:
            values = {each["id"]: (each["name"], each["externalValue"]) for each in answer["values"]}
            model.add_entitlement(
                answer["id"], Entitlement(app, answer["name"], answer["externalValue"], multi, values)
            )

        self.write("POST", f"{GOV}/entitlements", body, change, 201)

    @precondition(lambda self: self.model.entitlements)
    @rule(
        pick=PICKS,
        steps=st.lists(
            st.tuples(st.sampled_from(["ADD", "REPLACE", "REMOVE", "NAME"]), NAMES, PICKS),
            min_size=1,
            max_size=3,
        ),
    )
    def patch_entitlement(self, pick: int, steps: list[tuple[str, str, int]]) -> None:
        key = picked(sorted(self.model.entitlements), pick)
        known = sorted(self.model.entitlements[key].values)
        # A value that is gone cannot be addressed again.
        aimed = {
            picked(known, n): (op, name) for op, name, n in steps if known and op in ("REPLACE", "REMOVE")
        }
        added = [name for op, name, _ in steps if op == "ADD"]
        renamed = [name for op, name, _ in steps if op == "NAME"]
        value = {"refType": "ENTITLEMENT-VALUE"}
        ops: list[dict[str, Any]] = [
            {"op": "ADD", "path": "/values/-", **value, "value": _named(n)} for n in added
        ]
        ops += [
            {"op": op, "path": f"/values/{each}", **value}
            | ({"value": _named(name)} if op == "REPLACE" else {})
            for each, (op, name) in aimed.items()
        ]
        ops += [{"op": "REPLACE", "path": "/name", "refType": "ENTITLEMENT", "value": n} for n in renamed]

        def change(model: OrgModel, answer: Json) -> None:
            shown = {each["externalValue"]: each["id"] for each in answer.get("values", [])}
            for n, name in enumerate(added):
                model.put_value(key, f"new {n}", (name, name))
            for each, (op, name) in aimed.items():
                if op == "REMOVE":
                    model.remove_value(each)
                else:
                    model.put_value(key, each, (name, name))
            values = model.entitlements[key].values
            for n, name in enumerate(added):
                values[shown.get(name, f"new {n}")] = values.pop(f"new {n}")
            model.entitlements[key].name = [model.entitlements[key].name, *renamed][-1]

        if ops:
            self.write("PATCH", f"{GOV}/entitlements/{key}", ops, change)

    @precondition(lambda self: self.model.entitlements)
    @rule(pick=PICKS, kept=SEVERAL, added=st.lists(NAMES, max_size=2))
    def put_entitlement(self, pick: int, kept: list[int], added: list[str]) -> None:
        key = picked(sorted(self.model.entitlements), pick)
        read = self.get(f"{GOV}/entitlements/{key}")
        stay = {picked(read["values"], n)["id"] for n in kept if read["values"]}
        values = [each for each in read["values"] if each["id"] in stay]
        body = {**read, "values": [*values, *[_named(name) for name in added]]}

        def change(model: OrgModel, answer: Json) -> None:
            named = {
                each.get("id", f"new {n}"): (each["name"], each["externalValue"])
                for n, each in enumerate(answer["values"])
            }
            model.replace_values(key, named)

        self.write("PUT", f"{GOV}/entitlements/{key}", body, change)

    @precondition(lambda self: len(self.model.entitlements) > 2)
    @rule(pick=PICKS)
    def delete_entitlement(self, pick: int) -> None:
        key = picked(sorted(self.model.entitlements), pick)
        self.write(
            "DELETE", f"{GOV}/entitlements/{key}", None, lambda model, _: model.delete_entitlement(key), 204
        )

    # Bundles.

    @rule(app=APP, name=NAMES, picks=SEVERAL, split=st.booleans())
    def create_bundle(self, app: str, name: str, picks: list[int], split: bool) -> None:
        values = self.values(app, picks)
        target = {"externalId": app, "type": "APPLICATION"}
        body = {"name": name, "target": target, "entitlements": self.groups(values, split=split)}
        self.write(
            "POST",
            f"{GOV}/entitlement-bundles",
            body,
            lambda model, answer: model.put_bundle(answer["id"], Bundle(app, name, set(values))),
            201,
        )

    @precondition(lambda self: self.model.bundles)
    @rule(pick=PICKS, name=NAMES, picks=SEVERAL)
    def replace_bundle(self, pick: int, name: str, picks: list[int]) -> None:
        key = picked(sorted(self.model.bundles), pick)
        app = self.model.bundles[key].app
        values = self.values(app, picks)
        read = self.get(f"{GOV}/entitlement-bundles/{key}")
        body = {**read, "name": name, "entitlements": self.groups(values)}
        change: Change = lambda model, _: model.put_bundle(key, Bundle(app, name, set(values)))  # noqa: E731
        self.write("PUT", f"{GOV}/entitlement-bundles/{key}", body, change)

    @precondition(lambda self: len(self.model.bundles) > 2)
    @rule(pick=PICKS)
    def delete_bundle(self, pick: int) -> None:
        key = picked(sorted(self.model.bundles), pick)
        self.write(
            "DELETE", f"{GOV}/entitlement-bundles/{key}", None, lambda model, _: model.delete_bundle(key), 204
        )

    # Who may use an app.

    def pair(self, app: str, pick: int) -> Pair:
        pair = (app, picked(self.user_ids, pick))
        self.touched.append(pair)
        return pair

    @rule(app=APP, pick=PICKS, scope=st.sampled_from(["USER", "GROUP"]))
    def assign(self, app: str, pick: int, scope: str) -> None:
        pair = self.pair(app, pick)
        body = {"id": pair[1], "scope": scope}
        self.write("POST", f"/api/v1/apps/{app}/users", body, lambda model, _: model.assign(pair, scope))

    @precondition(lambda self: self.model.assigned)
    @rule(pick=PICKS, scope=st.sampled_from(["USER", "GROUP"]))
    def convert(self, pick: int, scope: str) -> None:
        pair = picked(sorted(self.model.assigned), pick)
        path = "/api/v1/apps/{}/users/{}".format(*pair)
        self.write("POST", path, {"scope": scope}, lambda model, _: model.convert(pair, scope))

    @precondition(lambda self: self.model.assigned)
    @rule(pick=PICKS)
    def unassign(self, pick: int) -> None:
        pair = picked(sorted(self.model.assigned), pick)
        self.touched.append(pair)
        path = "/api/v1/apps/{}/users/{}".format(*pair)
        self.write("DELETE", path, None, lambda model, _: model.unassign(pair), 204)

    @precondition(lambda self: not self.model.gone)
    @rule()
    def deprovision(self) -> None:
        """By an admin: users cannot be written through the API. The first owns the token, which lives on."""
        user = self.user_ids[0]
        change = {"kind": "admin_change", "change": "deprovision", "user": self.model.users[user], "times": 1}
        for faults in ([{**change, "match": "GET /api/v1/org"}], []):
            answer = self.run(self.room.send("POST", "/_emulator/faults", {"faults": faults}))
            assert answer.status_code == 200, answer.text
            self.get("/api/v1/org")
        self.model.deprovision(user)


def _named(name: str) -> dict[str, str]:
    return {"name": name, "externalValue": name}


def _echo(body: Json) -> Json:
    """An answer as it might have been, for the model to refuse."""
    if not isinstance(body, dict):
        return {}
    values = [{"id": f"new {n}", **each} for n, each in enumerate(body.get("values", []))]
    return {"id": "new", **body, "values": values}
