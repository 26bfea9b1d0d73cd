"""Evidence packs: any byte changed shows, and papers that do not belong together are told apart."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ErrorCode, InputError
from pipeline.record_views import EvidenceView
from pipeline.run.pack import Manifest, Unpacked, member_of, pack, unpack
from pipeline.run.pack_checks import check_pack
from pipeline.run.pack_verdicts import Checked, Verdict
from pipeline.use_cases import evidence_packs
from pipeline.use_cases.desk import Desk
from tests import approvals
from tests.effort import examples
from tests.in_process import Tenant
from tests.test_cases import furnish
from tests.test_resuming import ORG, PLAN, WRITES, killed


def pack_of(org: Tenant, run: str, name: str = "e.zip", sign_key: Path | None = None) -> EvidenceView:
    async def packed(desk: Desk) -> EvidenceView:
        return evidence_packs.pack_run(desk, run, Path(name), sign_key=sign_key)

    return org._run(packed)


def checked(
    org: Tenant, name: str = "e.zip", noted: str | None = None, signers: Path | None = None
) -> EvidenceView:
    async def check(desk: Desk) -> EvidenceView:
        return evidence_packs.check_evidence(desk, Path(name), noted=noted, signers=signers)

    return org._run(check)


def bad_of(unpacked: Unpacked) -> set[Checked]:
    return {each.what for each in check_pack(unpacked) if each.verdict is Verdict.BAD}


class RefusingOnce(httpx.AsyncBaseTransport):
    """Refuses the first new grant."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._has_refused = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_grant = request.method == "POST" and request.url.path == "/governance/api/v1/grants"
        if is_grant and not self._has_refused:
            self._has_refused = True
            return httpx.Response(
                400, json={"errorCode": "E0000001", "errorSummary": "Api validation failed"}
            )
        return await self._inner.handle_async_request(request)


def readable(unpacked: Unpacked) -> dict[str, bytes]:
    return {name: content for name, content in unpacked.members.items() if content is not None}


@cache
def a_pack() -> bytes:
    """The pack of a finished run, of which a write was refused."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        org = furnish(folder, {"plan": PLAN, "org": ORG})
        org.wrap = RefusingOnce
        applied = org.apply()
        assert applied.outcomes["refused"] == 1
        view = pack_of(org, str(applied.run))
        assert (view.ok, view.written) == (True, True), view.checks
        content = (folder / "e.zip").read_bytes()
    assert bad_of(unpack(content)) == set()
    return content


def test_flipping_any_one_byte_of_a_pack_is_detected() -> None:
    content, rng = a_pack(), random.Random(1)
    for at in range(len(content)):
        flipped = bytearray(content)
        flipped[at] ^= rng.randint(1, 255)
        assert Checked.SEAL in bad_of(unpack(bytes(flipped))), at


@settings(max_examples=examples(100), deadline=None)
@given(st.data())
def test_flipped_bits_cut_ends_and_added_bytes_are_detected(data: st.DataObject) -> None:
    content = a_pack()
    kind = data.draw(st.sampled_from(["bits", "cut", "added", "inserted", "none of ours"]))
    place = data.draw(st.integers(0, len(content) - 1))
    if kind == "bits":
        damaged = bytearray(content)
        for at in data.draw(st.sets(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=40)):
            damaged[at // 8] ^= 1 << at % 8
    elif kind == "cut":
        damaged = bytearray(content[:place])
    elif kind == "added":
        damaged = bytearray(content + data.draw(st.binary(min_size=1, max_size=80)))
    elif kind == "inserted":
        damaged = bytearray(content[:place] + data.draw(st.binary(min_size=1, max_size=8)) + content[place:])
    else:
        damaged = bytearray(data.draw(st.binary(max_size=200)))
    assert Checked.SEAL in bad_of(unpack(bytes(damaged)))


def test_damage_names_the_member_it_hit() -> None:
    content = bytearray(a_pack())
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entry = file.getinfo("journal.jsonl")
    content[entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2] ^= 1
    checks = {each.what: each for each in check_pack(unpack(bytes(content)))}
    assert checks[Checked.SEAL].verdict is Verdict.BAD
    assert checks[Checked.MEMBERS].detail == "journal.jsonl was changed."


Edit = Callable[[dict[str, bytes]], None]


def text_edit(name: str, old: str, new: str) -> Edit:
    def edit(members: dict[str, bytes]) -> None:
        assert old.encode() in members[name], members[name].decode()
        members[name] = members[name].replace(old.encode(), new.encode())

    return edit


def journal_chained_anew(old: str, new: str) -> Edit:
    """Another journal with whole digests: what somebody makes who knows how they are made."""

    def edit(members: dict[str, bytes]) -> None:
        import hashlib

        previous, lines = "0" * 64, []
        for line in members["journal.jsonl"].decode().replace(old, new, 1).splitlines():
            entry = json.loads(line) | {"prev": previous}
            lines.append(json.dumps(entry, separators=(",", ":")).encode())
            previous = hashlib.sha256(lines[-1]).hexdigest()
        assert b"\n".join(lines) != members["journal.jsonl"].rstrip(b"\n")
        members["journal.jsonl"] = b"".join(line + b"\n" for line in lines)

    return edit


def report_edit(change: Callable[[dict[str, Any]], object]) -> Edit:
    def edit(members: dict[str, bytes]) -> None:
        report = json.loads(members["report.json"])
        change(report)
        members["report.json"] = json.dumps(report).encode()

    return edit


def gone(name: str) -> Edit:
    def edit(members: dict[str, bytes]) -> None:
        del members[name]

    return edit


FORGED: dict[str, tuple[Edit, set[Checked]]] = {
    "a line of the journal": (
        text_edit("journal.jsonl", '"outcome":"applied"', '"outcome":"refused"'),
        {Checked.JOURNAL},
    ),
    "an outcome, with the digests made anew": (
        journal_chained_anew('"outcome":"refused"', '"outcome":"already_so"'),
        {Checked.JOURNAL, Checked.OUTCOMES},
    ),
    "the plan": (text_edit("plan.yaml", "Owner", "Ownex"), {Checked.PLAN}),
    "the change set": (text_edit("changes.json", '"Owner"', '"Admin"'), {Checked.CHANGES}),
    "the counts of the report": (
        report_edit(lambda report: report["outcomes"].update(applied=99)),
        {Checked.OUTCOMES},
    ),
    "the problems of the report": (
        report_edit(lambda report: report["problems"].clear()),
        {Checked.OUTCOMES},
    ),
    "what was held": (report_edit(lambda report: report["outcomes"].update(held=7)), {Checked.TOTALS}),
    "the read-back": (
        report_edit(lambda report: report["verification"].update(pairs_held=10_000)),
        {Checked.READ_BACK},
    ),
    "what was not applied": (text_edit("not-applied.csv", "refused", "refusal"), {Checked.NOT_APPLIED}),
    "no report": (gone("report.json"), set()),
    "no plan": (gone("plan.yaml"), {Checked.MEMBERS}),
    "no journal": (gone("journal.jsonl"), {Checked.MEMBERS}),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_paper_that_does_not_belong_to_the_others_is_told_although_all_digests_were_made_anew(
    name: str,
) -> None:
    edit, expected = FORGED[name]
    unpacked = unpack(a_pack())
    assert unpacked.manifest is not None
    members = readable(unpacked)
    edit(members)
    again = {each: member_of(content) for each, content in members.items()}
    forged = pack(unpacked.manifest.model_copy(update={"members": again}), members)
    found = bad_of(unpack(forged))
    assert found >= expected
    assert bool(found) == bool(expected)


def test_a_member_beside_the_manifest_or_not_as_it_says_is_told() -> None:
    unpacked = unpack(a_pack())
    assert unpacked.manifest is not None
    more = {**readable(unpacked), "more.txt": b"?"}
    changed = {**readable(unpacked), "report.md": b"?"}
    for members in (more, changed):
        assert bad_of(unpack(pack(unpacked.manifest, members))) == {Checked.MEMBERS}


def test_a_pack_with_another_manifest_is_told_by_its_header() -> None:
    unpacked = unpack(a_pack())
    assert unpacked.manifest is not None
    for key, value in {
        "org_id": "00oother",
        "run": "x",
        "outcomes": {"applied": 1},
        "plan_digest": "0",
    }.items():
        manifest: Manifest = unpacked.manifest.model_copy(update={key: value})
        assert Checked.JOURNAL in bad_of(unpack(pack(manifest, readable(unpacked)))), key


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("dies_at", range(1, WRITES + 1))
def test_runs_that_were_killed_resumed_or_settled_have_evidence_that_belongs_together(
    dies_at: int, after: bool, tmp_path: Path
) -> None:
    org, run = killed(tmp_path, dies_at, after=after)
    unfinished = pack_of(org, run)
    assert (unfinished.ok, unfinished.state) == (True, "unfinished"), unfinished.checks
    if dies_at % 2:
        org.apply(resume=run)
    else:
        second = org.apply()
        if second.run is not None:
            assert pack_of(org, second.run, "second.zip").ok
    finished = pack_of(org, run, "f.zip")
    assert (finished.ok, finished.state) == (True, "finished"), finished.checks
    assert checked(org, "f.zip", noted=finished.sha256).exit_code == 0
    assert checked(org, "f.zip", noted=unfinished.sha256).exit_code == 1


def test_the_same_run_packs_to_the_same_bytes_and_another_file_is_not_written_over(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    run = str(org.apply().run)
    first = pack_of(org, run)
    again = pack_of(org, run)
    assert (again.written, again.sha256) == (False, first.sha256)
    (tmp_path / "e.zip").write_bytes(b"something else")
    with pytest.raises(InputError) as refused:
        pack_of(org, run)
    assert refused.value.code is ErrorCode.FILE_UNWRITABLE


def test_the_plan_in_the_pack_is_the_one_that_was_applied_also_when_the_file_was_edited_since(
    tmp_path: Path,
) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    run = str(org.apply().run)
    plan = tmp_path / "plans" / "t.yaml"
    applied = plan.read_bytes()
    plan.write_text(plan.read_text("utf-8").replace("Owner", "Boss"), "utf-8")
    assert pack_of(org, run).ok
    assert unpack((tmp_path / "e.zip").read_bytes()).members["plan.yaml"] == applied
    (tmp_path / "plans" / ".runs" / run / "plan.yaml").unlink()  # as in runs of older versions
    with pytest.raises(InputError) as refused:
        pack_of(org, run, "f.zip")
    assert refused.value.code is ErrorCode.EVIDENCE_DAMAGED


def test_papers_that_do_not_belong_together_are_not_packed(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    run = str(org.apply().run)
    report = tmp_path / "plans" / ".runs" / run / "report.json"
    report.write_text(report.read_text("utf-8").replace('"applied": 6', '"applied": 5'), "utf-8")
    view = pack_of(org, run)
    assert (view.exit_code, view.written) == (1, False)
    assert view.error is not None
    assert view.error.code is ErrorCode.EVIDENCE_DAMAGED
    assert not (tmp_path / "e.zip").exists()


@pytest.mark.parametrize("scope", ["all", "structure", "grants"])
def test_the_approval_of_a_run_is_in_its_pack_and_belongs_to_it(scope: str, tmp_path: Path) -> None:
    org = approvals.tenant(tmp_path)
    if scope == "grants":
        org.apply(only="structure")
    org.diff()
    approvals.approve(org, scope=scope)
    run = str(org.apply(require_approval=True, yes=False).run)
    assert pack_of(org, run).ok
    unpacked = unpack((tmp_path / "e.zip").read_bytes())
    assert unpacked.manifest is not None
    assert unpacked.members["approval.yaml"] == (tmp_path / "plans" / "t.approval.yaml").read_bytes()
    forged = {
        "gone": {each: text for each, text in readable(unpacked).items() if each != "approval.yaml"},
        "another approver": with_approval(unpacked, "bert@x.com", "mallory@x.com"),
        "another time": with_approval(unpacked, 'approved_at: "2', 'approved_at: "1'),
    }
    for name, members in forged.items():
        again = {each: member_of(text) for each, text in members.items()}
        manifest = unpacked.manifest.model_copy(update={"members": again})
        assert bad_of(unpack(pack(manifest, members))) == {Checked.APPROVAL}, name


def with_approval(unpacked: Unpacked, old: str, new: str) -> dict[str, bytes]:
    text = readable(unpacked)["approval.yaml"].decode()
    assert old in text, text
    return {**readable(unpacked), "approval.yaml": text.replace(old, new).encode()}


def test_a_signed_pack_tells_by_whom_and_no_other_signature_counts(tmp_path: Path) -> None:
    org = approvals.tenant(tmp_path)
    bert, mallory = approvals.new_key(tmp_path, "bert"), approvals.new_key(tmp_path, "mallory")
    approvals.allow_signers(org, **{"bert@x.com": bert})
    signers = Path("allowed_signers")
    org.diff()
    approvals.approve(org, sign_key=bert)
    run = str(org.apply(require_approval=True, yes=False).run)
    assert pack_of(org, run, "signed.zip", bert).ok
    found = checked(org, "signed.zip", signers=signers)
    assert found.ok, found.checks
    assert "bert@x.com" in found.checks[-2].detail
    pack_of(org, run, "other.zip", mallory)
    pack_of(org, run, "plain.zip")
    for name in ("other.zip", "plain.zip"):
        bad = [
            each.what for each in checked(org, name, signers=signers).checks if each.verdict is Verdict.BAD
        ]
        assert bad == [Checked.SIGNATURE], name
    signed, other = (unpack((tmp_path / name).read_bytes()) for name in ("signed.zip", "plain.zip"))
    assert other.manifest is not None
    moved = pack(other.manifest.model_copy(update={"tool_version": "9"}), readable(other), signed.signature)
    (tmp_path / "moved.zip").write_bytes(moved)
    assert not checked(org, "moved.zip", signers=signers).ok
    assert checked(org, "moved.zip").ok, "without a signature asked for, the papers alone are looked at"
