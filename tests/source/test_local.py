from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ErrorCode, Exit, InputError
from pipeline.source.frame import ROW, Frame
from pipeline.source.local import list_finished, list_sources, read_local


def workspace_with(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    (folder / "csv").mkdir(exist_ok=True)
    raw = content.encode() if isinstance(content, str) else content
    (folder / "csv" / name).write_bytes(raw)
    return folder


def read(folder: Path, content: str | bytes) -> Frame:
    return read_local(workspace_with(folder, content), Path("a.csv"))


def rows_of(frame: Frame) -> list[tuple[str | int, ...]]:
    """The cells of each row and, at its end, its line."""
    table = frame.scan.collect()
    lines = frame.lines.of(table.get_column(ROW).to_list())
    assert table.height == frame.height
    return [(*cells, line) for cells, line in zip(table.select(frame.columns).rows(), lines, strict=True)]


def test_each_row_knows_the_line_it_starts_on(tmp_path: Path) -> None:
    frame = read(tmp_path, 'a,b\n1,"x\ny"\n\n2,z\n')
    assert frame.columns == ("a", "b")
    assert rows_of(frame) == [("1", "x\ny", 2), ("2", "z", 5)]
    assert frame.path == "csv/a.csv"
    assert frame.rows == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends_and_a_bom_are_read(end: str, tmp_path: Path) -> None:
    frame = read(tmp_path, "\ufeffEmail,Role" + end + "a@x,Admin" + end)
    assert frame.columns == ("Email", "Role")
    assert rows_of(frame) == [("a@x", "Admin", 2)]


def test_ragged_rows_and_broken_quotes_are_rejected_with_their_line_and_nothing_else_is(
    tmp_path: Path,
) -> None:
    frame = read(tmp_path, 'a,b\n1\n1,2,3\n"x"y,2\n4,5\n"open,6\n7,8\n')
    assert [(each.line, each.reason) for each in frame.rejected] == [
        (2, "ragged_row"),
        (3, "ragged_row"),
        (4, "broken_quotes"),
        (6, "broken_quotes"),
    ]
    assert rows_of(frame) == [("4", "5", 5), ("7", "8", 7)]
    assert frame.rows == 6


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8))
def test_what_the_csv_module_writes_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        frame = read(Path(folder), text.getvalue())
    assert [row[:-1] for row in rows_of(frame)] == rows
    assert frame.rejected == ()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", ErrorCode.FILE_EMPTY),
        (b"\xef\xbb\xbf\r\n", ErrorCode.FILE_EMPTY),
        (b"a,b\n", ErrorCode.FILE_EMPTY),
        (b"a,b\n1,\xe9\n", ErrorCode.NOT_UTF8),
        ("a,b\n1,2\n".encode("utf-32"), ErrorCode.NOT_UTF8),
        (b"a,b\n1,\x00\n", ErrorCode.NOT_UTF8),
        (b'"a,b\n1,2\n', ErrorCode.DUPLICATE_COLUMN),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(
    content: bytes, code: ErrorCode, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, content)
    assert refused.value.code is code
    assert refused.value.exit_code is Exit.ERROR
    assert refused.value.next_step
    assert str(refused.value.location).startswith("csv/a.csv")


def test_a_byte_that_is_not_utf_8_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, b"a,b\n1,2\n3,\xff\n")
    assert refused.value.location is not None
    assert refused.value.location.line == 3


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, "a\n1\n", "erp_access.csv")
    with pytest.raises(InputError) as refused:
        read_local(workspace, Path("erp_acess.csv"))
    assert refused.value.code is ErrorCode.FILE_NOT_FOUND
    assert "csv/erp_access.csv" in (refused.value.next_step or "")
    with pytest.raises(InputError):
        read_local(workspace, Path("csv"))


def test_no_path_leads_out_of_the_workspace(tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n", "utf-8")
    (tmp_path / "w").mkdir()
    workspace = workspace_with(tmp_path / "w", "a\n1\n")
    (workspace / "csv" / "link.csv").symlink_to(outside)
    for path in (Path("../outside.csv"), outside, Path("link.csv")):
        with pytest.raises(InputError) as refused:
            read_local(workspace, path)
        assert refused.value.code is ErrorCode.OUTSIDE_WORKSPACE
    assert [each.path for each in list_sources(workspace)] == ["csv/a.csv"]


def test_finished_sources_are_listed_apart(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, "a\n1\n", "b.csv")
    for name in ("processed", "processed_and_assigned", "more"):
        (workspace / "csv" / name).mkdir()
        (workspace / "csv" / name / "c.CSV").write_text("a\n1\n", "utf-8")
    assert [each.path for each in list_sources(workspace)] == ["csv/b.csv", "csv/more/c.CSV"]
    assert [each.path for each in list_finished(workspace)] == [
        "csv/processed/c.CSV",
        "csv/processed_and_assigned/c.CSV",
    ]
