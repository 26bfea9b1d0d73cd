"""From one number: a small org, a small plan, and what happens to the applies between them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tests.simulation.structure import (
    ENTITLEMENTS,
    Pair,
    plan_entitlements,
    tenant_entitlements,
    with_planned_texts,
)
from tests.simulation.trouble import OF_PAGES, some_faults
from tests.virtual_time import EPOCH_S

T = TypeVar("T")

CALLS_MAX = 40
"""Of one apply: by then its process has ended or is cut."""
TOKEN = "swarm-token-0123456789"
APP_ID = "0oaswarm0000000000x7"
LATER, SOONER, PAST = "2027-06-30T00:00:00Z", "2027-03-31T00:00:00Z", "2026-01-31T00:00:00Z"
STATUSES = ("ACTIVE",) * 12 + ("SUSPENDED", "STAGED", "LOCKED_OUT", "PASSWORD_EXPIRED", "DEPROVISIONED")
BUNDLE = "Basics"


@dataclass(frozen=True, slots=True)
class Nap:
    """The machine sleeps when the answer to a call of the apply is there and not yet read."""

    at_request: int
    for_s: float


@dataclass(frozen=True, slots=True)
class Step:
    """One apply: how it starts and where its process is cut."""

    resume: bool = False
    """Go on with the unfinished run, if there is one."""
    reviewed: str = "yes"
    """What it may send: ``yes`` all it finds, ``diff`` what one stored before, ``part`` one change less."""
    cut_at_byte: int | None = None
    """Of what this apply adds to journals."""
    cut_at_request: int | None = None
    """Before this call of it leaves."""
    only: str | None = None
    concurrency: int = 10
    recheck_s: float = 600.0
    """How long a listing of the app's users may be relied on."""
    down_s: float = 0.0
    """How long nothing runs before it."""
    nap: Nap | None = None
    faults: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """All that one seed means."""

    seed: int
    org: dict[str, Any]
    plan: dict[str, Any]
    steps: tuple[Step, ...]
    page_size: int | None
    """A page of the org is so short; None: as long as asked for."""
    moves: Mapping[Pair, Pair] = field(default_factory=dict)
    """What the org calls a value -> what the plan moves it to."""
    needs_review: bool = False
    """Whether the plan may take something away, which ``--yes`` does not answer for."""
    wanted: Mapping[str, frozenset[Pair]] = field(default_factory=dict)
    """Principal as the plan names it -> what it is to hold."""
    unwanted: Mapping[str, frozenset[Pair]] = field(default_factory=dict)
    """The same of what it is to lose."""


def world_of(seed: int) -> World:
    """The same for the same seed, on every machine."""
    rng = random.Random(seed)
    users = _users(rng)
    entitlements = plan_entitlements(rng)
    access = _access(rng, users, entitlements)
    has, moves = tenant_entitlements(rng)
    grants = _grant_options(rng)
    okta_app = _okta_app(rng, users, has, policies=10 if grants["policy_users"] == "convert" else 2)
    _let_end_sooner(okta_app, access)
    removals = _removals(rng, users, access) if rng.random() < 0.15 else []
    plan: dict[str, Any] = {
        "schema": "okta-plan/v1",
        "name": "t",
        "okta_app": {"label": "ERP"} if rng.random() < 0.3 else {"id": APP_ID},
        "entitlements": with_planned_texts(rng, entitlements),
        "access": access,
        "removals": removals,
        "moved": [{"entitlement": old[0], "from": old[1], "to": new[1]} for old, new in moves.items()],
        "assignments": _assignments(rng, users),
        "grants": grants,
        "limits": {"revoked_percent_max": 100},
    }
    org = {
        "org": {"subdomain": "acme"},
        "tokens": [TOKEN],
        "users": users,
        "okta_apps": [okta_app],
        "limits": _limits(rng),
        "latency_ms": rng.choice([[0, 0], [20, 200], [100, 1500]]),
        "switches": _switches(rng, okta_app, grants["type"]),
    }
    steps = tuple(_step(rng, first=number == 0) for number in range(rng.choices([1, 2, 3], [15, 4, 1])[0]))
    naps = random.Random(f"naps of {seed}")
    steps = tuple(replace(each, nap=_nap(naps)) for each in steps)
    has_pages = any(fault["kind"] in OF_PAGES for step in steps for fault in step.faults)
    page_size = 3 if rng.random() < (0.8 if has_pages else 0.1) else None
    return World(
        seed=seed,
        org=org,
        plan=plan,
        steps=steps,
        page_size=page_size,
        moves=moves,
        needs_review=bool(removals) or grants["policy_users"] == "convert",
        wanted=by_user(access),
        unwanted=by_user(removals),
    )


def by_user(cohorts: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[Pair]]:
    """All that the cohorts of a plan say of each principal, case-folded."""
    found: dict[str, frozenset[Pair]] = {}
    for cohort in cohorts:
        pairs = frozenset((name, value) for name, values in cohort["values"].items() for value in values)
        for user in cohort["users"]:
            found[user.casefold()] = found.get(user.casefold(), frozenset()) | pairs
    return found


def _users(rng: random.Random) -> list[dict[str, Any]]:
    names = ["ann", "bob", "cid", "dan", "eve", "fay"][: rng.choices([1, 2, 3, 4, 6], [1, 5, 4, 2, 1])[0]]
    users: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        login = f"{name}@x.com"
        draw = rng.random()
        email = login if draw < 0.7 else f"{name}@mail.com" if draw < 0.92 else f"{names[0]}@mail.com"
        status = rng.choice(STATUSES) if number else "ACTIVE"
        users.append({"id": f"00u{name:0<17}", "login": login, "email": email, "status": status})
    return users


def _some(rng: random.Random, values: Sequence[T], least: int = 0) -> list[T]:
    return [value for value in values if rng.random() < 0.5] or list(rng.sample(values, least))


def _held_values(rng: random.Random, known: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Some of what the app has, one value of an entitlement that takes one."""
    held: dict[str, list[str]] = {}
    for each in known:
        values = _some(rng, [value["external_value"] for value in each["values"]])
        if values:
            held[each["external_value"]] = values if each["multi_value"] else values[:1]
    return held


def _okta_app(
    rng: random.Random,
    users: Sequence[dict[str, Any]],
    entitlements: Sequence[dict[str, Any]],
    *,
    policies: int,
) -> dict[str, Any]:
    """``policies``: how often a base grant is one of a policy, to 14 that are the person's own."""
    bundle = _held_values(rng, entitlements) if rng.random() < 0.5 else {}
    living = [user["login"] for user in users if user["status"] != "DEPROVISIONED"]
    assigned = [
        {"user": login, "scope": rng.choice(["USER", "USER", "GROUP"])}
        for login in living
        if rng.random() < 0.6
    ]
    grants = [
        grant
        for n, login in enumerate(living)
        if rng.random() < 0.6
        for grant in _grants(rng, login, n, entitlements, policies=policies, has_bundle=bool(bundle))
    ]
    return {
        "id": APP_ID,
        "label": "ERP",
        "entitlement_management": True,
        "implicit_assignment": rng.random() < 0.05,
        "assigned": assigned,
        "entitlements": entitlements,
        "risk_rules": _risk_rules(rng, entitlements) if rng.random() < 0.15 else [],
        "bundles": [{"name": BUNDLE, "values": bundle}] if bundle else [],
        "grants": grants,
    }


def _risk_rules(rng: random.Random, known: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Nobody may hold one value of the app and another, or several others at once."""
    pairs = [(each["external_value"], value["external_value"]) for each in known for value in each["values"]]
    if len(pairs) < 2:
        return []
    (entitlement, value), *others = rng.sample(pairs, min(len(pairs), rng.choice([2, 2, 3])))
    values: dict[str, list[str]] = {}
    for name, other in others:
        values.setdefault(name, []).append(other)
    criteria = [
        {"name": "one", "operation": "CONTAINS_ONE", "values": {entitlement: [value]}},
        {"name": "others", "operation": rng.choice(["CONTAINS_ONE", "CONTAINS_ALL"]), "values": values},
    ]
    return [{"id": f"rul{'r':0<17}", "name": "Not together", "criteria": criteria}]


def _grants(
    rng: random.Random,
    login: str,
    number: int,
    entitlements: Sequence[dict[str, Any]],
    *,
    policies: int,
    has_bundle: bool,
) -> list[dict[str, Any]]:
    """At most one of each type, so never more than three."""
    grants: list[dict[str, Any]] = []
    held = _held_values(rng, entitlements)
    kind = rng.choices(["CUSTOM", "POLICY", "DENY", "NONE"], [14, policies, 1, 2])[0]
    if kind == "DENY":
        return [{"id": f"gra{number}0{'g':0<15}", "user": login, "type": "CUSTOM", "action": "DENY"}]
    if kind != "NONE" and held:
        ends = rng.choices([None, LATER, _soon(rng)], [8, 1, 1])[0]
        base = {"id": f"gra{number}1{'g':0<15}", "user": login, "type": kind, "values": held}
        grants.append(base | ({"expires": ends} if ends else {}))
    if has_bundle and rng.random() < 0.2:
        grants.append(
            {"id": f"gra{number}2{'g':0<15}", "user": login, "type": "ENTITLEMENT-BUNDLE", "bundle": BUNDLE}
        )
    held = _held_values(rng, entitlements)
    if held and rng.random() < 0.15:
        ends = rng.choices([None, LATER], [5, 1])[0]
        added = {"id": f"gra{number}3{'g':0<15}", "user": login, "type": "ENTITLEMENT", "values": held}
        grants.append(added | ({"expires": ends} if ends else {}))
    return grants


def _let_end_sooner(okta_app: Mapping[str, Any], access: Sequence[dict[str, Any]]) -> None:
    """Whom the plan gives something until an end may hold just that, but not as long."""
    planned = {name: values for cohort in access for name, values in cohort["values"].items()}
    for cohort in access:
        for grant in okta_app["grants"] if cohort.get("expires") == LATER else ():
            if grant["user"] != cohort["users"][0].casefold() or grant["type"] != "CUSTOM":
                continue
            held = grant.get("values", {}).items()
            both = {n: [v for v in vs if v in ENTITLEMENTS[n][1]] for n, vs in held if n in planned}
            if both := {n: vs if ENTITLEMENTS[n][0] else vs[:1] for n, vs in both.items() if vs}:
                cohort["values"], grant["expires"] = both, SOONER


def _soon(rng: random.Random) -> str:
    """While the applies are under way, perhaps."""
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(EPOCH_S + rng.randint(10, 900), UTC)
    return at.isoformat().replace("+00:00", "Z")


def _access(
    rng: random.Random, users: Sequence[dict[str, Any]], entitlements: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Mostly one cohort a principal; some people stand twice under two names, or with two ends."""
    principals = [user["login"] for user in users if rng.random() < 0.85]
    principals += [user["email"] for user in users if user["email"] != user["login"] and rng.random() < 0.3]
    if rng.random() < 0.15:
        principals.append("nobody@x.com")
    cohorts: list[dict[str, Any]] = []
    for principal in dict.fromkeys(principals):
        ends = rng.choices([None, LATER, PAST], [12, 2, 1])[0]
        cohorts.append(_cohort(rng, principal, entitlements, ends))
        if rng.random() < 0.04:
            cohorts.append(_cohort(rng, principal, entitlements, LATER if ends is None else None))
    return cohorts


def _removals(
    rng: random.Random, users: Sequence[dict[str, Any]], access: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Some people lose some of what the plan does not give them."""
    named = {name for cohort in access for name in cohort["values"]}
    given = by_user(access)
    cohorts: list[dict[str, Any]] = []
    for user in users:
        values: dict[str, list[str]] = {}
        for name in sorted(named):
            taken = [v for v in ENTITLEMENTS[name][1] if (name, v) not in given.get(user["login"], ())]
            if some := _some(rng, taken):
                values[name] = some
        if values and rng.random() < 0.6:
            cohorts.append({"values": values, "users": [user["login"]]})
    return cohorts


def _cohort(
    rng: random.Random, principal: str, entitlements: Sequence[dict[str, Any]], ends: str | None
) -> dict[str, Any]:
    values: dict[str, list[str]] = {}
    for each in entitlements:
        some = _some(rng, each["values"])
        if some:
            values[each["external_value"]] = some if each["multi_value"] else some[:1]
    values = values or {"Role": [rng.choice(ENTITLEMENTS["Role"][1])]}
    name = principal.upper() if rng.random() < 0.1 else principal
    return {"values": values, "users": [name]} | ({"expires": ends} if ends else {})


def _assignments(rng: random.Random, users: Sequence[dict[str, Any]]) -> dict[str, Any]:
    alone = [user["login"] for user in users if rng.random() < 0.1]
    return {"missing": "hold" if rng.random() < 0.1 else "assign", "users": alone}


def _grant_options(rng: random.Random) -> dict[str, Any]:
    return {
        "policy_users": rng.choices(["hold", "convert"], [17, 3])[0],
        "with_additive": rng.choices(["hold", "canary"], [7, 3])[0],
        "type": rng.choices(["custom", "additive"], [6, 1])[0],
    }


def _limits(rng: random.Random) -> str | dict[str, int]:
    tight = {"default": rng.choice([20, 100]), "POST /governance/api/v1/grants": rng.choice([3, 10])}
    settings: list[str | dict[str, int]] = ["observed", "none", tight]
    return rng.choice(settings)


def _switches(rng: random.Random, okta_app: Mapping[str, Any], type_: str) -> dict[str, Any]:
    additive = any(grant["type"] == "ENTITLEMENT" for grant in okta_app["grants"])
    return {
        "custom_post_replaces_additive": rng.random() < 0.5,
        "custom_post_assigns_app": rng.random() < 0.5,
        "grant_needs_assignment": rng.random() < 0.3,
        "additive_entitlements": additive or rng.random() < (0.8 if type_ == "additive" else 0.3),
        "revoke_ends_empty_custom": rng.random() < 0.5,
        "search_lag_s": 0,
    }


def _nap(rng: random.Random) -> Nap | None:
    """About when writes are under way: a compare takes a dozen calls and more."""
    if rng.random() < 0.8:
        return None
    return Nap(rng.randint(8, CALLS_MAX), rng.choice([3.0, 100.0, 7200.0]))


def _step(rng: random.Random, *, first: bool) -> Step:
    """Most are cut, at a byte of the journal where it holds the begins and outcomes of a few writes."""
    cut = rng.random()
    faults = some_faults(rng)
    is_raced = any(each.get("change") == "assign_group" for each in faults)
    return Step(
        resume=not first and rng.random() < 0.5,
        reviewed=rng.choices(["yes", "diff", "part"], [8, 1, 1])[0],
        cut_at_byte=rng.choice([rng.randint(1, 1200), rng.randint(800, 5000)]) if cut < 0.6 else None,
        cut_at_request=rng.randint(1, CALLS_MAX) if 0.6 <= cut < 0.7 else CALLS_MAX + 1,
        only=rng.choices([None, "structure", "grants"], [16, 1, 1])[0],
        concurrency=rng.choice([1, 2, 10, 10]),
        recheck_s=rng.choice([600.0, 0.0, 0.0] if is_raced else [600.0, 600.0, 0.0]),
        down_s=rng.choice([0, 0, 5, 120, 900]),
        faults=faults,
    )
