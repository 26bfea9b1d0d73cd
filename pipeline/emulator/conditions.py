"""A parsed filter as an SQL condition, for the attributes an endpoint allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.emulator.filters import Comparison, FilterError
from pipeline.emulator.times import parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.emulator.filters import Expression

_ORDERED = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "="}


@dataclass(frozen=True, slots=True)
class Condition:
    sql: str
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Attribute:
    """One filterable attribute: the SQL it compares, the operators it takes, how its values compare."""

    sql: str
    operators: frozenset[str]
    folded: bool = False
    """Compare without case; `sql` must then be folded already."""
    instant: bool = False
    wrap: str = "{}"
    """For attributes of a row in another table: `id IN (SELECT ... WHERE {})`."""


def attribute(
    sql: str, *operators: str, folded: bool = False, instant: bool = False, wrap: str = "{}"
) -> Attribute:
    return Attribute(sql, frozenset(operators), folded=folded, instant=instant, wrap=wrap)


def condition_of(expression: Expression, find: Callable[[str], Attribute | None]) -> Condition:
    """Raises FilterError for attributes and operators the endpoint does not allow."""
    if isinstance(expression, Comparison):
        return _compared(expression, find(expression.attribute))
    parts = [condition_of(term, find) for term in expression.terms]
    sql = f" {expression.word.upper()} ".join(f"({part.sql})" for part in parts)
    return Condition(sql, tuple(value for part in parts for value in part.values))


def _compared(comparison: Comparison, found: Attribute | None) -> Condition:
    if found is None:
        raise FilterError(f"{comparison.attribute} cannot be filtered by")
    if comparison.operator not in found.operators:
        raise FilterError(f"{comparison.attribute} does not take the operator {comparison.operator}")
    inner = _instants(comparison, found.sql) if found.instant else _texts(comparison, found)
    return Condition(found.wrap.format(inner.sql), inner.values)


def _instants(comparison: Comparison, sql: str) -> Condition:
    if comparison.operator == "pr":
        return Condition(f"{sql} IS NOT NULL")
    try:
        at = parse_instant(comparison.value)
    except ValueError as error:
        raise FilterError(f"{comparison.value!r} is not a date-time") from error
    return Condition(f"{sql} {_ORDERED[comparison.operator]} ?", (at,))


def _texts(comparison: Comparison, found: Attribute) -> Condition:
    value = comparison.value.casefold() if found.folded else comparison.value
    match comparison.operator:
        case "pr":
            return Condition(f"{found.sql} IS NOT NULL")
        case "sw":
            return Condition(f"substr({found.sql}, 1, ?) = ?", (len(value), value))
        case "co":
            return Condition(f"instr({found.sql}, ?) > 0", (value,))
        case operator:
            return Condition(f"{found.sql} {_ORDERED[operator]} ?", (value,))
