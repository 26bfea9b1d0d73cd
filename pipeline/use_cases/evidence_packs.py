"""The verbs that pack the papers of a run as evidence, and check such a pack. Both offline."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from pipeline import __version__
from pipeline.envelope import ErrorView
from pipeline.errors import ErrorCode, Exit, InputError, RefusedError
from pipeline.findings import Location
from pipeline.plan.approval_text import read_approval
from pipeline.plan.digest import plan_digest
from pipeline.plan.file import load_plan
from pipeline.record_views import EvidenceCheckView, EvidenceView
from pipeline.run.entries import Header
from pipeline.run.folder import RunFolder, find_run, write_private_bytes
from pipeline.run.lease_file import is_running
from pipeline.run.pack import SIGNED_AS, Manifest, Unpacked, member_of, pack, unpack
from pipeline.run.pack_checks import check_pack
from pipeline.run.pack_verdicts import Check, Checked, Verdict
from pipeline.run.papers import APPROVAL, read_papers, source_totals, sources_of
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.ssh_signatures import check_signature, sign_bytes, signers_of


def pack_run(desk: Desk, run: str, output: Path, *, sign_key: Path | None = None) -> EvidenceView:
    """Write the papers of ``run`` to the zip file ``output`` and check it; where they do not belong together,
    nothing is written and the answer says which (exit code 1). ``sign_key`` is an SSH key to sign with.

    Raises InputError where there is no such run, a paper is missing, or another file stands at ``output``;
    RefusedError where the run is under way.
    """
    folder = find_run(desk.runtime.runs_dir, run)
    path = desk.inside(output)
    members = {paper.name: text for paper, text in _papers(desk, folder)}
    manifest = _manifest(members, run)
    refusal = "The evidence cannot be signed"
    signature = sign_bytes(manifest.dump(), sign_key, SIGNED_AS, refusal).encode() if sign_key else None
    content = pack(manifest, members, signature)
    checks = check_pack(unpack(content))
    is_good = _is_good(checks)
    written = is_good and _write(desk, path, content)
    return _view("runs", desk.shown(path), content, checks).model_copy(update={"written": written})


def check_evidence(
    desk: Desk, given: Path, *, noted: str | None = None, signers: Path | None = None
) -> EvidenceView:
    """What is right and wrong with the pack at ``given``; exit code 1 where anything is wrong. ``noted`` is
    the sha256 that was noted elsewhere when the pack was made; ``signers`` an allowed-signers file: then
    somebody in it must have signed the pack, and the approver the approval, where there is one.

    Raises InputError where the file cannot be read.
    """
    path = desk.workspace / given
    shown = desk.shown(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise InputError(
            ErrorCode.FILE_NOT_FOUND if missing else ErrorCode.FILE_UNREADABLE,
            "There is no such file" if missing else "The evidence pack cannot be read",
            f"{shown}: {error.strerror or error}.",
            location=Location(shown),
            next_step="Name a file that `okta-plan runs RUN --evidence FILE` wrote.",
        ) from error
    unpacked = unpack(content)
    checks = [*check_pack(unpacked), *_noted(content, noted)]
    if signers is not None:
        checks += _signed(unpacked, desk.workspace / signers.expanduser())
    return _view("evidence check", shown, content, checks)


def _noted(content: bytes, noted: str | None) -> Iterable[Check]:
    if noted is None:
        return
    if hashlib.sha256(content).hexdigest() == noted.strip().lower():
        yield Check(Checked.NOTED_DIGEST, Verdict.GOOD, "The file is the one whose sha256 was noted.")
    else:
        yield Check(Checked.NOTED_DIGEST, Verdict.BAD, "The file is not the one whose sha256 was noted.")


def _signed(unpacked: Unpacked, signers: Path) -> Iterable[Check]:
    text, signature = unpacked.manifest_text, unpacked.signature
    names = signers_of(text, signature, SIGNED_AS, signers) if signature else ()
    if names:
        yield Check(Checked.SIGNATURE, Verdict.GOOD, f"The manifest is signed by {', '.join(names)}.")
    else:
        said = "The manifest is signed by nobody" if signature else "The pack is not signed; nobody"
        yield Check(Checked.SIGNATURE, Verdict.BAD, f"{said} whom {signers.name} names.")
    if approval := unpacked.members.get(APPROVAL):
        yield _approval_signed(approval, signers)


def _approval_signed(text: bytes, signers: Path) -> Check:
    try:
        approval = read_approval(text.decode("utf-8", "replace"), APPROVAL)
        check_signature(approval, signers)
    except RefusedError as error:
        return Check(Checked.APPROVAL_SIGNATURE, Verdict.BAD, error.detail)
    return Check(Checked.APPROVAL_SIGNATURE, Verdict.GOOD, f"The approval is signed by {approval.approver}.")


def _papers(desk: Desk, folder: RunFolder) -> Iterable[tuple[Path, bytes]]:
    """Every file of the run, and its plan where an older version kept none."""
    header = _header(folder)
    if is_running(desk.runtime.runs_dir, header.org_id, header.okta_app_id, folder.run_id):
        raise RefusedError(
            ErrorCode.RUN_UNFINISHED,
            "The run is under way",
            f"Run {folder.run_id} still writes its journal.",
            next_step=f"Follow it with `okta-plan watch {folder.run_id}`, and pack it when it has ended.",
        )
    for path in sorted(folder.path.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            yield path, _bytes(path)
    if not folder.plan.is_file():
        yield folder.plan, _bytes(_plan_in_workspace(desk, header))


def _header(folder: RunFolder) -> Header:
    header = folder.state().header
    if header is None:
        raise InputError(
            ErrorCode.EVIDENCE_DAMAGED,
            "There is nothing to pack",
            f"Run {folder.run_id} ended before its journal had a first line, so it had sent nothing.",
        )
    return header


def _plan_in_workspace(desk: Desk, header: Header) -> Path:
    path = desk.inside(Path(header.plan_path))
    if path.is_file() and plan_digest(load_plan(path, shown_as=header.plan_path).plan) == header.plan_digest:
        return path
    raise InputError(
        ErrorCode.EVIDENCE_DAMAGED,
        "The plan of the run is not there any more",
        f"{header.plan_path} was edited or moved since run {header.run_id}, which kept no copy of it.",
        location=Location(header.plan_path),
        next_step="Put the file back as it was (plan_digest "
        f"{header.plan_digest[:12]}), for example from git, and pack again.",
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNREADABLE,
            "A paper of the run cannot be read",
            f"{path.name}: {error.strerror or error}.",
            location=Location(str(path)),
            next_step="Correct its permissions and pack again.",
        ) from error


def _manifest(members: dict[str, bytes], run: str) -> Manifest:
    papers = read_papers(members, run)
    header = papers.header
    return Manifest(
        tool_version=__version__,
        run=run,
        state="finished" if papers.state.closed else "unfinished",
        org_id=header.org_id,
        org_host=header.org_host,
        okta_app_id=header.okta_app_id,
        plan_name=header.plan_name,
        plan_path=header.plan_path,
        plan_digest=header.plan_digest,
        changes_digest=header.changes_digest,
        reviewed_digest=header.reviewed_digest,
        approval_digest=header.approval_digest,
        sources=sources_of(papers.plan),
        source_totals=source_totals(papers.plan),
        changes=len(papers.changes.changes),
        held=len(papers.changes.holds),
        outcomes=papers.state.counts,
        members={name: member_of(content) for name, content in sorted(members.items())},
    )


def _write(desk: Desk, path: Path, content: bytes) -> bool:
    """Whether the file changed. Raises InputError."""
    try:
        if path.exists():
            if path.read_bytes() == content:
                return False
            raise FileExistsError(0, "another file stands there; evidence is not written over")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private_bytes(path, content)
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "The evidence pack cannot be written",
            f"{desk.shown(path)}: {error.strerror or error}.",
            location=Location(desk.shown(path)),
            next_step="Name another file.",
        ) from error
    return True


def _is_good(checks: Iterable[Check]) -> bool:
    return all(each.verdict is not Verdict.BAD for each in checks)


def _view(command: str, shown: str, content: bytes, checks: list[Check]) -> EvidenceView:
    manifest = unpack(content).manifest
    bad = [each for each in checks if each.verdict is Verdict.BAD]
    return EvidenceView(
        command="runs" if command == "runs" else "evidence check",
        ok=not bad,
        exit_code=Exit.ERROR if bad else Exit.DONE,
        error=_error(shown, bad) if bad else None,
        run=manifest.run if manifest else None,
        plan_digest=manifest.plan_digest if manifest else None,
        changes_digest=manifest.changes_digest if manifest else None,
        org_host=manifest.org_host if manifest else "",
        state=manifest.state if manifest else None,
        outcomes=dict(manifest.outcomes) if manifest else {},
        sha256=hashlib.sha256(content).hexdigest(),
        paths={"evidence": shown},
        checks=[EvidenceCheckView(what=e.what, verdict=e.verdict, detail=e.detail) for e in checks],
    )


def _error(shown: str, bad: list[Check]) -> ErrorView:
    return ErrorView(
        code=ErrorCode.EVIDENCE_DAMAGED,
        summary="The evidence cannot be trusted",
        detail=" ".join(each.detail for each in bad),
        location=shown,
        next="Take another copy of the file, or pack the run again where its folder is.",
    )
