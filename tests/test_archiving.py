"""archive: sources are put away once their plan is applied, where that belongs, and over nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ErrorCode, InputError, OktaPlanError
from pipeline.plan.file import load_plan
from pipeline.plan.yaml_text import dump_plan
from pipeline.source.placing import _place_by_name, place_new
from tests.in_process import Tenant
from tests.path.box import okta_plan
from tests.test_cases import furnish

PEOPLE = [f"p{number}@x.com" for number in range(6)]
ORG: dict[str, Any] = {
    "users": [{"login": each, "email": each} for each in PEOPLE[:4]],
    "okta_apps": [{"label": "ERP", "entitlement_management": True}],
}
HEADER = "Email,Role,Effective_Access\n"


class Room:
    """A workspace with one source and its plan."""

    def __init__(self, folder: Path, name: str = "erp.csv", people: int = 2) -> None:
        self.tenant: Tenant = furnish(folder, {"plan": {}, "org": ORG})
        self.csv = folder / "csv"
        self.source = self.csv / name
        self.plan = self.made_of(name, people)

    def made_of(self, name: str, people: int) -> str:
        """A source of so many people, and the path of its plan."""
        path = self.csv / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + "".join(f"{each},Admin,Permitted\n" for each in PEOPLE[:people]), "utf-8")
        return self.tenant.generate(f"csv/{name}").plan

    def apply(self, **request: Any) -> int:
        self.tenant.starts_s += 3600
        return self.tenant.apply(self.plan, **request).exit_code

    def archive(self) -> dict[str, str]:
        return {each.path: each.to for each in self.tenant.archive(self.plan).moved}

    def refused(self) -> OktaPlanError:
        before = self.tree()
        with pytest.raises(OktaPlanError) as caught:
            self.archive()
        assert self.tree() == before
        assert caught.value.next_step
        return caught.value

    def tree(self) -> dict[str, str]:
        return {
            each.relative_to(self.csv).as_posix(): each.read_text("utf-8")
            for each in sorted(self.csv.rglob("*"))
            if each.is_file()
        }


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_the_structure_first_then_all_of_it_each_in_its_folder(room: Room) -> None:
    assert room.apply(only="structure", accept_held=("user_not_found",)) == 0
    assert room.archive() == {"csv/erp.csv": "csv/processed/erp.csv"}
    assert room.archive() == {}
    assert room.apply() == 0
    assert room.archive() == {"csv/processed/erp.csv": "csv/processed_and_assigned/erp.csv"}
    again = room.tenant.archive(room.plan)
    assert (again.moved, [each.found for each in again.kept]) == ([], ["csv/processed_and_assigned/erp.csv"])
    assert room.apply(only="structure") == 0
    assert room.archive() == {}


def test_nothing_is_put_away_before_an_apply_or_after_one_that_did_not_succeed(tmp_path: Path) -> None:
    room = Room(tmp_path, people=5)
    error = room.refused()
    assert (error.code, int(error.exit_code)) == (ErrorCode.NOT_APPLIED, 4)
    assert room.apply() == 3  # one of them is not in Okta
    assert "did not carry it out in full" in room.refused().detail
    assert room.apply(accept_held=("user_not_found",)) == 0
    assert room.archive() == {"csv/erp.csv": "csv/processed_and_assigned/erp.csv"}


def test_a_run_that_has_no_report_counts_as_failed_and_one_of_another_plan_not_at_all(room: Room) -> None:
    assert room.apply() == 0
    for report in (room.tenant.workspace / "plans" / ".runs").glob("*/report.json"):
        report.unlink()
    assert "did not carry it out" in room.refused().detail
    plan = (room.tenant.workspace / room.plan).read_text("utf-8")
    edited = plan.replace("Admin", "Owner")
    (room.tenant.workspace / room.plan).write_text(edited, "utf-8")
    assert "no run of this workspace" in room.refused().detail
    (room.tenant.workspace / room.plan).write_text(plan, "utf-8")
    assert room.apply() == 0  # finds nothing to do, and is newer than the run that failed
    assert room.archive() == {"csv/erp.csv": "csv/processed_and_assigned/erp.csv"}


def test_a_rehearsal_counts_for_nothing(tmp_path: Path) -> None:
    room = Room(tmp_path)
    for _ in range(2):
        rehearsed = okta_plan(
            tmp_path, None, "apply", room.plan, "--org", str(tmp_path / "org.yaml"), "--yes"
        )
        assert rehearsed.returncode == 0, rehearsed.stderr
    assert "a run with --org is a rehearsal" in room.refused().detail


def test_a_failed_run_after_that_of_the_structure_leaves_the_structure_applied(tmp_path: Path) -> None:
    room = Room(tmp_path, people=5)
    assert room.apply() == 3
    assert room.apply(only="structure", accept_held=("user_not_found",)) == 0
    assert room.archive() == {"csv/erp.csv": "csv/processed/erp.csv"}


def test_an_apply_that_finds_nothing_to_do_is_as_good_as_a_run(room: Room) -> None:
    assert room.apply() == 0
    for run in (room.tenant.workspace / "plans" / ".runs").glob("2*"):
        run.rename(room.tenant.workspace / run.name)  # carried out elsewhere
    assert room.refused().code is ErrorCode.NOT_APPLIED
    assert room.apply() == 0
    view = room.tenant.archive(room.plan)
    assert (view.run, view.org_host, view.applied) == (None, "acme.okta.com", "all")
    assert [each.to for each in view.moved] == ["csv/processed_and_assigned/erp.csv"]


def test_the_next_export_of_that_name_gets_its_digest_added_and_replaces_nothing(room: Room) -> None:
    assert room.apply() == 0
    room.archive()
    first = room.tree()
    room.made_of("erp.csv", 3)
    assert room.apply() == 0
    (moved,) = room.archive().values()
    assert moved.startswith("csv/processed_and_assigned/erp-")
    assert room.tree() == first | {moved.removeprefix("csv/"): room.tree()[moved.removeprefix("csv/")]}
    room.source.write_text(room.tree()[moved.removeprefix("csv/")], "utf-8")
    assert room.refused().code is ErrorCode.FILE_UNWRITABLE


def test_a_source_below_a_folder_keeps_it(tmp_path: Path) -> None:
    room = Room(tmp_path, "exports/2026/erp.csv.gz")
    assert room.apply() == 0
    assert room.archive() == {
        "csv/exports/2026/erp.csv.gz": "csv/processed_and_assigned/exports/2026/erp.csv.gz"
    }


def test_a_source_is_found_again_by_its_content_and_one_that_changed_is_not_taken(room: Room) -> None:
    assert room.apply() == 0
    text = room.source.read_text("utf-8")
    room.source.write_text(text + "new@x.com,Admin,Permitted\n", "utf-8")
    assert [each.state for each in room.tenant.show(room.plan).sources] == ["changed"]
    assert room.refused().code is ErrorCode.FILE_CHANGED
    room.source.unlink()
    assert [each.state for each in room.tenant.show(room.plan).sources] == ["missing"]
    assert room.refused().code is ErrorCode.FILE_NOT_FOUND
    (room.csv / "kept").mkdir()
    (room.csv / "kept" / "other name.csv").write_text(text, "utf-8")
    (found,) = room.tenant.show(room.plan).sources
    assert (found.state, found.found) == ("moved", "csv/kept/other name.csv")
    assert room.archive() == {"csv/kept/other name.csv": "csv/processed_and_assigned/kept/other name.csv"}


def test_a_source_in_s3_stays_there(room: Room) -> None:
    path = room.tenant.workspace / room.plan
    plan = load_plan(path).plan
    there = plan.sources[0].model_copy(update={"path": "s3://b/erp.csv"})
    path.write_text(dump_plan(plan.model_copy(update={"sources": (there,)})), "utf-8")
    assert room.apply() == 0
    view = room.tenant.archive(room.plan)
    assert (view.moved, [each.state for each in view.kept]) == ([], ["in_s3"])
    assert room.source.is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_neither_source_nor_folder_is_reached_through_a_link(room: Room, tmp_path_factory: Any) -> None:
    assert room.apply() == 0
    aside = room.tenant.workspace / "aside.csv"
    room.source.rename(aside)
    room.source.symlink_to(aside)
    assert isinstance(room.refused(), InputError)
    room.source.unlink()
    aside.rename(room.source)
    outside = tmp_path_factory.mktemp("outside")
    (room.csv / "processed_and_assigned").symlink_to(outside)
    with pytest.raises(InputError) as caught:
        room.archive()
    assert caught.value.code is ErrorCode.OUTSIDE_WORKSPACE
    assert list(outside.iterdir()) == []
    assert room.source.is_file()


@pytest.mark.parametrize("place", [place_new, _place_by_name])
def test_a_file_is_placed_over_nothing_also_where_there_are_no_hard_links(
    place: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    draft, target = tmp_path / "draft", tmp_path / "target"
    draft.write_text("new")
    target.write_text("old")
    with pytest.raises(FileExistsError):
        place(draft, target)
    assert (draft.read_text(), target.read_text()) == ("new", "old")
    target.unlink()
    place(draft, target)
    assert (draft.exists(), target.read_text()) == (False, "new")
    with pytest.raises(OSError):  # noqa: PT011 - which one is the system's choice
        place(tmp_path, target.with_name("another"))
    assert not target.with_name("another").exists()
