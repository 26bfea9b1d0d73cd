"""What is in S3, in csv/: fetched when it changed, and never over an edit."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ErrorCode, InputError
from pipeline.source.local import list_finished
from pipeline.source.placing import Contents
from pipeline.source.s3 import Bucket
from pipeline.source.s3_keys import Reason
from pipeline.source.sync import Fetching, Record, Result, sync
from tests.effort import examples
from tests.source.fake_s3 import FakeS3


@dataclass
class Room:
    """A workspace, a bucket, and what was recorded between the two."""

    workspace: Path
    s3: FakeS3 = field(default_factory=FakeS3)
    records: dict[str, Record] = field(default_factory=dict)
    roots: tuple[str, ...] = ("",)
    name: str = "b"
    told: list[Fetching] = field(default_factory=list)

    @property
    def csv(self) -> Path:
        return self.workspace / "csv"

    def sync(self, size_max: int = 1000) -> Result:
        drafts = self.csv / ".fetching"
        drafts.mkdir(parents=True, exist_ok=True)
        result = sync(
            Bucket(self.s3, self.name, self.roots),
            self.csv.resolve(),
            self.records,
            finished=Contents(self.workspace / each.path for each in list_finished(self.workspace)),
            drafts=drafts.resolve(),
            size_max=size_max,
            tell=self.told.append,
        )
        drafts.rmdir()
        return result

    def states(self) -> dict[str, str]:
        return {each.key: each.state.value for each in self.sync().synced}

    def refused(self) -> dict[str, Reason]:
        return {each.key: each.reason for each in self.sync().refused}

    def write(self, key: str, content: bytes) -> Path:
        path = self.csv / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, FakeS3({"exports/a.csv": b"1", "exports/b.csv": b"22", "exports/notes.txt": b"x"}))


def test_only_what_changed_is_fetched_again(room: Room) -> None:
    assert room.states() == {"exports/a.csv": "fetched", "exports/b.csv": "fetched"}
    assert [(each.done, each.total) for each in room.told] == [(1, 2), (2, 2)]
    assert (room.told[-1].done_bytes, room.told[-1].total_bytes) == (3, 3)
    assert room.sync().others == 1
    room.s3.objects["exports/b.csv"] = b"23"
    room.s3.fetched.clear()
    assert room.states() == {"exports/a.csv": "unchanged", "exports/b.csv": "fetched"}
    assert room.s3.fetched == ["exports/b.csv"]
    assert (room.csv / "exports" / "b.csv").read_bytes() == b"23"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_fetched_file_is_readable_for_its_owner_only(room: Room) -> None:
    room.sync()
    assert os.name != "posix" or stat.S_IMODE((room.csv / "exports" / "a.csv").stat().st_mode) == 0o600


def test_an_edit_is_kept_and_told_from_a_conflict(room: Room) -> None:
    room.sync()
    room.write("exports/a.csv", b"edited")
    room.write("exports/b.csv", b"ed")
    room.s3.objects["exports/b.csv"] = b"new"
    assert room.states() == {"exports/a.csv": "edited", "exports/b.csv": "conflict"}
    assert (room.csv / "exports" / "a.csv").read_bytes() == b"edited"
    assert (room.csv / "exports" / "b.csv").read_bytes() == b"ed"
    room.s3.objects["exports/b.csv"] = b"en"  # the same size as the edit: only its content tells
    assert room.states()["exports/b.csv"] == "conflict"
    (room.csv / "exports" / "b.csv").unlink()
    assert room.states()["exports/b.csv"] == "fetched"


def test_a_file_that_was_here_before_is_taken_over_only_where_it_equals_that_of_s3(room: Room) -> None:
    room.write("exports/a.csv", b"1")
    room.write("exports/b.csv", b"33")
    assert room.states() == {"exports/a.csv": "unchanged", "exports/b.csv": "conflict"}
    room.s3.objects["exports/a.csv"] = b"2"
    assert room.states()["exports/a.csv"] == "fetched"
    assert (room.csv / "exports" / "b.csv").read_bytes() == b"33"


def test_a_file_of_another_bucket_counts_as_one_that_was_here_before(room: Room) -> None:
    room.sync()
    room.name = "other"
    room.s3.objects = {"exports/a.csv": b"9"}
    assert room.states() == {"exports/a.csv": "conflict"}
    assert (room.csv / "exports" / "a.csv").read_bytes() == b"1"


def test_what_was_dealt_with_does_not_come_back_until_it_changes(room: Room) -> None:
    room.sync()
    done = room.csv / "processed" / "exports" / "renamed.csv"
    done.parent.mkdir(parents=True)
    (room.csv / "exports" / "a.csv").rename(done)
    room.s3.fetched.clear()
    assert room.states()["exports/a.csv"] == "archived"
    assert room.s3.fetched == []
    room.records.clear()
    assert room.states()["exports/a.csv"] == "archived"
    room.s3.objects["exports/a.csv"] = b"3"
    assert room.states()["exports/a.csv"] == "fetched"


def test_what_is_too_large_is_not_fetched_and_what_turns_out_larger_is_dropped(room: Room) -> None:
    room.s3.objects["big.csv"] = b"x" * 1001
    assert room.refused() == {"big.csv": Reason.TOO_LARGE}
    assert "big.csv" not in room.s3.fetched
    assert not (room.csv / "big.csv").exists()


def test_what_is_replaced_meanwhile_or_not_handed_out_is_refused_alone(room: Room) -> None:
    room.s3.changes["exports/a.csv"] = b"newer"
    room.s3.denied["exports/b.csv"] = "InvalidObjectState"
    assert room.refused() == {
        "exports/a.csv": Reason.CHANGED_MEANWHILE,
        "exports/b.csv": Reason.UNREADABLE,
    }
    assert not (room.csv / "exports").exists()
    room.s3.denied.clear()
    assert room.states() == {"exports/a.csv": "fetched", "exports/b.csv": "fetched"}


def test_a_body_that_breaks_off_is_fetched_again_and_never_left_half(room: Room) -> None:
    room.s3.objects = {"a.csv": b"0123456789"}
    room.s3.breaks = 2
    assert room.states() == {"a.csv": "fetched"}
    assert (room.csv / "a.csv").read_bytes() == b"0123456789"
    room.s3.objects = {"b.csv": b"0123456789"}
    room.s3.breaks = 3
    with pytest.raises(InputError) as refused:
        room.sync()
    assert refused.value.code is ErrorCode.S3_UNUSABLE
    assert not (room.csv / "b.csv").exists()


def test_credentials_that_end_in_the_middle_stop_it_and_what_was_fetched_is_known(room: Room) -> None:
    room.s3.denied["exports/b.csv"] = "ExpiredToken"
    with pytest.raises(InputError) as refused:
        room.sync()
    assert "Renew" in str(refused.value.next_step)
    room.s3.denied.clear()
    assert room.states()["exports/b.csv"] == "fetched"


def test_nothing_is_written_through_a_link_or_over_a_folder(room: Room, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    room.csv.mkdir()
    (room.csv / "exports").symlink_to(outside)
    (room.csv / "file.csv").symlink_to(outside / "file.csv")
    (room.csv / "folder.csv").mkdir()
    room.write("plain.csv", b"a file")
    room.s3.objects |= {"file.csv": b"1", "folder.csv": b"1", "plain.csv/deeper.csv": b"1"}
    assert room.refused() == {
        "exports/a.csv": Reason.LINK,
        "exports/b.csv": Reason.LINK,
        "file.csv": Reason.LINK,
        "folder.csv": Reason.IN_THE_WAY,
        "plain.csv/deeper.csv": Reason.IN_THE_WAY,
    }
    assert list(outside.iterdir()) == []


def test_a_list_that_is_not_whole_is_an_error_and_no_list(room: Room) -> None:
    class Forgetful(FakeS3):
        def list_objects_v2(self, **where: str) -> dict[str, object]:
            answer = super().list_objects_v2(**where)
            answer.pop("NextContinuationToken", None)
            return answer

    class Stuck(FakeS3):
        def list_objects_v2(self, **where: str) -> dict[str, object]:
            return super().list_objects_v2(**{**where, "ContinuationToken": ""})

    for kind in (Forgetful, Stuck):
        room.s3 = kind(room.s3.objects, page=1)
        with pytest.raises(InputError) as refused:
            room.sync()
        assert "incomplete list" in refused.value.detail
        assert not (room.csv / "exports").exists()


@pytest.mark.parametrize(
    ("roots", "found"),
    [
        (("",), ["a.csv", "a/b.csv", "a/b.csv.gz", "ab/c.csv"]),
        (("a",), ["a.csv", "a/b.csv", "a/b.csv.gz", "ab/c.csv"]),
        (("a/",), ["a/b.csv", "a/b.csv.gz"]),
        (("a/b.csv",), ["a/b.csv"]),
        (("a/", "a/b.csv", "ab/"), ["a/b.csv", "a/b.csv.gz", "ab/c.csv"]),
    ],
)
def test_only_what_is_under_a_root_is_listed_and_once(roots: tuple[str, ...], found: list[str]) -> None:
    s3 = FakeS3(dict.fromkeys(["a.csv", "a/b.csv", "a/b.csv.gz", "ab/c.csv"], b"1"), page=2)
    listed, _ = Bucket(s3, "b", roots).list()
    assert [each.key for each in listed] == found


KEYS = ["a.csv", "x/b.csv"]
CONTENTS = [b"1", b"2", b"33"]


class Story:
    """A workspace with its bucket, and what a person wrote here that S3 does not hold."""

    def __init__(self, folder: Path) -> None:
        self.room = Room(folder)
        self.room.csv.mkdir()
        self.edits: dict[str, bytes] = {}
        self.finished: list[bytes] = []

    def put(self, key: str, content: bytes) -> None:
        self.room.s3.objects[key] = content

    def remove(self, key: str, _: bytes) -> None:
        self.room.s3.objects.pop(key, None)

    def edit(self, key: str, content: bytes) -> None:
        self.room.write(key, content)
        self.edits[key] = content
        known = self.room.records.get(key)
        if known and known.sha256 == hashlib.sha256(content).hexdigest():
            del self.edits[key]  # back to what was fetched

    def unlink(self, key: str, _: bytes) -> None:
        (self.room.csv / key).unlink(missing_ok=True)
        self.edits.pop(key, None)

    def finish(self, key: str, _: bytes) -> None:
        path = self.room.csv / key
        if not path.is_file():
            return
        done = self.room.csv / "processed" / f"{len(self.finished)}.csv"
        done.parent.mkdir(exist_ok=True)
        self.finished.append(path.read_bytes())
        path.rename(done)
        self.edits.pop(key, None)

    def forget(self, _: str, __: bytes) -> None:
        """The record is lost: whatever is here may be an edit."""
        self.room.records.clear()
        self.edits = {
            key: (self.room.csv / key).read_bytes() for key in KEYS if (self.room.csv / key).is_file()
        }

    def sync(self, _: str, __: bytes) -> None:
        objects = self.room.s3.objects
        self.room.sync()
        for key, edited in self.edits.items():
            assert (self.room.csv / key).read_bytes() == edited
        for key in objects.keys() - self.edits.keys():
            here = self.room.csv / key
            assert (here.read_bytes() == objects[key]) if here.exists() else (objects[key] in self.finished)
        self.edits = {key: edited for key, edited in self.edits.items() if objects.get(key) != edited}
        assert "fetched" not in self.room.states().values()


verbs = st.sampled_from(
    ["put", "put", "edit", "remove", "unlink", "finish", "forget", "sync", "sync", "sync"]
)


@given(st.lists(st.tuples(verbs, st.sampled_from(KEYS), st.sampled_from(CONTENTS)), max_size=20))
@settings(max_examples=examples(50), deadline=None)
def test_whatever_happens_no_edit_is_lost_and_all_else_follows_s3(
    story: list[tuple[str, str, bytes]],
) -> None:
    with TemporaryDirectory() as folder:
        told = Story(Path(folder).resolve())
        for verb, key, content in [*story, ("sync", "", b"")]:
            getattr(told, verb)(key, content)
