"""The mapping file ``okta-plan-mapping/v1``: what a person has decided about how rows are read.

What stands in it is taken as it stands; what it leaves out is inferred. ``rows: null``, ``date: null``,
``separator: null`` and the like are decisions too: there is none.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.plan.model import (
    DateOrder,
    Mapping,
    Name,
    NamedValues,
    Part,
    Separator,
    UserMapping,
    Validity,
    Wide,
)

SCHEMA: Literal["okta-plan-mapping/v1"] = "okta-plan-mapping/v1"


class PinnedRows(Part):
    """Which rows grant access; what is left out is inferred. An empty text stands for an empty cell."""

    column: Name | None = None
    use: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    deny: tuple[str, ...] | None = None
    on_conflict: Literal["filter", "deny_wins", "latest"] = "filter"


class PinnedColumn(Part):
    """A column that holds values of an entitlement."""

    column: Name
    separator: Separator | None = None
    nothing: tuple[str, ...] | None = None
    values: dict[Name, Name] | None = None
    multi_value: bool | None = None
    why: str | None = None


class Pins(Part):
    """The whole mapping file. A key that was given (`pins`) is decided, even as null."""

    schema_: Annotated[Literal["okta-plan-mapping/v1"], Field(alias="schema")] = SCHEMA
    user: UserMapping | None = None
    rows: PinnedRows | None = None
    date: Name | None = None
    validity: Validity | None = None
    date_order: DateOrder | None = None
    wide: Wide | None = None
    named_values: NamedValues | None = None
    entitlements: tuple[PinnedColumn, ...] | None = None
    ignored: tuple[Name, ...] = ()

    def pins(self, key: str) -> bool:
        """Whether the file decides ``key``."""
        return key in self.model_fields_set

    def columns(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Every column of the source that is named, with where it stands in the file."""
        rows, validity, named = self.rows or PinnedRows(), self.validity or Validity(), self.named_values
        made = set(named.names) if named else set()
        if self.wide:
            made.add(self.wide.entitlement)
        found: list[tuple[tuple[str | int, ...], str | None]] = [
            (("user", "column"), self.user.column if self.user else None),
            (("rows", "column"), rows.column),
            (("date",), self.date),
            (("validity", "start"), validity.start),
            (("validity", "end"), validity.end),
            (("named_values", "name"), named.name if named else None),
            (("named_values", "value"), named.value if named else None),
        ]
        found += [
            (("wide", "columns", n), each) for n, each in enumerate(self.wide.columns if self.wide else ())
        ]
        found += [(("ignored", n), each) for n, each in enumerate(self.ignored)]
        columns = enumerate(self.entitlements or ())
        found += [
            (("entitlements", n, "column"), each.column) for n, each in columns if each.column not in made
        ]
        return [(path, name) for path, name in found if name is not None]


def pins_of(mapping: Mapping) -> Pins:
    """The mapping file that reads a source exactly as ``mapping`` says."""
    return Pins.model_validate(
        mapping.model_dump(exclude={"ignored", "as_of"}) | {"ignored": tuple(mapping.ignored)}
    )
