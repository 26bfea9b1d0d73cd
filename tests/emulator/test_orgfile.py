"""Org files: strict reading with the place of each fault, CSV forms, and the round trip through the state."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from pipeline.emulator import OrgFileError, create_app, load_org_file
from pipeline.emulator.orgfile import org_file_from
from tests import virtual_time
from tests.emulator.org_room import Json, Room, org_data, within, within_room

EXAMPLE = """\
org: {subdomain: acme, id: 00o1example0000000x7}
tokens: [sandbox-token]
users:
  - {login: alice@acme.example.com, firstName: Alice, lastName: Ray, status: ACTIVE, employeeNumber: "0012"}
okta_apps:
  - id: 0oa1example0000000x7
    label: ERP
    entitlement_management: true
    implicit_assignment: false
    assigned: [alice@acme.example.com]
    entitlements:
      - {name: Role, external_value: Role, multi_value: true, values: [Admin, Auditor]}
    bundles:
      - {name: Finance basics, values: {Role: [Auditor]}}
    grants:
      - {user: alice@acme.example.com, type: CUSTOM, values: {Role: [Auditor]}, expires: null, action: ALLOW}
limits: {default: 600, "POST /governance/api/v1/grants": 50}
latency_ms: [50, 50]
switches: {custom_post_replaces_additive: true, search_lag_s: 0}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "org.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_contract_example_loads(tmp_path: Path) -> None:
    org = load_org_file(write(tmp_path, EXAMPLE))
    assert org.users[0].profile()["employeeNumber"] == "0012"
    assert org.okta_apps[0].grants[0].values == {"Role": ["Auditor"]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tokens:", "tokenz:", "tokenz: Extra inputs are not permitted"),
        ("label: ERP", "lable: ERP", "okta_apps[0].lable: Extra inputs"),
        ('"0012"', "0012", "users[0].employeeNumber: Input should be a valid string"),
        ("status: ACTIVE", "status: AWAKE", "users[0].status"),
        ("assigned: [alice", "assigned: [alicia", "okta_apps[0].assigned[0]: there is no user"),
        ("{Role: [Auditor]}, expires", "{Role: [Author]}, expires", "okta_apps[0].grants[0].values.Role"),
        ("{Role: [Auditor]}}", "{Rolle: [Auditor]}}", "okta_apps[0].bundles[0].values"),
        ("expires: null", "expires: soon", "okta_apps[0].grants[0].expires"),
        ("0oa1example0000000x7", "0oa1", "okta_apps[0].id"),
        ("{default: 600", '{"POST /nowhere": 6', "limits: there is no bucket 'POST /nowhere'"),
        ("[50, 50]", "[50, 5]", "latency_ms"),
        ("limits:", "faults: [{kind: rain}]\nlimits:", "faults.faults[0]: Input tag 'rain'"),
        ("type: CUSTOM", "type: ENTITLEMENT-BUNDLE", "okta_apps[0].grants[0].bundle"),
        ("org: {", "org: [", "cannot be read as YAML"),
    ],
)
def test_faults_name_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, EXAMPLE.replace(old, new))
    with pytest.raises(OrgFileError) as error:
        load_org_file(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_secrets_stay_out_of_messages(tmp_path: Path) -> None:
    path = write(tmp_path, EXAMPLE.replace("[sandbox-token]", "[sandbox-token, sandbox-token]"))
    with pytest.raises(OrgFileError, match="same token appears twice") as error:
        load_org_file(path)
    assert "sandbox" not in str(error.value)


def test_two_base_grants_are_refused() -> None:
    data = org_data()
    data["okta_apps"][0]["grants"] = [
        {"user": "alice@acme.example.com", "type": t} for t in ("CUSTOM", "POLICY")
    ]
    with pytest.raises(OrgFileError, match=r"grants\[1\]: .* already has a base grant"):
        org_file_from(data)


def test_csv_forms(tmp_path: Path) -> None:
    users = "login,firstName,employeeNumber\nalice@x,Alice,0012\nbob@x,,\n"
    grants = "user,type,entitlement,value\nalice@x,CUSTOM,Role,Admin\nalice@x,,Role,Auditor\n"
    (tmp_path / "users.csv").write_text(users, encoding="utf-8")
    (tmp_path / "grants.csv").write_text(
        grants + "bob@x,CUSTOM,Role,Admin\nbob@x,ENTITLEMENT-BUNDLE,,Basics\n", encoding="utf-8"
    )
    path = write(
        tmp_path,
        "org: {subdomain: acme}\ntokens: [t]\nusers: {csv: users.csv}\nokta_apps:\n  - label: ERP\n"
        "    entitlements: [{name: Role, values: [Admin, Auditor]}]\n"
        "    bundles: [{name: Basics, values: {Role: [Auditor]}}]\n    grants: {csv: grants.csv}\n",
    )
    org = load_org_file(path)
    assert org.users[0].profile()["employeeNumber"] == "0012"
    found = [(g.user, g.type, g.values, g.bundle) for g in org.okta_apps[0].grants]
    assert found == [
        ("alice@x", "CUSTOM", {"Role": ["Admin", "Auditor"]}, None),
        ("bob@x", "CUSTOM", {"Role": ["Admin"]}, None),
        ("bob@x", "ENTITLEMENT-BUNDLE", {}, "Basics"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nx\n", "users.csv: the column 'login' is missing"),
        ("login,email\na@x\n", "users.csv:2: the line has not as many cells as the header"),
        ("login\na@x,b\n", "users.csv:2: the line has not as many cells as the header"),
    ],
)
def test_csv_faults_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "users.csv").write_text(text, encoding="utf-8")
    path = write(tmp_path, "org: {subdomain: acme}\ntokens: [t]\nusers: {csv: users.csv}\n")
    with pytest.raises(OrgFileError, match=r"org\.yaml") as error:
        load_org_file(path)
    assert message in str(error.value)


async def _state(room: Room) -> Json:
    return await room.ok("/_emulator/state")


def test_the_state_is_an_org_file_whose_state_is_the_same() -> None:
    async def busy(room: Room) -> Json:
        await room.grant(
            "bob@acme.example.com", "Admin", "Gold", scheduleSettings={"expirationDate": "2030-01-01"}
        )
        await room.grant("carol@acme.example.com", grantType="POLICY")
        return await _state(room)

    grants = [{"user": "alice@acme.example.com", "type": "ENTITLEMENT-BUNDLE", "bundle": "Basics"}]
    data = org_data()
    data["okta_apps"][0]["grants"] = grants
    first = within(busy, **data)
    again = json.loads(json.dumps(first))
    assert within(_state, **again) == first


def test_a_reloaded_org_makes_no_id_twice() -> None:
    async def more(room: Room) -> Json:
        assert (await room.grant("bob@acme.example.com", "Admin")).status_code == 201
        return await _state(room)

    first = within(more)
    second = within(more, **first)
    ids = [grant["id"] for okta_app in second["okta_apps"] for grant in okta_app["grants"]]
    assert len(ids) == len(set(ids)) == 1
    assert ids != [grant["id"] for okta_app in first["okta_apps"] for grant in okta_app["grants"]]


def test_state_in_a_file_goes_on_and_another_org_file_starts_over(tmp_path: Path) -> None:
    async def grant(room: Room) -> Json:
        await room.grant("bob@acme.example.com", "Admin")
        return await _state(room)

    db, org = tmp_path / "state.db", org_file_from(org_data())
    first = within_room(grant, Room(org, db))
    assert within_room(_state, Room(org, db)) == first
    again = within_room(grant, Room(org, db))
    assert again["okta_apps"][0]["grants"][0]["id"] > first["okta_apps"][0]["grants"][0]["id"]
    other = org_file_from(org_data(users=[], okta_apps=[]))
    assert within_room(_state, Room(other, db))["users"] == []


@pytest.mark.parametrize("content", [b"plain text, not SQLite at all" * 100])
def test_a_file_of_something_else_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    db = tmp_path / "notes.txt"
    db.write_bytes(content)
    with pytest.raises(OrgFileError, match=r"notes\.txt"):
        Room(org_file_from(org_data()), db)
    assert db.read_bytes() == content


def test_the_state_of_another_version_is_refused_and_kept(tmp_path: Path) -> None:
    db = tmp_path / "org.sqlite"
    org = org_file_from(org_data())
    create_app(org, db=db, now=lambda: 0.0, sleep=virtual_time.clock().sleep).state.close()
    with sqlite3.connect(db) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    before = db.read_bytes()
    with pytest.raises(OrgFileError, match="another version"):
        create_app(org, db=db, now=lambda: 0.0, sleep=virtual_time.clock().sleep)
    assert db.read_bytes() == before
