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
    assert [user.profile()["employeeNumber"] for user in org.users] == ["0012"]
    assert [grant.values for grant in org.okta_apps[0].grants] == [{"Role": ["Auditor"]}]


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
    (tmp_path / "assigned.csv").write_text("user,scope,user_name\nalice@x,,\nbob@x,GROUP,bob\n", "utf-8")
    (tmp_path / "grants.csv").write_text(
        grants + "bob@x,CUSTOM,Role,Admin\nbob@x,ENTITLEMENT-BUNDLE,,Basics\n", encoding="utf-8"
    )
    path = write(
        tmp_path,
        "org: {subdomain: acme}\ntokens: [t]\nusers: {csv: users.csv}\nokta_apps:\n  - label: ERP\n"
        "    assigned: {csv: assigned.csv}\n    entitlements: [{name: Role, values: [Admin, Auditor]}]\n"
        "    bundles: [{name: Basics, values: {Role: [Auditor]}}]\n    grants: {csv: grants.csv}\n",
    )
    org = load_org_file(path)
    assert [user.profile().get("employeeNumber") for user in org.users] == ["0012", None]
    assigned = [(a.user, a.scope, a.user_name) for a in org.okta_apps[0].assigned]
    assert assigned == [("alice@x", "USER", None), ("bob@x", "GROUP", "bob")]
    found = [(g.user, g.type, g.values, g.bundle) for g in org.okta_apps[0].grants]
    assert found == [
        ("alice@x", "CUSTOM", {"Role": ["Admin", "Auditor"]}, None),
        ("bob@x", "CUSTOM", {"Role": ["Admin"]}, None),
        ("bob@x", "ENTITLEMENT-BUNDLE", {}, "Basics"),
    ]


async def _state(room: Room) -> Json:
    return await room.ok("/_emulator/state")


USERS_CSV = "login\na@x\nb@x\n"
ASSIGNED_CSV = "user\na@x\n"
GRANTS_CSV = (
    "user,type,entitlement,value\na@x,CUSTOM,Role,Admin\nb@x,CUSTOM,Role,Admin\na@x,CUSTOM,Role,Clerk\n"
)


def large_org(folder: Path, **sheets: str) -> Path:
    """An org file whose users, assignments and grants are CSV files, some with the content of `sheets`."""
    contents = {"users": USERS_CSV, "assigned": ASSIGNED_CSV, "grants": GRANTS_CSV, **sheets}
    for name, text in contents.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return write(
        folder,
        "org: {subdomain: acme}\ntokens: [t]\nusers: {csv: users.csv}\nokta_apps:\n  - label: ERP\n"
        "    assigned: {csv: assigned.csv}\n    grants: {csv: grants.csv}\n"
        "    bundles: [{name: Basics, values: {}}]\n"
        "    entitlements:\n      - {name: Role, values: [Admin, Clerk]}\n"
        "      - {name: Tier, multi_value: false, values: [Gold, Silver]}\n",
    )


@pytest.mark.parametrize(
    ("sheet", "text", "message"),
    [
        ("users", "name\nx\n", "users.csv: the column 'login' is missing"),
        ("users", "login,login\na@x,b\n", "users.csv: two columns have the same name"),
        ("users", "login,email\na@x\n", "users.csv:2: the line has not as many cells as the header"),
        ("users", "login\na@x,b\n", "users.csv:2: the line has not as many cells as the header"),
        ("users", "login,status\na@x,\nb@x,AWAKE\n", "users.csv:3: status: Input should be"),
        ("users", "login,id\na@x,short\n", "users.csv:2: id: String should match pattern"),
        ("users", USERS_CSV + "A@x\n", "users.csv:4: the same login appears twice: a@x"),
        ("users", "login\n\na@x\n\x00,\n", "users.csv:4: "),
        ("assigned", "user\na@x\nc@x\n", "assigned.csv:3: there is no user with the login 'c@x'"),
        ("assigned", "user\na@x\nA@x\n", "assigned.csv:3: the same user appears twice"),
        ("assigned", "user,role\na@x,b\n", "assigned.csv:2: role: Extra inputs"),
        ("grants", GRANTS_CSV + "c@x,,Role,Admin\n", "grants.csv:5: there is no user with the login 'c@x'"),
        ("grants", GRANTS_CSV + "b@x,,Role,Boss\n", "grants.csv:5: there is no value 'Boss'"),
        ("grants", GRANTS_CSV + "b@x,,Rolle,Admin\n", "grants.csv:5: there is no entitlement"),
        ("grants", GRANTS_CSV + "b@x,,Role,Admin\n", "grants.csv:5: name at least one value, each once"),
        (
            "grants",
            GRANTS_CSV + "b@x,,Tier,Gold\nb@x,,Tier,Silver\n",
            "grants.csv:6: this entitlement takes one",
        ),
        ("grants", GRANTS_CSV + "b@x,POLICY,,\n", "grants.csv:5: b@x already has a base grant"),
        ("grants", GRANTS_CSV + "b@x,ADDITIVE,,\n", "grants.csv:5: type: Input should be"),
        (
            "grants",
            GRANTS_CSV + "b@x,ENTITLEMENT-BUNDLE,,None\n",
            "grants.csv:5: there is no bundle named 'None'",
        ),
        (
            "grants",
            GRANTS_CSV + 2 * "b@x,ENTITLEMENT-BUNDLE,,Basics\n",
            "grants.csv:6: the same bundle stands at",
        ),
        ("grants", "user,type,entitlement,value,status\na@x,,,,\n", "grants.csv: the columns must be"),
    ],
)
def test_csv_faults_name_file_and_line(tmp_path: Path, sheet: str, text: str, message: str) -> None:
    load_org_file(large_org(tmp_path))
    with pytest.raises(OrgFileError, match=r"org\.yaml") as error:
        load_org_file(large_org(tmp_path, **{sheet: text}))
    assert message in str(error.value)


def test_a_large_org_keeps_every_line(tmp_path: Path) -> None:
    people = [f"user{n:04d}@x" for n in range(2101)]
    held = {login: ["Admin", "Clerk"][: 1 + n % 2] for n, login in enumerate(people)}
    # Lines of one grant need not stand together.
    first = [f"{login},CUSTOM,Role,Admin\n" for login in people]
    second = [f"{login},,Role,Clerk\n" for login, values in held.items() if len(values) > 1]
    path = large_org(
        tmp_path,
        users="login\n" + "\n".join(people),
        assigned="user\n" + "\n".join(people),
        grants="user,type,entitlement,value\n" + "".join(first + second),
    )
    state = within_room(_state, Room(load_org_file(path)))
    okta_app = state["okta_apps"][0]
    assert [user["login"] for user in state["users"]] == people
    assert [each["user"] for each in okta_app["assigned"]] == people
    assert {grant["user"]: grant["values"]["Role"] for grant in okta_app["grants"]} == held
    assert within(_state, **json.loads(json.dumps(state))) == state


def test_the_state_goes_on_while_the_csv_files_are_the_same(tmp_path: Path) -> None:
    async def grants(room: Room) -> Json:
        state = await _state(room)
        return [(grant["user"], grant["values"]) for grant in state["okta_apps"][0]["grants"]]

    async def grant_and_look(room: Room) -> Json:
        room.client.headers["Authorization"] = "SSWS t"
        users = {user["login"]: user["id"] for user in (await _state(room))["users"]}
        app_id = (await _state(room))["okta_apps"][0]["id"]
        who = {"externalId": users["a@x"], "type": "OKTA_USER"}
        target = {"externalId": app_id, "type": "APPLICATION"}
        body = {"grantType": "CUSTOM", "target": target, "targetPrincipal": who}
        assert (await room.send("POST", "/governance/api/v1/grants", body)).status_code == 201
        return await grants(room)

    db = tmp_path / "state.db"
    path = large_org(tmp_path)
    first = within_room(grant_and_look, Room(load_org_file(path), db))
    assert first == [("b@x", {"Role": ["Admin"]}), ("a@x", {})]
    assert within_room(grants, Room(load_org_file(path), db)) == first
    other = large_org(tmp_path, grants=GRANTS_CSV.replace("b@x,CUSTOM,Role,Admin", "b@x,CUSTOM,Role,Clerk"))
    assert within_room(grants, Room(load_org_file(other), db)) == [
        ("a@x", {"Role": ["Admin", "Clerk"]}),
        ("b@x", {"Role": ["Clerk"]}),
    ]


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
