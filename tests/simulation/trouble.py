"""A composition of the emulator's faults by chance: every kind of its closed list."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

GRANTS = "/governance/api/v1/grants"
GRANT = f"{GRANTS}/{{id}}"
READS = (
    "GET /governance/api/v1/grants",
    f"GET {GRANT}",
    "GET /governance/api/v1/entitlements",
    "GET /governance/api/v1/entitlements/values",
    "GET /api/v1/apps/{id}/users",
    "GET /api/v1/apps/{id}/users/{id}",
    "GET /api/v1/users",
    "GET /api/v1/users/{id}",
    "GET /api/v1/apps/{id}",
)
WRITES = (
    "POST /governance/api/v1/grants",
    f"PUT {GRANT}",
    f"PATCH {GRANT}",
    "POST /governance/api/v2/revoke-principal-access",
    "POST /governance/api/v1/entitlements",
    "PATCH /governance/api/v1/entitlements/{id}",
    "POST /api/v1/apps/{id}/users",
)
COUNTED = ("GET /governance/api/v1/entitlements", "GET /governance/api/v1/entitlements/values")
LISTED_AGAIN = (*COUNTED, "GET /governance/api/v1/grants")
"""What a listing leaves out is told by the org's count, or seen when the person's own grants are read before
a write. A page of app users or users that is missing without a trace is seen by nobody.
"""
ADMIN_CHANGES = (
    "add_value",
    "remove_value",
    "new_grant",
    "revoke_all",
    "add_bundle",
    "to_policy",
    "assign_group",
    "unassign",
    "deprovision",
    "add_entitlement_value",
    "remove_entitlement_value",
)

Fault = dict[str, Any]


def some_faults(rng: random.Random) -> tuple[Fault, ...]:
    """None at times, else up to four."""
    count = rng.choice([0, 1, 1, 2, 3, 4])
    kinds = rng.choices(list(_KINDS), [_WEIGHTS.get(kind, 2) for kind in _KINDS], k=count)
    found = [{"kind": kind, **_how_often(rng), **_KINDS[kind](rng)} for kind in kinds]
    return (*found, *_rare(rng.random()))


def _rare(draw: float) -> tuple[Fault, ...]:
    """What hardly comes about by chance: people who cannot be looked up, a write that is lost and cannot be
    read back, an admin who is quicker.
    """
    down: Fault = {"kind": "server_error", "status": 503}
    if draw < 0.09:
        return ({**down, "match": "GET /api/v1/users/{id}", "probability": 0.9},)
    if draw < 0.13:
        lost = {**down, "match": f"POST {GRANTS}", "when": "after", "times": 1}
        return lost, {**down, "match": f"GET {GRANTS}", "after": 3, "times": 6}
    if draw < 0.18:
        change = {"kind": "admin_change", "change": "assign_group", "when": "after", "times": 2}
        return ({**change, "match": f"GET {GRANTS}", "after": 1},)
    return ()


def _how_often(rng: random.Random) -> Fault:
    often: Fault = rng.choice(
        [{"times": 1}, {"times": 2}, {"times": 6}, {"probability": 0.2}, {"probability": 0.6}]
    )
    return {**often, "after": rng.choice([0, 0, 1, 3, 8])}


def _any_call(rng: random.Random) -> Fault:
    """Half of them on writes, where an answer that is lost means most."""
    match = rng.choice([rng.choice(WRITES), rng.choice(READS), None, rng.choice(WRITES)])
    return {"match": match} if match else {}


def _where(rng: random.Random) -> str:
    return rng.choice(["before", "after"])


def _server_error(rng: random.Random) -> Fault:
    status = rng.choice([500, 502, 503, 504])
    form = rng.choice([None, "json", "html"])
    return {**_any_call(rng), "status": status, "when": _where(rng)} | ({"form": form} if form else {})


def _dropped(rng: random.Random) -> Fault:
    return {**_any_call(rng), "when": _where(rng), "reset": rng.random() < 0.5}


def _slow(rng: random.Random) -> Fault:
    """Beyond 60 s the client gives up, but not the call."""
    return {**_any_call(rng), "when": _where(rng), "delay_s": rng.choice([0.5, 1.5, 3.0, 20.0, 59.0, 70.0])}


def _quota_taken(rng: random.Random) -> Fault:
    rate: Fault = rng.choice([{"per_call": 1}, {"per_call": 5}, {"per_s": 0.3}, {"per_s": 2.0}])
    return {**_any_call(rng), "whose": rng.choice(["same_client", "other_clients"]), **rate}


def _clock_skew(rng: random.Random) -> Fault:
    return {"skew_s": rng.choice([-86400.0, -90.0, 30.0, 3600.0]), "jitter_s": rng.choice([0.0, 0.0, 3.0])}


def _admin_change(rng: random.Random) -> Fault:
    """At times of what is about to be written, after it was compared and before it is read again."""
    draw, when = rng.random(), rng.choice(["before", "after"])
    if draw < 0.25:
        change = rng.choice(["assign_group"] * 5 + list(ADMIN_CHANGES[:6]))
        return {"match": f"GET {GRANTS}", "change": change, "when": when, "after": rng.choice([0, 1])}
    if draw < 0.5:
        return {"match": f"GET {GRANT}", "change": rng.choice(ADMIN_CHANGES[:6]), "when": when, "after": 0}
    when = rng.choice(["before", "between", "between", "after"])
    change = rng.choices(ADMIN_CHANGES, [_CHANGE_WEIGHTS.get(each, 1) for each in ADMIN_CHANGES])[0]
    return {**_any_call(rng), "change": change, "when": when}


_KINDS: dict[str, Callable[[random.Random], Fault]] = {
    "rate_limit": _any_call,
    "concurrency_limit": _any_call,
    "server_error": _server_error,
    "dropped_connection": _dropped,
    "slow": _slow,
    "truncated_body": lambda rng: {**_any_call(rng), "share": rng.choice([0.0, 0.3, 0.9])},
    "captive_portal": _any_call,
    "repeated_page": lambda rng: {"match": rng.choice(READS)} if rng.random() < 0.5 else {},
    "page_loop": lambda rng: {"match": rng.choice(READS)},
    "skipped_page": lambda rng: {"match": rng.choice(LISTED_AGAIN)},
    "early_end": lambda rng: {"match": rng.choice(LISTED_AGAIN)},
    "quota_taken": _quota_taken,
    "clock_skew": _clock_skew,
    "lost_index": lambda rng: {"for_s": rng.choice([5.0, 600.0])},
    "admin_change": _admin_change,
}
_CHANGE_WEIGHTS = {"deprovision": 3, "unassign": 2, "remove_entitlement_value": 2}
_WEIGHTS = {"server_error": 5, "dropped_connection": 5, "truncated_body": 3, "slow": 4, "admin_change": 16}
KINDS = tuple(_KINDS)
OF_PAGES = ("repeated_page", "page_loop", "skipped_page", "early_end")
"""They strike listings of several pages only."""
