"""Run folders: ids, files, what was not applied, the list."""

from __future__ import annotations

import csv
import io
import os
import random
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, Hold, HoldReason, PersonTarget
from pipeline.errors import ErrorCode, InputError
from pipeline.run.entries import Closed, Entry
from pipeline.run.folder import (
    RUN_ID,
    RunFolder,
    find_run,
    list_runs,
    make_private,
    new_run_id,
    not_applied_csv,
)
from pipeline.run.journal import Journal
from pipeline.run.result import Ended, Outcome, RunResult
from pipeline.run.resume import unfinished_run
from tests.run.fake_tenant import APP_ID
from tests.run.scenario import header
from tests.virtual_time import clock, run

synced: list[str] = []
"""Folders that were opened since this was cleared: only to make the names in one durable is it opened."""


def _note_opened(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(path := arguments[0], str) and Path(path).is_dir():
        synced.append(Path(path).name)


sys.addaudithook(_note_opened)


def a_run(runs_dir: Path, run_id: str, *entries: Entry) -> RunFolder:
    folder = RunFolder.create(runs_dir, run_id)

    async def write() -> None:
        with Journal.create(folder.journal, header(run_id), clock()) as journal:
            for entry in entries:
                journal.append(entry)

    run(write())
    return folder


def find_unfinished(runs_dir: Path, **other: str) -> RunFolder | None:
    wanted = {"plan_name": "erp", "plan_digest": "p" * 64, "org_id": "00o1", "app_id": APP_ID, **other}
    return unfinished_run(runs_dir, **wanted)


def test_run_ids_sort_by_time_and_differ_by_chance() -> None:
    async def make() -> tuple[str, str]:
        rng = random.Random(1)
        return new_run_id(clock(), rng), new_run_id(clock(), rng)

    one, other = run(make())
    assert one.startswith("20260921T141320Z-")
    assert RUN_ID.fullmatch(one)
    assert one != other


def test_files_are_private_and_replaced_whole(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "runs", "20260921T141320Z-abcd")
    folder.write(folder.report_md, "first, and longer")
    folder.write(folder.report_md, "second\n")
    assert folder.report_md.read_bytes() == b"second\n"
    assert os.name != "posix" or stat.S_IMODE(folder.report_md.stat().st_mode) == 0o600
    assert os.name != "posix" or stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert [each.name for each in folder.path.iterdir()] == ["report.md"]


def test_git_passes_over_what_names_people(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "plans" / ".runs", "20261126T050935Z-t6sg")
    make_private(tmp_path / ".okta-plan" / "emulators")
    ignored = sorted(each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob(".gitignore"))
    assert ignored == [".okta-plan/.gitignore", "plans/.runs/.gitignore"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "plans" / ".runs" / "lease.json").write_text("{}", "utf-8")
    untracked = ["git", "-C", str(tmp_path), "ls-files", "--others", "--exclude-standard"]
    assert subprocess.run(untracked, check=True, capture_output=True).stdout == b""


def test_what_was_not_applied_holds_no_formula() -> None:
    hold = Hold(
        address=Address(Kind.GRANT, "=cmd()"),
        action=Action.GRANT,
        reason=HoldReason.USER_NOT_FOUND,
        detail="no, such user",
        principals=("=cmd()", "@ann"),
    )
    result = RunResult(ended=(), held=(hold,), not_started=())
    rows = list(csv.reader(io.StringIO(not_applied_csv(result))))
    assert rows == [
        ["principal", "address", "action", "reason", "detail"],
        ["'=cmd()", "grant/=cmd()", "grant", "user_not_found", "no, such user"],
        ["'@ann", "grant/=cmd()", "grant", "user_not_found", "no, such user"],
    ]


def test_who_has_two_names_in_the_source_is_listed_under_both() -> None:
    person = PersonTarget(principals=("ann@mail.com", "ann@x.com"), user_id="00u1", login="ann@x.com")
    change = Change(
        address=Address(Kind.GRANT, "ann@mail.com"),
        action=Action.GRANT,
        message="grant",
        before=(),
        after=(("Role", ("Admin",)),),
        person=person,
    )
    refused = Ended(change=change, outcome=Outcome.REFUSED, detail="no")
    for result in (
        RunResult(ended=(refused,), held=(), not_started=()),
        RunResult(ended=(), held=(), not_started=(change,), stopped=True),
    ):
        rows = list(csv.DictReader(io.StringIO(not_applied_csv(result))))
        assert [row["principal"] for row in rows] == ["ann@mail.com", "ann@x.com"]


def test_runs_are_listed_newest_first_damaged_ones_with_their_problem(tmp_path: Path) -> None:
    a_run(tmp_path, "20260921T141320Z-aaaa", Closed(counts={}))
    damaged = a_run(tmp_path, "20260922T141320Z-bbbb")
    damaged.journal.write_text("nonsense\n")
    (tmp_path / "leases").mkdir()
    listed = list_runs(tmp_path)
    assert [each.folder.run_id for each in listed] == ["20260922T141320Z-bbbb", "20260921T141320Z-aaaa"]
    assert listed[0].problem is not None
    assert listed[1].state is not None
    assert list_runs(tmp_path / "absent") == ()


def test_an_unknown_run_is_named(tmp_path: Path) -> None:
    for run_id in ("20260921T141320Z-aaaa", "../..", ""):
        with pytest.raises(InputError) as caught:
            find_run(tmp_path, run_id)
        assert caught.value.code is ErrorCode.RUN_NOT_FOUND


def test_the_newest_unfinished_run_of_this_plan_org_and_app_is_found(tmp_path: Path) -> None:
    assert find_unfinished(tmp_path) is None
    a_run(tmp_path, "20260921T141320Z-aaaa")
    a_run(tmp_path, "20260922T141320Z-bbbb")
    a_run(tmp_path, "20260923T141320Z-cccc", Closed(counts={}))
    found = find_unfinished(tmp_path)
    assert found is not None
    assert found.run_id == "20260922T141320Z-bbbb"
    assert find_unfinished(tmp_path, plan_name="renamed") == found
    assert find_unfinished(tmp_path, plan_digest="edited") == found
    assert find_unfinished(tmp_path, plan_name="other", plan_digest="other") is None
    assert find_unfinished(tmp_path, org_id="00o2") is None
    assert find_unfinished(tmp_path, app_id="0oa2") is None


def test_a_run_that_wrote_no_whole_header_had_sent_nothing(tmp_path: Path) -> None:
    folder = a_run(tmp_path, "20260921T141320Z-aaaa")
    folder.journal.write_bytes(folder.journal.read_bytes()[:20])
    RunFolder.create(tmp_path, "20260922T141320Z-bbbb")
    assert find_unfinished(tmp_path) is None


def test_a_journal_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    """The run may have sent something, and only its journal tells what."""
    (tmp_path / "20260922T141320Z-bbbb").write_text("no folder", "utf-8")
    assert find_unfinished(tmp_path) is None
    folder = a_run(tmp_path, "20260921T141320Z-aaaa")
    folder.journal.unlink()
    folder.journal.mkdir()
    with pytest.raises(InputError) as caught:
        find_unfinished(tmp_path)
    assert caught.value.code is ErrorCode.FILE_UNREADABLE


def test_a_damaged_journal_is_not_passed_over(tmp_path: Path) -> None:
    folder = a_run(tmp_path, "20260921T141320Z-aaaa")
    folder.journal.write_text("nonsense\n")
    with pytest.raises(InputError) as caught:
        find_unfinished(tmp_path)
    assert caught.value.code is ErrorCode.JOURNAL_DAMAGED


@pytest.mark.skipif(os.name != "posix", reason="folders are synced on POSIX alone")
def test_the_names_that_a_run_goes_by_after_a_power_cut_are_on_disk_before_its_first_write(
    tmp_path: Path,
) -> None:
    runs_dir = tmp_path / "plans" / ".runs"
    synced.clear()
    folder = RunFolder.create(runs_dir, "20260921T141320Z-abcd")
    assert synced == [tmp_path.name, "plans", ".runs"]
    folder.write(folder.changes, "{}")
    assert synced[3:] == [folder.run_id]
    synced.clear()
    run(_created(folder))
    assert synced == [folder.run_id]


async def _created(folder: RunFolder) -> None:
    Journal.create(folder.journal, header(folder.run_id), clock()).close()
