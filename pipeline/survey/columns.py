"""What each column is read as: by the mapping file where it says so, else by the names that exports use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location
from pipeline.lookalike import look
from pipeline.plan.model import DateOrder, EntitlementColumn, Mapping, RowsMapping, UserMapping, Validity
from pipeline.plan.pins import PinnedColumn, Pins
from pipeline.source.frame import Frame
from pipeline.survey.packs import DOCUMENTED, KNOWN, STATUS_KEYS, USER_KEYS, Role, name_key

Confidence = Literal["certain", "likely", "guess"]
PINNED = "so says the mapping file"
_SECTIONS = {
    Role.ENTITLEMENT: "entitlements",
    Role.STATUS: "rows",
    Role.DATE: "date",
    Role.START: "validity",
    Role.END: "validity",
}
"""The key of the mapping file that decides who has this role."""
_DOCUMENTED_REASONS = {
    Role.STATUS: "rows with Permitted are used, rows with Denied are left out",
    Role.DATE: "when the row was recorded; decides nothing by default",
}
_DECIDING = {Role.USER, Role.ENTITLEMENT, Role.STATUS, Role.START, Role.END}


@dataclass(frozen=True, slots=True)
class Column:
    """One column, what it is read as, why, and how sure that is. All else is of the roles that have it."""

    name: str
    role: Role
    reason: str
    confidence: Confidence = "certain"
    separator: str | None = None
    doubt: str | None = None
    nothing: tuple[str, ...] = ()
    use: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    date_order: DateOrder | None = None
    pin: PinnedColumn | None = None
    is_pinned: bool = False


def read_columns(frame: Frame, pins: Pins) -> tuple[Column, ...]:
    """The role of every column by the mapping file and by its name, in the order of the source.

    Raises InputError where no column names the people or none names access, or where two columns have the
    name that decides.
    """
    keys = {name: name_key(frame.header_name(name)) for name in frame.columns}
    pinned = _pinned(pins)
    user = pins.user.column if pins.user else _user_column(frame, keys, pinned)
    status = _first(keys, STATUS_KEYS, pinned)
    columns = tuple(
        pinned.get(name) or _by_name(name, KNOWN.get(keys[name]), pins, user=user, status=status)
        for name in frame.columns
    )
    columns = _with_one_each(columns, keys)
    refuse_repeated(frame, [each.name for each in columns if each.role in _DECIDING and not each.is_pinned])
    if not any(column.role is Role.ENTITLEMENT for column in columns):
        raise no_entitlements(frame)
    return columns


def mapping_of(columns: tuple[Column, ...], pins: Pins, as_of: str | None) -> Mapping:
    """How the rows were read, as it stands in the plan; independent of the order of the columns."""
    by_role: dict[Role, list[Column]] = {}
    for column in sorted(columns, key=lambda each: each.name):
        by_role.setdefault(column.role, []).append(column)
    user, status, date, start, end = (
        next(iter(by_role.get(role, [])), None)
        for role in (Role.USER, Role.STATUS, Role.DATE, Role.START, Role.END)
    )
    validity = Validity(start=start.name if start else None, end=end.name if end else None)
    orders = [each.date_order for each in (date, start, end) if each and each.date_order]
    return Mapping(
        user=pins.user or UserMapping(column=user.name if user else ""),
        rows=_rows(status, pins) if status else None,
        date=date.name if date else None,
        validity=validity if start or end else None,
        date_order=orders[0] if orders else None,
        as_of=as_of,
        wide=pins.wide,
        named_values=pins.named_values,
        entitlements=tuple(map(_entitlement, by_role[Role.ENTITLEMENT])),
        ignored={each.name: each.reason for each in columns if each.role in {Role.IGNORED, Role.ATTRIBUTE}},
    )


def no_entitlements(frame: Frame) -> InputError:
    """What is said where nothing in ``frame`` is access."""
    return _missing(
        frame,
        ErrorCode.NO_ENTITLEMENT_COLUMN,
        "The source has no entitlement column",
        "Role or Permission_Set",
    )


def _rows(status: Column, pins: Pins) -> RowsMapping:
    on_conflict = pins.rows.on_conflict if pins.rows else "filter"
    return RowsMapping(column=status.name, use=status.use, deny=status.deny, on_conflict=on_conflict)


def _entitlement(column: Column) -> EntitlementColumn:
    pin = column.pin
    return EntitlementColumn(
        column=column.name,
        separator=column.separator,
        nothing=column.nothing or None,
        values=pin.values if pin else None,
        multi_value=pin.multi_value if pin else None,
        why=column.reason,
    )


def _pinned(pins: Pins) -> dict[str, Column]:
    """The columns that the mapping file decides; the later ones below win."""
    validity = pins.validity
    roles: list[tuple[str | None, Role]] = [
        *((name, Role.IGNORED) for name in pins.ignored),
        (pins.date, Role.DATE),
        (pins.rows.column if pins.rows else None, Role.STATUS),
        (validity.start if validity else None, Role.START),
        (validity.end if validity else None, Role.END),
        (pins.user.column if pins.user else None, Role.USER),
    ]
    found = {name: Column(name, role, PINNED, is_pinned=True) for name, role in roles if name is not None}
    for name in pins.wide.columns if pins.wide else ():
        found[name] = Column(name, Role.LAYOUT, "marks who has this value", "guess")
    if pins.named_values:
        for name in (pins.named_values.name, pins.named_values.value):
            found[name] = Column(name, Role.LAYOUT, "names entitlements or holds their values", "guess")
    for each in pins.entitlements or ():
        reason = each.why or PINNED
        found[each.column] = Column(each.column, Role.ENTITLEMENT, reason, pin=each, is_pinned=True)
    return found


def _by_name(
    name: str, known: tuple[Role, str, int] | None, pins: Pins, *, user: str, status: str | None
) -> Column:
    if name == user:
        return _user(name, known)
    if known is None:
        return Column(name, Role.IGNORED, "not named as access")
    role, pack, _ = known
    section = _SECTIONS.get(role, "")
    if section and pins.pins(section) and not (section == "rows" and pins.rows and not pins.rows.column):
        return Column(name, Role.IGNORED, f"the mapping file says '{section}' without it")
    if role is Role.STATUS and name != status:
        return Column(name, Role.IGNORED, f"{status} says which rows are used")
    if role in {Role.USER, Role.ATTRIBUTE}:
        return Column(name, Role.ATTRIBUTE, _attribute(name, role, user), "likely")
    is_documented = pack == DOCUMENTED
    reason = _DOCUMENTED_REASONS.get(role, "") if is_documented else f"called so by {pack}"
    return Column(name, role, reason, "certain" if is_documented else "likely")


def _user(name: str, known: tuple[Role, str, int] | None) -> Column:
    confidence: Confidence = "certain" if known and known[1] == DOCUMENTED else "likely"
    return Column(name, Role.USER, "names the person; matched as login, then as e-mail", confidence)


def _attribute(name: str, role: Role, user: str) -> str:
    if role is Role.USER:
        return f"another name of the person; people are matched by {user}"
    if name_key(name) == "userid":
        return f"an id of the source system; people are matched by {user}"
    return "says something of the person, not of access"


def _user_column(frame: Frame, keys: dict[str, str], pinned: dict[str, Column]) -> str:
    """The first of the known names; but one whose cells are addresses before one whose cells are not."""
    free = [name for name in frame.columns if name not in pinned]
    candidates = [name for key in USER_KEYS for name in free if keys[name] == key]
    if not candidates:
        raise _missing(frame, ErrorCode.NO_USER_COLUMN, "The source has no user column", "Email")
    if len(candidates) == 1:
        return candidates[0]
    shares = (
        frame.scan.select(pl.col(candidates).str.contains("@", literal=True).mean())
        .collect(engine="streaming")
        .row(0)
    )
    return next(
        (name for name, share in zip(candidates, shares, strict=True) if (share or 0) > 1 / 2), candidates[0]
    )


def _first(keys: dict[str, str], preferred: tuple[str, ...], pinned: dict[str, Column]) -> str | None:
    return next(
        (name for key in preferred for name in keys if keys[name] == key and name not in pinned), None
    )


def _with_one_each(columns: tuple[Column, ...], keys: dict[str, str]) -> tuple[Column, ...]:
    """Of several dates, starts or ends the best known is taken, and where two are, the first by name."""
    chosen = {}
    for role in (Role.DATE, Role.START, Role.END):
        found = [each for each in columns if each.role is role]
        ranked = sorted(
            found, key=lambda each: (not each.is_pinned, KNOWN.get(keys[each.name], (0, "", 0))[2], each.name)
        )
        chosen[role] = ranked[0].name if ranked else None
    return tuple(
        Column(each.name, Role.IGNORED, f"{chosen[each.role]} is taken")
        if each.role in chosen and chosen[each.role] != each.name
        else each
        for each in columns
    )


def refuse_repeated(frame: Frame, names: Sequence[str]) -> None:
    """Which of two columns decides who gets what is nothing to guess: ``names`` stand once in the header."""
    looks: dict[str, list[str]] = {}
    for name in frame.columns:
        looks.setdefault(look(frame.header_name(name)), []).append(name)
    for name in names:
        alike = looks[look(frame.header_name(name))]
        if len(alike) > 1:
            raise InputError(
                ErrorCode.DUPLICATE_COLUMN,
                "A column that decides stands more than once",
                f"{frame.path} has the columns {', '.join(alike)}; which of them counts?",
                location=Location(frame.path, frame.read_as.header_line),
                next_step="Say it in a mapping file (--mapping), or give each its own name in the source.",
            )


def _missing(frame: Frame, code: ErrorCode, summary: str, wanted: str) -> InputError:
    return InputError(
        code,
        summary,
        f"{frame.path} has the columns {', '.join(frame.columns)}; none of them is called {wanted}, nor as "
        "exports of known systems call it.",
        location=Location(frame.path, frame.read_as.header_line),
        next_step=f"Name it in a mapping file (--mapping), or call the column {wanted} in the source.",
    )
