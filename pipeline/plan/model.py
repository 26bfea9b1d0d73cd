"""The plan document ``okta-plan/v1``: data only, the same shape as the YAML file.

Every model is frozen and refuses unknown keys. ``users`` may stand in the file as a block (one login a line)
or as a list; values may stand as plain text or as a mapping. Here they have one form each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

SCHEMA: Literal["okta-plan/v1"] = "okta-plan/v1"


def _users(given: object) -> object:
    """A block of lines becomes a list; blank lines do not count."""
    if given is None:
        return ()
    if isinstance(given, str):
        lines = given.split()
        if "\n".join(lines) == given.rstrip("\n"):  # nearly always: one login a line and nothing else
            return tuple(lines)
        return tuple(filter(None, map(str.strip, given.split("\n"))))
    return given


def _value(given: object) -> object:
    return {"name": given} if isinstance(given, str) else given


Users = Annotated[tuple[str, ...], BeforeValidator(_users, json_schema_input_type=str | list[str] | None)]
Name = Annotated[str, Field(min_length=1)]
MatchKey = Literal["login", "email", "id"]
Values = dict[Name, tuple[Name, ...]]
"""Entitlement externalValue -> value externalValues, both sorted in files we write."""


class Part(BaseModel):
    """Base of all parts of the plan."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class OktaAppRef(Part):
    """The app: by id, or by a label that must match exactly one app."""

    id: Annotated[str, Field(pattern=r"^0oa[A-Za-z0-9]{17}$")] | None = None
    label: Name | None = None

    @model_validator(mode="after")
    def _one_is_given(self) -> OktaAppRef:
        if self.id is None and self.label is None:
            raise ValueError("give the app's id, its exact label, or both")
        return self


class UserMapping(Part):
    column: Name
    match: Annotated[tuple[MatchKey, ...], Field(min_length=1)] = ("login", "email")


class RowsMapping(Part):
    """Which rows grant access, by their status column; an empty text stands for an empty cell."""

    column: Name
    use: tuple[str, ...] = ("Permitted",)
    deny: tuple[str, ...] = ("Denied",)
    on_conflict: Literal["filter", "deny_wins", "latest"] = "filter"


class Validity(Part):
    start: Name | None = None
    end: Name | None = None


Separator = Annotated[str, Field(min_length=1)]
DateOrder = Literal["dmy", "mdy"]


class EntitlementColumn(Part):
    column: Name
    separator: Separator | None = None
    nothing: tuple[str, ...] | None = None
    values: dict[Name, Name] | None = None
    multi_value: bool | None = None
    why: str | None = None


class Wide(Part):
    """A column for each value: a row gives those whose cells hold one of ``marks``."""

    entitlement: Name
    columns: Annotated[tuple[Name, ...], Field(min_length=1)]
    marks: Annotated[tuple[Name, ...], Field(min_length=1)]


class NamedValues(Part):
    """One column names the entitlement, another holds its values. ``names``: those that count."""

    name: Name
    value: Name
    names: Annotated[tuple[Name, ...], Field(min_length=1)]


class Mapping(Part):
    """How the rows were read. From ``date_order`` to ``named_values`` the file has what is given only."""

    user: UserMapping
    rows: RowsMapping | None = None
    date: Name | None = None
    validity: Validity | None = None
    date_order: DateOrder | None = None
    as_of: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None
    wide: Wide | None = None
    named_values: NamedValues | None = None
    entitlements: tuple[EntitlementColumn, ...]
    ignored: dict[Name, str] = {}


class SourceRef(Part):
    """One source file, pinned by its digest; ``path`` is relative to the workspace with ``/``, or s3://.

    How its bytes were read stands here where it is not plain UTF-8 with commas and the header on line 1.
    """

    path: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rows: Annotated[int, Field(ge=0)]
    compression: Literal["gzip", "zstd"] | None = None
    encoding: Literal["utf-16-le", "utf-16-be", "cp1252"] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    header_line: Annotated[int, Field(ge=2)] | None = None
    mapping: Mapping | None = None
    """How its rows were read, where it is not as the plan's ``mapping`` says."""


Count = Annotated[int, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Totals(Part):
    """Control totals: ``rows`` = ``used`` + all ``excluded`` + all ``rejected``."""

    rows: Count
    used: Count
    excluded: dict[Name, Count] = {}
    rejected: dict[Name, Count] = {}
    users: Count
    values: Count
    cohorts: Count


class Value(Part):
    """One allowed value; plain text in the file stands for name and externalValue alike."""

    name: Name
    external_value: Name
    description: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _external_value_defaults_to_name(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if isinstance(given, dict) and "external_value" not in given and "name" in given:
            return {**given, "external_value": given["name"]}
        return given


class Entitlement(Part):
    name: Name
    external_value: Name
    description: Name | None = None
    multi_value: bool = True
    values: tuple[Annotated[Value, BeforeValidator(_value, json_schema_input_type=str | Value)], ...]


class Assignments(Part):
    """What happens to principals without an app assignment; ``users`` get an assignment without a grant."""

    missing: Literal["assign", "hold"] = "assign"
    users: Users = ()


class Cohort(Part):
    """Principals to whom the plan gives the same values (at least these)."""

    values: Values
    expires: str | None = None
    users: Users

    @classmethod
    def known(cls, values: Values, expires: str | None, users: tuple[str, ...]) -> Cohort:
        """`model_construct` at a seventh of its time: a cohort of parts that need no look. The survey finds
        them by the ten thousand.
        """
        cohort = cls.__new__(cls)
        fields = {"values": values, "expires": expires, "users": users}
        object.__setattr__(cohort, "__dict__", fields)
        object.__setattr__(cohort, "__pydantic_fields_set__", set(fields))
        object.__setattr__(cohort, "__pydantic_extra__", None)
        object.__setattr__(cohort, "__pydantic_private__", None)
        return cohort


class Move(Part):
    entitlement: Name
    from_: Annotated[Name, Field(alias="from")]
    to: Name


class GrantOptions(Part):
    type: Literal["custom", "additive"] = "custom"
    policy_users: Literal["hold", "convert"] = "hold"
    with_additive: Literal["hold", "canary"] = "hold"


class Limits(Part):
    revoked_percent_max: Percent = 10
    revoked_max: Count = 25
    changed_percent_max: Percent | None = None
    value_max: dict[Name, Count] = {}
    privileged: tuple[Name, ...] = ()


class PlanFinding(Part):
    """A finding as it stands in the plan; ``rows`` are line numbers of the source, or of ``source``."""

    code: Name
    source: Name | None = None
    rows: tuple[int, ...] = ()
    bytes_: Annotated[tuple[int, ...] | None, Field(alias="bytes")] = None
    detail: str = ""


class Plan(Part):
    """The whole reviewed document."""

    schema_: Annotated[Literal["okta-plan/v1"], Field(alias="schema")] = SCHEMA
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    author: Name | None = None
    tenant: Name | None = None
    okta_app: OktaAppRef
    sources: tuple[SourceRef, ...] = ()
    mapping: Mapping | None = None
    totals: Totals | None = None
    entitlements: tuple[Entitlement, ...] = ()
    assignments: Assignments = Assignments()
    access: tuple[Cohort, ...] = ()
    removals: tuple[Cohort, ...] = ()
    moved: tuple[Move, ...] = ()
    grants: GrantOptions = GrantOptions()
    limits: Limits = Limits()
    findings: tuple[PlanFinding, ...] = ()

    @property
    def people(self) -> Iterator[str]:
        """Everybody that the plan names, as it names them."""
        yield from self.assignments.users
        for cohort in (*self.access, *self.removals):
            yield from cohort.users
        if self.author:
            yield self.author
