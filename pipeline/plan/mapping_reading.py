"""A mapping file's text into what it pins: every problem collected, none raised. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.pins import SCHEMA, Pins
from pipeline.plan.shape import shape_findings
from pipeline.plan.wording import did_you_mean, listed, shown
from pipeline.plan.yaml_events import LineMap, read_yaml

_SHOWN_MAX = 30


@dataclass(frozen=True, slots=True)
class ReadPins:
    """``pins`` is None where the text has no mapping's shape; ``findings`` are in the order of the file."""

    pins: Pins | None
    lines: LineMap
    shown_as: str
    findings: tuple[Finding, ...]


def read_pins(text: str, shown_as: str) -> ReadPins:
    """What the mapping in ``text`` pins, with every problem of its shape; ``shown_as`` names the file."""
    document = read_yaml(text, shown_as)
    found = list(document.findings)
    if document.root is None:
        return ReadPins(None, document.lines, shown_as, tuple(found))
    try:
        pins = Pins.model_validate(document.root, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        found.extend(shape_findings(errors, document, shown_as, Pins))
        return ReadPins(None, document.lines, shown_as, tuple(found))
    if not pins.pins("schema_"):
        detail = f"The key \"schema\" is missing. Begin the file with 'schema: {SCHEMA}'."
        place = Location(shown_as, 1)
        found.append(Finding(FindingCode.MISSING_KEY, Severity.ERROR, "A key is missing.", detail, place))
    return ReadPins(pins if not found else None, document.lines, shown_as, tuple(found))


def unknown_columns(read: ReadPins, columns: Sequence[str], source: str) -> tuple[Finding, ...]:
    """One error for each column that the mapping names and ``source``, which has ``columns``, has not."""
    if read.pins is None:
        return ()
    known = set(columns)
    return tuple(
        Finding(
            FindingCode.UNKNOWN_COLUMN,
            Severity.ERROR,
            "A column is unknown.",
            f"{source} has no column {shown(name)}."
            + (did_you_mean(name, columns) or f" It has {listed([shown(c) for c in columns[:_SHOWN_MAX]])}."),
            Location(read.shown_as, read.lines(path)),
        )
        for path, name in read.pins.columns()
        if name not in known
    )
