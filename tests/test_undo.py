"""apply, undo, apply the undo: people hold what they held before, and what stays is listed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.plan.file import load_plan
from tests.in_process import Tenant
from tests.mortal import Killed, MortalTransport
from tests.test_cases import furnish

ROOT, ANN, BOB, CID, DEE, EVE = PEOPLE = [
    f"{name}@x.com" for name in ("root", "ann", "bob", "cid", "dee", "eve")
]
ROLES, TEAMS = ["Admin", "Auditor", "Clerk", "Owner", "R5", "R6", "R7", "R8"], ["Blue", "Red"]
ENDS = [None, None, "2090-01-01T00:00:00Z"]
USERS = [{"login": each, "email": each} for each in PEOPLE]


def declared(name: str, *values: str) -> dict[str, Any]:
    return {"name": name, "external_value": name, "values": list(values)}


def some(rng: random.Random, *, least: int = 0) -> dict[str, list[str]]:
    """Values of both entitlements."""
    roles = rng.sample(ROLES, rng.randint(least, 4))
    teams = rng.sample(TEAMS, rng.randint(0, 1))
    return {name: sorted(held) for name, held in (("Role", roles), ("Team", teams)) if held}


def random_org(rng: random.Random) -> dict[str, Any]:
    """Some people hold a CUSTOM grant, with and without an end, some one by policy, some things beside."""
    grants: list[dict[str, Any]] = []
    for who in PEOPLE[1:]:
        base = rng.choice(["CUSTOM", "CUSTOM", "POLICY", None])
        if base and (values := some(rng, least=1)):
            end = rng.choice(ENDS) if base == "CUSTOM" else None
            grants.append({"user": who, "type": base, "values": values, "expires": end})
        if rng.random() < 0.25:
            grants.append({"user": who, "type": "ENTITLEMENT-BUNDLE", "bundle": "Basics"})
        if rng.random() < 0.25:
            grants.append({"user": who, "type": "ENTITLEMENT", "values": {"Role": [rng.choice(ROLES[:4])]}})
    known = rng.choice([ROLES, ROLES[:6]])
    used = {value for grant in grants for value in grant.get("values", {}).get("Role", [])}
    return {
        "users": USERS,
        "okta_apps": [
            {
                "label": "ERP",
                "entitlement_management": True,
                "assigned": sorted({each["user"] for each in grants}),
                "entitlements": [
                    {"name": "Role", "values": sorted({*known, *used})},
                    {"name": "Team", "multi_value": True, "values": TEAMS},
                ],
                "bundles": [{"name": "Basics", "values": {"Role": ["Clerk"]}}],
                "grants": grants,
            }
        ],
        "switches": {"additive_entitlements": True},
    }


def random_plan(rng: random.Random) -> dict[str, Any]:
    return {
        "entitlements": [declared("Role", *ROLES), declared("Team", *TEAMS)],
        "access": [
            {"values": some(rng, least=1), "users": [who], "expires": rng.choice(ENDS)}
            for who in PEOPLE[1:]
            if rng.random() < 0.8
        ],
    }


def held(org: Tenant) -> dict[str, dict[str, list[str]]]:
    """What people hold; who holds nothing is left out."""
    return {who: values for who, values in org.held().items() if values}


@pytest.mark.parametrize("seed", range(12))
def test_apply_undo_and_apply_the_undo_and_people_hold_what_they_held(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    org = furnish(tmp_path, {"plan": random_plan(rng), "org": random_org(rng)})
    before = held(org)
    applied = org.apply()
    if applied.run is None:
        return
    given = held(org)
    undone = org.undo(applied.run)
    if undone.plan is None:
        assert given == before
        return
    pairs = {(who, e, v) for who, of in given.items() for e, vs in of.items() for v in vs}
    pairs -= {(who, e, v) for who, of in before.items() for e, vs in of.items() for v in vs}
    plan = load_plan(tmp_path / undone.plan).plan
    removals = {
        (who, e, v)
        for each in plan.removals
        for who in each.users
        for e, vs in each.values.items()
        for v in vs
    }
    assert removals == pairs
    assert (undone.values, plan.access, plan.tenant) == (len(pairs), (), "acme.okta.com")
    back = org.apply_reviewed(undone.plan)
    assert back.exit_code == 0, back
    assert held(org) == before
    assert org.verify(undone.plan).exit_code == 0
    assert org.diff(undone.plan).changes == []
    assert_what_stays_is_listed(org, undone.remains.model_dump())


def assert_what_stays_is_listed(org: Tenant, remains: dict[str, Any]) -> None:
    """Against the org as its file said it at first."""
    first, now = org._org.okta_apps[0], org.state()["okta_apps"][0]
    assigned = {each["user"] if isinstance(each, dict) else each for each in now["assigned"]}
    assert set(remains["assigned"]) == assigned - {each.user for each in first.assigned}
    values = {each["name"]: {v["name"] for v in each["values"]} for each in now["entitlements"]}
    for each in first.entitlements:
        values[each.name] -= {value.name for value in each.values}
    assert {name: set(held) for name, held in remains["values"].items()} == {
        k: v for k, v in values.items() if v
    }
    assert {each["principal"] for each in remains["grants"]} == {
        each["user"] for each in now["grants"] if each["type"] == "CUSTOM" and not each.get("values")
    }


ADMIN_FOR_ALL: dict[str, Any] = {
    "entitlements": [declared("Role", "Admin")],
    "access": [{"values": {"Role": ["Admin"]}, "users": [ANN, BOB, CID]}],
}
CLERKS: dict[str, Any] = {
    "users": USERS,
    "okta_apps": [
        {
            "label": "ERP",
            "entitlement_management": True,
            "assigned": [ANN, BOB, CID],
            "entitlements": [declared("Role", "Admin", "Clerk")],
            "grants": [{"user": who, "values": {"Role": ["Clerk"]}} for who in (ANN, BOB, CID)],
        }
    ],
}


def test_only_what_the_run_itself_gave_is_taken_back(tmp_path: Path) -> None:
    """Somebody gives Bob one of two values between the comparison and the write."""
    plan = {
        "entitlements": [declared("Role", "Admin", "Owner")],
        "access": [{"values": {"Role": ["Admin", "Owner"]}, "users": [ANN, BOB, CID]}],
    }
    meanwhile = {"kind": "admin_change", "change": "add_value", "user": BOB, "value": "Admin", "times": 1}
    fault = {**meanwhile, "match": "GET /governance/api/v1/grants/{id}"}
    org = furnish(tmp_path, {"plan": plan, "org": {**CLERKS, "faults": {"faults": [fault]}}})
    undone = org.undo(org.apply().run)
    assert (undone.people, undone.values) == (3, 5)
    assert org.apply_reviewed(str(undone.plan)).exit_code == 0
    assert held(org) == {
        ANN: {"Role": ["Clerk"]},
        BOB: {"Role": ["Admin", "Clerk"]},
        CID: {"Role": ["Clerk"]},
    }


def test_a_run_that_died_is_undone_as_far_as_is_known_and_the_rest_is_named(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": ADMIN_FOR_ALL, "org": CLERKS})
    org.wrap = lambda inner: MortalTransport(inner, dies_at=2, after=True)
    with pytest.raises(BaseExceptionGroup) as death:
        org.apply()
    assert death.group_contains(Killed)
    org.wrap = lambda inner: inner
    [run] = [each.name for each in (tmp_path / "plans" / ".runs").iterdir() if each.name[0] == "2"]
    undone = org.undo(run)
    assert (undone.people, len(undone.remains.unsure)) == (2, 1)


def test_a_run_that_gave_nothing_needs_no_undo_and_an_unknown_run_is_refused(tmp_path: Path) -> None:
    plan = {**ADMIN_FOR_ALL, "access": [{"values": {"Role": ["Admin"]}, "users": ["ghost@x.com"]}]}
    org = furnish(tmp_path, {"plan": plan, "org": CLERKS})
    view = org.undo(org.apply().run)
    assert (view.plan, view.written, view.exit_code) == (None, False, 0)
    with pytest.raises(OktaPlanError) as refused:
        org.undo("20260101T000000Z-none")
    assert refused.value.code is ErrorCode.RUN_NOT_FOUND


def test_what_a_run_revoked_is_told_not_given_back(tmp_path: Path) -> None:
    plan = {**ADMIN_FOR_ALL, "removals": [{"values": {"Role": ["Clerk"]}, "users": [ANN]}]}
    plan |= {
        "entitlements": [declared("Role", "Admin", "Clerk")],
        "limits": {"revoked_percent_max": 100},
    }
    org = furnish(tmp_path, {"plan": plan, "org": CLERKS})
    run = org.apply_reviewed().run
    view = org.undo(run)
    assert [(each.principal, each.value) for each in view.remains.revoked] == [(ANN, "Clerk")]
    assert (view.people, view.values) == (3, 3)


def test_changes_that_are_not_those_of_the_journal_are_refused(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": ADMIN_FOR_ALL, "org": CLERKS})
    other = (tmp_path / org.diff().paths["changes"]).read_text("utf-8")
    run = org.apply(plan="t").run
    path = tmp_path / "plans" / ".runs" / str(run) / "changes.json"
    document = json.loads(other)
    document["changes"].pop()
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(OktaPlanError) as refused:
        org.undo(run)
    assert refused.value.code is ErrorCode.CHANGES_INVALID
