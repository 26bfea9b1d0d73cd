"""How a source was read, as a mapping file for people to correct: every decision with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping

from pipeline.plan.model import EntitlementColumn, Mapping
from pipeline.plan.pins import SCHEMA
from pipeline.plan.yaml_text import Flow, flow, scalar

SCHEMA_COMMENT = "# yaml-language-server: $schema=../schemas/mapping.schema.json"


def dump_mapping(
    mapping: Mapping, source: str, suggestions: AnyMapping[str, AnyMapping[str, str]] | None = None
) -> str:
    """The mapping file's whole text, ending in a newline. ``suggestions``: by column, texts and the values
    they may mean; they stand in comments, as only a person can decide them.
    """
    return "".join(f"{line}\n" for line in _lines(mapping, source, suggestions or {}))


def _lines(
    mapping: Mapping, source: str, suggestions: AnyMapping[str, AnyMapping[str, str]]
) -> Iterator[str]:
    yield SCHEMA_COMMENT
    yield f"# How {scalar(source)} is read. What is left out is found anew at each reading;"
    yield "# what stands here is taken as it stands, null too."
    yield f"schema: {SCHEMA}"
    yield f"user: {flow({'column': mapping.user.column, 'match': mapping.user.match})}"
    yield "# on_conflict: filter (granted, and said so), deny_wins, latest (the newest 'date' decides)."
    yield f"rows: {flow(mapping.rows.model_dump() if mapping.rows else None)}"
    yield f"date: {flow(mapping.date)}"
    yield "# The columns in which access begins and ends; judged with --as-of DATE."
    yield f"validity: {flow(mapping.validity.model_dump() if mapping.validity else None)}"
    if mapping.date_order:
        yield f"date_order: {mapping.date_order}"
    for key in ("wide", "named_values"):
        if (given := getattr(mapping, key)) is not None:
            yield f"{key}: {flow(given.model_dump())}"
    yield "entitlements:"
    for column in mapping.entitlements:
        yield from _column(column, suggestions.get(column.column, {}))
    yield from _ignored(mapping.ignored)


def _column(column: EntitlementColumn, suggestions: AnyMapping[str, str]) -> Iterator[str]:
    yield f"  - column: {scalar(column.column)}"
    yield f"    separator: {flow(column.separator)}{_remark(column.why)}"
    if column.nothing is not None:
        yield f"    nothing: {flow(column.nothing)}  # texts that give nobody anything"
    values: dict[str, Flow] = dict(column.values or {})
    if values or suggestions:
        yield "    values:  # text: the value that it means" if values else "    # values:"
    for text, value in values.items():
        yield f"      {flow({text: value})[1:-1]}"
    for text, value in suggestions.items():
        yield f"    #   {flow({text: value})[1:-1]}"
    if column.multi_value is not None:
        yield f"    multi_value: {flow(column.multi_value)}"


def _ignored(ignored: AnyMapping[str, str]) -> Iterator[str]:
    yield "ignored:" if ignored else "ignored: []"
    for name, reason in sorted(ignored.items()):
        yield f"  - {scalar(name)}{_remark(reason)}"


def _remark(text: str | None) -> str:
    """A comment: on one line, whatever stands in the text."""
    if not text:
        return ""
    printable = "".join(each if each.isprintable() else " " for each in text)
    return f"  # {' '.join(printable.split())}"
