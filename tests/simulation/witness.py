"""What may never happen (DESIGN section 4), judged by the org's own record and not by our reports."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

from tests.simulation.history import (
    ENTITLEMENTS,
    GRANTS,
    REVOKE,
    Access,
    History,
    Write,
    active_grants,
    end_of,
)
from tests.simulation.listings import NEEDED_FOR, incomplete
from tests.simulation.trial import Evidence, Happened
from tests.simulation.wire import Sent
from tests.simulation.world import APP_ID, TOKEN, Pair

FRESH_S = 2.0
ASSIGNMENTS = f"/api/v1/apps/{APP_ID}/users"
BUSY = (409, 429)
"""Answers that say that nothing happened yet, so that the same call goes out again under the same begin."""

ACTIONS = {
    ("POST", False): ("grant",),
    ("PUT", False): ("extend", "revoke"),
    ("PATCH", False): ("retime",),
    ("POST", True): ("revoke",),
}
"""Which changes a write of grants may carry out, by its method and whether it revokes by name."""

Change = Mapping[str, Any]


def breaches(evidence: Evidence) -> list[str]:
    """Every rule that was broken, each line starting with its number; empty where all hold."""
    return list(Witness(evidence).all())


class Witness:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.world = evidence.world
        self.history = History(evidence)
        alone = dict.fromkeys(self.world.plan["assignments"]["users"], frozenset[Pair]())
        self.wanted = self._by_login({**alone, **self.world.wanted})
        self.unwanted = self._by_login(self.world.unwanted)
        self.runs_dir = evidence.workspace / "plans" / ".runs"

    def all(self) -> Iterator[str]:
        yield from (f"?: {each}" for each in self.history.odd)
        for write in self.history.writes:
            if write.user is None and not write.path.startswith(ENTITLEMENTS):
                yield f"2: {shown(write)} is for nobody of the org"
            elif write.path.startswith((GRANTS, REVOKE)):
                yield from self.takes_only_what_is_planned(write)
                yield from self.preserves(write)
                yield from self.was_just_read(write)
            yield from self.is_planned(write)
        yield from self.keeps_group_rows()
        for sent in self.evidence.sent:
            if sent.is_write:
                yield from self.is_reviewed(sent)
        yield from self.rests_on_whole_listings()
        yield from self.happens_once()
        yield from self.is_begun()
        yield from self.is_read_back()
        yield from self.tells_no_token()
        for number, happened in enumerate(self.evidence.steps):
            yield from self.drops_nothing(number, happened)
        yield from self.ends_as_wanted()

    # 1. Preservation

    def had(self, write: Write) -> list[Access]:
        """All that the person of a write had from 2 s before it left until it took effect."""
        return self.history.between(str(write.user), write.sent.left_at - FRESH_S, write)

    def takes_only_what_is_planned(self, write: Write) -> Iterator[str]:
        """What the person held all that time, it keeps, but for what the plan takes away in writing."""
        if write.path == REVOKE:
            lost = self.history.taken_by(write)
        elif write.method == "PATCH":
            lost = frozenset()
        else:
            held = frozenset.intersection(*(each.base_pairs for each in self.had(write)))
            lost = held - self._body_pairs(write)
        if beyond := lost - self.unwanted.get(str(write.user), frozenset()):
            yield f"1: {shown(write)} takes {sorted(beyond)} from {write.user}"

    def preserves(self, write: Write) -> Iterator[str]:
        """Whatever else the grant is, it stays; it may last longer."""
        if write.path == REVOKE:
            return
        had = self.had(write)
        if all(
            each.base is not None and (each.base.type, each.base.action) != ("CUSTOM", "ALLOW")
            for each in had
        ):
            yield f"1: {shown(write)} replaces {had[-1].base} of {write.user}"
        if write.method == "POST" and all(each.additive for each in had):
            yield f"1: {shown(write)} is made beside {had[-1].additive} of {write.user}"
        ends = [each.base.ends_at for each in had if each.base is not None]
        if write.method == "PATCH" and end_of(write.body) < min(ends, default=0):
            yield f"1: {shown(write)} lets the grant of {write.user} end sooner"
        if write.method == "PUT" and end_of(write.body) not in ends:
            yield f"1: {shown(write)} changes when the grant of {write.user} ends"

    def was_just_read(self, write: Write) -> Iterator[str]:
        """A write that could replace something leaves within 2 s of a read of it that was answered."""
        left_at = write.sent.left_at
        reads = [
            each
            for each in self.evidence.sent
            if each.tells and left_at - FRESH_S <= each.left_at <= (each.back_at or left_at) <= left_at
        ]
        if write.method in ("PUT", "PATCH"):
            is_read = any(each.path == write.path for each in reads)
        else:
            user_id = self.history.user_id(write.path, write.body) or ""
            is_read = any(each.path == GRANTS and user_id in each.query for each in reads)
        if not is_read:
            yield f"1: {shown(write)} left without a read of the last 2 s"

    def keeps_group_rows(self) -> Iterator[str]:
        for login, moments in self.history.moments.items():
            for before, after in pairwise(moments):
                if isinstance(after.by, Write) and before.access.assigned == "GROUP" != after.access.assigned:
                    yield f"1: {shown(after.by)} turns the group's row of {login} into one of its own"

    # 2. Only reviewed writes; 3. absence never removes

    def is_planned(self, write: Write) -> Iterator[str]:
        """Nothing is added that the plan does not name, and there is no call that removes."""
        if write.path.startswith(GRANTS) and write.user is not None:
            adds = self._body_pairs(write).difference(*(each.pairs for each in self.had(write)))
            beyond = {pair for pair in adds if pair[0] != "?"} - self.wanted.get(write.user, frozenset())
            if beyond:
                yield f"2: {shown(write)} gives {write.user} {sorted(beyond)}, which the plan does not"
            if write.method != "PATCH" and not self._body_pairs(write):
                yield f"3: {shown(write)} leaves {write.user} an empty grant"
        elif write.path == ASSIGNMENTS:
            if write.user not in self.wanted or self.world.plan["assignments"]["missing"] == "hold":
                yield f"2: {shown(write)} assigns {write.user}, which the plan does not"
        elif write.path.startswith(ENTITLEMENTS):
            beyond = self._new_pairs(write.path, write.body) - _plan_pairs(self.world.plan)
            if beyond:
                yield f"2: {shown(write)} makes {sorted(beyond)}, which the plan does not name"

    def is_reviewed(self, sent: Sent) -> Iterator[str]:
        """Every write, also one without effect, stands in what a person had agreed to send."""
        happened = self.evidence.steps[sent.step]
        reviewed = self._reviewed(sent, happened)
        if reviewed is None:
            yield f"2: {sent.method} {sent.path} was sent by no run that has a change set"
        elif not any(self._covers(each, sent) for each in reviewed):
            yield f"2: {sent.method} {sent.path} {sent.body[:200]!r} is not in the reviewed change set"
        elif happened.step.only and not happened.resumed:
            is_structure = sent.path.startswith(ENTITLEMENTS)
            if is_structure != (happened.step.only == "structure"):
                yield f"2: {sent.method} {sent.path} is not of the part {happened.step.only}"

    def _reviewed(self, sent: Sent, happened: Happened) -> list[Change] | None:
        if happened.reviewed is not None and not happened.resumed:
            return list(happened.reviewed["changes"])
        folder = self.runs_dir / str(sent.run)
        path = next((p for p in (folder / "reviewed.json", folder / "changes.json") if p.is_file()), None)
        return list(self._document(str(path))["changes"]) if path else None

    def _document(self, path: str) -> Any:
        if path not in self._documents:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123
                self._documents[path] = json.load(file)
        return self._documents[path]

    @cached_property
    def _documents(self) -> dict[str, Any]:
        return {}

    def _covers(self, change: Change, sent: Sent) -> bool:
        """Whether a change of a set is the one that ``sent`` carries out."""
        body, action, person = json.loads(sent.body), change["action"], change["person"]
        if sent.path == ASSIGNMENTS and sent.method == "POST":
            return bool(action == "assign" and person["user_id"] == body["id"])
        if sent.path.startswith((GRANTS, REVOKE)):
            fits = action in ACTIONS.get((sent.method, sent.path == REVOKE), ())
            return fits and bool(person["user_id"] == self.history.user_id(sent.path, body))
        if sent.path.startswith(ENTITLEMENTS) and action in ("create", "add"):
            target = change["entitlement"]
            named = {(target["external_value"], value["external_value"]) for value in target["new_values"]}
            made = self._new_pairs(sent.path, body)
            same = self._entitlement(sent.path, body) == target["external_value"]
            return same and made <= named and (action == "create" or sent.method == "PATCH")
        return False

    def _entitlement(self, path: str, body: Any) -> str:
        if path == ENTITLEMENTS:
            return str(body["externalValue"])
        return self.history.entitlements.get(path.rpartition("/")[2], "?")

    def _new_pairs(self, path: str, body: Any) -> set[Pair]:
        name = self._entitlement(path, body)
        values = body["values"] if path == ENTITLEMENTS else [each["value"] for each in body]
        return {(name, value["externalValue"]) for value in values}

    # 4. Complete reads or no conclusions

    def rests_on_whole_listings(self) -> Iterator[str]:
        """A run's change set has nothing in it that rests on a listing whose pages did not join."""
        calls: list[Sent] = []
        known: set[str] = set()
        for sent in self.evidence.sent:
            if calls and calls[-1].step != sent.step:
                calls = []
            if sent.is_write and sent.run is not None and sent.run not in known:
                known.add(sent.run)
                if not self.evidence.steps[sent.step].resumed:
                    yield from self._rests(sent.run, incomplete(calls))
            calls.append(sent)

    def _rests(self, run: str, open_listings: Mapping[str, str]) -> Iterator[str]:
        if not open_listings:
            return
        for change in self._document(str(self.runs_dir / run / "changes.json"))["changes"]:
            for listing in NEEDED_FOR[change["action"]]:
                if listing in open_listings:
                    yield f"4: {change['message']} rests on the {listing}: {open_listings[listing]}"

    # 5. Exactly once in effect

    def happens_once(self) -> Iterator[str]:
        last = self.evidence.steps[-1]
        okta_app = last.state["okta_apps"][0]
        bases = Counter(
            grant["user"]
            for grant in active_grants(last.state, last.ended_at)
            if grant["type"] in ("CUSTOM", "POLICY")
        )
        yield from (f"5: {login} has {count} base grants" for login, count in bases.items() if count > 1)
        names = Counter(each["external_value"].strip().casefold() for each in okta_app["entitlements"])
        yield from (f"5: there are {count} entitlements {name}" for name, count in names.items() if count > 1)
        yield from self._repeats()

    def _repeats(self) -> Iterator[str]:
        """A write that took effect is not sent again, unless the admin undid something in between."""
        done: dict[str, Write] = {}
        for write in self.history.writes:
            key = json.dumps([write.method, write.path, write.body], sort_keys=True)
            first = done.get(key)
            if first is not None and first.at < write.sent.left_at - FRESH_S:
                between = [each for each in self.evidence.changes if first.at <= each["at"] <= write.at]
                if not any(_may_undo(each, write) for each in between) and not self._ended(write):
                    yield f"5: {shown(write)} was sent again, though it took effect at {first.at:.1f}"
            done[key] = write

    def _ended(self, write: Write) -> bool:
        return write.path.startswith(GRANTS) and end_of(write.body) <= write.at

    def is_begun(self) -> Iterator[str]:
        """The journal of a run holds a begin for each write that leaves."""
        sent_by: Counter[str] = Counter()
        for sent in self.evidence.sent:
            if not sent.is_write or sent.run is None:
                continue
            sent_by[sent.run] += 1
            if (sent.begins or 0) < self._begins_due(sent):
                yield f"5: {sent.method} {sent.path} left without its begin in the journal"

    def _begins_due(self, sent: Sent) -> int:
        """At least one more than before this step's first write, for each write that was not turned away."""
        earlier = [
            each
            for each in self.evidence.sent[: self.evidence.sent.index(sent)]
            if each.is_write and each.run == sent.run and each.step == sent.step and each.status not in BUSY
        ]
        return len(earlier) + 1

    # 6. Unknown is not failed

    def is_read_back(self) -> Iterator[str]:
        """After a lost answer the same object is written to only once it has been read."""
        lost: dict[str, float] = {}
        for sent in self.evidence.sent:
            if sent.is_write:
                target = self._target(sent)
                if target in lost:
                    yield f"6: {sent.method} {sent.path} was sent again before {target} was read back"
                if sent.is_lost:
                    lost[target] = sent.back_at if sent.back_at is not None else sent.left_at
            elif sent.tells and lost:
                for target in [t for t, since in lost.items() if since <= sent.left_at and _reads(sent, t)]:
                    del lost[target]

    def _target(self, sent: Sent) -> str:
        body = json.loads(sent.body)
        if sent.path.startswith((GRANTS, REVOKE)):
            return f"grants of {self.history.user_id(sent.path, body)}"
        if sent.path == ASSIGNMENTS:
            return f"row of {body['id']}"
        return f"entitlement {self._entitlement(sent.path, body)}"

    # 7. No secret leaves (that requests keep to the org is seen on the wire)

    def tells_no_token(self) -> Iterator[str]:
        token = TOKEN.encode()
        for path in sorted(self.evidence.workspace.rglob("*")):
            if path.is_file() and token in path.read_bytes():
                yield f"7: the token stands in {path.relative_to(self.evidence.workspace)}"
        told = [each.view.model_dump_json() for each in self.evidence.steps if each.view]
        told += [repr(vars(each.error)) for each in self.evidence.steps if each.error]
        if any(TOKEN in text for text in told):
            yield "7: the token stands in a view"

    # 8. Nothing is dropped silently

    def drops_nothing(self, number: int, happened: Happened) -> Iterator[str]:
        """What an apply reports as done was so; the rest it names."""
        view = happened.view
        if view is None:
            return
        listed = {_key(each.principal or "") for each in view.held}
        listed |= {_key(each.address.partition("/")[2]) for each in view.problems}
        if view.run:
            rows = {_key(row["principal"]) for row in csv.DictReader(io.StringIO(happened.not_applied))}
            yield from self._same_lists(listed, rows, view.run)
            listed |= rows
        start = self.evidence.steps[number - 1].ended_at if number else 0.0
        for principal, pairs in self.world.wanted.items():
            if _key(principal) in listed:
                continue
            held = [self._held_during(login, start, happened.ended_at) for login in self._meant(principal)]
            if not any(pairs <= each for each in held):
                yield f"8: step {number} does not say why {principal} lacks some of {sorted(pairs)}"
        for principal, pairs in self.world.unwanted.items():
            for login in self._meant(principal) if _key(principal) not in listed else ():
                kept = frozenset.intersection(
                    *(each.pairs for each in self.history.during(login, start, happened.ended_at))
                )
                if kept & pairs:
                    yield f"8: step {number} does not say why {principal} keeps {sorted(kept & pairs)}"

    def _same_lists(self, listed: set[str], rows: set[str], run: str) -> Iterator[str]:
        missing = {each for each in listed if "@" in each} - rows
        if missing:
            yield f"8: not-applied.csv of {run} leaves out {sorted(missing)}"

    def _held_during(self, login: str, start: float, end: float) -> frozenset[Pair]:
        return frozenset().union(*(each.pairs for each in self.history.during(login, start, end)))

    def _meant(self, principal: str) -> list[str]:
        """Logins of whom a principal may name."""
        users = self.evidence.before["users"]
        return [
            each["login"] for each in users if _key(principal) in (_key(each["login"]), _key(each["email"]))
        ]

    def _by_login(self, wishes: Mapping[str, frozenset[Pair]]) -> dict[str, frozenset[Pair]]:
        """Everything ``wishes`` may mean for each user, by login or e-mail."""
        found: dict[str, frozenset[Pair]] = {}
        for principal, pairs in wishes.items():
            for login in self._meant(principal):
                found[login] = found.get(login, frozenset()) | pairs
        return found

    def ends_as_wanted(self) -> Iterator[str]:
        """After an apply without faults, a diff has nothing to send and names what else is missing."""
        last, differs = self.evidence.steps[-1], self.evidence.differs
        if last.view is None:
            yield f"8: without faults, apply failed: {last.error}"
            return
        if differs is None or differs.changes:
            still = [each.message for each in differs.changes] if differs else "?"
            yield f"8: a last diff would still send {still}"
            return
        listed = {_key(each.principal or "") for each in differs.held}
        for principal, pairs in self.world.wanted.items():
            held = [self.history.now(login, last.ended_at).pairs for login in self._meant(principal)]
            if _key(principal) not in listed and not any(pairs <= each for each in held):
                yield f"8: the last diff does not say why {principal} lacks some of {sorted(pairs)}"
        for principal, pairs in self.world.unwanted.items():
            kept = [self.history.now(login, last.ended_at).pairs & pairs for login in self._meant(principal)]
            if _key(principal) not in listed and any(kept):
                yield f"8: the last diff does not say why {principal} keeps some of {sorted(pairs)}"
        alone = {_key(each) for each in self.world.plan["assignments"]["users"]} - listed
        for login in self.history.moments:
            if _key(login) in alone and not self._is_assigned(self.history.now(login, last.ended_at)):
                yield f"8: the last diff does not say why {login} is not assigned"

    def _is_assigned(self, access: Access) -> bool:
        return access.assigned is not None or self.evidence.before["okta_apps"][0]["implicit_assignment"]

    def _body_pairs(self, write: Write) -> frozenset[Pair]:
        return self.history.pairs_of(write.body.get("entitlements") or ())


def shown(write: Write) -> str:
    return f"request {write.n} ({write.method} {write.path})"


def _key(principal: str) -> str:
    return principal.strip().casefold()


def _plan_pairs(plan: Mapping[str, Any]) -> set[Pair]:
    return {(each["external_value"], value) for each in plan["entitlements"] for value in each["values"]}


def _may_undo(change: Mapping[str, Any], write: Write) -> bool:
    return change["user"] in (None, write.user)


def _reads(sent: Sent, target: str) -> bool:
    """Whether a read tells what became of a write to ``target``."""
    if target.startswith("entitlement "):
        return sent.path == ENTITLEMENTS
    what, _, user_id = target.rpartition(" ")
    if what == "row of":
        return sent.path in (f"{ASSIGNMENTS}/{user_id}", ASSIGNMENTS)
    whole = sent.path == GRANTS and ("targetPrincipal" not in sent.query or user_id in sent.query)
    return whole or sent.path.startswith(f"{GRANTS}/")
