"""What a plan gives somebody, explained by the rows of the sources it was made of."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.plan.model import Plan, SourceRef
from pipeline.source.frame import Frame
from pipeline.survey_views import BecauseView, PersonView, WitnessView
from pipeline.use_cases.desk import Desk

_REJECTS_MAX = 1_000_000_000
"""How many rows cannot be read was decided when the plan was made."""


def explained(desk: Desk, plan: Plan, person: PersonView) -> PersonView:
    """``person`` with the lines that name each value. Raises InputError where a source has changed."""
    from pipeline.survey.evidence import witnesses

    rows: dict[tuple[str, str], list[WitnessView]] = {
        (name, value): [] for name, values in person.values.items() for value in values
    }
    given = set(rows)
    unread: list[str] = []
    for ref in plan.sources:
        frame, mapping = _pinned(desk, ref), ref.mapping or plan.mapping
        if frame is None or mapping is None:
            unread.append(ref.path)
            continue
        for each in witnesses(frame, mapping, person.principal):
            row = WitnessView(source=ref.path, line=each.line, verdict=each.verdict, ends=each.ends)
            rows.setdefault((each.entitlement, each.value), []).append(row)
    because = [
        BecauseView(entitlement=name, value=value, given=(name, value) in given, rows=found)
        for (name, value), found in sorted(rows.items())
    ]
    return person.model_copy(update={"because": because, "unread": unread})


def _pinned(desk: Desk, ref: SourceRef) -> Frame | None:
    """The frame of exactly the bytes that ``ref`` pins; None where there is no such file any more."""
    from pipeline.source.finding import find_sources
    from pipeline.source.local import read_local
    from pipeline.source.s3 import read_s3

    [found] = find_sources(desk.workspace, [ref])
    if found.state == "missing":
        return None
    if found.state == "changed":
        raise _changed(ref)
    if found.state == "in_s3":
        frame = read_s3(desk.settings, ref.path, rejects_max=_REJECTS_MAX)
    else:
        frame = read_local(desk.workspace, Path(found.path or ref.path), rejects_max=_REJECTS_MAX)
    if frame.sha256 != ref.sha256:
        raise _changed(ref)
    return frame


def _changed(ref: SourceRef) -> InputError:
    return InputError(
        ErrorCode.FILE_CHANGED,
        "A source is not what the plan was made of",
        f"{ref.path} has changed since; its lines would explain another plan.",
        location=Location(ref.path),
        next_step="Put the file back as it was, or generate the plan again.",
    )
