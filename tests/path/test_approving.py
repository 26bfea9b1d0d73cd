"""A person at a terminal approves: they read the stored change set and type its counts; a pipe cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.approvals import ANN, COUNTS, approval_file, new_key, tenant
from tests.path.box import command, environment, okta_plan

COUNTED = "1 add, 2 assign, 2 grant, 1 extend"
needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


def at_terminal(workspace: Path, answers: dict[bytes, str], *words: str, **more: str) -> tuple[int, str]:
    """Run ``approve`` with a person who answers each question; its exit code and all that was shown."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(workspace, "approve", "t", *words),
        env=environment(None, TERM="dumb", **more),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    left = dict(answers)
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        for question in [each for each in left if each in shown]:
            os.write(ours, f"{left.pop(question)}\n".encode())
    os.close(ours)
    return process.wait(), shown.decode()


@needs_pty
def test_who_reads_the_change_set_and_types_its_counts_approves_it(tmp_path: Path) -> None:
    org = tenant(tmp_path, limits={"privileged": []})
    org.diff()
    code, shown = at_terminal(tmp_path, {b"Type what you approve": " 2 GRANT,1 add, 1 extend,2 assign"})
    assert code == 0, shown
    for said in ("grant ann@x.com  + Role: Admin, Clerk", "assign bob@x.com", COUNTED, "acme.okta.com"):
        assert said in shown
    approval = yaml.safe_load(approval_file(org).read_text("utf-8"))
    assert (approval["counts"], approval["channel"], approval["scope"]) == (COUNTS, "terminal", "all")
    assert approval["approver"]
    # The clock of this org stands in 2026, that of the command does not: only what was written is looked at.
    assert approval["changes_digest"] == org.diff().changes_digest


@needs_pty
def test_who_lets_somebody_break_a_rule_of_duties_is_asked_to_name_it(tmp_path: Path) -> None:
    org = tenant(tmp_path, access=[{"values": {"Role": ["Admin", "Owner"]}, "users": [ANN]}])
    rule = {"id": "four-eyes", "why": "Four eyes.", "together": ["Role/Owner", "Role/Admin"]}
    (tmp_path / "policies").mkdir()
    policy = {"schema": "okta-plan-policy/v1", "rules": [rule]}
    (tmp_path / "policies" / "p.yaml").write_text(yaml.safe_dump(policy), "utf-8")
    org.diff(allow=("sod_conflict=four-eyes",))
    counted = {b"Type what you approve": "1 add, 1 assign, 1 grant"}
    code, shown = at_terminal(tmp_path, {b"breaks the rule of duties": "yes"} | counted)
    assert (code, "four-eyes" in shown, approval_file(org).exists()) == (4, True, False)
    code, shown = at_terminal(tmp_path, {b"breaks the rule of duties": "four-eyes"} | counted)
    assert code == 0, shown
    assert yaml.safe_load(approval_file(org).read_text("utf-8"))["conflicts"] == ["four-eyes"]


@needs_pty
def test_other_counts_record_nothing(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.diff()
    code, shown = at_terminal(tmp_path, {b"Type what you approve": "yes"})
    assert code == 4
    assert "The counts do not match" in shown
    assert not approval_file(org).exists()


@needs_pty
def test_a_signed_approval_carries_the_name_that_the_key_has(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.diff()
    key = new_key(tmp_path, "bert")
    public = key.with_name("bert.pub").read_text("utf-8")
    (tmp_path / "allowed_signers").write_text(f"*@x.com,bert@x.com {public}", "utf-8")
    signers = {"OKTA_PLAN_ALLOWED_SIGNERS": "allowed_signers"}
    code, shown = at_terminal(tmp_path, {}, **signers)
    assert code == 4, shown
    assert "not signed" in shown
    typed, sign = {b"Type what you approve": COUNTED}, ("--sign", str(key))
    code, shown = at_terminal(tmp_path, typed, *sign, "--approver", "bert@x.com", **signers)
    # "*@x.com" lets the key speak for the author too
    assert (code, "The author cannot approve" in shown) == (4, True)
    (tmp_path / "allowed_signers").write_text(f"bert@x.com {public}", "utf-8")
    code, shown = at_terminal(tmp_path, typed, *sign, "--expires", "30d", **signers)
    assert code == 0, shown
    answer = json.loads(okta_plan(tmp_path, None, "approvals", "t", "--json", **signers).stdout)
    assert (answer["ok"], answer["signed"], answer["left"]) == (True, "checked", COUNTS)
    assert answer["approval"]["approver"] == "bert@x.com"


def test_nobody_approves_through_a_pipe(tmp_path: Path) -> None:
    tenant(tmp_path).diff()
    refused = subprocess.run(
        command(tmp_path, "approve", "t", "--json"),
        env=environment(None),
        input=f"{COUNTED}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 4
    assert json.loads(refused.stdout)["error"]["code"] == "not_confirmed"
    assert not (tmp_path / "plans" / "t.approval.yaml").exists()


def test_a_plan_without_an_approval_says_how_to_get_one(tmp_path: Path) -> None:
    tenant(tmp_path)
    answer = json.loads(okta_plan(tmp_path, None, "approvals", "t", "--json").stdout)
    assert (answer["exit_code"], answer["error"]["code"]) == (4, "approval_missing")
    assert "okta-plan approve" in answer["error"]["next"]
