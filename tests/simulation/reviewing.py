"""Rules 2 to 4: only what was reviewed, nothing taken by absence, nothing concluded from a part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulation.access import ENTITLEMENT
from tests.simulation.case import ASSIGNMENTS, Case, Change, is_structure, shown
from tests.simulation.history import ENTITLEMENTS, GRANTS, REVOKE, Write
from tests.simulation.listings import NEEDED_FOR, incomplete
from tests.simulation.structure import Pair
from tests.simulation.trial import Happened
from tests.simulation.wire import Sent

ACTIONS = {
    ("POST", False): ("grant", "convert"),
    ("PUT", False): ("extend", "revoke"),
    ("PATCH", False): ("retime",),
    ("POST", True): ("revoke",),
}
"""Which changes a write of grants may carry out, by its method and whether it revokes by name."""


def breaches(case: Case) -> Iterator[str]:
    for write in case.history.writes:
        if write.user is None and not is_structure(write):
            yield f"2: {shown(write)} is for nobody of the org"
        yield from _is_planned(case, write)
    for sent in case.evidence.sent:
        if sent.is_write:
            yield from _is_reviewed(case, sent)
    yield from _rests_on_whole_listings(case)


def _is_planned(case: Case, write: Write) -> Iterator[str]:
    """Nothing is added that the plan does not name, and nothing is left empty."""
    if write.path.startswith(GRANTS) and write.user is not None:
        adds = case.body_pairs(write).difference(*(each.pairs for each in case.had(write)))
        beyond = {pair for pair in adds if pair[0] != "?"} - case.wanted.get(write.user, frozenset())
        if beyond:
            yield f"2: {shown(write)} gives {write.user} {sorted(beyond)}, which the plan does not"
        if write.method != "PATCH" and not case.body_pairs(write):
            yield f"3: {shown(write)} leaves {write.user} an empty grant"
        is_additive = write.body.get("grantType") == ENTITLEMENT
        if write.method == "POST" and is_additive != (case.grants["type"] == "additive"):
            yield f"2: {shown(write)} makes a grant of a type that the plan does not"
    elif write.path == ASSIGNMENTS:
        if write.user not in case.wanted or case.world.plan["assignments"]["missing"] == "hold":
            yield f"2: {shown(write)} assigns {write.user}, which the plan does not"
    elif is_structure(write):
        beyond = _named_pairs(case, write.path, write.body) - case.planned_pairs()
        if beyond and not _rewords(write.body):
            yield f"2: {shown(write)} makes {sorted(beyond)}, which the plan does not name"


def _is_reviewed(case: Case, sent: Sent) -> Iterator[str]:
    """Every write, also one without effect, stands in what a person had agreed to send."""
    happened = case.evidence.steps[sent.step]
    part = None if happened.resumed else happened.step.only
    reviewed = _reviewed(case, sent, happened)
    if reviewed is None:
        yield f"2: {sent.method} {sent.path} was sent by no run that has a change set"
    elif not any(_covers(case, each, sent) for each in reviewed):
        yield f"2: {sent.method} {sent.path} {sent.body[:200]!r} is not in the reviewed change set"
    elif part and is_structure(sent) != (part == "structure"):
        yield f"2: {sent.method} {sent.path} is not of the part {part}"


def _reviewed(case: Case, sent: Sent, happened: Happened) -> list[Change] | None:
    if happened.reviewed is not None and not happened.resumed:
        return list(happened.reviewed["changes"])
    folder = case.runs_dir / str(sent.run)
    path = next((p for p in (folder / "reviewed.json", folder / "changes.json") if p.is_file()), None)
    return list(case.document(str(path))["changes"]) if path else None


def _covers(case: Case, change: Change, sent: Sent) -> bool:
    """Whether a change of a set is the one that ``sent`` carries out."""
    body, action, person = json.loads(sent.body), change["action"], change["person"]
    if sent.path == ASSIGNMENTS and sent.method == "POST":
        return bool(action == "assign" and person["user_id"] == body["id"])
    if sent.path.startswith((GRANTS, REVOKE)):
        fits = action in ACTIONS.get((sent.method, sent.path == REVOKE), ())
        return fits and bool(person["user_id"] == case.history.user_id(sent.path, body))
    if not is_structure(sent) or action not in ("create", "add", "rename", "describe"):
        return False
    target = change["entitlement"]
    if case.entitlement(sent.path, body) != target["external_value"]:
        return False
    if action in ("create", "add"):
        named = {(target["external_value"], value["external_value"]) for value in target["new_values"]}
        made = _named_pairs(case, sent.path, body)
        return not _rewords(body) and made <= named and (action == "create" or sent.method == "PATCH")
    return _rewords(body) and all(_says(case, change, each) for each in body)


def _rewords(body: Any) -> bool:
    return isinstance(body, list) and all(each["op"] == "REPLACE" for each in body)


def _says(case: Case, change: Change, operation: Mapping[str, Any]) -> bool:
    """Whether a change of texts has an operation of a PATCH."""
    texts, value = change["entitlement"]["rewordings"], operation["value"]
    if operation["refType"] == "ENTITLEMENT":
        is_own = [each for each in texts if each["value"] is None]
        return operation["path"] == "/description" and any(each["description"] == value for each in is_own)
    moved = case.history.names.get(operation["path"].rpartition("/")[2])
    name = change["entitlement"]["external_value"]
    for each in texts:
        if each["value"] is None or case.history.name((name, each["value"])) != moved:
            continue
        if change["action"] == "rename":
            return bool(value["externalValue"] == each["external_value"])
        return (value["externalValue"], value.get("description")) == (each["value"], each["description"])
    return False


def _named_pairs(case: Case, path: str, body: Any) -> set[Pair]:
    name = case.entitlement(path, body)
    values = body["values"] if path == ENTITLEMENTS else [each["value"] for each in body]
    return {(name, value["externalValue"]) for value in values if isinstance(value, dict)}


def _rests_on_whole_listings(case: Case) -> Iterator[str]:
    """A run's change set has nothing in it that rests on a listing whose pages did not join."""
    calls: list[Sent] = []
    known: set[str] = set()
    for sent in case.evidence.sent:
        if calls and calls[-1].step != sent.step:
            calls = []
        if sent.is_write and sent.run is not None and sent.run not in known:
            known.add(sent.run)
            if not case.evidence.steps[sent.step].resumed:
                yield from _rests(case, sent.run, incomplete(calls))
        calls.append(sent)


def _rests(case: Case, run: str, open_listings: Mapping[str, str]) -> Iterator[str]:
    if not open_listings:
        return
    for change in case.document(str(case.runs_dir / run / "changes.json"))["changes"]:
        for listing in NEEDED_FOR[change["action"]]:
            if listing in open_listings:
                yield f"4: {change['message']} rests on the {listing}: {open_listings[listing]}"
