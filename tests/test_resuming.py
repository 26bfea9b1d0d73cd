"""apply --resume: what was begun is read back, the rest is sent, nothing twice; or it is refused with why."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.run.entries import Begin, End, Header, Note
from pipeline.run.fold import fold
from pipeline.run.journal import read_journal
from pipeline.views import ApplyView
from tests.effort import SOAK
from tests.in_process import Tenant
from tests.mortal import Killed, MortalTransport
from tests.test_cases import furnish

ANN, BOB, CID = "ann@x.com", "bob@x.com", "cid@x.com"
PLAN: dict[str, Any] = {
    "entitlements": [{"name": "Role", "external_value": "Role", "values": ["Admin", "Clerk", "Owner"]}],
    "access": [
        {"values": {"Role": ["Admin", "Clerk"]}, "users": [ANN, CID]},
        {"values": {"Role": ["Owner"]}, "users": [BOB]},
    ],
}
ORG: dict[str, Any] = {
    "users": [{"login": login, "email": login} for login in (ANN, BOB, CID)],
    "okta_apps": [
        {
            "label": "ERP",
            "entitlement_management": True,
            "assigned": [CID],
            "entitlements": [{"name": "Role", "values": ["Clerk", "Guest"]}],
            "grants": [{"user": CID, "values": {"Role": ["Guest"]}}],
        }
    ],
}
HELD_AFTER = {
    ANN: {"Role": ["Admin", "Clerk"]},
    BOB: {"Role": ["Owner"]},
    CID: {"Role": ["Admin", "Clerk", "Guest"]},
}
WRITES = 6
"""One for values, two assignments, two new grants, one extended."""


def killed(folder: Path, dies_at: int, *, after: bool = True) -> tuple[Tenant, str]:
    """A tenant whose first apply died at its write number ``dies_at``, and the run's id."""
    org = furnish(folder, {"plan": PLAN, "org": ORG})
    org.wrap = lambda inner: MortalTransport(inner, dies_at=dies_at, after=after)
    with pytest.raises(BaseExceptionGroup) as death:
        org.apply()
    assert death.group_contains(Killed)
    org.wrap = lambda inner: inner
    return org, next(each.name for each in runs_of(org))


def runs_of(org: Tenant) -> list[Path]:
    return sorted(each for each in (org.workspace / "plans" / ".runs").iterdir() if each.name[0] == "2")


def journal_of(org: Tenant, run: str) -> Path:
    return org.workspace / "plans" / ".runs" / run / "journal.jsonl"


def sent_contents(org: Tenant) -> Counter[str]:
    """How often each write was sent that Okta accepted."""
    return Counter(
        json.dumps([each["method"], each["path"], each["body"]], sort_keys=True)
        for each in org.requests()
        if each["method"] != "GET" and each["status"] < 300
    )


def refused(call: Callable[[], ApplyView]) -> OktaPlanError:
    with pytest.raises(OktaPlanError) as caught:
        call()
    assert caught.value.next_step
    return caught.value


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("dies_at", range(1, WRITES + 1))
def test_killed_at_any_write_it_goes_on_in_the_same_run_and_repeats_none(
    dies_at: int, after: bool, tmp_path: Path
) -> None:
    org, run = killed(tmp_path, dies_at, after=after)
    begun = set(fold(read_journal(journal_of(org, run)).entries).open)
    known = len(org.requests())
    view = org.apply(resume=run)
    assert (view.exit_code, view.run) == (0, run)
    assert org.held() == HELD_AFTER
    assert set(sent_contents(org).values()) == {1}
    assert [each.name for each in runs_of(org)] == [run]
    entries = read_journal(journal_of(org, run)).entries
    assert sum(isinstance(each, Note) and each.what == "resumed" for each in entries) == 1
    assert fold(entries).closed is not None
    assert {str(each) for each in begun} <= {each.address for each in entries if isinstance(each, End)}
    assert view.verification is not None
    assert view.verification.is_good
    assert_reads_only_what_is_needed(org.requests()[known:])
    assert org.verify().exit_code == 0


def assert_reads_only_what_is_needed(requests: list[dict[str, Any]]) -> None:
    """Up to the last write: no search of people, no listing of everybody's rows or grants."""
    last = max((n for n, each in enumerate(requests) if each["method"] != "GET"), default=0)
    for each in requests[:last]:
        assert each["path"] != "/api/v1/users", each
        assert not each["path"].endswith("/users") or each["method"] == "POST", each
        if each["method"] == "GET" and each["path"] == "/governance/api/v1/grants":
            assert "targetPrincipal" in each["query"] or "target.principal" in each["query"], each["query"]


@pytest.mark.parametrize("dies_at", [3])
def test_the_journal_cut_at_any_edge_or_byte_of_its_end_leads_to_the_same_end(
    dies_at: int, tmp_path: Path
) -> None:
    (tmp_path / "killed").mkdir()
    whole, run = killed(tmp_path / "killed", dies_at)
    content = journal_of(whole, run).read_bytes()
    edges = [at + 1 for at, byte in enumerate(content) if byte == ord("\n")]
    last_two = range(edges[-3] if len(edges) > 2 else edges[0], len(content) + 1)
    cuts = sorted({*edges, *last_two})
    for cut in told_apart(cuts, content, tmp_path / "cut.jsonl") if SOAK == 1 else cuts:
        folder = tmp_path / str(cut)
        shutil.copytree(whole.workspace, folder)
        org = Tenant(folder, folder / "org.yaml")
        journal_of(org, run).write_bytes(content[:cut])
        assert org.apply(resume=run).exit_code == 0, cut
        assert org.held() == HELD_AFTER, cut
        grants = [each["user"] for each in org.state()["okta_apps"][0]["grants"]]
        assert sorted(grants) == [ANN, BOB, CID], cut
        assert fold(read_journal(journal_of(org, run)).entries).closed is not None
        assert set(sent_contents(org).values()) == {1}, cut
        shutil.rmtree(folder)


def told_apart(cuts: list[int], content: bytes, path: Path) -> list[int]:
    """Of the cuts that read as the same journal, the first, one in the middle and the last."""
    alike: dict[str, list[int]] = {}
    for cut in cuts:
        path.write_bytes(content[:cut])
        alike.setdefault(repr(read_journal(path)), []).append(cut)
    assert len(alike) > 2
    return [cut for each in alike.values() for cut in sorted({each[0], each[len(each) // 2], each[-1]})]


def test_the_journal_cut_at_any_edge_or_within_its_first_line_and_applied_afresh_leads_to_the_same_end(
    tmp_path: Path,
) -> None:
    (tmp_path / "killed").mkdir()
    whole, run = killed(tmp_path / "killed", 3)
    content = journal_of(whole, run).read_bytes()
    edges = [at + 1 for at, byte in enumerate(content) if byte == ord("\n")]
    for cut in (0, edges[0] // 2, *edges):
        folder = tmp_path / str(cut)
        shutil.copytree(whole.workspace, folder)
        org = Tenant(folder, folder / "org.yaml")
        org._rng = random.Random(2)  # another process: its run gets another id
        journal_of(org, run).write_bytes(content[:cut])
        assert org.apply().exit_code == 0, cut
        assert org.held() == HELD_AFTER, cut
        assert set(sent_contents(org).values()) == {1}, cut
        shutil.rmtree(folder)


def test_a_finished_run_is_not_resumed(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    run = org.apply().run
    sent = org.writes()
    error = refused(lambda: org.apply(resume=run))
    assert (error.code, int(error.exit_code)) == (ErrorCode.RUN_CLOSED, 4)
    assert org.writes() == sent


def test_a_run_that_a_later_one_settled_is_not_resumed(tmp_path: Path) -> None:
    org, run = killed(tmp_path, 3)
    assert org.apply().exit_code == 0
    assert refused(lambda: org.apply(resume=run)).code is ErrorCode.RUN_CLOSED


def test_an_edited_plan_an_unknown_run_and_a_damaged_journal_are_refused_before_any_call(
    tmp_path: Path,
) -> None:
    org, run = killed(tmp_path, 3)
    known = len(org.requests())
    assert refused(lambda: org.apply(resume="20260101T000000Z-none")).code is ErrorCode.RUN_NOT_FOUND
    path = tmp_path / "plans" / "t.yaml"
    text = path.read_text("utf-8")
    plan = yaml.safe_load(text)
    plan["access"].pop()
    path.write_text(yaml.safe_dump(plan), "utf-8")
    error = refused(lambda: org.apply(resume=run))
    assert (error.code, int(error.exit_code)) == (ErrorCode.OTHER_RUN, 4)
    path.write_text(text, "utf-8")
    lines = journal_of(org, run).read_bytes().splitlines(keepends=True)
    journal_of(org, run).write_bytes(b"".join([lines[0], *lines[2:]]))
    assert refused(lambda: org.apply(resume=run)).code is ErrorCode.JOURNAL_DAMAGED
    assert len(org.requests()) == known


def test_a_run_of_another_org_or_with_other_papers_is_refused_before_any_write(tmp_path: Path) -> None:
    org, run = killed(tmp_path, 3)
    sent = org.writes()
    elsewhere = yaml.safe_load((tmp_path / "org.yaml").read_text("utf-8"))
    elsewhere["org"]["id"] = "00o1other00000000007"
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(elsewhere), "utf-8")
    other = Tenant(tmp_path, tmp_path / "other.yaml")
    other._state = tmp_path / "other.sqlite"
    assert refused(lambda: other.apply(resume=run)).code is ErrorCode.OTHER_ORG
    folder = journal_of(org, run).parent
    changes = json.loads((folder / "changes.json").read_text("utf-8"))
    changes["changes"].pop()
    (folder / "changes.json").write_text(json.dumps(changes), "utf-8")
    assert refused(lambda: org.apply(resume=run)).code is ErrorCode.CHANGES_INVALID
    assert (org.writes(), other.writes()) == (sent, 0)


def test_what_was_not_reviewed_is_not_sent_by_the_resumed_run_either(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    reviewed = json.loads((tmp_path / org.diff().paths["changes"]).read_text("utf-8"))
    reviewed["changes"] = [each for each in reviewed["changes"] if each["address"]["key"] != CID]
    changes = tmp_path / "reviewed.json"
    changes.write_text(json.dumps(with_digest(reviewed)), "utf-8")
    org.wrap = lambda inner: MortalTransport(inner, dies_at=1, after=True)
    with pytest.raises(BaseExceptionGroup):
        org.apply(changes=changes, yes=False)
    org.wrap = lambda inner: inner
    [run] = [each.name for each in runs_of(org)]
    view = org.apply(resume=run, yes=False)
    assert [(each.principal, each.reason.value) for each in view.held] == [(CID, "not_reviewed")]
    assert org.held() == HELD_AFTER | {CID: {"Role": ["Guest"]}}


def with_digest(document: dict[str, Any]) -> dict[str, Any]:
    """``document`` with the digest of its content."""
    from pydantic import TypeAdapter

    from pipeline.changes.codec import to_json
    from pipeline.changes.model import ChangeSet

    body = {key: value for key, value in document.items() if key not in ("schema", "changes_digest")}
    return to_json(TypeAdapter(ChangeSet).validate_python(body))


def test_only_the_part_that_was_asked_for_goes_on(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    org.wrap = lambda inner: MortalTransport(inner, dies_at=1, after=True)
    with pytest.raises(BaseExceptionGroup):
        org.apply(only="structure")
    org.wrap = lambda inner: inner
    [run] = [each.name for each in runs_of(org)]
    header = read_journal(journal_of(org, run)).entries[0]
    assert isinstance(header, Header)
    assert header.only == "structure"
    org.apply(resume=run)
    assert org.held() == {CID: {"Role": ["Guest"]}}
    error = refused_usage(lambda: org.apply(resume=run, only="grants"))
    assert int(error.exit_code) == 64


def refused_usage(call: Callable[[], ApplyView]) -> OktaPlanError:
    with pytest.raises(OktaPlanError) as caught:
        call()
    return caught.value


def test_without_resume_an_unfinished_run_is_settled_closed_and_compared_afresh(tmp_path: Path) -> None:
    org, run = killed(tmp_path, 4)
    view = org.apply()
    assert view.exit_code == 0
    assert [each.run for each in view.earlier] == [run]
    assert view.run != run
    assert fold(read_journal(journal_of(org, run)).entries).closed is not None
    assert org.held() == HELD_AFTER
    begins = [each for each in read_journal(journal_of(org, run)).entries if isinstance(each, Begin)]
    assert len(begins) == 4
