"""Filters of governance listings: which app and which principal they name, and the rest as a condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.emulator.conditions import Condition, condition_of
from pipeline.emulator.errors import BAD_FILTER, BAD_PAGING, NOT_FOUND, OktaError, bad_query, not_found
from pipeline.emulator.filters import Comparison, FilterError, Joined, comparisons, parse
from pipeline.emulator.orns import app_orn, last_part, user_orn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.emulator.answers import Call
    from pipeline.emulator.conditions import Attribute
    from pipeline.emulator.filters import Expression
    from pipeline.emulator.tenant import Row, Tenant


def managed_app(tenant: Tenant, app_id: str) -> Row:
    """An app with entitlement management on; any other answers 404 as Okta does (okta-api.md 2.2)."""
    found = tenant.row("SELECT * FROM apps WHERE id = ?", app_id)
    if found is None or found["management"] != "ENABLED":
        raise not_found("null" if found else app_id, "SharedAppInstance" if found else "AppInstance")
    return found


@dataclass(frozen=True, slots=True)
class Pin:
    """The three attributes by which a `filter` names one app or user: its id and type, or its ORN."""

    id_attribute: str
    type_attribute: str
    orn_attribute: str


PARENT = Pin("parent.externalId", "parent.type", "parentResourceOrn")
TARGET = Pin("target.externalId", "target.type", "targetResourceOrn")
TARGET_PRINCIPAL = Pin("targetPrincipal.externalId", "targetPrincipal.type", "targetPrincipalOrn")


def read_filter(call: Call) -> Expression:
    """Malformed ones answer as the API description's sample invalid-filter."""
    try:
        return parse(call.query.get("filter", ""))
    except FilterError as error:
        raise bad_query(BAD_FILTER, "/filter", "Invalid `filter` syntax", "STRING_FORMAT_INVALID") from error


def pinned_app(tenant: Tenant, expression: Expression, names: Pin) -> Row:
    """The one app the expression names; none or several are refused (grants-list-*-target-resource)."""
    found = required_eq(expression)
    ids = {last_part(orn) for orn in found.get(names.orn_attribute, ())}
    if found.get(names.type_attribute, set()) == {"APPLICATION"}:
        ids |= found.get(names.id_attribute, set())
    mentioned = {
        c.value for c in comparisons(expression) if c.attribute in (names.id_attribute, names.orn_attribute)
    }
    if len({last_part(value) for value in mentioned}) > 1:
        raise _bad_target("Multiple values found for target resource")
    if not ids:
        raise _bad_target("Cannot find value found for target resource")
    okta_app = managed_app(tenant, ids.pop())
    # Apps of a preview org are named with another partition than its values (okta-api.md 2.3).
    if not found.get(names.orn_attribute, set()) <= {app_orn(tenant, okta_app)}:
        raise _bad_target("Cannot find value found for target resource")
    return okta_app


def required_eq(expression: Expression) -> dict[str, set[str]]:
    """Values of `eq` terms that every match must satisfy: those not below an `or` of different values."""
    if isinstance(expression, Comparison):
        return {expression.attribute: {expression.value}} if expression.operator == "eq" else {}
    parts = [required_eq(term) for term in expression.terms]
    if expression.word == "or":
        return {
            key: values for key, values in parts[0].items() if all(part.get(key) == values for part in parts)
        }
    merged: dict[str, set[str]] = {}
    for part in parts:
        for key, values in part.items():
            merged[key] = merged.get(key, set()) | values
    return merged


def _bad_target(cause: str) -> OktaError:
    return bad_query(BAD_PAGING, "/query/filter", cause, "empty.openapi.validation", "Invalid filter")


def app_condition(
    tenant: Tenant, okta_app: Row, expression: Expression, names: Pin, others: Mapping[str, Attribute]
) -> Condition:
    """The whole expression as SQL: what names the app is settled here, the rest by `others`."""
    settled = _pinned(names, okta_app["id"], "APPLICATION", app_orn(tenant, okta_app))
    return settled_condition(expression, settled, others, Condition("app_id = ?", (okta_app["id"],)))


def settled_condition(
    expression: Expression, settled: Mapping[str, str], others: Mapping[str, Attribute], base: Condition
) -> Condition:
    rest = _reduced(expression, settled)
    if rest is None:
        return base
    try:
        found = condition_of(rest, others.get)
    except FilterError as error:
        raise bad_query(BAD_FILTER, "/filter", str(error), "STRING_FORMAT_INVALID") from error
    return Condition(f"{base.sql} AND ({found.sql})", (*base.values, *found.values))


def _reduced(expression: Expression, settled: Mapping[str, str]) -> Expression | None:
    """Without the terms that hold for certain; None when nothing else is asked."""
    if isinstance(expression, Comparison):
        holds = expression.operator == "eq" and settled.get(expression.attribute) == expression.value
        return None if holds else expression
    terms = [_reduced(term, settled) for term in expression.terms]
    kept = tuple(term for term in terms if term is not None)
    if expression.word == "or" and len(kept) < len(terms):
        return None
    if not kept:
        return None
    return kept[0] if len(kept) == 1 else Joined(expression.word, kept)


def app_and_principal(
    tenant: Tenant, expression: Expression, names: tuple[Pin, Pin], settled: Mapping[str, str]
) -> tuple[Row, Row]:
    """The app and the user the expression names; what else it asks must be in `settled`, or it is refused."""
    okta_app = pinned_app(tenant, expression, names[0])
    user = _pinned_principal(tenant, expression, names[1])
    of_app = _pinned(names[0], okta_app["id"], "APPLICATION", app_orn(tenant, okta_app))
    of_user = _pinned(names[1], user["id"], "OKTA_USER", user_orn(tenant, user["id"]))
    settled_condition(expression, {**settled, **of_app, **of_user}, {}, Condition("1"))
    return okta_app, user


def _pinned_principal(tenant: Tenant, expression: Expression, names: Pin) -> Row:
    """The one user the expression names; 404 if there is none such."""
    found = required_eq(expression)
    ids = {last_part(orn) for orn in found.get(names.orn_attribute, ())}
    if found.get(names.type_attribute, set()) == {"OKTA_USER"}:
        ids |= found.get(names.id_attribute, set())
    if len(ids) != 1:
        cause = "The filter must name one target principal"
        raise bad_query(BAD_PAGING, "/query/filter", cause, "empty.openapi.validation", "Invalid filter")
    user = tenant.row("SELECT * FROM users WHERE id = ?", ids.pop())
    orns = found.get(names.orn_attribute, set())
    if user is None or not orns <= {user_orn(tenant, user["id"])}:
        raise OktaError(NOT_FOUND, "Resource not found exception")
    return user


def _pinned(names: Pin, named_id: str, kind: str, orn: str) -> dict[str, str]:
    return {names.id_attribute: named_id, names.type_attribute: kind, names.orn_attribute: orn}
