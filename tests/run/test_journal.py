"""The journal: durable, chained, private, tolerant of a torn tail and of nothing else."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from pipeline.address import Address
from pipeline.errors import ErrorCode, InputError, StoppedError
from pipeline.run.entries import Begin, Closed, End, Entry, Held, Note
from pipeline.run.fold import fold
from pipeline.run.journal import JOURNAL, Journal, read_journal
from pipeline.run.result import Outcome
from tests.run.scenario import header
from tests.virtual_time import clock, run

ANN = "grant/ann@acme.example.com"
BOB = "grant/bob@acme.example.com"
ENTRIES: tuple[Entry, ...] = (
    Begin(address=ANN, action="grant", attempt=1),
    Begin(address=BOB, action="extend", attempt=1),
    End(address=ANN, action="grant", attempt=1, outcome=Outcome.APPLIED, status=201, okta_id="gra1"),
    Held(address="grant/cid@acme.example.com", action="grant", reason="drifted"),
)


def a_journal(folder: Path, *entries: Entry) -> Path:
    async def write() -> None:
        with Journal.create(folder / JOURNAL, header(), clock()) as journal:
            for entry in entries:
                journal.append(entry)

    run(write())
    return folder / JOURNAL


def append(path: Path, entry: Entry) -> None:
    async def write() -> None:
        journal, _ = Journal.reopen(path, clock())
        with journal:
            journal.append(entry)

    run(write())


def test_what_was_written_is_read_in_order_with_time_and_chain(tmp_path: Path) -> None:
    entries = read_journal(a_journal(tmp_path, *ENTRIES)).entries
    assert [entry.kind for entry in entries] == ["header", "begin", "begin", "outcome", "held"]
    assert [entry.n for entry in entries] == list(range(5))
    assert entries[0].at == "2026-09-21T14:13:20.000Z"


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    assert os.name != "posix" or stat.S_IMODE(a_journal(tmp_path).stat().st_mode) == 0o600


def test_a_journal_cut_at_any_byte_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    path = a_journal(tmp_path, *ENTRIES)
    content = path.read_bytes()
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        assert len(read_journal(path).entries) == content[:cut].count(b"\n")


def test_going_on_cuts_the_torn_line_away_and_keeps_the_chain(tmp_path: Path) -> None:
    path = a_journal(tmp_path, *ENTRIES)
    path.write_bytes(path.read_bytes()[:-7])
    append(path, Closed(counts={"applied": 1}))
    assert [entry.kind for entry in read_journal(path).entries] == [
        "header", "begin", "begin", "outcome", "closed",
    ]  # fmt: skip


def test_a_line_changed_removed_repeated_or_moved_is_found_with_its_number(tmp_path: Path) -> None:
    path = a_journal(tmp_path, *ENTRIES)
    lines = path.read_bytes().splitlines(keepends=True)
    changed = lines[1].replace(b"ann@", b"eve@")
    for damage, line in (
        ([lines[0], changed, *lines[2:]], 3),
        ([lines[0], *lines[2:]], 2),
        ([*lines[:2], lines[1], *lines[2:]], 3),
        ([lines[0], lines[2], lines[1], *lines[3:]], 2),
        ([lines[0], b"not json\n", *lines[2:]], 2),
        (lines[1:], 1),
    ):
        path.write_bytes(b"".join(damage))
        with pytest.raises(InputError) as caught:
            read_journal(path)
        assert caught.value.code is ErrorCode.JOURNAL_DAMAGED
        assert caught.value.location is not None
        assert caught.value.location.line == line


@pytest.mark.parametrize("more", [{}, {"of_a_later_version": 1}, {"okta_app_id": ["0oa1"]}])
def test_a_newer_format_is_refused_as_that_and_not_called_damaged(
    more: dict[str, object], tmp_path: Path
) -> None:
    path = a_journal(tmp_path)
    written = json.loads(path.read_bytes())
    path.write_text(json.dumps({**written, "format_version": 2, **more}) + "\n{}\n")
    with pytest.raises(InputError, match="newer") as caught:
        read_journal(path)
    assert caught.value.code is ErrorCode.JOURNAL_DAMAGED
    assert "format 2" in caught.value.detail
    assert "version that wrote it" in (caught.value.next_step or "")


@pytest.mark.parametrize(
    "line", [b"[]", b"{}", b'{"format_version": "2"}', b'{"format_version": 1}', b"\xff", b"[" * 99_999]
)
def test_what_is_no_header_is_damaged_not_newer(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    path.write_bytes(line + b"\n")
    with pytest.raises(InputError, match="damaged"):
        read_journal(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_stops_the_run_and_no_later_line_is_tried(tmp_path: Path) -> None:
    async def write() -> None:
        descriptor = os.open("/dev/full", os.O_WRONLY)
        journal = Journal(tmp_path / JOURNAL, descriptor, clock(), 0, "0" * 64)
        with journal:
            for _ in range(2):
                with pytest.raises(StoppedError) as caught:
                    journal.append(ENTRIES[0])
                assert caught.value.code is ErrorCode.RUN_STOPPED

    run(write())


def test_an_existing_journal_is_never_started_over(tmp_path: Path) -> None:
    a_journal(tmp_path, *ENTRIES)
    with pytest.raises(StoppedError):
        a_journal(tmp_path)
    assert len(read_journal(tmp_path / JOURNAL).entries) == 5


def test_folding_tells_what_ended_what_is_open_and_what_was_held(tmp_path: Path) -> None:
    state = fold(read_journal(a_journal(tmp_path, *ENTRIES)).entries)
    assert state.header is not None
    assert state.outcomes == {Address.parse(ANN): Outcome.APPLIED}
    assert state.open == {Address.parse(BOB): 1}
    assert state.counts == {"applied": 1, "held": 1}
    assert state.closed is None


def test_what_had_no_effect_is_no_longer_open(tmp_path: Path) -> None:
    entries = (*ENTRIES, Note(what="no_effect", address=BOB), Closed(counts={}))
    state = fold(read_journal(a_journal(tmp_path, *entries)).entries)
    assert state.open == {}
    assert Address.parse(BOB) not in state.outcomes
    assert state.closed is not None
