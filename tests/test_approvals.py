"""The misuse matrix of approvals: each is refused before any write, each with its own message."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import TypeAdapter

from pipeline.changes.codec import changes_digest, to_json
from pipeline.changes.model import ChangeSet
from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.plan.approval import Channel, approval_digest
from tests import virtual_time
from tests.approvals import (
    BOB,
    CID,
    COUNTS,
    HELD_AFTER,
    ORG,
    PLAN,
    allow_signers,
    approval_file,
    approve,
    change_org,
    edit,
    forget_everything,
    new_key,
    status,
    tenant,
)
from tests.in_process import Tenant
from tests.mortal import Killed, MortalTransport
from tests.test_cases import furnish
from tests.test_guarding import at

NOBODY = "nobody@x.com"
RUN = "20260921T141320Z-ieqh"
"""The first run of a tenant of tests."""


@dataclass(frozen=True)
class Misuse:
    """``play`` gives an approval and misuses it; then ``apply`` with ``request`` is refused."""

    code: ErrorCode
    said: str
    """What the message must tell beside its summary."""
    play: Callable[[Tenant], object]
    plan: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    exit_code: int = 4


def given(org: Tenant, **said: Any) -> None:
    org.diff()
    approve(org, **said)


def _edited_plan(org: Tenant) -> None:
    given(org)
    access = [*PLAN["access"][:1], {"values": {"Role": ["Admin"]}, "users": [BOB]}]
    edit(org.workspace / "plans" / "t.yaml", access=access)


def _plan_of_another_name(org: Tenant) -> None:
    given(org)
    edit(org.workspace / "plans" / "t.yaml", name="other")


def _other_org(org: Tenant) -> None:
    given(org)
    change_org(org, org={"subdomain": "acme", "id": "00o1example0000000x9"})


def _expired(org: Tenant) -> None:
    given(org, expires="2d")
    org.starts_s += 2 * 86_400


def _used_up(org: Tenant) -> None:
    given(org)
    assert org.apply(require_approval=True, yes=False).exit_code == 0
    forget_everything(org)


def _partly_used(org: Tenant) -> None:
    """Killed after two of six writes, and these were taken back: two fewer are left than are wanted."""
    given(org)
    org.wrap = lambda inner: MortalTransport(inner, dies_at=2, after=True)
    with pytest.raises(BaseExceptionGroup) as death:
        org.apply(require_approval=True, yes=False)
    assert death.group_contains(Killed)
    org.wrap = lambda inner: inner
    forget_everything(org)


def _more_people(org: Tenant) -> None:
    """Who was not found when it was approved is there now."""
    given(org)
    change_org(org, users=[*ORG["users"], {"login": NOBODY, "email": NOBODY}])


def _reserved_elsewhere(org: Tenant) -> None:
    """Another runner has reserved all of it, and its journal is not here."""
    org.diff()
    digest = approval_digest(approve(org))
    path = org.workspace / "plans" / ".runs" / "approvals" / f"{digest}.json"
    path.parent.mkdir()
    share = {"20260101T000000Z-aaaa": {"host": "elsewhere", "reserved": COUNTS, "spent": None}}
    document = {"schema": "okta-plan/spending/v1", "approval_digest": digest, "plan": "t", "runs": share}
    path.write_text(json.dumps(document), "utf-8")


def _spending_torn(org: Tenant) -> None:
    _reserved_elsewhere(org)
    path = next((org.workspace / "plans" / ".runs" / "approvals").glob("*.json"))
    path.write_bytes(path.read_bytes()[:-20])


def _unsigned(org: Tenant) -> None:
    given(org)
    allow_signers(org, bert_at_x=new_key(org.workspace, "bert"))


def _unknown_signer(org: Tenant) -> None:
    given(org, sign_key=new_key(org.workspace, "mallory"))
    allow_signers(org, **{"bert@x.com": new_key(org.workspace, "bert")})


def _key_of_somebody_else(org: Tenant) -> None:
    keys = {name: new_key(org.workspace, name) for name in ("bert", "carl")}
    given(org, approver="bert@x.com", sign_key=keys["carl"])
    allow_signers(org, **{"bert@x.com": keys["bert"], "carl@x.com": keys["carl"]})


def _key_no_longer_valid(org: Tenant) -> None:
    key = new_key(org.workspace, "bert")
    given(org, sign_key=key)
    allow_signers(org, **{'bert@x.com valid-before="20200101"': key})


def _edited_after_signing(org: Tenant) -> None:
    key = new_key(org.workspace, "bert")
    allow_signers(org, **{"bert@x.com": key})
    given(org, sign_key=key)
    edit(approval_file(org), expires_at="2026-10-10T00:00:00Z")


def _signed_for_another_purpose(org: Tenant) -> None:
    import subprocess

    from pipeline.plan.approval import signed_bytes

    key = new_key(org.workspace, "bert")
    org.diff()
    approval = approve(org)
    signed = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(key)],
        input=signed_bytes(approval),
        capture_output=True,
        check=True,
    )
    edit(approval_file(org), signature=signed.stdout.decode())
    allow_signers(org, **{"bert@x.com": key})


def _own_name(org: Tenant) -> None:
    given(org)
    edit(approval_file(org), approver=" Alice@X.com")


def _own_key(org: Tenant) -> None:
    """The author's key stands under another name too."""
    key = new_key(org.workspace, "alice")
    org.diff()
    approve(org, sign_key=key)
    allow_signers(org, **{"bert@x.com,ALICE@x.com": key})


def _changed_counts(org: Tenant) -> None:
    given(org)
    edit(approval_file(org), counts=COUNTS | {"grant": 20})


def _forged_run(org: Tenant) -> None:
    """Somebody writes the folder of a run that died, with what they would like under the approval's name."""
    _begun(org)
    folder = org.workspace / "plans" / ".runs" / RUN
    document = json.loads((folder / "changes.json").read_text("utf-8"))
    document.pop("changes_digest")
    document["changes"] = [each for each in document["changes"] if each["action"] == "grant"]
    for change in document["changes"]:
        change["after"] = [["Role", ["Admin", "Clerk", "Owner"]]]
    changes = TypeAdapter(ChangeSet).validate_python({k: v for k, v in document.items() if k != "schema"})
    (folder / "changes.json").write_text(json.dumps(to_json(changes)), "utf-8")
    header = json.loads((folder / "journal.jsonl").read_text("utf-8").splitlines()[0])
    header |= {"changes_digest": changes_digest(changes), "reviewed_digest": changes_digest(changes)}
    (folder / "journal.jsonl").write_text(json.dumps(header) + "\n", "utf-8")


def _forged_user(org: Tenant) -> None:
    """The same changes under the same digest, but one of them writes to somebody else."""
    _begun(org)
    path = org.workspace / "plans" / ".runs" / RUN / "changes.json"
    document = json.loads(path.read_text("utf-8"))
    cid = next(each["person"] for each in document["changes"] if each["address"]["key"] == CID)
    for change in document["changes"]:
        if change["address"] == {"kind": "grant", "key": BOB}:
            change["person"] |= {"user_id": cid["user_id"]}
    path.write_text(json.dumps(document), "utf-8")


def _forged_value(org: Tenant) -> None:
    """The same changes under the same digest, but what is created is something else."""
    _begun(org)
    path = org.workspace / "plans" / ".runs" / RUN / "changes.json"
    document = json.loads(path.read_text("utf-8"))
    document["changes"][0]["entitlement"]["new_values"][0]["name"] = "Superuser"
    path.write_text(json.dumps(document), "utf-8")


def _begun(org: Tenant) -> None:
    """A run under an approval, killed before its first write."""
    given(org)
    org.wrap = lambda inner: MortalTransport(inner, dies_at=1, after=False)
    with pytest.raises(BaseExceptionGroup):
        org.apply(require_approval=True)
    org.wrap = lambda inner: inner


def _late_beginning(org: Tenant) -> None:
    given(org)
    edit(approval_file(org), approved_at="2027-09-01T00:00:00Z", expires_at="2027-09-20T00:00:00Z")


def _unknown_key(org: Tenant) -> None:
    given(org)
    edit(approval_file(org), expires="never")


def _form(org: Tenant) -> None:
    org.settings = {"OKTA_API_TOKEN": "sandbox-token", "OKTA_PLAN_FORM_APPROVAL": "true"}
    given(org, channel=Channel.FORM)
    org.settings = {}


def _form_that_takes(org: Tenant) -> None:
    given(org)
    edit(approval_file(org), channel="form")
    org.settings = {"OKTA_API_TOKEN": "sandbox-token", "OKTA_PLAN_FORM_APPROVAL": "true"}


def _form_where_signatures_are_needed(org: Tenant) -> None:
    _form(org)
    allow_signers(org, **{"bert@x.com": new_key(org.workspace, "bert")})
    org.settings |= {"OKTA_PLAN_FORM_APPROVAL": "true"}


def _another_change_set_is_named(org: Tenant) -> None:
    given(org)
    stored = next((org.workspace / "plans" / ".runs" / "changes").glob("*.json"))
    shutil.copy(stored, org.workspace / "named.json")
    assert org.apply(only="structure").exit_code == 0
    shutil.copy(org.workspace / org.diff().paths["changes"], org.workspace / "named.json")


def _change_set_is_gone(org: Tenant) -> None:
    given(org)
    assert org.apply(only="structure", yes=True).exit_code == 0
    shutil.rmtree(org.workspace / "plans" / ".runs")


def _change_set_was_edited(org: Tenant) -> None:
    given(org)
    stored = next((org.workspace / "plans" / ".runs" / "changes").glob("*.json"))
    stored.write_text(stored.read_text("utf-8").replace(CID, BOB), "utf-8")


TAKES = {
    "author": None,
    "access": [],
    "removals": [{"values": {"Role": ["Guest"]}, "users": [CID]}],
    "limits": {"revoked_percent_max": 100},
    "entitlements": [{"name": "Role", "external_value": "Role", "values": ["Guest"]}],
}
MATRIX = {
    "there is none": Misuse(ErrorCode.APPROVAL_MISSING, "plans/t.approval.yaml", lambda org: org.diff()),
    "the plan was edited": Misuse(ErrorCode.APPROVAL_OF_OTHER_PLAN, "was edited", _edited_plan),
    "the plan has another name": Misuse(ErrorCode.APPROVAL_OF_OTHER_PLAN, "other", _plan_of_another_name),
    "the org is another": Misuse(ErrorCode.OTHER_ORG, "acme.okta.com", _other_org),
    "it has expired": Misuse(ErrorCode.APPROVAL_EXPIRED, "ended on 2026-09-23T", _expired),
    "it is used up": Misuse(ErrorCode.APPROVAL_USED_UP, "1 add, 2 assign, 2 grant, 1 extend", _used_up),
    "it was used in part": Misuse(ErrorCode.APPROVAL_EXCEEDED, "1 add wanted, of 1 approved 0", _partly_used),
    "more people are there": Misuse(
        ErrorCode.APPROVAL_EXCEEDED,
        "3 grant wanted, of 2 approved 2",
        _more_people,
        plan={"access": [PLAN["access"][0], {"values": {"Role": ["Owner"]}, "users": [BOB, NOBODY]}]},
    ),
    "another runner has it": Misuse(ErrorCode.APPROVAL_USED_UP, "All it covers", _reserved_elsewhere),
    "nobody knows what was used": Misuse(
        ErrorCode.SPENDING_DAMAGED, "cannot be trusted", _spending_torn, exit_code=1
    ),
    "it is not signed": Misuse(ErrorCode.APPROVAL_UNSIGNED, "OKTA_PLAN_ALLOWED_SIGNERS", _unsigned),
    "the signer is unknown": Misuse(ErrorCode.APPROVAL_UNKNOWN_SIGNER, "bert@x.com", _unknown_signer),
    "the key is somebody else's": Misuse(
        ErrorCode.APPROVAL_UNKNOWN_SIGNER, "no key of bert@x.com", _key_of_somebody_else
    ),
    "the key is valid no longer": Misuse(
        ErrorCode.APPROVAL_UNKNOWN_SIGNER, "valid now", _key_no_longer_valid
    ),
    "it was edited after signing": Misuse(
        ErrorCode.APPROVAL_BAD_SIGNATURE, "edited after it was signed", _edited_after_signing
    ),
    "the signature is for files": Misuse(
        ErrorCode.APPROVAL_BAD_SIGNATURE, "something else", _signed_for_another_purpose
    ),
    "the author approved": Misuse(ErrorCode.APPROVAL_BY_AUTHOR, "alice@x.com", _own_name),
    "the author signed under another name": Misuse(ErrorCode.APPROVAL_BY_AUTHOR, "bert@x.com", _own_key),
    "its counts were edited": Misuse(ErrorCode.APPROVAL_INVALID, "it was edited", _changed_counts),
    "what a run calls reviewed was forged": Misuse(
        ErrorCode.OTHER_RUN, "is not what was approved", _forged_run, request={"resume": RUN}
    ),
    "to whom a run gives was forged": Misuse(
        ErrorCode.OTHER_RUN, "grant/bob@x.com", _forged_user, request={"resume": RUN}
    ),
    "what a run creates was forged": Misuse(
        ErrorCode.OTHER_RUN, "values/Role", _forged_value, request={"resume": RUN}
    ),
    "it begins and ends late": Misuse(ErrorCode.APPROVAL_INVALID, "30 days", _late_beginning),
    "it says what nobody knows": Misuse(ErrorCode.APPROVAL_INVALID, '"expires"', _unknown_key),
    "forms are off": Misuse(ErrorCode.APPROVAL_BY_FORM, "OKTA_PLAN_FORM_APPROVAL", _form),
    "a form takes away": Misuse(
        ErrorCode.APPROVAL_BY_FORM, "never approves revoke", _form_that_takes, plan=TAKES
    ),
    "a form cannot be signed": Misuse(
        ErrorCode.APPROVAL_BY_FORM, "cannot be signed", _form_where_signatures_are_needed
    ),
    "another part was approved": Misuse(
        ErrorCode.APPROVAL_OF_OTHER_PART,
        "covers structure",
        lambda org: given(org, scope="structure"),
        request={"only": "grants"},
    ),
    "another change set is named": Misuse(
        ErrorCode.APPROVAL_OF_OTHER_CHANGES,
        "--changes",
        _another_change_set_is_named,
        request={"changes": Path("named.json")},
    ),
    "the approved change set is not here": Misuse(
        ErrorCode.APPROVAL_OF_OTHER_CHANGES, "plans/.runs/changes/", _change_set_is_gone
    ),
    "the approved change set was edited": Misuse(
        ErrorCode.CHANGES_INVALID, "does not match", _change_set_was_edited, exit_code=1
    ),
}


@pytest.mark.parametrize("name", MATRIX)
def test_each_misuse_is_refused_before_any_write_with_its_own_message(name: str, tmp_path: Path) -> None:
    misuse = MATRIX[name]
    org = tenant(tmp_path, **misuse.plan)
    misuse.play(org)
    sent, held = org.writes(), org.held()
    with pytest.raises(OktaPlanError) as refused:
        org.apply(require_approval=True, **misuse.request)
    error = refused.value
    assert (error.code, int(error.exit_code)) == (misuse.code, misuse.exit_code)
    assert misuse.said in error.detail
    assert error.next_step
    assert (org.writes(), org.held()) == (sent, held)


def test_each_kind_of_misuse_has_a_summary_of_its_own() -> None:
    """One code may have several causes; the fixed wording tells the kinds apart."""
    assert len({(each.code, each.said) for each in MATRIX.values()}) == len(MATRIX)


def test_an_approval_is_all_that_an_apply_without_a_terminal_needs(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    given(org, reason="quarterly review")
    assert status(org).left == COUNTS
    view = org.apply(require_approval=True, yes=False)
    assert (view.exit_code, org.held()) == (0, HELD_AFTER)
    assert any("OKTA_PLAN_SHARED" in notice for notice in view.notices)
    assert set(status(org).left.values()) == {0}
    again = org.apply(require_approval=True, yes=False)
    assert (again.exit_code, again.run) == (0, None)


def test_an_approval_counts_as_review_where_nobody_requires_one(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    given(org)
    assert org.apply(yes=False).exit_code == 0
    assert set(status(org).left.values()) == {0}


def test_an_approval_that_does_not_count_is_told_and_somebody_is_asked(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    given(org, expires="1d")
    org.starts_s += 86_400
    with pytest.raises(OktaPlanError) as refused:
        org.apply(yes=False)
    assert refused.value.code is ErrorCode.NOT_CONFIRMED
    assert "The approval has expired" in refused.value.detail
    assert org.writes() == 0
    view = org.apply()
    assert view.exit_code == 0
    assert any("The approval has expired" in notice for notice in view.notices)


def test_the_structure_can_be_approved_first_and_the_grants_after_it(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    given(org, scope="structure")
    first = org.apply(require_approval=True)
    assert (first.exit_code, first.outcomes.get("applied")) == (0, 1)
    assert {each.reason.value for each in first.held} == {"left_out"}
    assert BOB not in org.held()
    given(org, scope="grants")
    assert org.apply(require_approval=True).exit_code == 0
    assert org.held() == HELD_AFTER


def test_what_an_admin_did_meanwhile_is_still_covered_and_left_over(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    given(org)
    assert org.apply(only="structure", require_approval=True).exit_code == 0
    assert status(org).left == COUNTS | {"add": 0}
    role = {"name": "Role", "values": ["Admin", "Clerk", "Guest", "Owner"]}
    change_org(org, okta_apps=[ORG["okta_apps"][0] | {"entitlements": [role], "assigned": [CID, BOB]}])
    assert org.apply(require_approval=True).exit_code == 0
    assert status(org).left == {"add": 0, "assign": 1, "grant": 0, "extend": 0}


def test_what_takes_away_is_sent_for_an_approval(tmp_path: Path) -> None:
    org = tenant(tmp_path, **TAKES)
    given(org)
    assert org.apply(require_approval=True).exit_code == 0
    assert org.held()[CID] == {}


def test_a_run_that_was_not_under_the_approval_does_not_go_on_under_it(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    org.wrap = lambda inner: MortalTransport(inner, dies_at=2, after=True)
    with pytest.raises(BaseExceptionGroup):
        org.apply()
    org.wrap = lambda inner: inner
    run = next(each.name for each in (org.workspace / "plans" / ".runs").iterdir() if each.name[0] == "2")
    given(org)
    sent = org.writes()
    with pytest.raises(OktaPlanError) as refused:
        org.apply(resume=run, require_approval=True)
    assert (refused.value.code, org.writes()) == (ErrorCode.OTHER_RUN, sent)
    assert org.apply(resume=run).exit_code == 0


class Held(httpx.AsyncBaseTransport):
    """The first call takes two days, as waiting for the lease of another apply may."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._wait_s = 2 * 86_400.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wait_s, self._wait_s = self._wait_s, 0.0
        await virtual_time.clock().sleep(wait_s)
        return await self._inner.handle_async_request(request)


def test_an_approval_that_ends_while_the_apply_waits_does_not_count(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    given(org, expires="1d")
    org.wrap = Held
    with pytest.raises(OktaPlanError) as refused:
        org.apply(require_approval=True)
    assert (refused.value.code, org.writes()) == (ErrorCode.APPROVAL_EXPIRED, 0)


def test_an_approval_of_something_else_lifts_no_freeze_for_a_run_that_goes_on(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.wrap = lambda inner: MortalTransport(inner, dies_at=2, after=True)
    with pytest.raises(BaseExceptionGroup):
        org.apply()
    org.wrap = lambda inner: inner
    run = next(each.name for each in (org.workspace / "plans" / ".runs").iterdir() if each.name[0] == "2")
    given(org)
    lifted = {"guard": "freeze", "limit": org.starts_s + 86_400, "reason": "a release"}
    edit(approval_file(org), allow=[lifted])
    assert status(org).counts
    org.settings = {
        "OKTA_API_TOKEN": "sandbox-token",
        "OKTA_PLAN_FREEZE": f"{at(-60)}/{at(3_600)}",
    }
    sent = org.writes()
    with pytest.raises(OktaPlanError) as refused:
        org.apply(resume=run)
    assert (refused.value.code, org.writes()) == (ErrorCode.FREEZE, sent)


def test_looking_at_an_approval_gives_nothing_back_of_what_a_run_has_reserved(tmp_path: Path) -> None:
    """A run under way looks like one that died; only the next apply, which has the lease, may tell."""
    org = tenant(tmp_path)
    given(org)
    org.wrap = lambda inner: MortalTransport(inner, dies_at=2, after=True)
    with pytest.raises(BaseExceptionGroup):
        org.apply(require_approval=True)
    org.wrap = lambda inner: inner
    kept = next((tmp_path / "plans" / ".runs" / "approvals").glob("*.json"))
    before = kept.read_bytes()
    assert sum(status(org).left.values()) == sum(COUNTS.values()) - 2
    assert kept.read_bytes() == before
    assert next(iter(json.loads(before)["runs"].values()))["spent"] is None
    assert org.apply(require_approval=True).exit_code == 0
    assert all(each["spent"] for each in json.loads(kept.read_bytes())["runs"].values())


def test_an_approval_reads_back_as_it_was_given(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.diff()
    approval = approve(org, reason='says "yes": #1', approver="Bert\u202e\n@x.com")
    assert status(org).approval == approval
    assert yaml.safe_load(approval_file(org).read_text("utf-8"))["counts"] == COUNTS
