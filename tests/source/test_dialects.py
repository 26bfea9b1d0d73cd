from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from pipeline.source.frame import ROW
from pipeline.source.reading import read_bytes
from tests.effort import examples
from tests.source.tables import Written, written


@settings(deadline=None, max_examples=examples(100), suppress_health_check=[HealthCheck.too_slow])
@given(written())
def test_reading_gives_back_any_table_in_any_dialect_with_the_line_of_each_row(table: Written) -> None:
    frame = read_bytes(table.content, "csv/a.csv", rejects_max=0)
    cells = frame.scan.collect()
    assert frame.columns == table.names
    assert cells.select(frame.columns).rows() == table.rows
    assert frame.height == len(table.rows)
    assert frame.lines.of(cells.get_column(ROW).to_list()) == table.lines
    assert frame.rejected == ()
    assert frame.read_as.delimiter == table.delimiter
