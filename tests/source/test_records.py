"""The fast way to rows against reading record after record."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.source.frame import ROW
from pipeline.source.grammar import Grammar, records
from pipeline.source.reading import read_bytes
from tests.effort import examples

HEADER = "a,b\n"


@settings(deadline=None, max_examples=examples(200))
@given(st.text(st.sampled_from('x",\n\r '), max_size=40))
@example('x,"y\n\nz"\n\n"a",b\n')
@example('x,"y\nz,"\nx,y\n')
@example('"x\r\ny",z\r\n"a\n,b\n')
def test_every_line_is_judged_as_reading_one_record_after_the_other_would(below: str) -> None:
    below = f"{below}\nlast,row\n"
    lines = [line.removesuffix("\r") for line in below.removesuffix("\n").split("\n")]
    good, bad = [], []
    for first, _, cells in records(lines, Grammar(",").reader()):
        if cells is None or len(cells) not in {0, 2}:
            bad.append(first + 2)
        elif cells:
            good.append((first + 2, [cell.replace("\r", "") for cell in cells]))
    frame = read_bytes((HEADER + below).encode(), "csv/a.csv")
    table = frame.scan.collect()
    read = zip(frame.lines.of(table.get_column(ROW).to_list()), table.select("a", "b").rows(), strict=True)
    assert [(line, [cell.replace("\r", "") for cell in cells]) for line, cells in read] == good
    assert [row.line for row in frame.rejected] == bad
    starts = (HEADER + below).encode().split(b"\n")
    assert [row.byte for row in frame.rejected] == [sum(len(s) + 1 for s in starts[: n - 1]) for n in bad]
