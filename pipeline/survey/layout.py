"""Tables without columns of access: a column with marks for each value, or names and values in rows.

Both become columns as in any other source, made of what stands in the row; lines and rows stay what they are.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.model import Mapping, NamedValues, Wide
from pipeline.plan.pins import PinnedColumn, Pins
from pipeline.source.frame import Frame
from pipeline.survey.columns import refuse_repeated
from pipeline.survey.packs import KNOWN, Role, name_key

WIDE_SEPARATOR = "\x1f"
MADE_OF_MARKS = "Role"
"""What the entitlement is called whose values are columns, where nobody says otherwise."""
MARKS = (
    "x",
    "1",
    "yes",
    "y",
    "true",
    "ja",
    "oui",
    "si",
    "sí",
    "sim",
    "\N{CHECK MARK}",
    "\N{HEAVY CHECK MARK}",
)
NO_MARKS = ("", "0", "no", "n", "false", "-", "nein", "non", "nee", "não", "nao")
MARKED_COLUMNS_MIN = 2
NAME_KEYS = ("attribute", "attributename", "entitlementtype", "entitlementname")
VALUE_KEYS = ("value", "attributevalue", "entitlementvalue")
NAMES_MAX = 50


def arrange(frame: Frame, pins: Pins) -> tuple[Frame, Pins]:
    """``frame`` with columns made by its layout, and ``pins`` that name them; both unchanged for others.

    Raises InputError where a column that is to be made is there already.
    """
    wide, others = (pins.wide, []) if pins.pins("wide") else _find_wide(frame, pins)
    named = pins.named_values if pins.pins("named_values") else _find_named(frame, pins)
    made: dict[str, tuple[pl.Expr, str]] = {}
    if wide:
        made[wide.entitlement] = (_marked(wide), f"{len(wide.columns)} columns hold marks")
    if named:
        why = f"named by {named.name}, held by {named.value}"
        made |= {name: (_value_of(named, name), why) for name in named.names}
    if not made:
        return frame, pins
    for name in made:
        if name in frame.columns:
            raise _taken(frame, name)
    arranged = replace(
        frame,
        columns=(*frame.columns, *made),
        scan=frame.scan.with_columns(expression.alias(name) for name, (expression, _) in made.items()),
        findings=(*frame.findings, *_said(wide, others, named, pins)),
    )
    stated = {each.column: each for each in pins.entitlements or ()}
    columns = [PinnedColumn(column=name, why=why) for name, (_, why) in made.items() if name not in stated]
    update = {"wide": wide, "named_values": named, "entitlements": (*stated.values(), *columns)}
    return arranged, pins.model_copy(update=update)


def is_wide(mapping: Mapping, column: str) -> bool:
    """Whether ``column`` was made of marks."""
    return mapping.wide is not None and mapping.wide.entitlement == column


def _find_wide(frame: Frame, pins: Pins) -> tuple[Wide | None, list[str]]:
    """Columns that hold nothing but marks, in a source without any column that is called as access; and those
    that hold other texts among as many marks.
    """
    keys = {name: name_key(frame.header_name(name)) for name in frame.columns}
    known = {name: KNOWN[key][0] for name, key in keys.items() if key in KNOWN}
    if pins.pins("entitlements") or Role.ENTITLEMENT in known.values():
        return None, []
    decided = {name for _, name in pins.columns()}
    free = [name for name in frame.columns if name not in known and name not in decided and keys[name]]
    if len(free) < MARKED_COLUMNS_MIN:
        return None, []
    found = frame.scan.select(*map(_marks_in, free)).collect(engine="streaming").row(0, named=True)
    marked = sorted(name for name in free if found[name]["marks"] and not found[name]["others"])
    if len(marked) < MARKED_COLUMNS_MIN:
        return None, []
    refuse_repeated(frame, marked)
    marks = sorted({mark for name in marked for mark in found[name]["marks"]})
    others = sorted(name for name in free if 0 < found[name]["others"] <= found[name]["marked"])
    return Wide(entitlement=MADE_OF_MARKS, columns=tuple(marked), marks=tuple(marks)), others


def _marks_in(name: str) -> pl.Expr:
    """The different ``marks`` in the column, how many cells are ``marked``, and how many hold ``others``."""
    cell = pl.col(name).str.strip_chars().str.to_lowercase()
    return pl.struct(
        cell.filter(cell.is_in(MARKS)).unique().sort().implode().alias("marks"),
        cell.is_in(MARKS).sum().alias("marked"),
        (~cell.is_in([*MARKS, *NO_MARKS])).sum().alias("others"),
    ).alias(name)


def _find_named(frame: Frame, pins: Pins) -> NamedValues | None:
    """A column of names and one of values; of the names those that exports give to access."""
    if pins.pins("entitlements"):
        return None
    keys_of = {each: name_key(frame.header_name(each)) for each in frame.columns}
    name, value = (
        next((each for key in keys for each in frame.columns if keys_of[each] == key), None)
        for keys in (NAME_KEYS, VALUE_KEYS)
    )
    if name is None or value is None:
        return None
    names = frame.scan.select(pl.col(name).str.strip_chars().unique()).collect(engine="streaming").to_series()
    by_key: dict[str, str] = {}
    for each in sorted(names.to_list()):
        if KNOWN.get(name_key(each), (None,))[0] is Role.ENTITLEMENT:
            by_key.setdefault(each.casefold(), each)
    if not by_key or len(names) > NAMES_MAX:
        return None
    refuse_repeated(frame, [name, value])
    return NamedValues(name=name, value=value, names=tuple(sorted(by_key.values())))


def _marked(wide: Wide) -> pl.Expr:
    marks = [each.casefold() for each in wide.marks]
    return pl.concat_str(
        pl.when(pl.col(name).str.strip_chars().str.to_lowercase().is_in(marks))
        .then(pl.lit(name.strip() + WIDE_SEPARATOR))
        .otherwise(pl.lit(""))
        for name in wide.columns
    )


def _value_of(named: NamedValues, name: str) -> pl.Expr:
    is_named = pl.col(named.name).str.strip_chars().str.to_lowercase() == name.strip().lower()
    return pl.when(is_named).then(pl.col(named.value)).otherwise(pl.lit(""))


def _said(wide: Wide | None, others: list[str], named: NamedValues | None, pins: Pins) -> list[Finding]:
    found = []
    if wide and not pins.wide:
        left_out = f" Not read, as other texts stand there too: {', '.join(others)}." if others else ""
        found.append(
            f"{len(wide.columns)} columns hold nothing but marks ({', '.join(wide.marks)}) and are read as "
            f"values of {wide.entitlement}: {', '.join(wide.columns)}.{left_out} 'wide' in a mapping file "
            "decides."
        )
    if named and not pins.named_values:
        found.append(
            f"{named.name} names entitlements whose values stand in {named.value}; these count: "
            f"{', '.join(named.names)}. 'named_values' in a mapping file decides."
        )
    summary = "The layout was found, not stated"
    return [Finding(FindingCode.LAYOUT, Severity.WARNING, summary, detail) for detail in found]


def _taken(frame: Frame, name: str) -> InputError:
    return InputError(
        ErrorCode.DUPLICATE_COLUMN,
        "The layout makes a column that is there already",
        f"{frame.path} has a column {name}, and by its layout an entitlement of that name.",
        location=Location(frame.path, frame.read_as.header_line),
        next_step="Give the entitlement another name in 'wide' or 'named_values' of a mapping file.",
    )
