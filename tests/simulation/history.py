"""Who held what at which moment, told by the org's own record: its state before, its calls, its admin."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from tests.simulation.access import (
    BUNDLE,
    ENTITLEMENT,
    Access,
    Base,
    Beside,
    access_of,
    end_of,
    named_pairs,
)
from tests.simulation.structure import Pair
from tests.simulation.trial import Evidence
from tests.simulation.wire import Sent

GRANTS = "/governance/api/v1/grants"
REVOKE = "/governance/api/v2/revoke-principal-access"
ENTITLEMENTS = "/governance/api/v1/entitlements"
UNSEEN = "unseen"
"""Whose calls never reached the org, whatever they were answered."""


@dataclass(frozen=True, slots=True)
class Write:
    """A call of ours that took effect, with the call as it left."""

    n: int
    at: float
    method: str
    path: str
    body: Any
    sent: Sent
    user: str | None = None
    """Login."""


@dataclass(frozen=True, slots=True)
class Moment:
    """From ``at`` on, a person has ``access``. ``by`` is our write, or the name of the admin's change."""

    at: float
    access: Access
    by: Write | str
    after: float
    """Number of the request behind which it stands, or that it is."""


class History:
    """Replays the record. ``odd`` lists what does not fit: then this record is not understood."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        states = [evidence.before, *(each.state for each in evidence.steps)]
        names, self.entitlements = _names(states)
        names |= _names_shown(evidence.sent, self.entitlements)
        self.names = {id_: self.name(pair) for id_, pair in names.items()}
        self.login_of = {user["id"]: user["login"] for user in evidence.before["users"]}
        self._holder_of = _holders(states, evidence.sent, self.login_of)
        self.gone_values: set[Pair] = set()
        self.writes: list[Write] = []
        self.odd: list[str] = []
        self._after = 0.0
        self._replaces = evidence.before["switches"]["custom_post_replaces_additive"]
        self._ends_empty = evidence.before["switches"]["revoke_ends_empty_custom"]
        self._assigns = evidence.before["switches"]["custom_post_assigns_app"]
        self._multi = {
            each["external_value"]: each["multi_value"]
            for state in states
            for each in state["okta_apps"][0]["entitlements"]
        }
        self._implicit = evidence.before["okta_apps"][0]["implicit_assignment"]
        start = access_of(evidence.before, self.name)
        self.moments: dict[str, list[Moment]] = {
            login: [Moment(-inf, start.get(login, Access()), "start", 0)] for login in self.login_of.values()
        }
        self._replay()
        self._compare_with_end()

    def name(self, pair: Pair) -> Pair:
        """One name for a value, before and after it is moved: the new one."""
        return self.evidence.world.moves.get(pair, pair)

    def now(self, login: str, at: float) -> Access:
        return self.moments[login][-1].access.at(at)

    def between(self, login: str, read: Mapping[str, Any] | None, write: Write) -> list[Access]:
        """All that the person had from when the org answered ``read`` until just before ``write`` took
        effect; without a read, all there ever was before.
        """
        since, start = (0, -inf) if read is None else (read["n"], read["at"])
        found: list[Access] = []
        for moment in self.moments[login]:
            if moment.by is write:
                break
            found = [moment.access] if moment.after <= since else [*found, moment.access]
        return [*(each.at(start) for each in found), found[-1].at(write.at)]

    def during(self, login: str, start: float, end: float) -> list[Access]:
        """All that the person had between two times: what was changed, and what came to its end."""
        found: list[Access] = []
        moments = [each for each in self.moments[login] if each.at <= end]
        for moment, until in zip(moments, [*(each.at for each in moments[1:]), end], strict=True):
            if until >= start:
                since = max(moment.at, start)
                ends = [each for each in moment.access.ends() if since < each <= until]
                found += [moment.access.at(each) for each in (since, *sorted(ends))]
        return found

    def pairs_of(self, entitlements: Iterable[Mapping[str, Any]]) -> frozenset[Pair]:
        """The names of a grant's values; what no state ever showed keeps its id."""
        return frozenset(
            self.names.get(value["id"], ("?", value["id"]))
            for each in entitlements
            for value in each["values"]
        )

    def _replay(self) -> None:
        pairing = _Pairing(self.evidence.sent)
        changes = iter([*self.evidence.changes, {"after_request": inf}])
        change = next(changes)
        for row in self.evidence.requests:
            while change["after_request"] < row["n"]:
                self._change(change)
                change = next(changes)
            if row["method"] != "GET":
                self._call(row, pairing)
        while change["after_request"] != inf:
            self._change(change)
            change = next(changes)

    def _call(self, row: Mapping[str, Any], pairing: _Pairing) -> None:
        sent = pairing.take(row)
        if sent is None:
            self.odd.append(f"write {row['n']} was never seen to leave")
            return
        if not 200 <= row["status"] < 300 or row["client"] == UNSEEN:
            return
        body = row["body"]
        login = self._login(row["path"], body)
        write = Write(row["n"], row["at"], row["method"], row["path"], body, sent, login)
        self.writes.append(write)
        if login is not None:
            self._enter(login, row["at"], self._written(self.now(login, row["at"]), write), write)

    def _login(self, path: str, body: Any) -> str | None:
        return self.login_of.get(self.user_id(path, body) or "")

    def user_id(self, path: str, body: Any) -> str | None:
        """Whom a write is about; None for one about entitlements."""
        if path == REVOKE:
            return str(body["principalOrn"]).rpartition(":")[2]
        if path.startswith(GRANTS):
            principal = body.get("targetPrincipal")
            return principal["externalId"] if principal else self._holder_of.get(body["id"])
        return body["id"] if path.startswith("/api/v1/apps/") else None

    def taken_by(self, write: Write) -> frozenset[Pair]:
        """What a revoke takes by name."""
        ids = [str(orn).rpartition(":")[2] for orn in write.body["revokeOrns"]]
        return frozenset(self.names.get(each, ("?", each)) for each in ids)

    def _written(self, had: Access, write: Write) -> Access:
        if write.path == REVOKE:
            return self._revoked(had, self.taken_by(write))
        if not write.path.startswith(GRANTS):
            return replace(had, assigned=write.body.get("scope", "USER"))
        pairs = self.pairs_of(write.body.get("entitlements") or ())
        ends_at = end_of(write.body)
        if write.method == "PATCH":
            return replace(had, base=replace(had.base, ends_at=ends_at) if had.base else None)
        if write.body["grantType"] == ENTITLEMENT:
            return replace(had, beside=(*had.beside, Beside(ENTITLEMENT, pairs, ends_at)))
        base = Base(write.body["grantType"], write.body.get("action", "ALLOW"), pairs, ends_at)
        if write.method == "PUT":
            return replace(had, base=base)
        return self._posted(had, base)

    def _revoked(self, had: Access, taken: frozenset[Pair]) -> Access:
        """Out of CUSTOM and ENTITLEMENT grants; what is left empty may end."""
        left = had.without(taken, ("CUSTOM", ENTITLEMENT))
        was_emptied = left.base is not None and left.base != had.base and not left.base.pairs
        return replace(left, base=None) if self._ends_empty and was_emptied else left

    def replaces_what_is_beside(self, write: Write) -> bool:
        """Whether Okta is told to take additive grants away for a write."""
        return self._replaces and write.method == "POST" and write.body.get("grantType") == "CUSTOM"

    def _posted(self, had: Access, base: Base) -> Access:
        """A new base grant, with what Okta is told to do beside it."""
        beside = () if base.type == "CUSTOM" and self._replaces else had.beside
        assigned = had.assigned
        if assigned is None and not self._implicit and self._assigns and base.type == "CUSTOM":
            assigned = "USER"
        return Access(base, beside, assigned)

    def _change(self, change: Mapping[str, Any]) -> None:
        name, at, login = change["change"], change["at"], change["user"]
        self._after = change["after_request"] + 0.5
        if name == "remove_entitlement_value":
            self._forget(at, self.name((change["entitlement"], change["value"])))
        if login is None:
            return
        had = self.now(login, at)
        pair = self.name((change.get("entitlement", ""), change.get("value", "")))
        self._enter(login, at, self._changed(name, had, pair), name)

    def _changed(self, name: str, had: Access, pair: Pair) -> Access:
        base = had.base
        if name == "new_grant" or (name == "add_value" and base is None):
            return self._posted(had, Base("CUSTOM", "ALLOW", frozenset({pair})))
        if name == "add_bundle":
            [bundle] = self.evidence.before["okta_apps"][0]["bundles"]
            pairs = frozenset(self.name(each) for each in named_pairs(bundle["values"])) - self.gone_values
            return replace(had, beside=(*had.beside, Beside(BUNDLE, pairs)))
        if name == "revoke_all":
            return replace(had, base=None, beside=())
        if name in ("assign_group", "unassign", "deprovision"):
            return replace(had, assigned="GROUP") if name == "assign_group" else Access()
        if base is None:
            self.odd.append(f"the admin made {name} without a base grant")
            return had
        return replace(had, base=self._changed_base(name, base, pair))

    def _changed_base(self, name: str, base: Base, pair: Pair) -> Base:
        if name == "to_policy":
            return Base("POLICY", "ALLOW", base.pairs)
        if name == "remove_value":
            return replace(base, pairs=base.pairs - {pair})
        kept = {each for each in base.pairs if self._multi[pair[0]] or each[0] != pair[0]}
        return replace(base, pairs=frozenset(kept) | {pair})

    def _forget(self, at: float, pair: Pair) -> None:
        """A value that the app has no longer is held by nobody."""
        self.gone_values.add(pair)
        for login in self.moments:
            had = self.now(login, at)
            left = had.without(frozenset({pair}), ("CUSTOM", "POLICY", BUNDLE, ENTITLEMENT))
            self._enter(login, at, left, "remove_entitlement_value")

    def _enter(self, login: str, at: float, access: Access, by: Write | str) -> None:
        after = by.n if isinstance(by, Write) else self._after
        self.moments[login].append(Moment(at, access, by, after))

    def _compare_with_end(self) -> None:
        """The org's own state at the end is what the replay came to, or the replay is wrong."""
        last = self.evidence.steps[-1]
        real = access_of(last.state, self.name)
        for login in self.moments:
            told, is_so = self.now(login, last.ended_at), real.get(login, Access()).at(last.ended_at)
            if self._known(told) != self._known(is_so):
                self.odd.append(f"{login}: the record comes to {told}, the org says {is_so}")

    def _known(self, access: Access) -> tuple[object, ...]:
        """All but values whose names the org has forgotten."""
        pairs = {pair for each in (access.base, *access.beside) if each for pair in each.pairs}
        lost = frozenset(pair for pair in pairs if pair in self.gone_values or pair[0] == "?")
        left = access.without(lost, ("CUSTOM", "POLICY", BUNDLE, ENTITLEMENT))
        return left.base, Counter(left.beside), left.assigned


class _Pairing:
    """Which call as it left is which call as the org wrote it down."""

    def __init__(self, sent: Iterable[Sent]) -> None:
        self._open: dict[tuple[str, str, str], list[Sent]] = {}
        for each in sent:
            if each.is_write:
                key = (each.method, each.path, _canonical(json.loads(each.body)))
                self._open.setdefault(key, []).append(each)

    def take(self, row: Mapping[str, Any]) -> Sent | None:
        """The one whose answer was there first; one without an answer may have arrived any time later."""
        open_ = self._open.get((row["method"], row["path"], _canonical(row["body"])), [])
        fitting = [each for each in open_ if each.left_at <= row["at"] <= _deadline(each)]
        if not fitting:
            return None
        found = min(fitting, key=_deadline)
        open_.remove(found)
        return found


def _deadline(sent: Sent) -> float:
    return sent.back_at if sent.status is not None and sent.back_at is not None else inf


def _canonical(body: Any) -> str:
    return json.dumps(body, sort_keys=True)


def _names(states: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Pair], dict[str, str]]:
    names: dict[str, Pair] = {}
    entitlements: dict[str, str] = {}
    for state in states:
        for each in state["okta_apps"][0]["entitlements"]:
            entitlements[each["id"]] = each["external_value"]
            for value in each["values"]:
                names[value["id"]] = (each["external_value"], value["external_value"])
    return names, entitlements


def _names_shown(sent: Iterable[Sent], entitlements: Mapping[str, str]) -> dict[str, Pair]:
    """Of values that came and went between two states: a client has seen their ids in a listing."""
    return {
        item["id"]: (entitlements[item["entitlementId"]], item["externalValue"])
        for each in sent
        if each.path == f"{ENTITLEMENTS}/values" and each.tells
        for item in each.json.get("data", ())
    }


def _holders(
    states: Iterable[Mapping[str, Any]], sent: Iterable[Sent], login_of: Mapping[str, str]
) -> dict[str, str]:
    """Id of a grant -> id of its user, of all grants that a state or an answer showed."""
    user_of = {login: id_ for id_, login in login_of.items()}
    found = {
        grant["id"]: user_of[grant["user"]] for state in states for grant in state["okta_apps"][0]["grants"]
    }
    for each in sent:
        if each.path == GRANTS and not each.is_write and each.tells:
            for item in each.json.get("data", ()):
                found[item["id"]] = item["targetPrincipal"]["externalId"]
    return found
