"""The plan as YAML text for people: deterministic, one person a line, safe to read with any YAML reader.

Pure: the text depends on the plan alone. ``read_plan`` of the text gives the plan back, with the users and
values of each cohort sorted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias, Union

from pipeline.plan.many_people import all_visible, uncollected
from pipeline.plan.model import (
    Cohort,
    Entitlement,
    Limits,
    Move,
    OktaAppRef,
    Plan,
    PlanFinding,
    SourceRef,
    Totals,
    Value,
)
from pipeline.plan.model import Mapping as PlanMapping

SCHEMA_COMMENT = "# yaml-language-server: $schema=../schemas/plan.schema.json"
LINE_CHARS_MAX = 110
"""Longer lists stand one entry a line, so that a change of one entry is one line of a diff."""
_KEY_CHARS_MAX = 1_000
"""YAML wants a key that is followed by a colon within 1,024 characters."""

Flow: TypeAlias = Union[str, int, float, bool, "Mapping[str, Flow]", "Sequence[Flow]", None]

_PLAIN = re.compile(r"\w[\w./@+-]*(?: [\w./@+-]+)*", re.ASCII)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_NUMBER_LIKE = re.compile(r"[\d_.:eE+-]+|0[xX][\da-fA-F_]*|0[oObB][0-7_]*|\d{4}-\d{1,2}-\d{1,2}.*", re.ASCII)
_ESCAPED = re.compile('[\x00-\x1f"\\\\\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@uncollected()
def dump_plan(plan: Plan) -> str:
    """The plan file's whole text, ending in a newline."""
    return "\n".join((*_lines(plan), ""))


@lru_cache(maxsize=1 << 16)
def scalar(text: str) -> str:
    """``text`` as one YAML scalar on one line: plain where every reader sees text, else in double quotes.

    What has to be quoted: speed.md, "The plan file" (words and numbers of YAML 1.1 and 1.2, indicators,
    what the C loader or a literal reader does not carry unchanged).
    """
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS and not _NUMBER_LIKE.fullmatch(text):
        return text
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    return _SHORT_ESCAPES.get(char) or f"\\u{ord(char):04x}"


def flow(node: Flow) -> str:
    """``node`` on one line, in YAML's flow style."""
    if isinstance(node, str):
        return scalar(node)
    if node is None or isinstance(node, bool):
        return {None: "null", True: "true", False: "false"}[node]
    if isinstance(node, int | float):
        return _number(node)
    if isinstance(node, Mapping):
        return "{" + ", ".join(f"{_key(key)} {flow(inner)}" for key, inner in node.items()) + "}"
    # Lists of hundreds of thousands of lines or values stand in plans: one call for each would be felt.
    types = set(map(type, node))
    return f"[{', '.join(map(str if types == {int} else flow, node))}]"


def _number(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 10**15 else repr(number)


def _key(key: str) -> str:
    text = scalar(key)
    return f"? {text} :" if len(text) > _KEY_CHARS_MAX else f"{text}:"


def _lines(plan: Plan) -> Iterator[str]:
    yield SCHEMA_COMMENT
    yield f"schema: {plan.schema_}"
    yield f"name: {flow(plan.name)}"
    yield "# With an author, somebody else must approve. With a tenant, no other org is written to."
    yield f"author: {flow(plan.author)}"
    yield f"tenant: {flow(plan.tenant)}"
    yield f"okta_app: {flow(_okta_app(plan.okta_app))}"
    yield from _section("sources", map(_source, plan.sources))
    yield from _mapping(plan.mapping)
    yield from _totals(plan.totals)
    yield from _entitlements(plan.entitlements)
    yield from _assignments(plan)
    yield "# Who shall hold what: at least these values, whatever else they hold stays."
    yield from _cohorts("access", plan.access)
    yield "# What is taken away. Only what stands here; absence from 'access' removes nothing."
    yield from _cohorts("removals", plan.removals)
    yield from _section("moved", map(_move, plan.moved))
    yield f"grants: {flow(plan.grants.model_dump())}"
    yield f"limits: {flow(_limits(plan.limits))}"
    yield from _section("findings", map(_finding, plan.findings))


def _section(key: str, entries: Iterable[Flow], indent: str = "") -> Iterator[str]:
    lines = [f"{indent}  - {flow(entry)}" for entry in entries]
    yield f"{indent}{key}:" if lines else f"{indent}{key}: []"
    yield from lines


def _given(fields: Mapping[str, Flow]) -> dict[str, Flow]:
    return {key: value for key, value in fields.items() if value is not None}


def _okta_app(okta_app: OktaAppRef) -> Flow:
    return _given({"id": okta_app.id, "label": okta_app.label})


def _source(source: SourceRef) -> Flow:
    return _given(source.model_dump())


def _mapping(mapping: PlanMapping | None) -> Iterator[str]:
    yield "# How the rows were read."
    if mapping is None:
        yield "mapping: null"
        return
    yield "mapping:"
    yield f"  user: {flow({'column': mapping.user.column, 'match': mapping.user.match})}"
    yield f"  rows: {flow(mapping.rows.model_dump() if mapping.rows else None)}"
    yield f"  date: {flow(mapping.date)}"
    yield f"  validity: {flow(mapping.validity.model_dump() if mapping.validity else None)}"
    for key in ("date_order", "as_of", "wide", "named_values"):
        if (given := getattr(mapping, key)) is not None:
            yield f"  {key}: {flow(given if isinstance(given, str) else given.model_dump())}"
    columns: list[Flow] = [
        {"column": column.column, "separator": column.separator}
        | _given(column.model_dump(exclude={"column", "separator"}))
        for column in mapping.entitlements
    ]
    yield from _section("entitlements", columns, "  ")
    yield f"  ignored: {flow(_sorted_keys(mapping.ignored))}"


def _totals(totals: Totals | None) -> Iterator[str]:
    yield "# Every source row is accounted for: rows = used + excluded + rejected."
    if totals is None:
        yield "totals: null"
        return
    fields: dict[str, Flow] = totals.model_dump()
    fields |= {"excluded": _sorted_keys(totals.excluded), "rejected": _sorted_keys(totals.rejected)}
    yield "totals:"
    yield f"  {flow(fields)}"


def _sorted_keys(fields: Mapping[str, Flow]) -> dict[str, Flow]:
    return dict(sorted(fields.items()))


def _entitlements(entitlements: Sequence[Entitlement]) -> Iterator[str]:
    yield "# What can be granted; matched with the tenant by external_value."
    if not entitlements:
        yield "entitlements: []"
        return
    yield "entitlements:"
    for entitlement in entitlements:
        yield f"  - name: {scalar(entitlement.name)}"
        yield f"    external_value: {scalar(entitlement.external_value)}"
        if entitlement.description is not None:
            yield f"    description: {scalar(entitlement.description)}"
        yield f"    multi_value: {flow(entitlement.multi_value)}"
        yield from _list_in_line("    values:", [_value(value) for value in entitlement.values], "      ")


def _value(value: Value) -> Flow:
    if value.description is None and value.external_value == value.name:
        return value.name
    fields = {"name": value.name, "external_value": value.external_value, "description": value.description}
    return _given(fields)


def _list_in_line(key: str, entries: Sequence[Flow], indent: str) -> Iterator[str]:
    line = f"{key} {flow(entries)}"
    if len(line) <= LINE_CHARS_MAX:
        yield line
        return
    yield key
    for entry in entries:
        yield f"{indent}- {flow(entry)}"


def _assignments(plan: Plan) -> Iterator[str]:
    yield "# People without an app assignment: assign or hold. 'users' get an assignment without a grant."
    missing = plan.assignments.missing
    if not plan.assignments.users:
        yield f'assignments: {{missing: {missing}, users: ""}}'
        return
    yield "assignments:"
    yield f"  missing: {missing}"
    yield _users(plan.assignments.users, "  ")


def _cohorts(key: str, cohorts: Sequence[Cohort]) -> Iterator[str]:
    yield f"{key}:" if cohorts else f"{key}: []"
    lists: _Lists = {}
    are_plain = _fit_in_block([user for cohort in cohorts for user in cohort.users])
    for cohort in cohorts:
        yield (
            f"{_values(cohort.values, lists)}\n    expires: {flow(cohort.expires)}\n"
            f"{_users(cohort.users, '    ', are_plain=are_plain)}"
        )


_Lists: TypeAlias = dict[tuple[str, tuple[str, ...]], tuple[str, str]]
"""What was written before: an entitlement and its values, in line with others and on lines of their own."""


def _values(values: Mapping[str, tuple[str, ...]], lists: _Lists) -> str:
    texts = []
    for held in sorted(values.items()):
        if held not in lists:
            lists[held] = _list_of(*held)
        texts.append(lists[held])
    line = f"  - values: {{{', '.join([in_line for in_line, _ in texts])}}}"
    if len(line) <= LINE_CHARS_MAX or any(in_line.startswith("?") for in_line, _ in texts):
        return line
    return "\n".join(("  - values:", *(on_lines for _, on_lines in texts)))


def _list_of(key: str, values: Sequence[str]) -> tuple[str, str]:
    entries = [scalar(value) for value in sorted(values)]
    in_line = f"{_key(key)} [{', '.join(entries)}]"
    on_line = f"      {in_line}"
    if len(on_line) <= LINE_CHARS_MAX:
        return in_line, on_line
    return in_line, "\n        - ".join((f"      {_key(key)}", *entries))


def _fit_in_block(users: Sequence[str]) -> bool:
    return all(users) and all_visible("".join(users))


def _users(users: Sequence[str], indent: str, *, are_plain: bool = False) -> str:
    """``are_plain``: that they fit in a block is known."""
    ordered = _ordered(users)
    if not ordered:
        return f'{indent}users: ""'
    if are_plain or _fit_in_block(ordered):
        return f"\n{indent}  ".join((f"{indent}users: |", *ordered))
    return f"\n{indent}  - ".join((f"{indent}users:", *map(scalar, ordered)))


def _ordered(users: Sequence[str]) -> list[str]:
    """By their folded forms, then as they stand; nearly always the two are the same."""
    text = "\n".join(users)
    ordered = sorted(users)
    return ordered if text.casefold() == text else sorted(ordered, key=str.casefold)


def _move(move: Move) -> Flow:
    return {"entitlement": move.entitlement, "from": move.from_, "to": move.to}


def _limits(limits: Limits) -> Flow:
    fields: dict[str, Flow] = limits.model_dump()
    return fields | {"value_max": _sorted_keys(limits.value_max)}


def _finding(finding: PlanFinding) -> Flow:
    places = _given({"source": finding.source, "rows": finding.rows, "bytes": finding.bytes_})
    return {"code": finding.code, **places, "detail": finding.detail}
